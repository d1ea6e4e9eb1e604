"""`set`: edits a file in place, if the edit makes no problem that was not there before."""

from __future__ import annotations

import difflib
import os
import stat
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.commands.files import PROVIDERS, print_findings
from cli.options import emit, global_options

if TYPE_CHECKING:
    from cli.documents import Document, Finding
    from cli.editing import Edit

BYTE_ORDER_MARK = "\ufeff"


@click.command("set")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("assignments", nargs=-1, metavar="[PATH=VALUE]...")
@click.option("--unset", multiple=True, metavar="PATH", help="Take a value out; may be given more than once.")
@click.option("--dry-run", is_flag=True, help="Print the difference and write nothing.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Check with the documents of this folder; else with those of the file's own.",
)
@PROVIDERS
@global_options
@click.pass_context
def set_(
    context: click.Context,
    file: Path,
    assignments: tuple[str, ...],
    *,
    unset: tuple[str, ...],
    dry_run: bool,
    folder: Path | None,
    providers: Path | None,
) -> None:
    """Edit a YAML file, keeping its comments and its layout.

    A PATH is `maxCapacity`, `regions.0.launchSpec.ImageId`, `value[region=us-west-1].launchSpec.ImageId` or a JSON
    pointer. A VALUE is YAML on one line. Nothing is written if a document of the folder would get a new problem.
    """
    from cli.editing import Edit, EditRefused, assignment

    if not assignments and not unset:
        raise click.UsageError("nothing to do: give PATH=VALUE or --unset PATH")
    if file.suffix == ".json":
        raise click.UsageError(f"{file} is JSON; this edits YAML files")
    try:
        edits = [*map(assignment, assignments), *(Edit(each, None) for each in unset)]
        before = file.read_bytes().decode("utf-8")
        after = _edited(before, edits)
    except (EditRefused, OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file}: {error}") from error
    findings = _new_problems(file, after.removeprefix(BYTE_ORDER_MARK), folder or file.parent, providers)
    if findings:
        print_findings(context, findings, 0)
        context.exit(1)
    if after != before and not dry_run:
        _replace(file, after)
    lines = _difference(file, before, after)
    row = {"file": str(file), "changed": after != before, "written": after != before and not dry_run, "diff": lines}
    emit(context, [row], lines or [f"{file} says so already"])


def _edited(text: str, edits: list[Edit]) -> str:
    from cli.editing import edited

    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    text = text.removeprefix(mark)
    for each in edits:
        text = edited(text, each)
    return mark + text


def _new_problems(file: Path, text: str, folder: Path, providers: Path | None) -> list[Finding]:
    from cli.checking import check
    from cli.documents import Kind, load

    documents, old = load([folder, file], providers=providers)
    old += check(documents)[1]
    documents, new = load([folder, file], providers=providers, edited={file: text})
    new += check(documents)[1]
    if not any(each.kind is Kind.SHARED_CONFIG for each in documents):
        new = [each for each in new if each.rule != "unknown-shared-config"]
        _say_what_is_unknown(documents, file, folder)
    there = Counter((each.path, each.pointer, each.message) for each in old)
    there.subtract((each.path, each.pointer, each.message) for each in new)
    return [each for each in new if there[each.path, each.pointer, each.message] < 0]


def _say_what_is_unknown(documents: list[Document], file: Path, folder: Path) -> None:
    from worker_manager.config import collect_references

    edited = [each for each in documents if each.path.resolve() == file.resolve()]
    names = sorted({reference.name for each in edited for reference in collect_references(each.data)})
    if names:
        text = (
            f"not checked: the shared configs {', '.join(names)}, for {folder} has none; name their folder by --folder"
        )
        click.echo(text, err=True)


def _difference(file: Path, before: str, after: str) -> list[str]:
    old, new = (each.removeprefix(BYTE_ORDER_MARK).splitlines() for each in (before, after))
    return list(difflib.unified_diff(old, new, str(file), str(file), lineterm=""))


def _replace(path: Path, text: str) -> None:
    """Write all of it or nothing; the file keeps its mode, and a link stays one."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
