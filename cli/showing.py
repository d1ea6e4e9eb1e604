"""Reads how worker types and shared configs are, and lays it out for a terminal of a given width."""

from __future__ import annotations

import asyncio
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import Client

from cli.documents import Kind
from cli.naming import Key, keys_of
from cli.running import Reader

WIDE_COLUMNS = 120
# Below this, why has lines of its own: what is left of the width would say too little.
WHY_COLUMNS = 160
LONGEST_NAME = 28
OPEN = "the system is open: edits need no scopes"


@dataclass(slots=True)
class Statuses:
    """Answers of the query `status`, and the names that do not run."""

    worker_types: list[dict[str, Any]] = field(default_factory=list)
    shared_configs: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """True if any says that it takes edits from anybody."""
        return any(each.get("open") for each in (*self.worker_types, *self.shared_configs))


async def read(reader: Reader, names: Sequence[str], *, shared: bool = False) -> Statuses:
    """The status of these; without names of all worker types, and of all shared configs if they are wanted."""
    wanted = [keys_of(each) for each in names]
    if not names:
        kinds = [Kind.WORKER_TYPE, *([Kind.SHARED_CONFIG] if shared else [])]
        wanted = [[Key(kind, name)] for kind in kinds for name in await reader.names(kind)]
    found = Statuses()
    for keys, answer in zip(wanted, await asyncio.gather(*(_first(reader, each) for each in wanted)), strict=True):
        if answer is None:
            found.missing.append(keys[0].name if len(keys) > 1 else keys[0].id)
        else:
            (found.worker_types if "workerType" in answer else found.shared_configs).append(answer)
    return found


async def _first(reader: Reader, keys: Iterable[Key]) -> dict[str, Any] | None:
    for each in keys:
        answer: dict[str, Any] | None = await reader.ask(each, "status")
        if answer is not None:
            return answer
    return None


async def read_statuses(client: Client, names: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The `status` of these worker types (of all, without names), and the names that do not run."""
    found = await read(Reader(client), [Key(Kind.WORKER_TYPE, each).id for each in names])
    return found.worker_types, [each.partition(":")[2] for each in found.missing]


def terminal_width() -> int:
    """Columns of the terminal; without one, as many as it takes."""
    return max(80, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sys.maxsize


def status_report(statuses: Sequence[dict[str, Any]], width: int) -> list[str]:
    """The table, and where it is narrow why below each worker type that has something to say, as long as it may be."""
    if width >= WHY_COLUMNS:
        return status_lines(statuses, width)
    titles = ["WORKER TYPE", "STATE", "SLOTS", "RANGE", "WORK", ""]
    head, *lines = table([titles, *([*status_row(each)[:-1], ""] for each in statuses)], width)
    told = [textwrap.wrap(why(each), width, initial_indent="  ", subsequent_indent="  ") for each in statuses]
    return [head, *(line for row, below in zip(lines, told, strict=True) for line in (row, *below))]


def status_lines(statuses: Iterable[dict[str, Any]], width: int) -> list[str]:
    """A borderless table; the last column, why, takes what is left of the width. Provider and owner where they fit."""
    wide = width >= WHY_COLUMNS
    titles = ["WORKER TYPE", "STATE", "SLOTS", "RANGE", "WORK", *(["PROVIDER", "OWNER"] if wide else []), "WHY"]
    return table([titles, *(status_row(each, wide=wide) for each in statuses)], width)


def shared_lines(statuses: Iterable[dict[str, Any]], width: int) -> list[str]:
    """The same of shared configs; the last column is the last edit."""
    titles = ["SHARED CONFIG", "REVISION", "FOLLOWED BY", *(["SCHEMA"] if width >= WIDE_COLUMNS else []), "LAST EDIT"]
    return table([titles, *(_shared_row(each, wide=width >= WIDE_COLUMNS) for each in statuses)], width)


def table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Aligned cells, the first of bounded width, the last as wide as there is room."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    widths[0] = min(widths[0], max(LONGEST_NAME, width // 3))
    lines = []
    for row in rows:
        cells = [clipped(cell, size).ljust(size) for cell, size in zip(row[:-1], widths, strict=True)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return [clipped(each, width) for each in lines]


def clipped(text: str, width: int) -> str:
    """The text, or as much as fits, which then shows."""
    return text if len(text) <= width else text[: width - 1] + "…"


def status_row(status: dict[str, Any], *, wide: bool = False) -> list[str]:
    """Cells of a worker type."""
    demand = status["demand"]
    claimed = "" if demand["claimed"] is None else f"+{demand['claimed']}"
    return [
        status["workerType"],
        status["state"],
        f"{status['actual']}/{status['desired']}",
        f"{status['minCapacity']}..{status['maxCapacity']}",
        f"{demand['pending']}{claimed}",
        *([status["provider"], status["owner"]] if wide else []),
        why(status),
    ]


def why(status: dict[str, Any]) -> str:
    """The most urgent of what a worker type says of itself, in one line."""
    text = str(status["trouble"] or "; ".join(status["configProblems"] or status["reasons"]))
    if status["state"] == "ConfigRejected" and status["lastRejection"] and not status["configProblems"]:
        refused = f"refused {status['lastRejection']['message']}: {status['lastRejection']['why']}"
        text = "; ".join(each for each in (refused, text) if each)
    return " ".join(text.split())


def _shared_row(status: dict[str, Any], *, wide: bool) -> list[str]:
    last = status["revisions"][-1] if status.get("revisions") else status.get("lastEdit") or {}
    told = "" if status["notified"] == status["revision"] else " (being told)"
    edit = f"{moment(last.get('at', ''))} {last.get('author', '')}: {last.get('reason', '')}".strip(" :")
    rejection = status.get("lastRejection") or {}
    if rejection.get("at", "") > last.get("at", ""):
        edit = f"refused since: {rejection['why']}"
    return [
        status["name"],
        str(status["revision"]),
        f"{len(status['dependents'])}{told}",
        *([status["schema"]] if wide else []),
        " ".join((status["trouble"] or edit).split()),
    ]


def moment(at: str) -> str:
    """A time as people read it, in UTC as the system gives it."""
    return at[:19].replace("T", " ")
