"""Commands on files alone, without a server: `validate` and `render`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import emit, global_options

if TYPE_CHECKING:
    from cli.documents import Finding

PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.command()
@PATHS
@global_options
@click.pass_context
def validate(context: click.Context, paths: tuple[Path, ...]) -> None:
    """Check files offline: schemas, references, templates. Every problem of every file in one run."""
    from cli.checking import check
    from cli.documents import load

    documents, findings = load(paths)
    _, more = check(documents)
    print_findings(context, [*findings, *more], len(documents))
    context.exit(1 if findings or more else 0)


@click.command()
@FOLDER
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@global_options
@click.pass_context
def render(context: click.Context, folder: Path, out: Path) -> None:
    """Write every worker type, rendered, as NAME.json; nothing is written if anything is wrong."""
    from cli.checking import check
    from cli.documents import load

    documents, findings = load([folder])
    resolved, more = check(documents)
    if findings or more:
        print_findings(context, [*findings, *more], len(documents))
        context.exit(1)
    out.mkdir(parents=True, exist_ok=True)
    for name, config in resolved.items():
        text = json.dumps(config.document, indent=1, sort_keys=True, ensure_ascii=False)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    click.echo(f"{len(resolved)} worker types rendered to {out}")


def print_findings(context: click.Context, findings: list[Finding], count: int) -> None:
    """Every finding on its own line, or that there is none."""
    rows = [
        {"file": str(f.path), "line": f.line, "column": f.column, "pointer": f.pointer, "message": f.message}
        for f in findings
    ]
    emit(context, rows, map(str, findings) if findings else [f"{count} documents, no problems"])
