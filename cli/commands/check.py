"""`check`: would `apply` be accepted?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.commands.files import FOLDER, PROVIDERS, print_findings
from cli.online import EXIT_0_1, SHOW_COMMAND, with_reader_if_any
from cli.options import connection, emit, global_options, wants_json

if TYPE_CHECKING:
    from cli.surveying import Survey


@click.command(epilog=EXIT_0_1)
@FOLDER
@PROVIDERS
@click.option("--offline", is_flag=True, help="Hold the files against each other alone.")
@SHOW_COMMAND
@global_options
@click.pass_context
def check(context: click.Context, folder: Path, providers: Path | None, offline: bool, show_command: bool) -> None:
    """Say whether the files of FOLDER would be accepted, and of every reference whether any future value will fit.

    Where a Temporal server is configured, or answers at the default address, they are held against what runs there:
    the shared configs that they refer to, and every worker type that depends on a shared config which they change.
    """
    from cli.reporting import check_lines, check_rows
    from cli.surveying import Directory, survey, survey_alone

    directory = Directory.load(folder, providers)
    if show_command:
        click.echo("\n".join(directory.reading_lines(connection(context))))
        return
    found = None if offline else with_reader_if_any(context, lambda reader: survey(reader, directory))
    found = found or survey_alone(directory)
    click.echo(f"wm: checked against {found.against}", err=True)
    if not found.is_acceptable:
        refuse(context, found)
    tell_unchecked(found)
    emit(context, check_rows(found), check_lines(found))


def refuse(context: click.Context, survey: Survey) -> None:
    """Print everything that is wrong with the files, or would be with what runs, and end with 1."""
    from cli.reporting import problem_rows

    if wants_json(context):
        emit(context, problem_rows(survey), ())
    else:
        if survey.findings:
            print_findings(context, survey.findings, 0)
        emit(context, (), map(str, survey.outlook.broken))
    tell_unchecked(survey)
    context.exit(1)


def tell_unchecked(survey: Survey) -> None:
    """Say of which dependents nothing is known."""
    for each in survey.outlook.unchecked:
        click.echo(f"wm: {each} was not checked: of which kind its provider is, is not known here", err=True)
