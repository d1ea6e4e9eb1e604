"""Counts what happened to instances since the start or the last reset. Told by the store, under its lock.

The manager's own count is no proof of anything; these numbers are what the demo, the tests and the benchmarks judge by.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from emulators.ec2.instance import Instance, Order, State

WORKER_TYPE_TAG = "wm-worker-type"
LAUNCH_TAG = "wm-launch"
MAX_NAMED = 100  # of the doubled launches, how many are named in the statistics


class Tally:
    """Counters over all regions."""

    def __init__(self) -> None:
        self.launched = 0
        self.terminated = 0
        self.preempted = 0
        self.purged = 0
        self.by_state: Counter[str] = Counter()
        self._alive: Counter[str] = Counter()
        self._most_alive: Counter[str] = Counter()
        self._launched: Counter[str] = Counter()
        self._most_alive_at_all = 0
        self._asked: dict[str, int] = {}
        self._made: Counter[str] = Counter()
        self._doubled: dict[str, None] = {}

    def add_launch(self, order: Order, instances: list[Instance]) -> None:
        """Count a launch that succeeded for the first time (repeats of a token launch nothing and do not count)."""
        self.launched += len(instances)
        self.by_state[State.PENDING.value] += len(instances)
        kind = order.tags.get(WORKER_TYPE_TAG, "")
        self._alive[kind] += len(instances)
        self._launched[kind] += len(instances)
        self._most_alive[kind] = max(self._most_alive[kind], self._alive[kind])
        self._most_alive_at_all = max(self._most_alive_at_all, self._alive.total())
        if order.token:
            self._add_made(f"token {order.region} {order.token}", order.max_count, len(instances))
        if LAUNCH_TAG in order.tags:
            self._add_made(f"tag {order.tags[LAUNCH_TAG]}", order.max_count, len(instances))

    def _add_made(self, key: str, asked: int, made: int) -> None:
        self._asked.setdefault(key, asked)
        self._made[key] += made
        if self._made[key] > self._asked[key]:
            self._doubled[key] = None

    def move(self, instance: Instance, state: State) -> None:
        """Count a change of state, before it is made."""
        self.by_state[instance.state.value] -= 1
        self.by_state[state.value] += 1
        if instance.state.is_alive and not state.is_alive:
            self._alive[instance.order.tags.get(WORKER_TYPE_TAG, "")] -= 1
        if state is State.TERMINATED:
            self.terminated += 1

    def purge(self, instance: Instance) -> None:
        """Count an instance that leaves the listings for good."""
        self.purged += 1
        self.by_state[instance.state.value] -= 1

    def as_json(self) -> dict[str, Any]:
        """Give the numbers; `alive` means pending or running."""
        return {
            "launched": self.launched,
            "terminated": self.terminated,
            "preempted": self.preempted,
            "purged": self.purged,
            "alive": self._alive.total(),
            "max_alive": self._most_alive_at_all,
            "by_state": {state.value: self.by_state[state.value] for state in State},
            "alive_by_worker_type": dict(+self._alive),
            "max_alive_by_worker_type": dict(self._most_alive),
            "launched_by_worker_type": dict(self._launched),
            "doubled": len(self._doubled),
            "doubled_launches": [
                {"launch": key, "asked": self._asked[key], "launched": self._made[key]}
                for key in list(self._doubled)[:MAX_NAMED]
            ],
        }
