"""Shows one look at the fleet after another: as a table that stays in place, or as a line for every change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from cli.showing import Statuses, clipped, status_lines, status_row

STYLES = {
    "Steady": "green",
    "Scaling": "yellow",
    "Replacing": "yellow",
    "Held": "bold red",
    "ConfigRejected": "bold red",
    "Paused": "cyan",
}
GONE = "gone"


def _calm(state: str) -> int:
    """Trouble first, then whatever moves."""
    return 0 if state in ("Held", "ConfigRejected") else 2 if state == "Steady" else 1


class Looks(Protocol):
    """Something that is shown looks, within `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, found: Statuses) -> None: ...


class LiveTable:
    """A table that is redrawn in place, as many rows as the terminal has; what is not calm comes first."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, found: Statuses) -> None:
        self._live.update(self._table(found), refresh=True)

    def _table(self, found: Statuses) -> Text:
        rows = sorted(found.worker_types, key=lambda each: (_calm(each["state"]), each["workerType"]))
        head, *lines = status_lines(rows, self._console.width)
        room = max(1, self._console.height - 3)
        text = Text().append(f"{head}\n", style="bold")
        for status, line in list(zip(rows, lines, strict=True))[:room]:
            text.append(f"{line}\n", style=STYLES.get(status["state"]))
        slots = f"{sum(each['actual'] for each in rows)} of {sum(each['desired'] for each in rows)} slots"
        more = f", {len(rows) - room} more below" if len(rows) > room else ""
        gone = f"; not running: {', '.join(found.missing)}" if found.missing else ""
        told = f"{len(rows)} worker types, {slots}{more}; {datetime.now(UTC):%H:%M:%S} UTC{gone}"
        return text.append(clipped(told, self._console.width), style="dim")


class Changes:
    """A line for every worker type that is not as at the last look; `write` gets it, and its status for programs."""

    def __init__(self, write: Callable[[str, dict[str, Any]], None]) -> None:
        self._write = write
        self._shown: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, found: Statuses) -> None:
        now = f"{datetime.now(UTC):%H:%M:%S}"
        rows = {each["workerType"]: (status_row(each), each) for each in found.worker_types}
        gone = {*(each.removeprefix("worker-type:") for each in found.missing), *self._shown} - rows.keys()
        rows |= {name: ([name, GONE], {"workerType": name, "state": GONE}) for name in gone}
        for name, (row, status) in rows.items():
            if row != self._shown.get(name):
                self._write("  ".join([now, *row]).rstrip(), status)
        self._shown = {name: row for name, (row, _) in rows.items()}
