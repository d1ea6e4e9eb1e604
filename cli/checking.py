"""Checks and renders loaded documents offline, with the very function the running system uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cli.documents import Document, Finding, Kind
from worker_manager.config import Problems, SharedValue, check_shared_config, provider_name
from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.guarded import resolve_guarded
from worker_manager.kinds import kind, kind_of_provider
from worker_manager.prices import price_table
from worker_manager.provider import ProviderRecord
from worker_manager.resolved import ResolvedConfig
from worker_manager.settings import load_price_table, missing_price_tables, named_price_tables, provider_records


def template_time() -> str:
    """The time that templates see, in the one form json-e takes."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def check(documents: Sequence[Document]) -> tuple[dict[str, ResolvedConfig], list[Finding]]:
    """What every worker type resolves to, and everything that is wrong, in order of the files.

    What `load` has told of a place is not told again.
    """
    findings: list[Finding] = []
    for each in documents:
        if each.kind is Kind.SHARED_CONFIG:
            findings += findings_of(each, check_shared_config(each.data))
        elif each.kind is Kind.PRICES:
            findings += findings_of(each, _problems(price_table, each.data))
    records = known_providers(documents, findings)
    shared = shared_values(documents)
    resolved: dict[str, ResolvedConfig] = {}
    for each in documents:
        if each.kind is Kind.WORKER_TYPE:
            try:
                resolved[each.name] = resolve_document(each.data, shared, records, now=template_time())
            except ConfigInvalid as error:
                findings += findings_of(each, error.problems)
    return resolved, sorted(findings, key=_order(documents))


def shared_values(documents: Iterable[Document]) -> dict[str, SharedValue]:
    """What references stand for."""
    return {
        each.name: SharedValue(1, each.data["value"], str(each.data["schema"]))
        for each in documents
        if each.kind is Kind.SHARED_CONFIG
    }


def known_providers(documents: Iterable[Document], findings: list[Finding]) -> Mapping[str, ProviderRecord]:
    """The records of all provider files by name, the later file's where two have one; adds what is wrong with them."""
    documents = tuple(documents)
    records: dict[str, ProviderRecord] = {}
    for each in documents:
        if each.kind is Kind.PROVIDERS:
            try:
                records.update(provider_records(each.data, "worker-manager"))
                findings += findings_of(each, _price_table_problems(each, documents))
            except ConfigInvalid as error:
                findings += findings_of(each, error.problems)
    return records


def _price_table_problems(providers: Document, documents: Iterable[Document]) -> Iterator[Problem]:
    """What is wrong with the price tables that a providers file names, but those that are documents themselves."""
    loaded = {os.path.realpath(each.path) for each in documents if each.kind is Kind.PRICES}
    yield from missing_price_tables(providers.path, providers.data)
    for pointer, path in named_price_tables(providers.path, providers.data).items():
        if path.is_file() and os.path.realpath(path) not in loaded:
            yield from (Problem(pointer, each.message, each.rule) for each in _problems(load_price_table, path))


def _problems(read: Callable[[Any], object], given: Any) -> Problems:
    try:
        read(given)
    except ConfigInvalid as error:
        return error.problems
    return ()


def findings_of(document: Document, problems: Iterable[Problem]) -> list[Finding]:
    """The problems at their places in the file, but those whose place `load` has told of already."""
    found = [document.finding(each.pointer, each.message, each.rule) for each in problems]
    return [each for each in found if each.pointer not in document.told]


def _order(documents: Iterable[Document]) -> Any:
    position = {each.path: index for index, each in enumerate(documents)}
    return lambda finding: (position[finding.path], finding.line, finding.column)


def resolve_document(
    data: Any,
    shared: Mapping[str, SharedValue],
    records: Mapping[str, ProviderRecord],
    *,
    now: str,
    known_names: Iterable[str] = (),
) -> ResolvedConfig:
    """What a worker type document comes to, its provider's kind being that of its record or of its name.

    Raises ConfigInvalid.
    """
    name = provider_name(data)
    return resolve_guarded(
        data,
        shared,
        now=now,
        kind=kind(kind_of_provider(name, records)),
        record=records.get(name),
        known_names=known_names,
    )
