"""Edits one value of a YAML text and leaves the rest as it stands: comments, quotes, order, width.

Decides what a path means and how an edited text looks. Every edit is read again, and is none if it says anything but
what was asked for.
"""

from __future__ import annotations

import copy
import difflib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from worker_manager.reading import Node, Place, locate, read
from worker_manager.shape import clip, pointer_join, pointer_steps, shape_problems
from worker_manager.templates import did_you_mean

_ASSIGNMENT = re.compile(r"((?:[^=\[\]]|\[[^\]]*\])+)=(.*)", re.DOTALL)
_STEP = re.compile(r"(?:^|\.)(?P<key>[^.\[\]]+)|\[(?P<index>[0-9]+)\]|\[(?P<name>[^=\]]+)=(?P<value>[^\]]*)\]")
# (mapping, sequence, offset) as ruamel.yaml calls them, the commonest first
_INDENTS = ((2, 2, 0), (2, 4, 2), (4, 4, 0), (4, 4, 2), (4, 6, 4))
_WIDTH = 2**20


class EditRefused(ValueError):
    """The edit cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A new value, as YAML text, for what a path leads to; None takes it out."""

    path: str
    value: str | None


@dataclass(frozen=True, slots=True)
class _Select:
    """The one entry of a list whose member `name` is `value`."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


_Step = str | _Select


def assignment(text: str) -> Edit:
    """`PATH=VALUE`. Raises EditRefused."""
    match = re.fullmatch(r"([^=]+)=(.*)", text, re.DOTALL) if text.startswith("/") else _ASSIGNMENT.fullmatch(text)
    if match is None:
        raise EditRefused(f"{clip(text)} is no edit: write PATH=VALUE, such as maxCapacity=20")
    return Edit(match[1], match[2])


def edited(text: str, edit: Edit) -> str:
    """The text after an edit. Raises EditRefused."""
    root = _root(text)
    data = root.value
    keys = _keys(data, _steps(edit.path), edit)
    value = None if edit.value is None else _value(edit.value)
    expected = json.loads(json.dumps(data))
    _change(expected, keys, edit, value)
    for candidate in _candidates(text, root, keys, edit):
        found, faults = read(candidate)
        if found is not None and found.value == expected and len(faults) <= len(read(text)[1]):
            return candidate
    raise EditRefused(
        f"{edit.path} cannot be changed alone (by an alias, by <<, or for comments): edit the file by hand"
    )


def _root(text: str) -> Node:
    root, faults = read(text)
    if root is None:
        raise EditRefused(faults[0].message if faults else "the file is empty")
    if problems := shape_problems(root.value):
        raise EditRefused(str(problems[0]))
    return root


def _value(text: str) -> Any:
    root, faults = read(text)
    if faults:
        raise EditRefused(f"the value {clip(text)}: {faults[0].message}")
    if root is None or not text.strip():
        raise EditRefused(
            "the value is empty: write '' for an empty text (quoted for the shell), null, or --unset PATH"
        )
    if isinstance(root.value, dict | list) and text.lstrip()[:1] not in ("{", "["):
        raise EditRefused(f"the value {clip(text)} is an object or a list: write it as {{…}} or […], or quote it")
    return root.value


# ---- paths


def _steps(path: str) -> list[_Step]:
    if path.startswith("/"):
        return list(pointer_steps(path))
    steps: list[_Step] = []
    position = 0
    while match := _STEP.match(path, position):
        steps.append(match["key"] or match["index"] or _Select(match["name"], match["value"]))
        position = match.end()
    if position < len(path) or not steps:
        raise EditRefused(f"{clip(path)} is no path: write a.b, a[0].b, a[key=value].b or the JSON pointer /a/0/b")
    return steps


def _keys(data: Any, steps: list[_Step], edit: Edit) -> list[str | int]:
    """The keys and indexes that the steps lead through; objects that are missing may be made, entries not."""
    keys: list[str | int] = []
    for step in steps:
        where = "".join(pointer_join("", key) for key in keys) or "the document"
        key: str | int
        if isinstance(data, list):
            key = _entry(data, step, where)
            data = data[key]
        elif isinstance(data, dict) and isinstance(step, str):
            if edit.value is None and step not in data:
                raise EditRefused(f"there is no {clip(step)} in {where}{did_you_mean(step, data)}")
            key, data = step, data.get(step, {})
        else:
            raise EditRefused(
                f"{where} is not {'a list' if isinstance(step, _Select) else 'an object'}: no {step} there"
            )
        keys.append(key)
    return keys


def _entry(items: list[Any], step: _Step, where: str) -> int:
    if isinstance(step, str):
        if step.isdecimal() and int(step) < len(items):
            return int(step)
        raise EditRefused(f"there is no entry {step} in {where}, which has {len(items)}; they count from 0")
    values = [each.get(step.name) if isinstance(each, dict) else None for each in items]
    texts = [each if isinstance(each, str) else json.dumps(each) for each in values]
    if texts.count(step.value) == 1:
        return texts.index(step.value)
    if step.value in texts:
        raise EditRefused(f"{texts.count(step.value)} entries of {where} have {step}: name one by its number")
    known = [text for text, value in zip(texts, values, strict=True) if value is not None]
    raise EditRefused(f"no entry of {where} has {step}{did_you_mean(step.value, known)}; there are: {', '.join(known)}")


def _change(tree: Any, keys: list[str | int], edit: Edit, value: Any) -> None:
    for key in keys[:-1]:
        if isinstance(tree, dict) and key not in tree:
            tree[key] = CommentedMap() if isinstance(tree, CommentedMap) else {}
        tree = tree[key]
    if edit.value is None:
        del tree[keys[-1]]
    else:
        tree[keys[-1]] = value


# ---- texts


def _candidates(text: str, root: Node, keys: list[str | int], edit: Edit) -> Iterator[str]:
    """The edited text, the most careful way first."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    plain = text.replace("\r\n", "\n")
    lines = plain.splitlines(keepends=True)
    careful = _without_lines(lines, root, keys) if edit.value is None else _with_value(lines, root, keys, edit.value)
    if careful:
        yield careful.replace("\n", line_end)
    try:
        before, after = _round_trips(plain, keys, edit)
    except (YAMLError, AttributeError, LookupError, TypeError, ValueError):
        return  # what ruamel.yaml cannot keep, such as duplicate keys
    for candidate in (_merged(plain, before, after), after):
        if _comments(plain) <= _comments(candidate):
            yield candidate.replace("\n", line_end)


