"""Completion: scripts for shells, and the protocol in which the Temporal CLI asks its extensions."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from cli.options import global_options

PROGRAM, VARIABLE = "wm", "_WM_COMPLETE"
FILES, NO_FILES = 0, 4  # cobra's ShellCompDirectiveDefault and ShellCompDirectiveNoFileComp


@click.command(epilog='Exit code: 0. For bash: eval "$(wm completion bash)" in ~/.bashrc.')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@global_options
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes `wm` in a shell. `temporal wm` is completed by the Temporal CLI's own script."""
    scripts = get_completion_class(shell)
    assert scripts is not None
    script = scripts(context.find_root().command, {}, PROGRAM, VARIABLE)
    click.echo(script.source_template % script.source_vars())


@click.command(hidden=True, add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def complete(context: click.Context, words: tuple[str, ...]) -> None:
    """Print `value<TAB>help` lines and a directive, as cobra's `__complete` does; the last word is unfinished."""
    *before, unfinished = words or ("",)
    asked = ShellComplete(context.find_root().command, {}, PROGRAM, VARIABLE)
    found = asked.get_completions(list(before), unfinished)
    for each in found:
        if each.type == "plain":
            click.echo(f"{each.value}\t{each.help}" if each.help else each.value)
    click.echo(f":{FILES if any(_is_path(each) for each in found) else NO_FILES}")


def _is_path(item: CompletionItem) -> bool:
    return item.type in ("file", "dir")
