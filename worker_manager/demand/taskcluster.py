"""Demand of a Taskcluster task queue, read with Taskcluster's own client library."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import taskcluster  # type: ignore[import-untyped]  # ships no types
from taskcluster.aio import Queue  # type: ignore[import-untyped]  # ships no types

from worker_manager.demand import fetching
from worker_manager.demand.contract import DemandUnavailable, Reading, slots
from worker_manager.demand.reach import check_url
from worker_manager.requests import MAX_SLOTS


class TaskclusterSource:
    """One task queue of one deployment."""

    def __init__(self, settings: Mapping[str, Any], hosts: Sequence[str] = ()) -> None:
        self._root_url: str = settings["rootUrl"].rstrip("/")
        self._queue: str = settings["taskQueueId"]
        self._hosts = hosts

    def read(self) -> Reading:
        check_url(self._root_url, self._hosts)
        with fetching.explained(self._root_url):
            answer = asyncio.run(self._counts())
        what = f"{self._root_url}: task queue {self._queue}"
        return Reading(_most(answer, "pendingTasks", what), _most(answer, "claimedTasks", what))

    async def _counts(self) -> Any:
        options = {"rootUrl": self._root_url, "credentials": self._credentials(), "maxRetries": 0}
        async with fetching.session() as session:
            try:
                return await Queue(options, session=session).taskQueueCounts(self._queue)
            except taskcluster.exceptions.TaskclusterFailure as error:
                why = getattr(error, "superExc", None) or str(error).partition("\n")[0]
                text = f"{self._root_url}: task queue {self._queue} cannot be read: {str(why)[:300]}"
                raise DemandUnavailable(text) from error

    def _credentials(self) -> dict[str, Any]:
        """Those of the environment, for the deployment that they are for and no other."""
        found = taskcluster.optionsFromEnvironment({})
        return dict(found.get("credentials", {})) if found.get("rootUrl") == self._root_url else {}


def _most(answer: Any, member: str, what: str) -> int:
    """A count, which may be beyond what any worker type can have."""
    count = answer.get(member) if isinstance(answer, dict) else None
    return slots(min(count, MAX_SLOTS) if isinstance(count, int) else count, f"{what}: {member}")
