"""Decides whether the keys file is acceptable: which keys messages may be signed with, and what each may give.

Knows no tokens. Says where in the file each error is, and never shows a value: somebody may have pasted a private key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.pem import public_key

_MEMBERS = {"id", "owner", "publicKey", "scopes"}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")
_DISCLOSED = "a private key: put its public key in its place, and make a new pair, since this one is disclosed"

_Fault = tuple[tuple[str | int, ...], str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as the file has it."""

    key_id: str
    owner: str
    public_key_pem: str
    scopes: tuple[str, ...]


def read_keys_file(text: str, where: str) -> tuple[Entry, ...]:
    """The entries of a keys file; `where` is its name. Raises ConfigInvalid with every problem, each at its place."""
    if found := _PRIVATE_KEY.search(text):
        line = text.count("\n", 0, found.start())
        raise _unreadable(where, (line, found.start() - text.rfind("\n", 0, found.start()) - 1), _DISCLOSED)
    data = _load(text, where)
    problems = [_problem(data, where, path, why) for path, why in _faults(data)]
    if problems:
        raise ConfigInvalid(problems)
    return tuple(
        Entry(str(each["id"]), str(each["owner"]), str(each["publicKey"]), tuple(map(str, each["scopes"])))
        for each in data["keys"]
    )


def _load(text: str, where: str) -> Any:
    """The loaded file, which knows its lines. The reader's own errors show values and lines, so they are left out."""
    try:
        return YAML().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        raise _unreadable(where, (mark.line, mark.column) if mark else (0, 0), "cannot be read as YAML") from None
    except (YAMLError, RecursionError, TypeError, ValueError):
        raise _unreadable(where, (0, 0), "cannot be read as YAML") from None


def _faults(data: Any) -> Iterator[_Fault]:
    entries = data.get("keys") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not entries or set(data) != {"keys"}:
        yield (), "must be an object whose only member is `keys`, a list of at least one key"
        return
    ids: set[str] = set()
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or set(entry) != _MEMBERS:
            yield ("keys", index), f"a key must be an object with exactly the members {', '.join(sorted(_MEMBERS))}"
            continue
        for name, why in _entry_faults(entry):
            yield ("keys", index, name), f"{name} {why}"
        if isinstance(entry["id"], str):
            if entry["id"] in ids:
                yield ("keys", index, "id"), "id is that of another key above: each needs its own"
            ids.add(entry["id"])


def _entry_faults(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not isinstance(entry["id"], str) or not _ID.fullmatch(entry["id"]):
        yield "id", "must be 1 to 63 letters, digits or any of _.- and begin with a letter or digit"
    if not isinstance(entry["owner"], str) or not entry["owner"]:
        yield "owner", "must say who answers for the key"
    if not isinstance(entry["publicKey"], str):
        yield "publicKey", "must be a text: put a public key in PEM form there, after `publicKey: |`"
    else:
        try:
            public_key(entry["publicKey"])
        except ValueError as error:
            yield "publicKey", str(error)
    scopes = entry["scopes"]
    if not isinstance(scopes, list) or not all(isinstance(each, str) and each for each in scopes):
        yield "scopes", "must be a list of texts, in quotes where they begin with *"


def _problem(data: Any, where: str, path: tuple[str | int, ...], why: str) -> Problem:
    line, column = 0, 0
    for step in path:
        positions = data.lc.data if isinstance(data, CommentedBase) else None
        if not positions or step not in positions:
            break
        line, column = positions[step][:2]
        data = data[step]
    return Problem("".join(f"/{step}" for step in path), f"{where}:{line + 1}:{column + 1}: {why}", "keys-file")


def _unreadable(where: str, place: tuple[int, int], why: str) -> ConfigInvalid:
    return ConfigInvalid([Problem("", f"{where}:{place[0] + 1}:{place[1] + 1}: {why}", "keys-file")])
