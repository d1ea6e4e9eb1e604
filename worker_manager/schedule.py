"""Decides which bounds a schedule sets at a moment and for how long, and whether its entries can be understood.

Cron expressions mean what Debian's cron takes them to mean, in the entry's time zone: a begin that falls into an hour
which the clocks skip is moved to its end, one in an hour that they repeat happens in the first. What begins in every
hour follows real hours, and durations are real time. It must not know demand, capacity or instances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from worker_manager.errors import Problem
from worker_manager.policies import ScheduleEntry, seconds
from worker_manager.shape import clip
from worker_manager.templates import did_you_mean

_CRON_FIELDS = 5
_MIN_DURATION_SECONDS = 60.0
# No clock is set back by more; Debian's cron assumes the same.
_MAX_SET_BACK = timedelta(hours=3)
# Where occurrences join, so many later ones are followed to say until when the entry is in force.
_MAX_JOINED = 10
# Any moment does: an entry must begin within the 50 years after it.
_ANY_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
_MAX_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class InForce:
    """An entry in force, and until when at the least: longer where it begins again and again without a gap."""

    entry: ScheduleEntry
    until: datetime


@dataclass(frozen=True, slots=True)
class ScheduledBounds:
    """The bounds that hold, in slots, the entries behind them, and when one next begins or ends (None for never)."""

    min_capacity: int
    max_capacity: int
    in_force: tuple[InForce, ...] = ()
    next_change: datetime | None = None


def bounds_at(low: int, high: int, entries: Sequence[ScheduleEntry], now: datetime) -> ScheduledBounds:
    """What the bounds `low` and `high` of a worker type are at `now`. The entries must be without problems."""
    in_force: list[InForce] = []
    changes: list[datetime] = []
    for entry in entries:
        window = _memory(entry.cron, entry.time_zone, entry.duration_seconds).at(now)
        if window.until is not None and now < window.until:
            in_force.append(InForce(entry, window.until))
            changes.append(window.until)
        elif window.next_begin is not None:
            changes.append(window.next_begin)
    raised = [each.entry.min_capacity for each in in_force if each.entry.min_capacity is not None]
    capped = [each.entry.max_capacity for each in in_force if each.entry.max_capacity is not None]
    high = min([high, *capped])
    return ScheduledBounds(min(high, max([low, *raised])), high, tuple(in_force), min(changes, default=None))


@dataclass(frozen=True, slots=True)
class _Window:
    """What holds between two begins; None for a begin that is not within 50 years.

    Attributes:
        since: the last begin.
        until: when what began then ends, later begins that join it included.
        next_begin: the first begin after `since`.
    """

    since: datetime | None
    until: datetime | None
    next_begin: datetime | None

    def covers(self, now: datetime) -> bool:
        return (self.since is None or self.since <= now) and (self.next_begin is None or now < self.next_begin)


class _Memory:
    """The window last asked for, since nearly every question is about the same one. Threads only replace it."""

    __slots__ = ("_begins", "_duration", "_window")

    def __init__(self, begins: _Begins, duration: timedelta) -> None:
        self._begins, self._duration = begins, duration
        self._window: _Window | None = None

    def at(self, now: datetime) -> _Window:
        window = self._window
        if window is None or not window.covers(now):
            window = self._window = self._found(now)
        return window

    def _found(self, now: datetime) -> _Window:
        since, later = self._begins.last(now), list(islice(self._begins.after(now), 1))
        until = since and since + self._duration
        if until is not None and now < until:
            for begin in islice(self._begins.after(now), _MAX_JOINED):
                if until < begin:
                    break
                until = begin + self._duration
        return _Window(since, until, *(later or (None,)))


@lru_cache(_MAX_REMEMBERED)
def _memory(cron: str, time_zone: str, duration_seconds: float) -> _Memory:
    return _Memory(_Begins(cron, ZoneInfo(time_zone)), timedelta(seconds=duration_seconds))


@dataclass(frozen=True, slots=True)
class _Begins:
    """The moments that a cron expression names in a time zone, in UTC."""

    cron: str
    zone: ZoneInfo

    def after(self, now: datetime) -> Iterator[datetime]:
        """Those later than `now`, in order."""
        # in an hour that is repeated, the search by the clock finds begins of the first one again
        found = (each.astimezone(UTC) for each in CronSim(self.cron, now.astimezone(self.zone)))
        return (each for each in found if each > now)

    def last(self, now: datetime) -> datetime | None:
        """The latest one that is not after `now`."""
        local = now.astimezone(self.zone)
        # searched by the clock, too: from within a repeated hour, begins of the first one are not behind
        start = (now + _MAX_SET_BACK).astimezone(self.zone) if local.fold else local
        # the search backwards leaves out the moment it starts from, save where that has a fraction of a second
        found = CronSim(self.cron, start.replace(microsecond=1), reverse=True)
        return next((moment for each in found if (moment := each.astimezone(UTC)) <= now), None)


def schedule_problems(entries: Sequence[Mapping[str, Any]]) -> tuple[Problem, ...]:
    """What is wrong with the schedule of a rendered document beyond its schema, which must have found nothing."""
    return tuple(
        Problem(f"/schedule/{index}/{problem.pointer}", problem.message, problem.rule)
        for index, entry in enumerate(entries)
        for check in (_cron_problem, _zone_problem, _duration_problem, _order_problem)
        for problem in check(entry)
    )


def _cron_problem(entry: Mapping[str, Any]) -> Iterator[Problem]:
    if why := _why_no_cron(entry["cron"]):
        yield Problem(
            "cron", f"the cron expression {clip(entry['cron'])} {why}; write one such as '0 8 * * 1-5'", "cron"
        )


def _why_no_cron(cron: str) -> str:
    if (count := len(cron.split())) != _CRON_FIELDS:
        return f"has {count} of five fields: minute, hour, day of month, month, day of week"
    try:
        return "" if next(CronSim(cron, _ANY_MOMENT), None) else "never begins"
    except CronSimError as error:
        # "Bad day-of-month"
        return f"has a {str(error).removeprefix('Bad ').replace('-', ' ')} that cannot be"


def _zone_problem(entry: Mapping[str, Any]) -> Iterator[Problem]:
    name = entry.get("timeZone", "UTC")
    if name not in _zone_names():
        hint = did_you_mean(name, _zone_names()) or "; name one such as 'Europe/Berlin'"
        yield Problem("timeZone", f"there is no time zone {clip(name)} in the IANA database{hint}", "time-zone")


def _duration_problem(entry: Mapping[str, Any]) -> Iterator[Problem]:
    if seconds(entry["duration"]) < _MIN_DURATION_SECONDS:
        message = f"a duration of {entry['duration']} is too short: an entry is in force for at least one minute"
        yield Problem("duration", message, "duration")


def _order_problem(entry: Mapping[str, Any]) -> Iterator[Problem]:
    low, high = entry.get("minCapacity"), entry.get("maxCapacity")
    if low is not None and high is not None and low > high:
        message = f"minCapacity {low} is more than maxCapacity {high}; lower the one or raise the other"
        yield Problem("minCapacity", message, "capacity-order")


@cache
def _zone_names() -> frozenset[str]:
    """The same on every machine, which those of the system are not."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())
