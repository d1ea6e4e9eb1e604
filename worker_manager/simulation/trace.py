"""Work as a table of what came when, for as long as wanted. Reads text alone; files are opened elsewhere.

Two forms, told apart by their columns:

- `time,workerType,jobs,durationSeconds`: so many jobs came at that time, each of which takes so long (default 600);
- `time,workerType,pending,claimed`: from that time on there was so much work, waiting and running, in slots.

`time` is seconds from the beginning, or an ISO date and time; then the beginning is midnight UTC of the first day. A
table shorter than what is wanted begins anew after its last whole day.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from worker_manager.templates import did_you_mean

DAY = 86400.0
DEFAULT_JOB_SECONDS = 600.0
MOST_PROBLEMS = 20
JOBS_COLUMNS = ("time", "workerType", "jobs", "durationSeconds")
LEVEL_COLUMNS = ("time", "workerType", "pending", "claimed")
_MOST_SLOTS = 1_000_000
_MOST_SECONDS = 10 * 366 * DAY


class Row(NamedTuple):
    """`slots` jobs of `job_seconds` that came `at` seconds from the beginning, or a level of `slots` from then on."""

    at: float
    slots: int
    job_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """What came when, by worker type, in order of time.

    Attributes:
        is_level: the rows tell how much work there is, not what came.
        days: whole days after which it begins anew.
        start: when it began, None where it tells seconds alone.
    """

    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    is_level: bool = False
    days: int = 1
    start: datetime | None = None

    def repeated(self, worker_type: str) -> Iterator[Row]:
        """The worker type's rows, over and over, without end if there are any."""
        rows = self.rows.get(worker_type, ())
        begins = 0.0
        while rows:
            yield from (each._replace(at=begins + each.at) for each in rows)
            begins += self.days * DAY


@dataclass(frozen=True, slots=True)
class TraceProblem:
    """What is wrong at a place; line and column count from 1."""

    line: int
    column: int
    message: str


class TraceInvalid(Exception):
    """The table cannot be used; says everything that is wrong, up to a limit."""

    def __init__(self, problems: Sequence[TraceProblem]) -> None:
        super().__init__("; ".join(f"line {each.line}: {each.message}" for each in problems))
        self.problems = tuple(problems)


class _Wrong(ValueError):
    """A cell that cannot be read: which, and why."""

    def __init__(self, cell: int, message: str) -> None:
        super().__init__(message)
        self.cell = cell


def read_trace(text: str, worker_types: Collection[str]) -> Trace:
    """The trace that a CSV text tells. Raises TraceInvalid."""
    lines = csv.reader(io.StringIO(text))
    columns = [each.strip() for each in next(lines, [])]
    is_level = _is_level(columns)
    reader = _Reader(columns, worker_types)
    problems: list[TraceProblem] = []
    for cells in lines:
        try:
            if any(cells):
                reader.read(cells)
        except _Wrong as wrong:
            column = 1 + sum(len(each) + 1 for each in cells[: wrong.cell])
            problems.append(TraceProblem(lines.line_num, column, str(wrong)))
            if len(problems) == MOST_PROBLEMS:
                break
    if problems:
        raise TraceInvalid(problems)
    return reader.trace(is_level=is_level)


def write_trace(trace: Trace) -> str:
    """The CSV text of a trace of jobs."""
    rows = sorted((row.at, name, row) for name, rows in trace.rows.items() for row in rows)
    lines = [f"{at:.0f},{name},{row.slots},{row.job_seconds:.0f}" for at, name, row in rows]
    return "\n".join([",".join(JOBS_COLUMNS), *lines, ""])


