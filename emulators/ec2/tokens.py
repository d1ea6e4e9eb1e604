"""Idempotency tokens: decides whether a launch is new, a repeat, or a misuse of another launch's token.

A token is kept per (region, action, token), for successes only. Calls with the same token run one after the other, so
that a concurrent duplicate waits and then finds the first one's outcome.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from emulators.ec2.errors import Ec2Error
from emulators.ec2.instance import Reservation

MAX_TOKEN = 64  # RunInstances, ClientToken: maximum 64 ASCII characters

Key = tuple[str, str, str]


@dataclass(slots=True)
class Slot:
    """What is known of one token: the digest of the call that used it first, and its reservation."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    holders: int = 0
    digest: str = ""
    reservation: Reservation | None = None

    def repeated(self, digest: str, *, now: float, token_seconds: float) -> Reservation | None:
        """Give the reservation this call repeats, None when the call is new.

        Args:
            digest: of the call's parameters, without region and zone.
            now: monotonic time in seconds.
            token_seconds: how long the token outlives the reservation's last instance.
        Raises:
            Ec2Error: other parameters than the first time, or everything launched the first time has terminated.
        """
        if self.reservation is None:
            return None
        ended_at = self.reservation.ended_at
        if ended_at is not None and now > ended_at + token_seconds:
            self.reservation = None
            return None
        if digest != self.digest:
            raise Ec2Error(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        if ended_at is not None:
            raise Ec2Error(
                "IdempotentInstanceTerminated",
                "The request uses the same client token as a previous request for which the instances have terminated.",
            )
        return self.reservation


class Tokens:
    """All tokens in use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[Key, Slot] = {}

    @contextmanager
    def held(self, key: Key) -> Iterator[Slot]:
        """Hold one token: others with the same key wait. What the block stores in the slot stays known."""
        with self._lock:
            slot = self._slots.setdefault(key, Slot())
            slot.holders += 1
        try:
            with slot.lock:
                yield slot
        finally:
            with self._lock:
                slot.holders -= 1
                if not slot.holders and slot.reservation is None and self._slots.get(key) is slot:
                    del self._slots[key]

    def clear(self) -> None:
        """Forget every token."""
        with self._lock:
            self._slots.clear()
