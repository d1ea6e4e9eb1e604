"""What commands on the running system share: one client, one clear line when it fails, options of edits, names."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.options import connection, run

if TYPE_CHECKING:
    from temporalio.client import Client

    from cli.running import Reader
    from cli.sending import Sender

COMPLETE_WITHIN_SECONDS = 1.0
EXIT_0_1 = "Exit code: 0 if all is well, 1 if not; 2 if the command was typed wrongly."
Function = TypeVar("Function", bound=Callable[..., Any])

SHOW_COMMAND = click.option(
    "--show-command", is_flag=True, help="Print what the bare Temporal CLI would do it with, instead of doing it."
)


def reason_and_author(function: Function) -> Function:
    """Options that are kept with a revision."""
    function = click.option(
        "--author", envvar="WM_AUTHOR", default=_login, help="Who makes it; else WM_AUTHOR, else your login name."
    )(function)
    return click.option("--reason", default="", help="Why; kept with every revision that this makes.")(function)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return ""


def with_client(context: click.Context, work: Callable[[Client], Coroutine[Any, Any, Any]]) -> Any:
    """Connect, and give what `work` gives. Raises click.ClickException with one line if the server does not answer."""
    from temporalio.service import RPCError

    from cli.connecting import connect, target

    where = connection(context)

    async def connected() -> Any:
        return await work(await connect(where))

    try:
        return run(connected())
    except RPCError as error:
        what = error.message.strip() or error.status.name
        raise click.ClickException(f"the Temporal server at {target(where)['target_host']} says: {what}") from error


def with_reader(context: click.Context, work: Callable[[Reader], Coroutine[Any, Any, Any]]) -> Any:
    """As `with_client`, for what only reads."""
    from cli.running import Reader

    return with_client(context, lambda client: work(Reader(client)))


def with_reader_if_any(context: click.Context, work: Callable[[Reader], Coroutine[Any, Any, Any]]) -> Any:
    """As `with_reader`; None if nothing says where a server is and none answers at the default address."""
    from cli.connecting import NoServer, is_configured

    try:
        return with_reader(context, work)
    except NoServer:
        if is_configured(connection(context)):
            raise
        return None


def sender(client: Client) -> Sender:
    """Signs if the environment names a key. Raises click.ClickException if that cannot be used."""
    from cli.sending import Sender
    from cli.signing import Signer

    return Sender(client, Signer.from_environment(os.environ))


def complete_names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of running worker types, and with their prefix those of shared configs; none if it takes long to know."""
    from temporalio.service import RPCError

    with contextlib.suppress(click.ClickException, RPCError, TimeoutError):
        names: list[str] = run(asyncio.wait_for(_names(context, incomplete), COMPLETE_WITHIN_SECONDS))
        return names
    return []


async def _names(context: click.Context, incomplete: str) -> list[str]:
    from cli.connecting import connect
    from cli.documents import Kind
    from cli.naming import ID_PREFIXES
    from cli.running import Reader

    kind, prefix = Kind.WORKER_TYPE, ""
    for each, start in ID_PREFIXES.items():
        if incomplete.startswith(start):
            kind, prefix = each, start
    names = await Reader(await connect(connection(context))).names(kind)
    return [prefix + each for each in names if each.startswith(incomplete.removeprefix(prefix))]
