"""`--show-command`: lines that a POSIX shell takes apart into the very words that were meant."""

import json
import subprocess

import pytest

from cli.connecting import Connection
from cli.documents import Kind
from cli.lines import Lines
from cli.naming import Key
from cli.sending import START, Message

KEY = Key(Kind.WORKER_TYPE, "sample")


def words(line: str) -> list[str]:
    """The words that a shell makes of a line, and what it feeds to standard input."""
    script = (
        f'temporal() {{ for each; do printf \'%s\\0\' "$each"; done; case "$*" in */dev/stdin*) cat;; esac; }}\n{line}'
    )
    done = subprocess.run(
        ["sh", "-c" if len(line) < 50_000 else "-s", *([script] if len(line) < 50_000 else [])],
        input=script,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\0")


@pytest.mark.parametrize(
    "text", ["plain", "it's", 'a "b"', "$HOME `date` $(date)", "two\nlines", "back\\slash", "ümläut €", "!x"]
)
def test_any_value_reaches_the_program_as_it_is(text):
    line = Lines(Connection()).message(Message(KEY, "apply_config", {"reason": text}))
    *_, name, flag, value, end = words(line)
    assert ("apply_config", "-i", {"reason": text}, "") == (name, flag, json.loads(value), end)


def test_what_no_argument_can_hold_is_fed_to_standard_input():
    value = {"reason": "it's $HOME " * 20_000}
    line = Lines(Connection()).message(Message(KEY, "apply_config", value))
    *_, flag, file, text = words(line)
    assert ("--input-file", "/dev/stdin", value) == (flag, file, json.loads(text))


def test_the_options_that_say_where_the_server_is_are_repeated():
    lines = Lines(Connection("127.0.0.1:7233", "fleets", "ours", "my temporal.toml"))
    where = [
        "--address",
        "127.0.0.1:7233",
        "--namespace",
        "fleets",
        "--profile",
        "ours",
        "--config-file",
        "my temporal.toml",
    ]
    assert ["workflow", "cancel", "-w", "worker-type:sample", *where, ""] == words(lines.cancel(KEY))


def test_a_start_refuses_to_pass_for_an_update():
    line = Lines(Connection()).message(Message(KEY, START, {"document": {}}, summary="a sample"))
    assert {"--fail-existing", "--static-summary", "a sample", "WorkerType"} < set(words(line))


def test_a_query_with_an_argument():
    asked = Lines(Connection()).query(KEY, "config", 3)
    assert "temporal workflow query -w worker-type:sample --name config -i 3" == asked
