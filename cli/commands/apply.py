"""`apply`: the running system is brought to what files say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.commands.check import refuse, tell_unchecked
from cli.commands.files import FOLDER, PROVIDERS
from cli.online import EXIT_0_1, SHOW_COMMAND, reason_and_author, sender, with_client
from cli.options import connection, emit, global_options

if TYPE_CHECKING:
    from temporalio.client import Client

    from cli.surveying import Survey

PRUNE = click.option("--prune", is_flag=True, help="End worker types that this directory manages and no longer has.")
MANAGED_BY = click.option(
    "--managed-by", metavar="NAME", help="Who manages what is applied; else the marker file's name, else FOLDER's path."
)


@click.command(epilog=f"{EXIT_0_1} Nothing is sent if anything is known to be wrong.")
@FOLDER
@reason_and_author
@PROVIDERS
@PRUNE
@MANAGED_BY
@click.option("--dry-run", is_flag=True, help="Read, check and tell; send nothing.")
@SHOW_COMMAND
@global_options
@click.pass_context
def apply(
    context: click.Context,
    folder: Path,
    *,
    reason: str,
    author: str,
    providers: Path | None,
    prune: bool,
    managed_by: str | None,
    dry_run: bool,
    show_command: bool,
) -> None:
    """Bring the running system to what the files of FOLDER say; shared configs first. Idempotent.

    Pruned worker types drain and finish. Shared configs are never deleted.
    """
    from cli.applying import Applier, Change, Edits
    from cli.lines import Lines
    from cli.reporting import applied_lines, applied_rows
    from cli.running import Reader
    from cli.surveying import Directory, survey, survey_alone

    directory = Directory.load(folder, providers)
    if directory.findings:
        _refuse(context, survey_alone(directory))
    mine = directory.managed_by(managed_by)

    async def work(client: Client) -> tuple[Survey, Any]:
        found = await survey(Reader(client), directory, mine if prune else "")
        outlook, pruned = found.outlook, found.pruning.worker_types
        applier = Applier(sender(client), Edits(reason, author, mine))
        if not found.is_acceptable:
            return found, []
        if show_command:
            return found, applier.lines(outlook, pruned, Lines(connection(context)))
        if dry_run:
            return found, applier.foreseen(outlook, pruned)
        done = await applier.apply(outlook)
        if pruned and any(each.change is Change.REJECTED for each in done):
            click.echo("wm: nothing is pruned while something is rejected", err=True)
            return found, done
        return found, [*done, *await applier.prune(pruned)]

    found, done = with_client(context, work)
    if not found.is_acceptable:
        _refuse(context, found)
    _tell(found)
    if show_command:
        click.echo("\n".join(done))
        return
    emit(context, applied_rows(done, directory.by_key), applied_lines(done, directory.by_key))
    context.exit(1 if any(each.change is Change.REJECTED for each in done) else 0)


def _refuse(context: click.Context, survey: Survey) -> None:
    click.echo("wm: nothing was sent", err=True)
    refuse(context, survey)


def _tell(survey: Survey) -> None:
    tell_unchecked(survey)
    if survey.pruning.shared_configs:
        names = ", ".join(each.name for each in survey.pruning.shared_configs)
        click.echo(f"wm: shared configs are never deleted; no longer in the directory: {names}", err=True)
