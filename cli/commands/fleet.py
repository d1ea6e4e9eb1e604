"""Commands that read the running system: `status`, `explain`."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from cli.options import connection, emit, global_options, run, wants_json


@click.command()
@click.argument("names", nargs=-1)
@global_options
@click.pass_context
def status(context: click.Context, names: tuple[str, ...]) -> None:
    """Show worker types: state, capacity, demand, and why."""
    from cli.connecting import connect
    from cli.showing import read_statuses, status_lines

    async def work() -> Any:
        return await read_statuses(await connect(connection(context)), names)

    statuses, missing = run(work())
    emit(context, statuses, status_lines(statuses, width()))
    for name in missing:
        click.echo(f"wm: no worker type {name!r} runs", err=True)
    context.exit(1 if missing else 0)


def width() -> int:
    """Columns of the terminal; without one, as many as it takes."""
    import shutil

    return max(80, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sys.maxsize


@click.command()
@click.argument("name")
@global_options
@click.pass_context
def explain(context: click.Context, name: str) -> None:
    """Say why a worker type has the capacity it has."""
    from cli.connecting import connect
    from cli.showing import ask

    async def work() -> Any:
        return await ask(await connect(connection(context)), name, "explain")

    sentences = run(work())
    click.echo(json.dumps(sentences) if wants_json(context) else "\n".join(sentences or []))
