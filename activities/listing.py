"""Listings shared by everyone who wants one: one in flight per provider, never one begun before it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from worker_manager.model import Instance


class SharedListing:
    """Joins concurrent requests for the same complete listing.

    A caller that comes while one is in flight gets the *next* one, shared with all others who wait: the one in flight
    may have been read before whatever woke the caller.
    """

    def __init__(self, list_instances: Callable[[], Sequence[Instance]], executor: Executor) -> None:
        self._list_instances = list_instances
        self._executor = executor
        self._running: asyncio.Task[Sequence[Instance]] | None = None
        self._next: asyncio.Task[Sequence[Instance]] | None = None

    async def get(self) -> Sequence[Instance]:
        """A complete listing begun after this call. Raises ProviderError, to every caller who shares it."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        return await asyncio.shield(self._next)

    async def _after(self, running: asyncio.Task[Sequence[Instance]] | None) -> Sequence[Instance]:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._list_instances)
