"""Token buckets: decides whether a cloud would let a call through now. Knows no cloud and no clock."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A bucket of `burst` tokens, refilled with `per_second` tokens a second."""

    burst: float
    per_second: float


class Buckets:
    """Buckets by (region, name), made full when first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._levels: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, key: tuple[str, str], limit: RateLimit, amount: float, now: float) -> bool:
        """Take `amount` tokens at monotonic time `now` (seconds); False, and nothing taken, when there are too few."""
        with self._lock:
            level, since = self._levels.get(key, (limit.burst, now))
            level = min(limit.burst, level + max(0.0, now - since) * limit.per_second)
            allowed = level >= amount
            self._levels[key] = (level - amount if allowed else level, now)
            return allowed

    def clear(self) -> None:
        """Fill every bucket."""
        with self._lock:
            self._levels.clear()
