"""What every command shares: global options on both sides of the subcommand, and how an answer is printed.

The Temporal CLI moves its own global options to the front, so they are accepted before and after the subcommand.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from cli.connecting import Connection

OUTPUTS = ["text", "json", "jsonl", "none", "github"]
GLOBALS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("-o", "--output"), {"type": click.Choice(OUTPUTS), "help": "How to print the answer; github: annotations."}),
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


def connection(context: click.Context) -> Connection:
    """Where the server is, as far as the options say."""
    from cli.connecting import Connection

    return Connection(**{name: value for name, value in context.ensure_object(dict).items() if name != "output"})


def output(context: click.Context) -> str:
    """The form wanted, one of OUTPUTS."""
    return str(context.ensure_object(dict).get("output") or "text")


def wants_json(context: click.Context) -> bool:
    """True if the answer is for a program."""
    return output(context) in ("json", "jsonl")


def emit(context: click.Context, rows: Iterable[Mapping[str, Any]], lines: Iterable[str]) -> None:
    """Print an answer: `rows` as one JSON array or one object a line, else the `lines` for people; nothing for none."""
    match output(context):
        case "json":
            click.echo(json.dumps(list(rows), ensure_ascii=False))
        case "jsonl":
            for row in rows:
                click.echo(json.dumps(row, ensure_ascii=False))
        case "none":
            pass
        case _:
            for line in lines:
                click.echo(line)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end."""
    return asyncio.run(work)