def _comments(text: str) -> Counter[str]:
    return Counter(line.strip() for line in text.splitlines() if line.lstrip().startswith("#"))


def _with_value(lines: list[str], root: Node, keys: list[str | int], value: str) -> str:
    """The lines with an inline value replaced in its place, or with a new key below the last of its object."""
    node, depth = root, 0
    while depth < len(keys) and keys[depth] in node.members:
        node, depth = node.members[keys[depth]], depth + 1
    if depth == len(keys):
        return _replaced(lines, node, value)
    last = list(node.members.values())[-1].key if node.members and node.end is None else None
    if last is None:
        return ""
    column, missing = last.column - 1, keys[depth:]
    new = "\n".join(f"{' ' * (column + 2 * level)}{key}:" for level, key in enumerate(missing)) + f" {value}\n"
    end = _end(lines, last)
    above = "".join(lines[:end])
    return above + ("" if above.endswith("\n") else "\n") + new + "".join(lines[end:])


def _replaced(lines: list[str], node: Node, value: str) -> str:
    if node.end is None:
        return _replaced_below(lines, node.key, value) if node.key else ""
    first, last = lines[node.place.line - 1], lines[node.end.line - 1]
    quote, read_value = first[node.place.column - 1], read(value)[0]
    as_quoted = quote in "'\"" and read_value is not None and read_value.value == value
    if as_quoted and {*"'\"\\"}.isdisjoint(value):
        value = quote + value + quote
    changed = first[: node.place.column - 1] + value + last[node.end.column - 1 :]
    return "".join([*lines[: node.place.line - 1], changed, *lines[node.end.line :]])


