"""The revisions of a worker type or shared config: who, when, why, what changed, and going back to one."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import click
from ruamel.yaml import YAML

from cli.checking import template_time
from cli.comparing import Difference, differences
from cli.documents import Kind
from cli.naming import Key
from cli.resolving import Resolver, scopes_of_workers
from cli.running import Reader, references
from cli.sending import Message, granted
from cli.showing import moment, table, terminal_width
from cli.signing import needed_scopes
from worker_manager.errors import ConfigInvalid

YAML_COLUMNS = 120


@dataclass(frozen=True, slots=True)
class Entry:
    """One revision; `differences` to the kept one before, None where they were not asked for or cannot be known."""

    revision: int
    at: str
    author: str
    reason: str
    is_kept: bool
    differences: tuple[Difference, ...] | None = None

    def row(self) -> dict[str, Any]:
        """For programs."""
        entry = {"revision": self.revision, "at": self.at, "author": self.author, "reason": self.reason}
        changes = {} if self.differences is None else {"differences": [each.row() for each in self.differences]}
        return {**entry, "kept": self.is_kept, **changes}


async def revisions(reader: Reader, key: Key, *, with_differences: bool) -> list[Entry]:
    """Every revision that is remembered, oldest first."""
    answer: list[dict[str, Any]] = await reader.ask(key, "revisions") or []
    changed = await _changes(reader, key, [each["revision"] for each in answer if each["kept"]] * with_differences)
    return [
        Entry(n := each["revision"], each["at"], each["author"], each["reason"], each["kept"], changed.get(n))
        for each in answer
    ]


async def document_at(reader: Reader, key: Key, revision: int) -> dict[str, Any]:
    """The document of one revision. Raises click.ClickException if it is not kept."""
    answer = await reader.ask(key, "config", revision)
    if not answer or answer.get("missing") or answer.get("revision") != revision:
        text = f"{key} does not keep a revision {revision}; `wm history {key}` shows those that it does"
        raise click.ClickException(text)
    if key.kind is Kind.WORKER_TYPE:
        document: dict[str, Any] = answer["document"]
        return document
    return {name: answer[name] for name in ("name", "schema", "description", "owner", "value") if answer.get(name)}


async def restoring(reader: Reader, key: Key, revision: int, reason: str, author: str) -> Message:
    """What to say to go back. Raises click.ClickException if the revision is not kept."""
    document = await document_at(reader, key, revision)
    # What the old document grants must be held, as if it were sent again.
    scopes = [*needed_scopes(key.id, "apply_config", {"document": document}), *granted(document)]
    if key.kind is Kind.WORKER_TYPE:
        scopes += await _granted_by_shared_configs(reader, document)
    given = {"reason": reason, "author": author}
    value = {"revision": revision, **{name: each for name, each in given.items() if each}}
    return Message(key, "restore", value, tuple(scopes))


async def _granted_by_shared_configs(reader: Reader, document: dict[str, Any]) -> tuple[str, ...]:
    snapshot = await reader.read(references([document]))
    try:
        return scopes_of_workers(Resolver([], snapshot, [], []).resolve(document, template_time()))
    except ConfigInvalid:  # for the running system to say
        return ()


def revision_lines(entries: Sequence[Entry]) -> list[str]:
    """A table, each line followed by what it changed."""
    width = terminal_width()
    rows = [["REV", "AT (UTC)", "AUTHOR", "REASON"], *(_cells(each) for each in entries)]
    head, *lines = table(rows, width)
    shown = [head]
    for entry, line in zip(entries, lines, strict=True):
        shown += [line, *(text for each in entry.differences or () for text in each.lines(min(width, YAML_COLUMNS)))]
    return shown


def yaml_text(document: dict[str, Any]) -> str:
    """As a file would say it."""
    yaml, text = YAML(), io.StringIO()
    yaml.width = YAML_COLUMNS
    yaml.dump(document, text)
    return text.getvalue().rstrip()


def _cells(each: Entry) -> list[str]:
    kept = "" if each.is_kept else "(no longer kept) "
    return [str(each.revision), moment(each.at), each.author, " ".join(f"{kept}{each.reason}".split())]


async def _changes(reader: Reader, key: Key, kept: Sequence[int]) -> dict[int, tuple[Difference, ...]]:
    documents = await asyncio.gather(*(document_at(reader, key, each) for each in kept))
    pairs = pairwise(zip(kept, documents, strict=True))
    return {revision: tuple(differences(before, after)) for (_, before), (revision, after) in pairs}
