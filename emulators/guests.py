"""Tells simulated workers that their instance runs: once for each instance, off the threads that answer calls."""

from __future__ import annotations

import json
import queue
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass

HOOK_TIMEOUT_SECONDS = 10.0
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Guest:
    """What a program on a new instance would know of itself.

    Attributes:
        cloud: "aws".
        user_data: decoded; bytes that are no UTF-8 are replaced.
    """

    cloud: str
    region: str
    instance_id: str
    user_data: str
    tags: dict[str, str]


class GuestHooks:
    """Calls a callable, a URL, or both, for every guest. A failing hook is counted and not repeated."""

    def __init__(self, hook: Callable[[Guest], None] | None, url: Callable[[], str]) -> None:
        self._hook = hook
        self._url = url
        self._waiting: queue.SimpleQueue[Callable[[], Guest] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.called = 0
        self.failed = 0
        self.last_error = ""
        names = [f"guest-hook-{number}" for number in range(_THREADS)]
        self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for name in names]

    def start(self) -> None:
        """Begin to call."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the calls that are under way; those still waiting are made as well."""
        for _ in self._threads:
            self._waiting.put(None)

    def put(self, guest: Callable[[], Guest]) -> None:
        """Queue one guest; never blocks, so that it can be called under a lock. `guest` is asked for later."""
        if self._hook is not None or self._url():
            self._waiting.put(guest)

    def _run(self) -> None:
        while (guest := self._waiting.get()) is not None:
            try:
                self._call(guest())
            except Exception as error:  # noqa: BLE001  # a hook is other people's code: any failure is counted and shown
                with self._lock:
                    self.failed += 1
                    self.last_error = f"{type(error).__name__}: {error}"

    def _call(self, guest: Guest) -> None:
        with self._lock:
            self.called += 1
        if self._hook is not None:
            self._hook(guest)
        url = self._url()
        if url:
            body = json.dumps(asdict(guest)).encode()
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310  # loopback only
            with urllib.request.urlopen(request, timeout=HOOK_TIMEOUT_SECONDS) as answer:  # noqa: S310  # see above
                answer.read()

    def as_json(self) -> dict[str, object]:
        """Give the counts."""
        return {"called": self.called, "failed": self.failed, "last_error": self.last_error}
