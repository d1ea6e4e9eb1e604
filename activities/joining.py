"""Calls shared by everyone who wants the same answer, and patience with a server that is asked too much at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from temporalio.service import RPCError, RPCStatusCode

Answer = TypeVar("Answer")

PATIENT_FOR_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0


class Joined(Generic[Answer]):
    """Joins concurrent requests for the same answer: one call in flight, never one begun before it was asked for.

    A caller that comes while one is in flight gets the *next* one, shared with all others who wait: the one in flight
    may have been answered before whatever woke the caller.
    """

    def __init__(self, call: Callable[[], Awaitable[Answer]]) -> None:
        self._call = call
        self._running: asyncio.Task[Answer] | None = None
        self._next: asyncio.Task[Answer] | None = None

    async def get(self) -> Answer:
        """An answer to a call begun after this one. Raises what the call raises, to every caller who shares it."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        return await asyncio.shield(self._next)

    async def _after(self, running: asyncio.Task[Answer] | None) -> Answer:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        return await self._call()


async def patiently(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Repeat a query as long as the server has too many for that workflow (it buffers one while it is busy).

    Raises RPCError as the call does, also when that lasts for longer than PATIENT_FOR_SECONDS.
    """
    deadline, pause = asyncio.get_running_loop().time() + PATIENT_FOR_SECONDS, FIRST_PAUSE_SECONDS
    while True:
        try:
            return await call()
        except RPCError as error:
            is_busy = error.status is RPCStatusCode.RESOURCE_EXHAUSTED
            if not is_busy or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
