"""What the demo shows: a live table on a terminal, else a line whenever something changed. 80 columns are enough."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

BAR_COLUMNS = 16
WIDE_COLUMNS = 100
STATE_COLOURS = {"Steady": "green", "Scaling": "yellow", "Draining": "cyan", "Held": "red", "ConfigRejected": "red"}


@dataclass
class Snapshot:
    """What was read last: statuses by worker type, live slots by worker type, the emulator's counts."""

    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()
    stats: dict[str, Any] = field(default_factory=dict)

    @property
    def desired(self) -> int:
        return sum(each["desired"] for each in self.statuses.values())

    @property
    def actual(self) -> int:
        return sum(self.live.values())


class View:
    """Shows snapshots and events until closed. Progress goes to stderr, so that stdout can be one JSON object."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._events: list[str] = []
        self._hints: list[str] = []
        self._phase = ""
        self._printed = ""
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def phase(self, text: str) -> None:
        """What the demo is doing now."""
        self._phase = text
        if not self._live:
            self._line(text)

    def event(self, text: str) -> None:
        """Something worth remembering."""
        self._events.append(f"{time.monotonic() - self._started:5.1f} s  {text}")
        if not self._live:
            self._line(text)

    def hints(self, lines: list[str]) -> None:
        """What to try now; shown whole, so that it can be copied."""
        self._hints = lines
        if not self._live:
            for each in lines:
                self._line(each)

    def show(self, snapshot: Snapshot) -> None:
        """Bring the table, or the progress line, up to date."""
        if self._live:
            self._live.update(self._table(snapshot), refresh=True)
            return
        summary = f"{snapshot.actual} of {snapshot.desired} slots live, {snapshot.stats.get('launched', 0)} launched"
        if snapshot.statuses and summary != self._printed:
            self._printed = summary
            self._line(summary)

    def _line(self, text: str) -> None:
        print(f"{time.monotonic() - self._started:6.1f} s  {text}", file=sys.stderr, flush=True)

    def _table(self, snapshot: Snapshot) -> Group:
        wide = self._console.width >= WIDE_COLUMNS
        table = Table(box=None, padding=(0, 1), expand=False, header_style="dim")
        for title, width, justify in (("worker type", 24, "left"), ("state", 10, "left"), ("slots", 9, "right")):
            table.add_column(title, min_width=width, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        table.add_column("", min_width=BAR_COLUMNS, no_wrap=True)
        table.add_column("rev", min_width=3, justify="right", no_wrap=True)
        if wide:
            table.add_column("why", no_wrap=True, overflow="ellipsis")
        for name, status in self._rows(snapshot):
            table.add_row(*self._cells(name, status, snapshot, wide))
        stats = snapshot.stats
        head = Text(
            f"Worker Manager demo  {time.monotonic() - self._started:.0f} s   {snapshot.actual} of {snapshot.desired} "
            f"slots   launched {stats.get('launched', 0)}   ended {stats.get('terminated', 0)}",
            style="bold",
        )
        lines = [Text(each, style="dim", no_wrap=True, overflow="ellipsis") for each in self._events[-4:]]
        lines += [Text(each, overflow="fold") for each in self._hints]
        return Group(head, Text(self._phase, style="bold yellow", no_wrap=True, overflow="ellipsis"), table, *lines)

    def _rows(self, snapshot: Snapshot) -> list[tuple[str, dict[str, Any]]]:
        """As many worker types as the terminal has lines for, those with the most going on first."""
        room = max(5, self._console.height - 9 - 2 * len(self._hints))
        busy = sorted(snapshot.statuses.items(), key=lambda item: (item[1]["state"] == "Steady", -item[1]["desired"]))
        return sorted(busy[:room])

    def _cells(self, name: str, status: dict[str, Any], snapshot: Snapshot, wide: bool) -> list[Text]:
        live, desired = snapshot.live.get(name, 0), status["desired"]
        filled = min(BAR_COLUMNS, round(BAR_COLUMNS * live / desired)) if desired else 0
        colour = STATE_COLOURS.get(status["state"], "white")
        cells = [
            Text(name[:24]),
            Text(status["state"][:10], style=colour),
            Text(f"{live}/{desired}"),
            Text("━" * filled, style=colour) + Text("━" * (BAR_COLUMNS - filled), style="bright_black"),
            Text(str(max([*status["sharedConfigs"].values(), 0])), style="dim"),
        ]
        return [*cells, Text("; ".join(status["reasons"]), style="dim")] if wide else cells
