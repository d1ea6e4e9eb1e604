"""Reads worker types from the running system and lays them out for a terminal of a given width."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import click
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

QUERIES_AT_ONCE = 20
RUNNING = "WorkflowType = 'WorkerType' AND ExecutionStatus = 'Running'"


async def names_of_worker_types(client: Client) -> list[str]:
    """All that run, sorted; visibility may lag by a second."""
    return sorted([each.id.partition(":")[2] async for each in client.list_workflows(RUNNING)])


async def read_statuses(client: Client, names: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The `status` of these worker types (of all, without names), and the names that do not run."""
    wanted = list(names) or await names_of_worker_types(client)
    gate = asyncio.Semaphore(QUERIES_AT_ONCE)

    async def one(name: str) -> dict[str, Any] | None:
        async with gate:
            try:
                answer: dict[str, Any] = await client.get_workflow_handle(f"worker-type:{name}").query("status")
            except (RPCError, WorkflowQueryFailedError) as error:
                if isinstance(error, RPCError) and error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return None
        return answer

    found = await asyncio.gather(*(one(name) for name in wanted))
    missing = [name for name, each in zip(wanted, found, strict=True) if each is None]
    return [each for each in found if each is not None], missing


async def ask(client: Client, name: str, query: str) -> Any:
    """One query of one worker type. Raises click.ClickException if it does not exist."""
    try:
        return await client.get_workflow_handle(f"worker-type:{name}").query(query)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise click.ClickException(f"no worker type {name!r} exists; `wm status` lists them") from error


WIDE_COLUMNS = 120


def status_lines(statuses: Iterable[dict[str, Any]], width: int) -> list[str]:
    """A borderless table; the last column, why, takes what is left of the width. Provider and owner where they fit."""
    titles = ["WORKER TYPE", "STATE", "SLOTS", "RANGE", "WORK"] + (
        ["PROVIDER", "OWNER"] if width >= WIDE_COLUMNS else []
    )
    rows = [[*titles, "WHY"], *(_row(each, wide=width >= WIDE_COLUMNS) for each in statuses)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    widths[0] = min(widths[0], 28)
    lines = []
    for row in rows:
        cells = [cell[:size].ljust(size) for cell, size in zip(row[:-1], widths, strict=True)]
        lines.append("  ".join([*cells, row[-1]])[:width].rstrip())
    return lines


def _row(status: dict[str, Any], *, wide: bool) -> list[str]:
    demand = status["demand"]
    claimed = "" if demand["claimed"] is None else f"+{demand['claimed']}"
    why = status["trouble"] or "; ".join(status["configProblems"] or status["reasons"])
    if status["state"] == "ConfigRejected" and status["lastRejection"] and not why:
        why = f"refused {status['lastRejection']['message']}: {status['lastRejection']['why']}"
    return [
        status["workerType"],
        status["state"],
        f"{status['actual']}/{status['desired']}",
        f"{status['minCapacity']}..{status['maxCapacity']}",
        f"{demand['pending']}{claimed}",
        *([status["provider"], status["owner"]] if wide else []),
        why,
    ]
