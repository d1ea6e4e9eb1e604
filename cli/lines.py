"""What a command does, as lines for the bare Temporal CLI: to be pasted into a POSIX shell. Never with a token."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from activities.options import WORKFLOW_QUEUE
from cli.connecting import Connection
from cli.documents import Kind
from cli.naming import SEARCHES, WORKFLOW_TYPES, Key
from cli.sending import START, Message

# Linux takes no longer single argument than 128 KiB.
LONGEST_ARGUMENT_BYTES = 100_000
HERE = "END_OF_JSON"


class Lines:
    """Writes lines that reach the server which the options name."""

    def __init__(self, connection: Connection) -> None:
        self._flags = connection.flags()

    def query(self, key: Key, name: str, *args: Any) -> str:
        """One query."""
        words = [word for each in args for word in ("-i", _json(each))]
        return self._line(["workflow", "query", "-w", key.id, "--name", name, *words])

    def listing(self, kind: Kind) -> str:
        """All that run."""
        return self._line(["workflow", "list", "--query", SEARCHES[kind]])

    def cancel(self, key: Key) -> str:
        """Drain and finish."""
        return self._line(["workflow", "cancel", "-w", key.id])

    def message(self, message: Message) -> str:
        """A start or an update. A started one says whether it was accepted in its `started` update."""
        words = ["workflow", "update", "execute", "-w", message.key.id, "--name", message.name]
        if message.name == START:
            words = ["workflow", "start", "-w", message.key.id, "--type", WORKFLOW_TYPES[message.key.kind]]
            words += ["-t", WORKFLOW_QUEUE, "--fail-existing"]
            words += ["--static-summary", message.summary[:200]] if message.summary else []
        return self._line(words, _json(message.value))

    def _line(self, words: Sequence[str], input: str = "") -> str:
        line = ["temporal", *words, *self._flags]
        if len(input.encode()) > LONGEST_ARGUMENT_BYTES:
            return f"{shlex.join([*line, '--input-file', '/dev/stdin'])} <<'{HERE}'\n{input}\n{HERE}"
        return shlex.join([*line, *(["-i", input] if input else [])])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
