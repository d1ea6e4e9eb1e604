"""The virtual clock: what is to happen, in order of time. Knows no worker types and no clouds; waits for nothing."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum

Action = Callable[[datetime], None]


class Rank(IntEnum):
    """What goes first among things of one moment: a decision sees everything that happened before it."""

    WORK = 0
    LOOK = 1


class Agenda:
    """Things to do at their times; those of one moment and rank in the order in which they were entered."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, Rank, int, Action]] = []
        self._entered = 0

    def at(self, moment: datetime, action: Action, rank: Rank = Rank.WORK) -> None:
        """Do `action(moment)` then."""
        self._entered += 1
        heapq.heappush(self._heap, (moment, rank, self._entered, action))

    @property
    def next_at(self) -> datetime | None:
        """When the next thing is to happen."""
        return self._heap[0][0] if self._heap else None

    def do_next(self) -> None:
        """Do the next thing."""
        moment, _, _, action = heapq.heappop(self._heap)
        action(moment)
