"""Commands that look at the running system: `status`, `explain`."""

from __future__ import annotations

import json
from typing import Any

import click

from cli.online import EXIT_0_1, SHOW_COMMAND, complete_names, with_reader
from cli.options import connection, emit, global_options, wants_json


@click.command(epilog=f"{EXIT_0_1} A name that does not run is not well.")
@click.argument("names", nargs=-1, shell_complete=complete_names)
@click.option("--shared", is_flag=True, help="Shared configs, too.")
@SHOW_COMMAND
@global_options
@click.pass_context
def status(context: click.Context, names: tuple[str, ...], shared: bool, show_command: bool) -> None:
    """Show worker types: state, capacity, demand, and why. NAMES may be `shared-config:NAME`, too."""
    from cli.showing import OPEN, read, shared_lines, status_report, terminal_width

    if show_command:
        click.echo("\n".join(status_commands(context, names, shared=shared)))
        return
    found = with_reader(context, lambda reader: read(reader, names, shared=shared))
    lines = (
        status_report(found.worker_types, terminal_width()) if found.worker_types or not found.shared_configs else []
    )
    if found.shared_configs:
        lines += [*([""] if lines else []), *shared_lines(found.shared_configs, terminal_width())]
    emit(context, [*found.worker_types, *found.shared_configs], lines)
    if found.is_open:
        click.echo(f"wm: {OPEN}", err=True)
    for name in found.missing:
        click.echo(f"wm: nothing called {name!r} runs", err=True)
    context.exit(1 if found.missing else 0)


def status_commands(context: click.Context, names: tuple[str, ...], *, shared: bool = False) -> list[str]:
    """What `status` does, in words of the Temporal CLI; a bare name is taken for a worker type."""
    from cli.documents import Kind
    from cli.lines import Lines
    from cli.naming import keys_of

    lines = Lines(connection(context))
    if names:
        return [lines.query(keys_of(each)[0], "status") for each in names]
    return [lines.listing(each) for each in (Kind.WORKER_TYPE, *([Kind.SHARED_CONFIG] if shared else []))]


@click.command(epilog=EXIT_0_1)
@click.argument("name", shell_complete=complete_names)
@click.argument("instance", required=False)
@SHOW_COMMAND
@global_options
@click.pass_context
def explain(context: click.Context, name: str, instance: str | None, show_command: bool) -> None:
    """Say why a worker type has the capacity it has, or why it launched or ended one INSTANCE (its id)."""
    from cli.documents import Kind
    from cli.lines import Lines
    from cli.naming import keys_of
    from cli.running import Reader

    key = keys_of(name)[0]
    if key.kind is not Kind.WORKER_TYPE:
        raise click.UsageError(f"a shared config has no capacity to explain; see `wm status {key.id}`")
    if show_command:
        click.echo(Lines(connection(context)).query(key, "explain", *([instance] if instance else [])))
        return

    async def ask(reader: Reader) -> Any:
        return await reader.ask(key, "explain", *([instance] if instance else []))

    sentences = with_reader(context, ask)
    if sentences is None:
        raise click.ClickException(f"no worker type {key.name!r} runs; `wm status` lists them")
    click.echo(json.dumps(sentences) if wants_json(context) else "\n".join(sentences))
