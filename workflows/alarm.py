"""One timer that may be moved: sleeps until the deadline asked for, so that waiting adds no events to a wake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow


class Alarm:
    """Calls `ring` when the deadline has come. Moving it later costs nothing, moving it earlier one new timer."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._deadline = 0.0
        self._sleeping_until = 0.0
        self._task: asyncio.Task[None] | None = None

    def set(self, seconds: float, summary: str) -> None:
        """Ring `seconds` from now instead of at any earlier setting."""
        self._deadline = workflow.time() + seconds
        if self._task is not None and not self._task.done() and self._sleeping_until <= self._deadline:
            return
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._sleep(summary))

    async def _sleep(self, summary: str) -> None:
        while (left := self._deadline - workflow.time()) > 0:
            self._sleeping_until = self._deadline
            await workflow.sleep(left, summary=summary)
        self._ring()
