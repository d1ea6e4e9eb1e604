"""`watch`: the fleet as it changes."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import click

from cli.commands.fleet import status_commands
from cli.online import EXIT_0_1, SHOW_COMMAND, complete_names, with_reader
from cli.options import global_options, output, wants_json


@click.command(epilog=f"Ends with Ctrl-C. {EXIT_0_1}")
@click.argument("names", nargs=-1, shell_complete=complete_names)
@click.option("--every", default=2.0, show_default=True, metavar="SECONDS", type=click.FloatRange(min=0.1))
@click.option("--count", default=0, metavar="N", type=click.IntRange(min=0), help="End after N looks.")
@SHOW_COMMAND
@global_options
@click.pass_context
def watch(context: click.Context, names: tuple[str, ...], every: float, count: int, show_command: bool) -> None:
    """Show worker types as they change: a live table on a terminal, else a line for every change.

    Looking adds nothing to the history of any workflow.
    """
    from cli.documents import Kind
    from cli.naming import keys_of
    from cli.running import Reader
    from cli.showing import read
    from cli.watching import Changes, LiveTable

    keys = [keys_of(each)[0] for each in names]
    if others := [each for each in keys if each.kind is not Kind.WORKER_TYPE]:
        raise click.UsageError(f"only worker types are watched; see `wm status {others[0].id}`")
    if show_command:
        click.echo("\n".join(status_commands(context, names)))
        return

    async def look(reader: Reader) -> Any:
        live = sys.stdout.isatty() and output(context) == "text"
        with LiveTable() if live else Changes(_print_json if wants_json(context) else _print_line) as view:
            looks = 0
            while True:
                view.show(await read(reader, [each.id for each in keys]))
                looks += 1
                if looks == count:
                    return
                await asyncio.sleep(every)

    try:
        with_reader(context, look)
    except KeyboardInterrupt:
        context.exit(0)


def _print_line(line: str, _row: dict[str, Any]) -> None:
    click.echo(line)


def _print_json(_line: str, row: dict[str, Any]) -> None:
    click.echo(json.dumps(row, ensure_ascii=False))
