"""Commands on files alone, without a server: `validate` and `render`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import emit, global_options, output

if TYPE_CHECKING:
    from cli.documents import Finding

PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
PROVIDERS = click.option(
    "--providers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Provider records, for which kind a provider's name has. Else from the folder, or by the name: aws-… is aws.",
)


@click.command()
@PATHS
@PROVIDERS
@global_options
@click.pass_context
def validate(context: click.Context, paths: tuple[Path, ...], providers: Path | None) -> None:
    """Check files offline: schemas, references, templates. Every problem of every file in one run."""
    from cli.checking import check
    from cli.documents import load

    documents, findings = load(paths, providers=providers)
    _, more = check(documents)
    print_findings(context, sorted([*findings, *more], key=_place), len(documents))
    context.exit(1 if findings or more else 0)


@click.command()
@FOLDER
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@PROVIDERS
@global_options
@click.pass_context
def render(context: click.Context, folder: Path, out: Path, providers: Path | None) -> None:
    """Write every worker type, rendered, as NAME.json; nothing is written if anything is wrong."""
    from cli.checking import check
    from cli.documents import load

    documents, findings = load([folder], providers=providers)
    resolved, more = check(documents)
    if findings or more:
        print_findings(context, sorted([*findings, *more], key=_place), len(documents))
        context.exit(1)
    out.mkdir(parents=True, exist_ok=True)
    for name, config in resolved.items():  # the schema allows no name that could lead out of the folder
        text = json.dumps(config.document, indent=1, sort_keys=True, ensure_ascii=False)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    click.echo(f"{len(resolved)} worker types rendered to {out}")


def print_findings(context: click.Context, findings: Sequence[Finding], count: int) -> None:
    """Every finding on its own line of stdout, or that there is none; how many there are, to stderr."""
    rows = [
        {
            "file": str(each.path),
            "line": each.line,
            "column": each.column,
            "pointer": each.pointer,
            "rule": each.rule,
            "message": each.message,
        }
        for each in findings
    ]
    as_line = _annotation if output(context) == "github" else _one_line
    emit(context, rows, map(as_line, findings) if findings else [f"{count} documents, no problems"])
    if findings and output(context) in ("text", "github"):
        files = len({each.path for each in findings})
        click.echo(f"{len(findings)} problem{'s'[: len(findings) > 1]} in {files} file{'s'[: files > 1]}", err=True)


def _place(finding: Finding) -> tuple[str, int, int]:
    return str(finding.path), finding.line, finding.column


def _one_line(finding: Finding) -> str:
    return str(finding).replace("\r", "\\r").replace("\n", "\\n")


def _annotation(finding: Finding) -> str:
    """A GitHub workflow command; properties escape more than the message does."""
    path = _escaped(str(finding.path)).replace(":", "%3A").replace(",", "%2C")
    return f"::error file={path},line={finding.line},col={finding.column}::{_escaped(finding.message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
