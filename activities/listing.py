"""Listings shared by everyone who wants one: one in flight per provider, never one begun before it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from activities.joining import Joined
from worker_manager.model import Instance


class SharedListing(Joined[Sequence[Instance]]):
    """Joins concurrent requests for the same complete listing. `get` raises ProviderError."""

    def __init__(self, list_instances: Callable[[], Sequence[Instance]], executor: Executor) -> None:
        super().__init__(lambda: asyncio.get_running_loop().run_in_executor(executor, list_instances))
