"""Decides when one more call may be sent, so that an account's budget of calls per second is kept.

A token bucket paces and counts the calls of one process. It knows nothing of clouds, and nothing of other processes:
what must hold across processes is the task queue's server-side limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class TokenBucket:
    """Thread-safe token bucket: `burst` calls at once, then `rate_per_second`.

    Threads are served in the order in which they asked: each reserves the next free token and sleeps until it is due.
    Raises ValueError unless rate_per_second > 0 and burst >= 1.
    """

    def __init__(
        self,
        rate_per_second: float,
        burst: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not rate_per_second > 0 or not burst >= 1:
            raise ValueError(f"a token bucket needs a rate > 0 and a burst >= 1, not {rate_per_second} and {burst}")
        self._rate_per_second = rate_per_second
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._tokens = burst
        self._refilled_at = clock()
        self._taken_count = 0
        self._refused_count = 0

    def take(self, timeout_seconds: float) -> bool:
        """Wait for a token, at most `timeout_seconds`; False, at once and taking none, if none is due by then."""
        wait_seconds = self._reserve(timeout_seconds)
        if wait_seconds is None:
            return False
        if wait_seconds > 0:
            self._sleep(wait_seconds)
        return True

    @property
    def taken_count(self) -> int:
        """Calls let through so far, those still waiting for their token included."""
        with self._lock:
            return self._taken_count

    @property
    def refused_count(self) -> int:
        """Calls turned away so far because no token was due in time."""
        with self._lock:
            return self._refused_count

    def _reserve(self, timeout_seconds: float) -> float | None:
        """Seconds until the token reserved is due; None if that is too late and nothing was reserved."""
        with self._lock:
            now = self._clock()
            refill = (now - self._refilled_at) * self._rate_per_second
            self._tokens, self._refilled_at = min(self._burst, self._tokens + refill), now
            # Tokens below zero are the reservations of those already waiting.
            wait_seconds = max(0.0, (1.0 - self._tokens) / self._rate_per_second)
            if wait_seconds > timeout_seconds:
                self._refused_count += 1
                return None
            self._tokens -= 1.0
            self._taken_count += 1
            return wait_seconds