def _replaced_below(lines: list[str], key: Place, value: str) -> str:
    """The lines with an inline value behind a key, whose value was nothing or in the lines below it."""
    line = lines[key.line - 1]
    colon = re.compile(r":(?=\s)").search(line, key.column - 1)
    if colon is None:
        return ""
    changed = f"{line[: colon.end()]} {value}{line[colon.end() :]}"
    return "".join([*lines[: key.line - 1], changed, *lines[_end(lines, key) :]])


def _without_lines(lines: list[str], root: Node, keys: list[str | int]) -> str:
    """The lines without those of the key, or of the entry of a list: the first, and what is indented below it."""
    place = locate(root, "".join(pointer_join("", key) for key in keys), at_key=True)
    before = lines[place.line - 1][: place.column - 1]
    if isinstance(keys[-1], int) and before.strip() == "-":
        place = Place(place.line, before.index("-") + 1)
    elif before.strip():
        return ""
    return "".join(lines[: place.line - 1] + lines[_end(lines, place) :])


def _end(lines: list[str], start: Place) -> int:
    """The number of lines up to and with the last that belongs to a key or an entry; comments below it do not."""
    is_entry = lines[start.line - 1][start.column - 1 :].startswith("- ")
    end = last = start.line
    while end < len(lines):
        line = lines[end].lstrip(" ")
        indent = len(lines[end]) - len(line)
        within = indent >= start.column or (not is_entry and indent == start.column - 1 and line.startswith("- "))
        if line.strip() and not within:
            break
        end += 1
        last = end if line.strip() else last
    return last


def _round_trips(text: str, keys: list[str | int], edit: Edit) -> tuple[str, str]:
    """The text as ruamel.yaml writes it before and after the edit, in the indentation that changes least."""
    lines = Counter(text.splitlines())
    yamls = [_yaml(text, indent) for indent in _INDENTS]
    tree = yamls[0].load(text)
    texts = [_dumped(each, tree) for each in yamls]
    best = max(range(len(yamls)), key=lambda index: (lines & Counter(texts[index].splitlines())).total())
    new = None if edit.value is None else yamls[0].load(edit.value)
    changed = copy.deepcopy(tree)
    _change(changed, keys, edit, _quoted_alike(_old(changed, keys), new))
    return texts[best], _dumped(yamls[best], changed)


def _yaml(text: str, indent: tuple[int, int, int]) -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    yaml.explicit_start = bool(re.search(r"^---", text, re.MULTILINE))
    yaml.indent(*indent)
    return yaml


def _dumped(yaml: YAML, tree: Any) -> str:
    stream = io.StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue()


def _old(tree: Any, keys: list[str | int]) -> Any:
    for key in keys:
        if isinstance(tree, Mapping) and key not in tree:
            return None
        tree = tree[key]
    return tree


def _quoted_alike(old: Any, new: Any) -> Any:
    if isinstance(old, SingleQuotedScalarString | DoubleQuotedScalarString) and type(new) is str:
        return type(old)(new)
    return new


def _merged(text: str, before: str, after: str) -> str:
    """The text with the lines changed that differ between `before` and `after`, which say it in another layout."""
    ours, old, new = (each.splitlines(keepends=True) for each in (text, before, after))
    line_of: dict[int, int] = {len(old): len(ours)}
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, ours, autojunk=False).get_opcodes():
        if tag == "equal" or i2 - i1 == j2 - j1:
            line_of.update(zip(range(i1, i2), range(j1, j2), strict=True))
    merged: list[str] = []
    done = 0
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if i1 not in line_of or i2 not in line_of:
            return after
        merged += ours[done : line_of[i1]] + new[j1:j2]
        done = line_of[i2]
    return "".join(merged + ours[done:])
