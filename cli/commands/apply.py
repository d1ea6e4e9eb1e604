"""`apply`: the running system is brought to what files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.commands.files import FOLDER, print_findings
from cli.options import connection, emit, global_options, run


@click.command()
@FOLDER
@click.option("--reason", default="", help="Kept with every revision this makes.")
@global_options
@click.pass_context
def apply(context: click.Context, folder: Path, reason: str) -> None:
    """Bring the running system to what the files of FOLDER say; shared configs first. Idempotent."""
    from cli.applying import Change
    from cli.applying import apply as bring
    from cli.connecting import connect
    from cli.documents import load

    documents, findings = load([folder])
    if findings:
        print_findings(context, findings, len(documents))
        context.exit(1)

    async def work() -> Any:
        return await bring(await connect(connection(context)), documents, reason)

    applied = run(work())
    rows = [{"kind": a.kind, "name": a.name, "change": a.change, "revision": a.revision, "why": a.why} for a in applied]
    lines = [f"{a.change:<9}  {a.kind} {a.name}" + (f": {a.why}" if a.why else "") for a in applied]
    emit(context, rows, lines)
    context.exit(1 if any(each.change is Change.REJECTED for each in applied) else 0)
