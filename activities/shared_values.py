"""Reads shared configs of their workflows: subscribe, then query, so that no later edit is missed.

A value of one revision never changes, so what was read once is kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.joining import Joined, patiently
from worker_manager.config import SharedValue

KEPT_VALUES = 2000
QUERIES_AT_ONCE = 20
# A worker type may be started right after the shared config that it refers to.
ACCEPTED_WITHIN_SECONDS = 10.0
ASK_AGAIN_SECONDS = 0.1


def workflow_id(name: str) -> str:
    """Workflow id of a shared config."""
    return f"shared-config:{name}"


class SharedValues:
    """Values of shared configs by (name, revision), read through the Temporal client; for one event loop."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: OrderedDict[tuple[str, int], SharedValue] = OrderedDict()
        self._asked: OrderedDict[tuple[str, int], Joined[dict[str, Any] | None]] = OrderedDict()
        self._gate = asyncio.Semaphore(QUERIES_AT_ONCE)

    async def read(self, revisions: Mapping[str, int]) -> dict[str, SharedValue]:
        """Value of each name at the given revision, or at the newest for revision 0 or one no longer kept.

        Names that do not exist are left out.
        """
        found = await asyncio.gather(*(self._one(name, revision) for name, revision in revisions.items()))
        return {name: value for name, value in zip(revisions, found, strict=True) if value is not None}

    async def read_in_flight(self, names: Iterable[str]) -> tuple[dict[str, SharedValue], dict[str, SharedValue]]:
        """Today's value of each name, and the value that is being checked of those that are being edited."""
        names = sorted(names)
        answers = await asyncio.gather(*(self._joined(name, 0) for name in names))
        found = {name: answer for name, answer in zip(names, answers, strict=True) if answer is not None}
        candidates = {
            name: SharedValue(0, answer["candidate"]["value"], answer["schema"])
            for name, answer in found.items()
            if answer.get("candidate")
        }
        return {name: self._keep(name, answer) for name, answer in found.items()}, candidates

    async def subscribe(self, names: Iterable[str], subscriber: str) -> None:
        """Ask to be woken by every later edit of these; names that do not exist are passed over."""
        await asyncio.gather(*(self._subscribe(name, subscriber) for name in names))

    async def known_names(self) -> list[str]:
        """Names of all running shared configs, for "did you mean"; visibility may lag by a second."""
        query = "WorkflowType = 'SharedConfig' AND ExecutionStatus = 'Running'"
        return [each.id.partition(":")[2] async for each in self._client.list_workflows(query)]

    async def _subscribe(self, name: str, subscriber: str) -> None:
        handle = self._client.get_workflow_handle(workflow_id(name))
        try:
            async with self._gate:
                await handle.signal("subscribe", {"subscriber": subscriber})
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def _one(self, name: str, revision: int) -> SharedValue | None:
        if (name, revision) in self._kept:
            self._kept.move_to_end((name, revision))
            return self._kept[name, revision]
        answer = await self._joined(name, revision)
        return None if answer is None else self._keep(name, answer)

    async def _joined(self, name: str, revision: int) -> dict[str, Any] | None:
        """As `_accepted`, one query for all who ask at the same time: a busy workflow buffers few queries."""
        key = (name, revision)
        if key not in self._asked:
            self._asked[key] = Joined(lambda: self._accepted(name, revision))
        while len(self._asked) > KEPT_VALUES:
            self._asked.popitem(last=False)
        return await self._asked[key].get()

    async def _accepted(self, name: str, revision: int) -> dict[str, Any] | None:
        """The answer once the first value has been accepted; None if there is no such shared config."""
        deadline = asyncio.get_running_loop().time() + ACCEPTED_WITHIN_SECONDS
        while True:
            answer = await self._ask(name, revision)
            if answer is None or "revision" in answer:
                return answer
            if asyncio.get_running_loop().time() > deadline:
                return None
            await asyncio.sleep(ASK_AGAIN_SECONDS)

    async def _ask(self, name: str, revision: int) -> dict[str, Any] | None:
        """The workflow's answer, {} while its first value is still being checked, None if there is none."""
        try:
            async with self._gate:
                handle = self._client.get_workflow_handle(workflow_id(name))
                answer: dict[str, Any] = await patiently(lambda: handle.query("value", revision))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        except WorkflowQueryFailedError:
            return None  # another type of workflow under this id
        return None if answer.get("refused") else answer

    def _keep(self, name: str, answer: dict[str, Any]) -> SharedValue:
        value = SharedValue(answer["revision"], answer["value"], answer["schema"])
        self._kept[name, value.revision] = value
        while len(self._kept) > KEPT_VALUES:
            self._kept.popitem(last=False)
        return value
