"""The work of one worker type and the workers that do it: who waits, who runs where, who is idle.

Two kinds of work: jobs, each of which waits, runs and ends; and a level, of which is known only how much work there is.
Neither knows clouds or decisions; an instance is an id with slots.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from worker_manager.simulation.clock import Action, Agenda
from worker_manager.simulation.results import Tally
from worker_manager.simulation.trace import Row, Trace


class Work(Protocol):
    """What a simulation asks of the work of one worker type, in slots."""

    tally: Tally

    @property
    def waiting(self) -> int: ...

    @property
    def running(self) -> int: ...

    @property
    def slots(self) -> int:
        """Of all workers that have joined."""

    def idle(self) -> tuple[str, ...]:
        """Instances that do nothing, the longest idle first."""

    def join(self, instance_id: str, slots: int, now: datetime) -> None:
        """A worker is ready to take work."""

    def leave(self, instance_id: str, now: datetime) -> None:
        """An instance takes no more, and what runs on it is lost."""

    def drain(self, ids: frozenset[str], now: datetime) -> None:
        """From now on these take no new work, and others that did not before do."""


@dataclass(slots=True, eq=False)
class Job:
    """A unit of work for one slot. `begun` counts its beginnings, more than one where instances were lost."""

    arrived_at: datetime
    seconds: float
    begun: int = 0


@dataclass(slots=True)
class _Worker:
    """An instance that takes jobs, and those that it runs."""

    slots: int
    jobs: list[Job] = field(default_factory=list)


class Jobs:
    """A queue: what waits longest goes to who is free longest. `changed` is called when a job comes or ends."""

    def __init__(self, agenda: Agenda, changed: Action) -> None:
        self.tally = Tally()
        self.running = self.slots = 0
        self._agenda, self._changed = agenda, changed
        self._queue: deque[Job] = deque()
        self._workers: dict[str, _Worker] = {}
        self._free: dict[str, _Worker] = {}  # in the order in which they became free
        self._draining: frozenset[str] = frozenset()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def idle(self) -> tuple[str, ...]:
        return tuple(name for name, each in self._free.items() if not each.jobs)

    def arrive(self, count: int, seconds: float, now: datetime) -> None:
        """So many jobs, each of which takes so long."""
        self.tally.arrived += count
        self._queue.extend(Job(now, seconds) for _ in range(count))
        self._match(now)
        self._changed(now)

    def join(self, instance_id: str, slots: int, now: datetime) -> None:
        self._workers[instance_id] = self._free[instance_id] = _Worker(slots)
        self.slots += slots
        self._match(now)

    def leave(self, instance_id: str, now: datetime) -> None:
        worker = self._workers.pop(instance_id, None)
        if worker is None:
            return
        self._free.pop(instance_id, None)
        self.slots -= worker.slots
        self.tally.lost += len(worker.jobs)
        self.running -= len(worker.jobs)
        for job in reversed(worker.jobs):
            job.begun += 1  # the end that was foreseen is no longer its end
            self._queue.appendleft(job)
        self._match(now)

    def drain(self, ids: frozenset[str], now: datetime) -> None:
        if ids != self._draining:
            self._draining = ids
            self._match(now)
            self._changed(now)

    def _match(self, now: datetime) -> None:
        while self._queue:
            taker = next((each for each in self._free if each not in self._draining), None)
            if taker is None:
                return
            self._begin(self._queue.popleft(), taker, now)

    def _begin(self, job: Job, instance_id: str, now: datetime) -> None:
        if job.begun == 0:
            self.tally.waits.append((now - job.arrived_at).total_seconds())
        job.begun += 1
        self.running += 1
        worker = self._workers[instance_id]
        worker.jobs.append(job)
        if len(worker.jobs) == worker.slots:
            del self._free[instance_id]
        self._agenda.at(now + timedelta(seconds=job.seconds), partial(self._end, job, instance_id, job.begun))

    def _end(self, job: Job, instance_id: str, begun: int, now: datetime) -> None:
        if job.begun != begun:
            return
        self.tally.finished += 1
        self.running -= 1
        worker = self._workers[instance_id]
        worker.jobs.remove(job)
        self._free.setdefault(instance_id, worker)
        self._match(now)
        self._changed(now)


class Level:
    """As much work as is told from time to time: whoever joined first works first, the rest is idle."""

    def __init__(self, changed: Action) -> None:
        self._changed = changed
        self.tally = Tally()
        self.level = self.slots = 0
        self._workers: dict[str, int] = {}
        self._draining: frozenset[str] = frozenset()

    @property
    def running(self) -> int:
        return min(self.level, self.slots)

    @property
    def waiting(self) -> int:
        return self.level - self.running

    def idle(self) -> tuple[str, ...]:
        left, idle = self.level, []
        for instance_id, slots in self._workers.items():
            if left <= 0:
                idle.append(instance_id)
            left -= slots
        return tuple(idle)

    def join(self, instance_id: str, slots: int, now: datetime) -> None:
        self._workers[instance_id] = slots
        self.slots += slots

    def leave(self, instance_id: str, now: datetime) -> None:
        self.slots -= self._workers.pop(instance_id, 0)

    def drain(self, ids: frozenset[str], now: datetime) -> None:
        """A level is work that any worker may do: those that drain do it last."""
        if ids != self._draining:
            self._draining = ids
            self._workers = dict(sorted(self._workers.items(), key=lambda each: each[0] in ids))
            self._changed(now)

    def set(self, level: int, now: datetime) -> None:
        """From now on there is so much work."""
        self.level = level
        self._changed(now)


def follow(trace: Trace, worker_type: str, agenda: Agenda, start: datetime, changed: Action) -> Work:
    """The work that a trace tells of a worker type, entered into the agenda row by row."""
    work: Jobs | Level = Level(changed) if trace.is_level else Jobs(agenda, changed)

    def enter(rows: Iterator[Row]) -> None:
        row = next(rows, None)
        if row is not None:
            agenda.at(start + timedelta(seconds=row.at), partial(happen, row, rows))

    def happen(row: Row, rows: Iterator[Row], now: datetime) -> None:
        if isinstance(work, Level):
            work.set(row.slots, now)
        else:
            work.arrive(row.slots, row.job_seconds, now)
        enter(rows)

    enter(trace.repeated(worker_type))
    return work
