"""What one instance costs an hour in each capacity pool of an emulated cloud. Pools are named `zone/type/market`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from emulators.patterns import ControlRefused, number


class Prices:
    """Prices set by exact pool name or glob, the one set last winning; every other pool costs what `usual` says."""

    def __init__(self, usual: Callable[[str], float]) -> None:
        self._lock = threading.Lock()
        self._usual = usual
        self._rules: dict[str, float | None] = {}

    def update(self, body: Mapping[str, Any]) -> None:
        """Set prices from JSON, pool or glob -> price, null for the usual one. Raises ControlRefused; then none is."""
        checked = {name: None if price is None else number(price, f"price of {name!r}") for name, price in body.items()}
        for name in checked:
            if name != "*" and name.count("/") != 2:
                raise ControlRefused(f"pool {name!r} must be zone/type/market, such as us-east-1a/m5.large/spot")
        with self._lock:
            for name, price in checked.items():
                # Rules that the new one covers can never win again. Replaced, not changed: readers take no lock.
                kept = {old: one for old, one in self._rules.items() if not fnmatchcase(old, name)}
                self._rules = kept | {name: price}

    def price(self, pool: str) -> float:
        """Give the price of one pool."""
        rules = self._rules
        found = next((rules[name] for name in reversed(rules) if fnmatchcase(pool, name)), None)
        return self._usual(pool) if found is None else found

    def rules(self) -> dict[str, float | None]:
        """Give what was set, oldest first."""
        return dict(self._rules)

    def clear(self) -> None:
        """Let every pool cost what it usually does."""
        self._rules = {}
