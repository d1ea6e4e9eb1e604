"""`diff`: what `apply` would change, and what that would do."""

from __future__ import annotations

from pathlib import Path

import click

from cli.commands.apply import MANAGED_BY, PRUNE
from cli.commands.check import refuse, tell_unchecked
from cli.commands.files import FOLDER, PROVIDERS
from cli.online import SHOW_COMMAND, with_reader
from cli.options import connection, emit, global_options

DIFFERENCES = 2


class Mistyped(click.UsageError):
    """A usage error like any, but for its exit code."""

    exit_code = 1


class Diff(click.Command):
    """A command whose exit code 2 says that something differs, and so never that it was typed wrongly."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise Mistyped(error.format_message(), error.ctx) from error


@click.command(cls=Diff, epilog="Exit code: 0 if nothing differs, 2 if something does, 1 if it went wrong.")
@FOLDER
@PROVIDERS
@PRUNE
@MANAGED_BY
@click.option("--ids-only", is_flag=True, help="Only the workflow ids of what differs.")
@SHOW_COMMAND
@global_options
@click.pass_context
def diff(
    context: click.Context,
    folder: Path,
    *,
    providers: Path | None,
    prune: bool,
    managed_by: str | None,
    ids_only: bool,
    show_command: bool,
) -> None:
    """Show what `apply` would change, by JSON pointer, and which worker types get other settings by it.

    A worker type whose hash changes replaces its instances. Secrets are not shown.
    """
    from cli.reporting import changed_ids, diff_lines, diff_rows
    from cli.showing import terminal_width
    from cli.surveying import Directory, survey

    directory = Directory.load(folder, providers)
    if show_command:
        click.echo("\n".join(directory.reading_lines(connection(context))))
        return
    mine = directory.managed_by(managed_by) if prune else ""
    found = with_reader(context, lambda reader: survey(reader, directory, mine))
    if not found.is_acceptable:
        refuse(context, found)
    tell_unchecked(found)
    ids = changed_ids(found)
    if ids_only:
        emit(context, [{"id": each} for each in ids], ids)
    else:
        emit(context, diff_rows(found), diff_lines(found, terminal_width()))
    context.exit(DIFFERENCES if ids else 0)
