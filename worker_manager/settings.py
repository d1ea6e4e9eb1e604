"""Reads `providers.yml`: which accounts there are. Credentials come from the cloud SDK's own chain, never from here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.kinds import kind
from worker_manager.provider import ProviderRecord


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
    options: dict[str, Any] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    providers: list[_Record] = Field(min_length=1)


def load_providers(path: Path, deployment: str) -> Mapping[str, ProviderRecord]:
    """Records by name. Raises ConfigInvalid with every problem, each message naming the file."""
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(f"{path}: cannot be read: {error}") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise _invalid(f"{where}: {error.problem}") from error
    except YAMLError as error:
        raise _invalid(f"{path}: {error}") from error
    try:
        records = _File.model_validate(data).providers
    except ValidationError as error:
        problems = [_problem(path, cast("Mapping[str, Any]", each)) for each in error.errors()]
        raise ConfigInvalid(problems) from error
    return _by_name(path, [ProviderRecord(deployment=deployment, **each.model_dump()) for each in records])


def _by_name(path: Path, records: list[ProviderRecord]) -> Mapping[str, ProviderRecord]:
    found: dict[str, ProviderRecord] = {}
    for index, record in enumerate(records):
        if record.name in found:
            raise ConfigInvalid([Problem(f"/providers/{index}/name", f"{path}: {record.name!r} stands twice")])
        _check_kind(path, index, record)
        found[record.name] = record
    return found


def _check_kind(path: Path, index: int, record: ProviderRecord) -> None:
    try:
        kind(record.kind)
    except ConfigInvalid as error:
        where = f"/providers/{index}"
        raise ConfigInvalid(
            Problem(where + each.pointer, f"{path}: {each.message}", each.rule) for each in error.problems
        ) from error


def _problem(path: Path, error: Mapping[str, Any]) -> Problem:
    pointer = "".join(f"/{part}" for part in error["loc"])
    return Problem(pointer, f"{path}: {str(error['msg'])[:1].lower()}{str(error['msg'])[1:]}")


def _invalid(message: str) -> ConfigInvalid:
    return ConfigInvalid([Problem("", message, "unreadable")])
