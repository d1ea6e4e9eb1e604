"""Checks and renders loaded documents offline, with the very function the running system uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cli.documents import Document, Finding, Kind
from worker_manager.config import SharedValue, check_shared_config, provider_name
from worker_manager.errors import ConfigInvalid
from worker_manager.guarded import resolve_guarded
from worker_manager.kinds import kind, kind_of_provider
from worker_manager.model import ResolvedConfig
from worker_manager.provider import ProviderRecord
from worker_manager.settings import load_providers


def template_time() -> str:
    """The time that templates see, in the one form json-e takes."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def check(documents: Sequence[Document]) -> tuple[dict[str, ResolvedConfig], list[Finding]]:
    """What every worker type resolves to, and everything that is wrong, in order of the files."""
    findings: list[Finding] = []
    for each in documents:
        if each.kind is Kind.SHARED_CONFIG:
            found = check_shared_config(each.data)
            findings += [each.finding(problem.pointer, problem.message) for problem in found]
    records = _records(documents, findings)
    shared = {
        each.name: SharedValue(1, each.data["value"], str(each.data["schema"]))
        for each in documents
        if each.kind is Kind.SHARED_CONFIG
    }
    resolved: dict[str, ResolvedConfig] = {}
    for each in documents:
        if each.kind is Kind.WORKER_TYPE:
            try:
                resolved[each.name] = _resolve(each, shared, records)
            except ConfigInvalid as error:
                findings += [each.finding(problem.pointer, problem.message) for problem in error.problems]
    return resolved, findings


def _records(documents: Sequence[Document], findings: list[Finding]) -> Mapping[str, ProviderRecord]:
    records: dict[str, ProviderRecord] = {}
    for each in documents:
        if each.kind is Kind.PROVIDERS:
            try:
                records.update(load_providers(Path(each.path), "worker-manager"))
            except ConfigInvalid as error:
                findings += [each.finding(problem.pointer, problem.message) for problem in error.problems]
    return records


def _resolve(
    document: Document, shared: Mapping[str, SharedValue], records: Mapping[str, ProviderRecord]
) -> ResolvedConfig:
    name = provider_name(document.data)
    return resolve_guarded(
        document.data,
        shared,
        now=template_time(),
        kind=kind(kind_of_provider(name, records)),
        record=records.get(name),
    )
