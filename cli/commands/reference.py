"""The command `reference`: writes the published reference of the schemas, or says what is wrong with what is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from cli.options import emit, global_options


@click.command()
@click.option(
    "--out",
    default="references",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the reference.",
)
@click.option(
    "--lock",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the hashes of what was published.  [default: the project's schemas/published.lock.json]",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if anything is stale, missing or extra.")
@click.option(
    "--new-version",
    "new_versions",
    multiple=True,
    metavar="ID",
    help="A changed schema that still accepts every value which was valid before; may be repeated.",
)
@global_options
@click.pass_context
def reference(context: click.Context, out: Path, lock: Path | None, check: bool, new_versions: tuple[str, ...]) -> None:
    """Write the published reference: the schemas, those for editors, and a manifest of them all."""
    from cli.reference import catalogue, differences, files
    from schemas import lock as locking
    from schemas.loader import canonical_id

    if check and new_versions:
        raise click.UsageError("--check writes nothing, so it cannot record a --new-version: leave one of them out")
    lock = lock or locking.LOCK_FILE
    published = catalogue()
    try:
        locked = locking.advance(locking.read(lock), published.schemas, frozenset(map(canonical_id, new_versions)))
    except locking.PublishedSchemaChanged as error:
        _report(context, error.problems)
        context.exit(1)
    made = {out / path: text for path, text in files(published, locked).items()}
    expected = {lock: locking.text(locked), **made}
    if not check:
        _write(expected)
    problems = {str(path): problem for path, problem in differences(out, expected)}
    _report(context, problems, otherwise=f"{out}: {len(made)} files, as they should be")
    context.exit(1 if problems else 0)


def _write(expected: Mapping[Path, str]) -> None:
    for path, text in expected.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def _report(context: click.Context, problems: Mapping[str, str], otherwise: str = "") -> None:
    rows = [{"name": name, "message": message} for name, message in problems.items()]
    emit(context, rows, [f"{name}: {message}" for name, message in problems.items()] or [otherwise])
