"""How many instances each capacity pool of an emulated cloud can hold. Pools are named `zone/type/market`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from emulators.patterns import ControlRefused, whole


class Capacity:
    """Sizes of pools, by exact name or glob; the rule set last wins; a pool without a rule is unlimited.

    A size is the number of instances that may exist in the pool at once, so room comes back when instances end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: dict[str, int | None] = {}

    def update(self, body: Mapping[str, Any]) -> None:
        """Set rules from JSON, pool or glob -> size, null for unlimited. Raises ControlRefused; then none is set."""
        checked = {name: None if size is None else whole(size, f"capacity of {name!r}") for name, size in body.items()}
        for name in checked:
            if name != "*" and name.count("/") != 2:
                raise ControlRefused(f"pool {name!r} must be zone/type/market, such as us-east-1a/m5.large/on-demand")
        with self._lock:
            for name, size in checked.items():
                # Rules that the new one covers can never win again.
                self._rules = {old: n for old, n in self._rules.items() if not fnmatchcase(old, name)}
                self._rules[name] = size

    def size(self, pool: str) -> int | None:
        """Give the size of one pool, None for unlimited."""
        with self._lock:
            for name in reversed(self._rules):
                if name == pool or fnmatchcase(pool, name):
                    return self._rules[name]
        return None

    def rules(self) -> dict[str, int | None]:
        """Give the rules, oldest first."""
        with self._lock:
            return dict(self._rules)

    def clear(self) -> None:
        """Make every pool unlimited."""
        with self._lock:
            self._rules.clear()
