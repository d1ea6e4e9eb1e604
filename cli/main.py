"""The command line: `wm ...`, and the same as `temporal wm ...`. A command's module is imported when it is named."""

from __future__ import annotations

import importlib
import os
import sys

import click

from cli.options import global_options

# name -> module and attribute; in the order in which help lists them
COMMANDS = {
    "validate": "cli.commands.files:validate",
    "render": "cli.commands.files:render",
    "check": "cli.commands.check:check",
    "simulate": "cli.commands.simulate:simulate",
    "diff": "cli.commands.diff:diff",
    "apply": "cli.commands.apply:apply",
    "status": "cli.commands.fleet:status",
    "explain": "cli.commands.fleet:explain",
    "watch": "cli.commands.watch:watch",
    "history": "cli.commands.history:history",
    "restore": "cli.commands.history:restore",
    "set": "cli.commands.set:set_",
    "key": "cli.commands.keys:key",
    "token": "cli.commands.keys:token",
    "reference": "cli.commands.reference:reference",
    "links": "cli.commands.links:links",
    "completion": "cli.commands.completion:completion",
    "__complete": "cli.commands.completion:complete",
    "demo": "cli.commands.demo:demo",
}


class Commands(click.Group):
    """Commands by name, each loaded from its module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@global_options
@click.version_option(package_name="worker-manager", prog_name="wm")
def cli() -> None:
    """Keep fleets of cloud worker machines at the right capacity, one Temporal workflow per worker type."""


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
