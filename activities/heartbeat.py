"""Heartbeats of an activity that waits for something else: regular, so that only a dead process misses them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from temporalio import activity

INTERVAL_SECONDS = 1.5


@asynccontextmanager
async def heartbeating(details: Callable[[], tuple[Any, ...]] = tuple) -> AsyncIterator[None]:
    """Heartbeat while the block runs; `details` gives what a next attempt may resume from."""
    task = asyncio.create_task(_beat(details))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _beat(details: Callable[[], tuple[Any, ...]]) -> None:
    while True:
        activity.heartbeat(*details())
        await asyncio.sleep(INTERVAL_SECONDS)
