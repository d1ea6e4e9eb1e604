"""Reads a directory and what it touches in the running system: the ground on which `check`, `diff`, `apply` stand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.connecting import Connection
from cli.documents import Document, Finding, Kind, load
from cli.foreseeing import Outlook, foresee
from cli.lines import Lines
from cli.naming import WORKFLOW_TYPES, Key
from cli.resolving import refers
from cli.running import Reader, Snapshot
from worker_manager.config import collect_references

ALONE = "the directory alone"


@dataclass(frozen=True, slots=True)
class Directory:
    """The documents of a folder, and what keeps some files from being documents."""

    folder: Path
    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]

    @classmethod
    def load(cls, folder: Path, providers: Path | None = None) -> Directory:
        """Read it; `providers` is a providers.yml elsewhere."""
        documents, findings = load([folder], providers=providers)
        return cls(folder, tuple(documents), tuple(findings))

    @property
    def by_key(self) -> dict[Key, Document]:
        """Worker types and shared configs."""
        return {Key(each.kind, each.name): each for each in self.documents if each.kind in WORKFLOW_TYPES}

    def managed_by(self, given: str | None) -> str:
        """Who keeps what is applied from here: the name given, that of the marker file, else the folder's path."""
        marked = [each.name for each in self.documents if each.kind is Kind.MARKER]
        return given or (marked[0] if marked else str(self.folder.resolve()))

    def reading_lines(self, connection: Connection) -> list[str]:
        """What is read of the running system for the documents themselves, in words of the Temporal CLI."""
        return [Lines(connection).query(each, "config") for each in sorted(self.by_key)]


@dataclass(frozen=True, slots=True)
class Pruning:
    """What this directory manages and has no document for any more; shared configs are only told of."""

    worker_types: tuple[Key, ...] = ()
    shared_configs: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """A directory, what would become of it, and what that was held against."""

    directory: Directory
    outlook: Outlook
    against: str = ALONE
    pruning: Pruning = field(default_factory=Pruning)

    @property
    def findings(self) -> list[Finding]:
        """Everything that is wrong with the files, in their order."""
        found = [*self.directory.findings, *self.outlook.findings]
        return sorted(found, key=lambda each: (str(each.path), each.line, each.column))

    @property
    def is_acceptable(self) -> bool:
        """True if nothing speaks against applying it."""
        return not self.directory.findings and self.outlook.is_acceptable


def survey_alone(directory: Directory) -> Survey:
    """The documents held against each other."""
    return Survey(directory, foresee(directory.documents, {}))


async def survey(reader: Reader, directory: Directory, managed_by: str = "") -> Survey:
    """The documents held against what runs; with `managed_by`, also what is managed by it and no longer there."""
    snapshot = await reader.around(directory.documents)
    # Only for "did you mean".
    names = await reader.names(Kind.SHARED_CONFIG) if _lacks_references(directory, snapshot) else []
    outlook = await asyncio.to_thread(foresee, directory.documents, snapshot, names)
    pruning = await _pruning(reader, directory, managed_by) if managed_by else Pruning()
    return Survey(directory, outlook, _against(reader, directory, outlook, snapshot), pruning)


def _lacks_references(directory: Directory, snapshot: Snapshot) -> bool:
    known = {key.name for key in (*directory.by_key, *snapshot) if key.kind is Kind.SHARED_CONFIG}
    types = [each.data for each in directory.documents if each.kind is Kind.WORKER_TYPE]
    return any(reference.name not in known for each in types for reference in collect_references(each))


def _against(reader: Reader, directory: Directory, outlook: Outlook, snapshot: Snapshot) -> str:
    beyond = [key for key in snapshot if key not in directory.by_key]
    shared = sum(key.kind is Kind.SHARED_CONFIG for key in beyond)
    changed = {each.key.name for each in outlook.steps if each.key.kind is Kind.SHARED_CONFIG and not each.is_same}
    types = sum(key.kind is Kind.WORKER_TYPE and refers(snapshot[key].data, changed) for key in beyond)
    where = f"the running system at {reader.client.service_client.config.target_host}, {reader.client.namespace}"
    return f"{where}: {shared} shared configs and {types} dependent worker types beyond the directory"


async def _pruning(reader: Reader, directory: Directory, managed_by: str) -> Pruning:
    async def mine(kind: Kind) -> tuple[Key, ...]:
        gone = [each for each in _keys(kind, await reader.names(kind)) if each not in directory.by_key]
        found = await reader.read(gone)
        return tuple(key for key, each in found.items() if each.managed_by == managed_by and not each.finishing)

    return Pruning(await mine(Kind.WORKER_TYPE), await mine(Kind.SHARED_CONFIG))


def _keys(kind: Kind, names: Iterable[str]) -> Sequence[Key]:
    return [Key(kind, each) for each in names]
