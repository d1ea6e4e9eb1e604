"""Draws what simulations came to over time. The same results give the same bytes; nothing else is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from worker_manager.simulation.results import Results

INCHES, DOTS = (16.0, 10.0), 100
WORK = "#9ca3af"
COLOURS = ("#1d4ed8", "#c2410c")  # told apart by people who see no red or green as well


@dataclass(frozen=True, slots=True)
class _Curve:
    """One simulation to draw: its name, colour, numbers, and where its stretches of time begin."""

    name: str
    colour: str
    results: Results
    times: list[float]


def plot(path: Path, results: Sequence[Results], names: Sequence[str], start: datetime) -> None:
    """Write a PNG of work, capacity, waiting work and cost, of one simulation or of two on the same trace."""
    curves = [
        _Curve(name, colour, each, _times(each, start))
        for name, colour, each in zip(names, COLOURS, results, strict=False)
    ]
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 11}):
        figure = Figure(figsize=INCHES, dpi=DOTS, layout="constrained")
        FigureCanvasAgg(figure)
        days = results[0].seconds / 86400
        figure.suptitle(
            f"{' and '.join(names)}: {days:g} day{'' if days == 1 else 's'}, all worker types together", fontsize=15
        )
        slots, waiting, cost = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
        _draw_slots(slots, curves)
        _draw_waiting(waiting, curves)
        _draw_cost(cost, curves)
        for axes in (slots, waiting, cost):
            _finish(axes)
        _draw_dates(cost)
        figure.savefig(path, format="png", metadata={"Software": None})


def _draw_slots(axes: Axes, curves: Sequence[_Curve]) -> None:
    first = curves[0]
    # Both have the same work; the little that waits longer in one of them shows below.
    axes.fill_between(first.times, first.results.course.work, color=WORK, alpha=0.5, lw=0, label="demand")
    for each in curves:
        axes.plot(
            each.times, each.results.course.capacity, color=each.colour, lw=1.3, label=_of("capacity", each, curves)
        )
    axes.set_ylabel("slots")
    _legend(axes, axes.get_legend_handles_labels()[0])


def _draw_waiting(axes: Axes, curves: Sequence[_Curve]) -> None:
    for each in curves:
        waiting = each.results.course.waiting
        axes.fill_between(each.times, waiting, color=each.colour, alpha=0.2, lw=0)
        axes.plot(each.times, waiting, color=each.colour, lw=1.0, label=_of("waiting work", each, curves))
    axes.set_ylabel("slots of waiting work")
    _legend(axes, axes.get_legend_handles_labels()[0])


def _draw_cost(axes: Axes, curves: Sequence[_Curve]) -> None:
    summed = axes.twinx()
    for each in curves:
        course = each.results.course
        total = [sum_ * course.stretch_seconds / 3600 for sum_ in accumulate(course.spending)]
        axes.plot(each.times, course.spending, color=each.colour, lw=1.0, label=_of("cost an hour", each, curves))
        summed.plot(
            each.times,
            total,
            color=each.colour,
            lw=1.6,
            ls="--",
            label=f"{_of('cost so far', each, curves)}: {total[-1]:,.0f}",
        )
    axes.set_ylabel("cost an hour")
    summed.set_ylabel("cost so far")
    summed.set_ylim(bottom=0)
    summed.spines[["top"]].set_visible(False)
    _legend(summed, [*axes.get_lines(), *summed.get_lines()])


def _finish(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.grid(visible=True, color="#e5e7eb", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top"]].set_visible(False)


def _legend(axes: Axes, handles: Sequence[Artist]) -> None:
    """Above the axes, where it hides nothing."""
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(handles), frameon=False)


def _draw_dates(axes: Axes) -> None:
    locator = AutoDateLocator(minticks=6, maxticks=16)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlabel("time (UTC)")


def _times(results: Results, start: datetime) -> list[float]:
    """The middle of every stretch."""
    width = results.course.stretch_seconds
    begin = start.timestamp() / 86400  # matplotlib counts days from 1970
    return [begin + (index + 0.5) * width / 86400 for index in range(len(results.course.work))]


def _of(what: str, curve: _Curve, curves: Sequence[_Curve]) -> str:
    return f"{what}, {curve.name}" if len(curves) > 1 else what
