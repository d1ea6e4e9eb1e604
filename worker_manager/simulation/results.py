"""What a simulation comes to, in numbers: of every worker type, of all together, and over time.

Sums only; how they are shown is not known here.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

HOUR = 3600.0


class Gauge:
    """A number that changes now and then: its mean in every one of equal stretches of time, and its highest."""

    __slots__ = ("_since", "_sums", "_width", "highest", "value")

    def __init__(self, seconds: float, width: float) -> None:
        self.value = self.highest = 0.0
        self._since = 0.0
        self._width = width
        self._sums = [0.0] * max(1, math.ceil(seconds / width))

    def set(self, value: float, at: float) -> None:
        """From `at` seconds on the number is `value`."""
        if value != self.value:
            self._account(at)
            self.value = value
            self.highest = max(self.highest, value)

    def add(self, change: float, at: float) -> None:
        """From `at` seconds on the number is so much more."""
        self.set(self.value + change, at)

    def hours(self, at: float) -> float:
        """Value times hours up to `at` seconds."""
        self._account(at)
        return sum(self._sums) / HOUR

    def means(self) -> list[float]:
        """The mean of every stretch."""
        return [each / self._width for each in self._sums]

    def absorb(self, other: Gauge, at: float) -> None:
        """Add the sums of another of the same stretches; the highest of both together is not known to it."""
        self._account(at)
        other._account(at)
        self._sums = [mine + theirs for mine, theirs in zip(self._sums, other._sums, strict=True)]

    def _account(self, at: float) -> None:
        since, width = self._since, self._width
        if self.value:
            first, last = int(since / width), min(int(at / width), len(self._sums) - 1)
            for stretch in range(first, last + 1):
                end = at if stretch == last else (stretch + 1) * width
                self._sums[stretch] += self.value * (end - since)
                since = end
        self._since = at


@dataclass(slots=True)
class Meters:
    """What is measured while a simulation runs; by worker type, and added up for all.

    Attributes:
        work, waiting, running: slots of work; running is that of jobs, waiting the rest.
        ready: slots of workers that have started. capacity: slots paid for. machines: instances paid for.
        spending: money per hour.
    """

    work: Gauge
    waiting: Gauge
    running: Gauge
    ready: Gauge
    capacity: Gauge
    machines: Gauge
    spending: Gauge
    launched: int = 0
    ended: int = 0
    interrupted: int = 0
    calls: int = 0
    refused: int = 0
    decisions: int = 0

    @classmethod
    def of(cls, seconds: float, width: float) -> Meters:
        """Meters at zero, for so many seconds in stretches of `width`."""
        gauges = [Gauge(seconds, width) for _ in range(7)]
        work, waiting, running, ready, capacity, machines, spending = gauges
        return cls(work, waiting, running, ready, capacity, machines, spending)

    def add(self, other: Meters, at: float) -> None:
        """Add what another has measured up to `at` seconds."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Gauge):
                mine.absorb(theirs, at)
            else:
                setattr(self, each.name, mine + theirs)


@dataclass(frozen=True, slots=True)
class Numbers:
    """One worker type, or all together.

    Attributes:
        work_slot_hours: work there was, waiting or running. waiting_slot_hours: of it, waiting.
        wait_p50_seconds, wait_p95_seconds, wait_p99_seconds: how long jobs waited that were begun; None without jobs.
        jobs, finished, lost: arrived; done; begun on an instance that ended, and begun again.
        launched, ended, interrupted: instances: bought; ended by decision; taken away by the cloud.
        calls, refused: launch calls; those that brought nothing.
        instance_hours, cost: of every instance from its launch until it is gone.
        peak_slots: most slots paid for at any moment. busy_share: of the time of slots that could work.
        decisions: how often was decided.
    """

    work_slot_hours: float
    waiting_slot_hours: float
    wait_p50_seconds: float | None
    wait_p95_seconds: float | None
    wait_p99_seconds: float | None
    jobs: int
    finished: int
    lost: int
    launched: int
    ended: int
    interrupted: int
    calls: int
    refused: int
    instance_hours: float
    cost: float
    peak_slots: int
    busy_share: float
    decisions: int


@dataclass(frozen=True, slots=True)
class Course:
    """How it went: means of equal stretches of time, of all worker types together."""

    stretch_seconds: float
    work: tuple[float, ...]
    waiting: tuple[float, ...]
    capacity: tuple[float, ...]
    spending: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """The outcome of a simulation: numbers by worker type, of all, and the course of all."""

    seconds: float
    worker_types: dict[str, Numbers]
    total: Numbers
    course: Course


@dataclass(slots=True)
class Tally:
    """What jobs came to: seconds until each was first begun, and counts; `lost` ran on instances that ended."""

    waits: array[float] = field(default_factory=lambda: array("d"))
    arrived: int = 0
    finished: int = 0
    lost: int = 0

    def add(self, other: Tally) -> None:
        """Add what others came to."""
        self.waits.extend(other.waits)
        self.arrived += other.arrived
        self.finished += other.finished
        self.lost += other.lost


def numbers(meters: Meters, tally: Tally, seconds: float) -> Numbers:
    """The numbers of one worker type after so many seconds."""
    ready = meters.ready.hours(seconds)
    p50, p95, p99 = percentiles(tally.waits, (50, 95, 99))
    return Numbers(
        work_slot_hours=meters.work.hours(seconds),
        waiting_slot_hours=meters.waiting.hours(seconds),
        wait_p50_seconds=p50,
        wait_p95_seconds=p95,
        wait_p99_seconds=p99,
        jobs=tally.arrived,
        finished=tally.finished,
        lost=tally.lost,
        launched=meters.launched,
        ended=meters.ended,
        interrupted=meters.interrupted,
        calls=meters.calls,
        refused=meters.refused,
        instance_hours=meters.machines.hours(seconds),
        cost=meters.spending.hours(seconds),
        peak_slots=round(meters.capacity.highest),
        busy_share=meters.running.hours(seconds) / ready if ready else 0.0,
        decisions=meters.decisions,
    )


def percentiles(values: Iterable[float], wanted: Sequence[int]) -> list[float | None]:
    """The smallest values that so many percent do not exceed; None where there are none."""
    ordered = sorted(values)
    if not ordered:
        return [None] * len(wanted)
    return [ordered[max(0, math.ceil(len(ordered) * each / 100) - 1)] for each in wanted]


def course(meters: Meters, stretch_seconds: float) -> Course:
    """How it went over time."""
    gauges = (meters.work, meters.waiting, meters.capacity, meters.spending)
    return Course(stretch_seconds, *(tuple(each.means()) for each in gauges))
