"""Lays out what simulations came to: as tables for a terminal of a given width, and as rows for programs."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from worker_manager.simulation.results import Numbers, Results

NARROW_COLUMNS, WIDE_COLUMNS = 80, 120
LONGEST_NAME = 18
ALL = "all"

Cell = Callable[[Numbers], str]


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _money(value: float) -> str:
    return f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def _share(value: float) -> str:
    return f"{value:.0%}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them, `-` for none."""
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


# Title -> what it shows, and whether it has room in 80 columns.
COLUMNS: dict[str, tuple[Cell, bool]] = {
    "JOBS": (lambda each: _whole(each.jobs), True),
    "WORK H": (lambda each: _whole(each.work_slot_hours), False),
    "WAITING H": (lambda each: _whole(each.waiting_slot_hours), True),
    "P50": (lambda each: duration(each.wait_p50_seconds), False),
    "P95": (lambda each: duration(each.wait_p95_seconds), True),
    "P99": (lambda each: duration(each.wait_p99_seconds), False),
    "LAUNCHED": (lambda each: _whole(each.launched), False),
    "TAKEN": (lambda each: _whole(each.interrupted), False),
    "REFUSED": (lambda each: f"{each.refused:,}/{each.calls:,}", False),
    "INST H": (lambda each: _whole(each.instance_hours), True),
    "COST": (lambda each: _money(each.cost), True),
    "PEAK": (lambda each: _whole(each.peak_slots), True),
    "BUSY": (lambda each: _share(each.busy_share), True),
}
# What is compared: title, the number, and how it is written.
COMPARED: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("jobs", "jobs", _whole),
    ("jobs finished", "finished", _whole),
    ("jobs lost and begun again", "lost", _whole),
    ("work, slot hours", "work_slot_hours", _whole),
    ("of it waiting, slot hours", "waiting_slot_hours", _whole),
    ("wait of half the jobs", "wait_p50_seconds", duration),
    ("wait of 95 % of the jobs", "wait_p95_seconds", duration),
    ("wait of 99 % of the jobs", "wait_p99_seconds", duration),
    ("instances launched", "launched", _whole),
    ("instances taken by the cloud", "interrupted", _whole),
    ("launch calls", "calls", _whole),
    ("launch calls refused", "refused", _whole),
    ("instance hours", "instance_hours", _whole),
    ("cost", "cost", _money),
    ("peak capacity, slots", "peak_slots", _whole),
    ("busy share of capacity", "busy_share", _share),
)


def result_lines(results: Results, width: int) -> list[str]:
    """A line for every worker type, and one for all."""
    wide = width >= WIDE_COLUMNS
    shown = {title: cell for title, (cell, narrow) in COLUMNS.items() if wide or narrow}
    table = _table("WORKER TYPE", shown)
    for name, numbers in results.worker_types.items():
        table.add_row(name, *(cell(numbers) for cell in shown.values()))
    table.add_section()
    table.add_row(ALL, *(cell(results.total) for cell in shown.values()))
    return [*_lines(table, width), *textwrap.wrap(_footnote(results, wide=wide), min(width, WIDE_COLUMNS))]


def _footnote(results: Results, *, wide: bool) -> str:
    days = results.seconds / 86400
    percentiles = "P50, P95, P99: what so many percent" if wide else "P95: what 95 percent"
    calls = "; TAKEN: by the cloud; REFUSED: of all launch calls" if wide else ""
    return f"{days:g} day{'s'[: days != 1]}; H: hours; {percentiles} of the jobs waited at most{calls}"


def comparison_lines(results: Sequence[Results], names: Sequence[str], width: int) -> list[str]:
    """Both side by side: all numbers of all worker types together, then cost and waits of each."""
    first, second = results
    table = _table("ALL WORKER TYPES", (*map(_ending, names), "DIFFERENCE"))
    for title, member, write in COMPARED:
        old, new = getattr(first.total, member), getattr(second.total, member)
        table.add_row(title, write(old), write(new), difference(old, new, write))
    each = _table("WORKER TYPE", ("COST 1", "COST 2", "DIFFERENCE", "P95 1", "P95 2", "DIFFERENCE"))
    for name in sorted({*first.worker_types, *second.worker_types}):
        old, new = first.worker_types.get(name), second.worker_types.get(name)
        each.add_row(name, *_compared(old, new, "cost", _money), *_compared(old, new, "wait_p95_seconds", duration))
    return [*_lines(table, width), "", *_lines(each, width), f"1: {names[0]}", f"2: {names[1]}"]


def difference(old: float | None, new: float | None, write: Callable[[Any], str]) -> str:
    """`+1,200 (+4 %)`, or nothing where both are the same."""
    if old is None or new is None or old == new:
        return ""
    sign = "+" if new > old else "−"
    percent = f" ({sign}{abs(new - old) / abs(old):.0%})" if old else ""
    return f"{sign}{write(abs(new - old))}{percent}"


def result_rows(results: Results) -> list[dict[str, Any]]:
    """The numbers of every worker type, and with `workerType` null those of all."""
    total = {"workerType": None, **_members(results.total)}
    return [*({"workerType": name, **_members(each)} for name, each in results.worker_types.items()), total]


def comparison_rows(results: Sequence[Results]) -> list[dict[str, Any]]:
    """The same of both, and by how much the second differs, where both have the number."""
    first, second = results
    names = sorted({*first.worker_types, *second.worker_types})
    pairs = [(name, first.worker_types.get(name), second.worker_types.get(name)) for name in names]
    return [_comparison_row(*each) for each in (*pairs, (None, first.total, second.total))]


def _comparison_row(name: str | None, first: Numbers | None, second: Numbers | None) -> dict[str, Any]:
    old, new = (_members(each) if each else None for each in (first, second))
    row: dict[str, Any] = {"workerType": name, "first": old, "second": new}
    if old and new:
        both = [each for each in old if old[each] is not None and new[each] is not None]
        row["difference"] = {each: round(new[each] - old[each], 6) for each in both}
    return row


def _members(numbers: Numbers) -> dict[str, Any]:
    return {_camel(name): round(each, 6) if isinstance(each, float) else each for name, each in asdict(numbers).items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def _compared(
    old: Numbers | None, new: Numbers | None, member: str, write: Callable[[Any], str]
) -> tuple[str, str, str]:
    one = getattr(old, member) if old else None
    other = getattr(new, member) if new else None
    written = ["-" if each is None else write(each) for each in (one, other)]
    return written[0], written[1], difference(one, other, write)


def _ending(name: str) -> str:
    """The end of a path tells more than its beginning."""
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _table(first: str, others: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(first, overflow="fold")  # where there is no room, names are folded and numbers are whole
    for each in others:
        table.add_column(each, justify="right", overflow="ellipsis", no_wrap=True)
    return table


def _lines(table: Table, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=max(NARROW_COLUMNS, min(width, 200)), color_system=None, legacy_windows=False).print(table)
    return [each.rstrip() for each in out.getvalue().splitlines()]
