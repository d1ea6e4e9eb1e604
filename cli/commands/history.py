"""Commands on the revisions of a worker type or shared config: `history`, `restore`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cli.online import EXIT_0_1, SHOW_COMMAND, complete_names, reason_and_author, sender, with_client, with_reader
from cli.options import connection, emit, global_options, wants_json

if TYPE_CHECKING:
    from temporalio.client import Client

    from cli.naming import Key
    from cli.running import Reader


@click.command(epilog=EXIT_0_1)
@click.argument("name", shell_complete=complete_names)
@click.option("--revision", type=click.IntRange(min=1), metavar="N", help="Print the document of this revision.")
@click.option("--diff", "with_differences", is_flag=True, help="Show what each revision changed.")
@SHOW_COMMAND
@global_options
@click.pass_context
def history(
    context: click.Context, name: str, revision: int | None, with_differences: bool, show_command: bool
) -> None:
    """Show the revisions of a worker type or shared config: who, when and why.

    NAME is that of a worker type, else that of a shared config; `worker-type:NAME` and `shared-config:NAME` say which.
    """
    from cli.revisions import document_at, revision_lines, revisions, yaml_text

    if show_command:
        click.echo(_history_command(context, name, revision))
        return

    async def read(reader: Reader) -> Any:
        key = await found(reader, name)
        if revision is not None:
            return await document_at(reader, key, revision)
        return await revisions(reader, key, with_differences=with_differences)

    answer = with_reader(context, read)
    if revision is not None and wants_json(context):
        click.echo(json.dumps(answer, ensure_ascii=False))
    elif revision is not None:
        emit(context, (), [yaml_text(answer)])
    else:
        emit(context, [each.row() for each in answer], revision_lines(answer))


@click.command(epilog=EXIT_0_1)
@click.argument("name", shell_complete=complete_names)
@click.argument("revision", type=click.IntRange(min=1))
@reason_and_author
@SHOW_COMMAND
@global_options
@click.pass_context
def restore(context: click.Context, name: str, revision: int, *, reason: str, author: str, show_command: bool) -> None:
    """Make an earlier revision the newest again; it is checked like any edit."""
    from cli.lines import Lines
    from cli.revisions import restoring
    from cli.running import Reader
    from cli.sending import Refused

    async def work(client: Client) -> Any:
        key = await found(Reader(client), name)
        message = await restoring(Reader(client), key, revision, reason, author)
        if show_command:
            return Lines(connection(context)).message(message)
        try:
            return key, await sender(client).send(message)
        except Refused as refused:
            problems = [str(each) for each in refused.problems] or [str(refused)]
            raise click.ClickException("\n".join([f"{key} was not restored:", *problems])) from refused

    answer = with_client(context, work)
    if isinstance(answer, str):
        click.echo(answer)
        return
    key, result = answer
    what = "is as it was in" if result.get("unchanged") else f"has a new revision {result['revision']}, a copy of"
    emit(context, [{"id": key.id, **result}], [f"{key} {what} revision {revision}"])


async def found(reader: Reader, name: str) -> Key:
    """What a name means. Raises click.ClickException if nothing of it runs."""
    key = await reader.find(name)
    if key is None:
        raise click.ClickException(f"nothing called {name!r} runs; `wm status --shared` lists what does")
    return key


def _history_command(context: click.Context, name: str, revision: int | None) -> str:
    from cli.lines import Lines
    from cli.naming import keys_of

    lines, key = Lines(connection(context)), keys_of(name)[0]
    return lines.query(key, "revisions") if revision is None else lines.query(key, "config", revision)
