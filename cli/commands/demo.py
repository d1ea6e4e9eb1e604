"""`demo`: everything on this machine."""

from __future__ import annotations

import click

from cli.options import global_options, wants_json


@click.command()
@click.option("--once", is_flag=True, help="End when the play is over.")
@global_options
@click.pass_context
def demo(context: click.Context, once: bool) -> None:
    """Run everything on this machine: Temporal, an emulated EC2, a worker, 30 real worker types; then play a day."""
    from cli.demo import run_demo

    context.exit(run_demo(once=once, as_json=wants_json(context)))
