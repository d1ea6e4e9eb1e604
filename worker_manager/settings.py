"""Reads `providers.yml`: which accounts there are. Credentials come from the cloud SDK's own chain, never from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.kinds import kind
from worker_manager.prices import price_table
from worker_manager.provider import Price, ProviderRecord
from worker_manager.reading import Node, Place, locate, read
from worker_manager.shape import Problems, clip, pointer_join, shape_problems
from worker_manager.templates import did_you_mean

_TABLE = "/providers/{}/priceTable"


class _Record(BaseModel):
    """One entry of the file; camelCase members as in every document of ours."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
    kind: str
    endpoint: str = ""
    regions: tuple[str, ...] = ()
    calls_per_second: float = Field(0.0, ge=0)
    launch_calls_per_second: float = Field(0.0, ge=0)
    settle_seconds: float = Field(120.0, gt=0, le=3600)
    list_lag_seconds: float = Field(120.0, gt=0, le=3600)
    price_table: str = ""
    options: dict[str, Any] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    providers: list[_Record] = Field(min_length=1)


def load_providers(path: Path, deployment: str) -> Mapping[str, ProviderRecord]:
    """Records by name. Raises ConfigInvalid with every problem, each message beginning with its place in the file."""
    root = _read(path)
    try:
        records = provider_records(root.value, deployment)
    except ConfigInvalid as error:
        raise _placed_error(path, root, error) from error
    if missing := missing_price_tables(path, root.value):
        raise _placed_error(path, root, ConfigInvalid(missing))
    prices = {at: load_price_table(each) for at, each in named_price_tables(path, root.value).items()}
    return {
        each.name: replace(each, price_table=prices.get(_TABLE.format(index), ()))
        for index, each in enumerate(records.values())
    }


def named_price_tables(path: Path, data: Any) -> Mapping[str, Path]:
    """The price tables that a right providers file at `path` names, by the pointer to their names in it."""
    return {
        _TABLE.format(index): path.parent / record["priceTable"]
        for index, record in enumerate(data["providers"])
        if record.get("priceTable")
    }


def load_price_table(path: Path) -> tuple[Price, ...]:
    """The prices of a table. Raises ConfigInvalid with every problem, each message beginning with its place."""
    root = _read(path)
    try:
        return price_table(root.value)
    except ConfigInvalid as error:
        raise _placed_error(path, root, error) from error


def missing_price_tables(path: Path, data: Any) -> Problems:
    """The price tables that a providers file names and that are no files."""
    words = "there is no file {!r}; name a price table, relative to the folder of this file"
    named = named_price_tables(path, data).items()
    return tuple(Problem(at, words.format(str(each)), "unreadable") for at, each in named if not each.is_file())


def _read(path: Path) -> Node:
    try:
        root, faults = read(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid([Problem("", f"{path}: cannot be read: {error}", "unreadable")]) from error
    if faults:
        raise ConfigInvalid(_placed(path, each.place, Problem("", each.message, each.rule)) for each in faults)
    return root or Node(None, Place(1, 1))


def provider_records(data: Any, deployment: str) -> Mapping[str, ProviderRecord]:
    """Records by name, of what a providers file holds, without the prices of the files it names.

    Raises ConfigInvalid with every problem.
    """
    try:
        records = _File.model_validate(data).providers
    except ValidationError as error:
        raise ConfigInvalid(_problem(cast("Mapping[str, Any]", each)) for each in error.errors()) from error
    problems = shape_problems(data) or tuple(
        problem for index, each in enumerate(records) for problem in _wrong_record(records, index, each)
    )
    if problems:
        raise ConfigInvalid(problems)
    return {
        each.name: ProviderRecord(deployment=deployment, **each.model_dump(exclude={"price_table"})) for each in records
    }


def _wrong_record(records: list[_Record], index: int, record: _Record) -> Iterator[Problem]:
    where = f"/providers/{index}"
    if any(each.name == record.name for each in records[:index]):
        yield Problem(f"{where}/name", f"{record.name!r} stands twice", "duplicate-name")
    try:
        kind(record.kind)
    except ConfigInvalid as error:
        yield from (Problem(where + each.pointer, each.message, each.rule) for each in error.problems)


def _problem(error: Mapping[str, Any]) -> Problem:
    steps, message = list(error["loc"]), str(error["msg"])
    message = f"{message[:1].lower()}{message[1:]}"
    pointer = "".join(pointer_join("", step) for step in steps)
    if error["type"] == "extra_forbidden":
        known = [each.alias or name for name, each in (_Record if len(steps) > 1 else _File).model_fields.items()]
        return Problem(
            pointer, f"unknown key {clip(steps[-1])}: {message}{did_you_mean(str(steps[-1]), known)}", "unknown-key"
        )
    return Problem(pointer, message, str(error["type"]).replace("_", "-"))


def _place(root: Node, problem: Problem) -> Place | None:
    return locate(root, problem.pointer, at_key=problem.rule == "unknown-key") if problem.pointer else None


def _placed_error(path: Path, root: Node, error: ConfigInvalid) -> ConfigInvalid:
    return ConfigInvalid(_placed(path, _place(root, each), each) for each in error.problems)


def _placed(path: Path, place: Place | None, problem: Problem) -> Problem:
    where = f"{path}:{place.line}:{place.column}" if place else path
    return Problem(problem.pointer, f"{where}: {problem.message}", problem.rule)
