"""Prices of a provider, read now and then beside the decisions, which never wait for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from worker_manager.errors import ProviderError
from worker_manager.provider import Prices

logger = logging.getLogger(__name__)

# Spot prices change slowly; a read takes a few calls a region of the account's budget.
REREAD_SECONDS = 300.0


class KnownPrices:
    """What is known of prices. One per provider and process, used from its event loop."""

    def __init__(self, read: Callable[[], Prices], executor: Executor, table: Prices) -> None:
        self._read, self._executor = read, executor
        self._known = table
        self._read_at: float | None = None
        self._reading: asyncio.Future[Prices] | None = None

    def now(self) -> Prices:
        """What is known, and see to it that it is read anew when it has become old."""
        loop = asyncio.get_running_loop()
        if self._reading is None and (self._read_at is None or loop.time() - self._read_at > REREAD_SECONDS):
            self._read_at = loop.time()
            self._reading = loop.run_in_executor(self._executor, self._read)
            self._reading.add_done_callback(self._take)
        return self._known

    def _take(self, reading: asyncio.Future[Prices]) -> None:
        self._reading = None
        try:
            self._known = reading.result()
        except ProviderError as error:
            logger.warning("prices could not be read, the last known ones hold: %s", error)
