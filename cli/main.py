"""The command line: `wm ...`, and the same as `temporal wm ...`. Commands import what they need when they run.

Global options may come before or after the subcommand: the Temporal CLI moves them to the front.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from cli.connecting import Connection
    from cli.documents import Finding

GLOBALS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("-o", "--output"), {"type": click.Choice(["text", "json"]), "help": "How to print the answer."}),
    (("--address",), {"metavar": "HOST:PORT", "help": "Temporal server."}),
    (("-n", "--namespace"), {"metavar": "NAME", "help": "Temporal namespace."}),
    (("--profile",), {"metavar": "NAME", "help": "Profile of temporal.toml."}),
    (("--config-file",), {"type": click.Path(exists=True, dir_okay=False), "help": "A temporal.toml elsewhere."}),
]
# Global options of the Temporal CLI that it hands on and that change nothing here.
IGNORED = ("--color", "--time-format", "--log-level", "--command-timeout", "--client-connect-timeout")
Function = TypeVar("Function", bound=Callable[..., Any])


def global_options(function: Function) -> Function:
    """Options that are accepted before and after the subcommand; the later one wins."""
    for names, settings in reversed(GLOBALS):
        function = click.option(*names, default=None, expose_value=False, callback=_remember, **settings)(function)
    for name in IGNORED:
        function = click.option(name, default=None, expose_value=False, hidden=True)(function)
    function = click.option("--no-json-shorthand-payloads", is_flag=True, expose_value=False, hidden=True)(function)
    return click.option("--env", default=None, expose_value=False, hidden=True, callback=_refuse_env)(function)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and parameter.name is not None:
        context.ensure_object(dict)[parameter.name] = value


def _refuse_env(_context: click.Context, _parameter: click.Parameter, value: Any) -> None:
    if value is not None:
        raise click.UsageError("--env is the Temporal CLI's older way; use --profile, which temporal.toml defines")


def _connection(context: click.Context) -> Connection:
    from cli.connecting import Connection

    return Connection(**{name: value for name, value in context.ensure_object(dict).items() if name != "output"})


def _wants_json(context: click.Context) -> bool:
    return bool(context.ensure_object(dict).get("output") == "json")


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@global_options
@click.version_option(package_name="worker-manager", prog_name="wm")
def cli() -> None:
    """Keep fleets of cloud worker machines at the right capacity, one Temporal workflow per worker type."""


PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


@cli.command()
@PATHS
@global_options
@click.pass_context
def validate(context: click.Context, paths: tuple[Path, ...]) -> None:
    """Check files offline: schemas, references, templates. Every problem of every file in one run."""
    from cli.checking import check
    from cli.documents import load

    documents, findings = load(paths)
    _, more = check(documents)
    _print_findings(context, [*findings, *more], len(documents))
    context.exit(1 if findings or more else 0)


@cli.command()
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
        _print_findings(context, [*findings, *more], len(documents))
        context.exit(1)
    out.mkdir(parents=True, exist_ok=True)
    for name, config in resolved.items():
        text = json.dumps(config.document, indent=1, sort_keys=True, ensure_ascii=False)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    click.echo(f"{len(resolved)} worker types rendered to {out}")


@cli.command()
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
        _print_findings(context, findings, len(documents))
        context.exit(1)

    async def work() -> Any:
        return await bring(await connect(_connection(context)), documents, reason)

    applied = _run(work())
    if _wants_json(context):
        rows = [
            {"kind": a.kind, "name": a.name, "change": a.change, "revision": a.revision, "why": a.why} for a in applied
        ]
        click.echo(json.dumps(rows))
    else:
        for each in applied:
            why = f": {each.why}" if each.why else ""
            click.echo(f"{each.change:<9}  {each.kind} {each.name}{why}")
    context.exit(1 if any(each.change is Change.REJECTED for each in applied) else 0)


@cli.command()
@click.argument("names", nargs=-1)
@global_options
@click.pass_context
def status(context: click.Context, names: tuple[str, ...]) -> None:
    """Show worker types: state, capacity, demand, and why."""
    from cli.connecting import connect
    from cli.showing import read_statuses, status_lines

    async def work() -> Any:
        return await read_statuses(await connect(_connection(context)), names)

    statuses, missing = _run(work())
    if _wants_json(context):
        click.echo(json.dumps(statuses))
    else:
        for line in status_lines(statuses, _width()):
            click.echo(line)
    for name in missing:
        click.echo(f"wm: no worker type {name!r} runs", err=True)
    context.exit(1 if missing else 0)


def _width() -> int:
    """Columns of the terminal; without one, as many as it takes."""
    import shutil

    return max(80, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sys.maxsize


@cli.command()
@click.argument("name")
@global_options
@click.pass_context
def explain(context: click.Context, name: str) -> None:
    """Say why a worker type has the capacity it has."""
    from cli.connecting import connect
    from cli.showing import ask

    async def work() -> Any:
        return await ask(await connect(_connection(context)), name, "explain")

    sentences = _run(work())
    click.echo(json.dumps(sentences) if _wants_json(context) else "\n".join(sentences or []))


@cli.command()
@click.option("--once", is_flag=True, help="End when the play is over.")
@global_options
@click.pass_context
def demo(context: click.Context, once: bool) -> None:
    """Run everything on this machine: Temporal, an emulated EC2, a worker, 30 real worker types; then play a day."""
    from cli.demo import run_demo

    context.exit(run_demo(once=once, as_json=_wants_json(context)))


def _print_findings(context: click.Context, findings: list[Finding], count: int) -> None:
    if _wants_json(context):
        rows = [
            {"file": str(f.path), "line": f.line, "column": f.column, "pointer": f.pointer, "message": f.message}
            for f in findings
        ]
        click.echo(json.dumps(rows))
        return
    for each in findings:
        click.echo(str(each))
    if not findings:
        click.echo(f"{count} documents, no problems")


def main() -> None:
    """Console entry point; skips the interpreter's teardown, in which the Temporal client's threads may abort."""
    code = 0
    words = sys.argv[1:]
    if words[:1] == ["help"]:  # `temporal help wm status` calls us with `help status`
        words = [*words[1:], "--help"]
    try:
        answer = cli.main(words, standalone_mode=False, prog_name="wm")
        code = answer if isinstance(answer, int) else 0
    except click.exceptions.Exit as ending:
        code = ending.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
