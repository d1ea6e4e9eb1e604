"""Brings the running system to what documents say: starts what does not run, updates what differs, ends the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from temporalio.client import Client

from cli.documents import Document, Kind
from cli.foreseeing import Outlook, Step, foresee, step_of
from cli.lines import Lines
from cli.naming import ID_PREFIXES, WORKFLOW_TYPES, Key
from cli.resolving import scopes_of_workers
from cli.running import Reader, Running, comparable
from cli.sending import START, Message, Refused, Sender
from worker_manager.errors import Problem

__all__ = ["ID_PREFIXES", "WORKFLOW_TYPES", "Applied", "Applier", "Change", "Edits", "apply", "change_of"]

AT_ONCE = 20


class Change(StrEnum):
    """What became of one document, or of what no document asks for any more."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Applied:
    """The change of one document, with the revision it is at, or why it was rejected."""

    kind: Kind
    name: str
    change: Change
    revision: int = 0
    why: str = ""
    problems: tuple[Problem, ...] = ()
    breaks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edits:
    """What goes with every edit: who makes it, why, and who keeps the documents."""

    reason: str = ""
    author: str = ""
    managed_by: str | None = None

    def members(self) -> dict[str, Any]:
        """Members of the message; the empty ones are left out."""
        given = {"reason": self.reason, "author": self.author, "managedBy": self.managed_by}
        return {name: value for name, value in given.items() if value}


async def apply(client: Client, documents: Iterable[Document], reason: str) -> list[Applied]:
    """Apply every document as it is; a rejected one changes nothing and does not stop the others."""
    everything = list(documents)
    snapshot = await Reader(client).around(everything)
    return await Applier(Sender(client), Edits(reason)).apply(foresee(everything, snapshot))


class Applier:
    """Sends what an outlook says is to be changed."""

    def __init__(self, sender: Sender, edits: Edits) -> None:
        self._sender = sender
        self._edits = edits
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def apply(self, outlook: Outlook) -> list[Applied]:
        """Shared configs, then worker types; what was rejected once more, as long as that brings others further.

        Two documents may each be acceptable only after the other: a region leaves a shared config and its zones leave
        a worker type.
        """
        applied: dict[Key, Applied] = {}
        left = outlook.steps
        while left:
            for kind in WORKFLOW_TYPES:
                steps = [each for each in left if each.document.kind is kind]
                done = await asyncio.gather(*(self._one(each, outlook) for each in steps))
                applied |= {step.key: each for step, each in zip(steps, done, strict=True)}
            changed = any(applied[each.key].change in (Change.CREATED, Change.UPDATED) for each in left)
            left = [each for each in left if applied[each.key].problems] if changed else []
        return [applied[each.key] for each in outlook.steps]

    async def prune(self, pruned: Sequence[Key]) -> list[Applied]:
        """Ask worker types to drain and finish."""
        await asyncio.gather(*(self._sender.cancel(each) for each in pruned))
        return [Applied(each.kind, each.name, Change.PRUNED, why="drains, then finishes") for each in pruned]

    def foreseen(self, outlook: Outlook, pruned: Sequence[Key]) -> list[Applied]:
        """What `apply` and `prune` would answer if everything is accepted."""
        ended = [Applied(each.kind, each.name, Change.PRUNED) for each in pruned]
        return [*(_foreseen(each) for each in outlook.steps), *ended]

    def lines(self, outlook: Outlook, pruned: Sequence[Key], lines: Lines) -> list[str]:
        """What `apply` and `prune` would send, in words of the Temporal CLI."""
        messages = [self.message(each, outlook) for each in outlook.steps]
        return [*(lines.message(each) for each in messages if each is not None), *map(lines.cancel, pruned)]

    def message(self, step: Step, outlook: Outlook) -> Message | None:
        """What has to be said to bring it about; None if it is as the document says."""
        document, running = step.document, step.running
        scopes = _granted(step, outlook)
        if running is None:
            body = document.data if document.kind is Kind.SHARED_CONFIG else {"document": document.data}
            summary = str(document.data.get("description") or document.kind)
            return Message(step.key, START, {**body, **self._edits.members()}, scopes, summary)
        adopted = self._edits.managed_by not in (None, running.managed_by)
        if step.is_same and not adopted:
            return None
        body = comparable(document.data, document.kind)
        body = body if document.kind is Kind.SHARED_CONFIG else {"document": body}
        value = {**body, "expectedRevision": running.revision, **self._edits.members()}
        return Message(step.key, "apply_config", value, scopes)

    async def _one(self, step: Step, outlook: Outlook) -> Applied:
        async with self._gate:
            try:
                return await self._once(step, outlook)
            except Refused as refused:
                if refused.kind in ("RevisionConflict", "AlreadyRuns"):
                    return await self._again(step, outlook, refused.kind)
                return _rejected(step, refused)

    async def _again(self, step: Step, outlook: Outlook, why: str) -> Applied:
        """Somebody else was faster: look again, once."""
        try:
            if why == "AlreadyRuns":
                await self._sender.started(step.key)
            running = (await Reader(self._sender.client).read([step.key])).get(step.key)
            return await self._once(step_of(step.document, running), outlook)
        except Refused as refused:
            return _rejected(step, refused)

    async def _once(self, step: Step, outlook: Outlook) -> Applied:
        kind, name, running = step.document.kind, step.document.name, step.running
        if running is not None and running.finishing:
            raise Refused("it drains and finishes, as it was cancelled: apply again when it has", "Finishing")
        message = self.message(step, outlook)
        if message is None:
            assert running is not None
            return Applied(kind, name, Change.UNCHANGED, running.revision)
        answer = await self._sender.send(message)
        if running is None:
            return Applied(kind, name, Change.CREATED, int(answer["revision"]))
        change = Change.UNCHANGED if answer.get("unchanged") else Change.UPDATED
        return Applied(kind, name, change, int(answer["revision"]), _taken_over(running, self._edits))


def _foreseen(step: Step) -> Applied:
    revision = step.running.revision if step.running is not None else 0
    return Applied(step.key.kind, step.key.name, change_of(step), revision)


def change_of(step: Step) -> Change:
    """What applying a document is to do."""
    if step.running is None:
        return Change.CREATED
    return Change.UNCHANGED if step.is_same else Change.UPDATED


def _rejected(step: Step, refused: Refused) -> Applied:
    kind, name = step.key
    return Applied(kind, name, Change.REJECTED, 0, str(refused), problems=refused.problems, breaks=refused.breaks)


def _taken_over(running: Running, edits: Edits) -> str:
    if edits.managed_by is None or edits.managed_by == running.managed_by:
        return ""
    return f"now managed by {edits.managed_by!r}" + (f", was by {running.managed_by!r}" if running.managed_by else "")


def _granted(step: Step, outlook: Outlook) -> tuple[str, ...]:
    """What whoever sends a worker type must hold, beyond what its document shows."""
    is_resolved = step.document.kind is Kind.WORKER_TYPE and step.key.name in outlook.resolved
    return scopes_of_workers(outlook.resolved[step.key.name]) if is_resolved else ()
