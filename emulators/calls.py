"""Counts the calls an emulated cloud gets and the errors it answers."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any


class Calls:
    """Counters by action, by region and by error code."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, str]] = Counter()
        self._errors: Counter[str] = Counter()
        self._dropped = 0

    def add(self, action: str, region: str) -> None:
        """Count a call, however it will end."""
        with self._lock:
            self._calls[action, region] += 1

    def add_error(self, code: str) -> None:
        """Count an error answered."""
        with self._lock:
            self._errors[code] += 1

    def add_dropped(self) -> None:
        """Count a connection cut instead of an answer."""
        with self._lock:
            self._dropped += 1

    def clear(self) -> None:
        """Start from nothing."""
        with self._lock:
            self._calls.clear()
            self._errors.clear()
            self._dropped = 0

    def as_json(self, throttles: tuple[str, ...]) -> dict[str, Any]:
        """Give the counts; `throttles` are the error codes that count as throttled."""
        with self._lock:
            by_action: Counter[str] = Counter()
            by_region: dict[str, Counter[str]] = {}
            for (action, region), times in self._calls.items():
                by_action[action] += times
                by_region.setdefault(region, Counter())[action] += times
            return {
                "calls": dict(by_action),
                "calls_by_region": {region: dict(counts) for region, counts in by_region.items()},
                "errors": dict(self._errors),
                "throttled": sum(self._errors[code] for code in throttles),
                "dropped": self._dropped,
            }