def _is_level(columns: Sequence[str]) -> bool:
    for needed, known in ((("time", "workerType", "jobs"), JOBS_COLUMNS), (LEVEL_COLUMNS[:3], LEVEL_COLUMNS)):
        if set(needed) <= set(columns) <= set(known):
            return known is LEVEL_COLUMNS
    wanted = f"{','.join(JOBS_COLUMNS)} or {','.join(LEVEL_COLUMNS)} (the last one may be left out)"
    for index, each in enumerate(columns):
        if each not in (*JOBS_COLUMNS, *LEVEL_COLUMNS):
            near = did_you_mean(each, (*JOBS_COLUMNS, *LEVEL_COLUMNS))
            column = 1 + sum(len(before) + 1 for before in columns[:index])
            raise TraceInvalid([TraceProblem(1, column, f"unknown column {each!r}{near}: the first line is {wanted}")])
    raise TraceInvalid([TraceProblem(1, 1, f"the first line must name the columns: {wanted}")])


class _Reader:
    """Collects rows; the first one decides how times are written."""

    def __init__(self, columns: Sequence[str], worker_types: Collection[str]) -> None:
        self._columns = {name: index for index, name in enumerate(columns)}
        self._worker_types = frozenset(worker_types)
        self._rows: dict[str, list[Row]] = {}
        self._last = 0.0
        self._start: datetime | None = None
        self._has_dates: bool | None = None

    def read(self, cells: Sequence[str]) -> None:
        """Take in one line. Raises _Wrong."""
        if len(cells) != len(self._columns):
            raise _Wrong(0, f"{len(cells)} cells where the first line names {len(self._columns)} columns")
        name = cells[self._columns["workerType"]].strip()
        if name not in self._worker_types:
            near = did_you_mean(name, self._worker_types)
            raise _Wrong(self._columns["workerType"], f"no worker type {name!r} in the directory{near}")
        at = self._time(cells)
        self._rows.setdefault(name, []).append(self._row(cells, at))
        self._last = max(self._last, at)

    def trace(self, *, is_level: bool) -> Trace:
        """What was read, in order of time."""
        rows = {name: tuple(sorted(rows, key=lambda each: each.at)) for name, rows in sorted(self._rows.items())}
        return Trace(rows, is_level, max(1, math.ceil((self._last + 1) / DAY)), self._start)

    def _row(self, cells: Sequence[str], at: float) -> Row:
        if "jobs" in self._columns:
            seconds = self._number(cells, "durationSeconds", DEFAULT_JOB_SECONDS, _MOST_SECONDS)
            if seconds == 0:
                raise _Wrong(self._columns["durationSeconds"], "durationSeconds must be more than 0")
            return Row(at, self._whole(cells, "jobs"), seconds)
        return Row(at, self._whole(cells, "pending") + self._whole(cells, "claimed"))

    def _whole(self, cells: Sequence[str], column: str) -> int:
        number = self._number(cells, column, 0.0, _MOST_SLOTS)
        if number != int(number):
            raise _Wrong(self._columns[column], f"{column} must be a whole number, not {number:g}")
        return int(number)

    def _number(self, cells: Sequence[str], column: str, default: float, most: float) -> float:
        if column not in self._columns or (
            column in ("durationSeconds", "claimed") and not cells[self._columns[column]]
        ):
            return default
        text = cells[self._columns[column]].strip()
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number <= most:
            raise _Wrong(self._columns[column], f"{column} must be a number from 0 to {most:.0f}, not {text!r}")
        return number

    def _time(self, cells: Sequence[str]) -> float:
        index = self._columns["time"]
        text = cells[index].strip()
        has_dates = "-" in text[1:]
        if self._has_dates is None:
            self._has_dates = has_dates
        if has_dates is not self._has_dates:
            raise _Wrong(
                index, f"time {text!r} is written in another way than the first: seconds, or dates, throughout"
            )
        return self._seconds_since(text, index) if has_dates else self._number(cells, "time", 0.0, _MOST_SECONDS)

    def _seconds_since(self, text: str, index: int) -> float:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise _Wrong(index, f"time must be seconds or like 2026-01-31T12:00:00Z, not {text!r}") from None
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if self._start is None:
            self._start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if moment < self._start:
            raise _Wrong(
                index, f"time {text} is before the first day of the table: rows may be in any order within days"
            )
        return (moment - self._start).total_seconds()
