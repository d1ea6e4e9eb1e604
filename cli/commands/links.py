"""`links`: ways into the Web UI."""

from __future__ import annotations

import click

from cli.options import connection, emit, global_options


@click.command(epilog="Exit code: 0. Nothing is sent; that there is a server is not checked.")
@click.option("--ui", envvar="WM_UI", metavar="URL", help="Where the Web UI is; else that of a dev server.")
@global_options
@click.pass_context
def links(context: click.Context, ui: str | None) -> None:
    """Print links into Temporal's Web UI; opening one saves its view in the browser."""
    from cli.connecting import target
    from cli.linking import links as make
    from cli.linking import ui_of

    where = target(connection(context))
    found = make(ui or ui_of(where), where["namespace"])
    emit(context, [{"name": n, "url": url} for n, url in found.items()], [f"{n}: {url}" for n, url in found.items()])
