"""What differs between two documents: per JSON pointer, on lines that fit a terminal. Knows no system, no file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from functools import cache
from os.path import commonprefix
from typing import Any

from schemas import loader
from worker_manager.shape import pointer_join, pointer_steps

HIDDEN = "(not shown)"
ARROW = " -> "
INDENT = " " * 6
LEAST_VALUE_COLUMNS = 20
SAME_BEFORE = 8  # characters shown before the first that differs


class Sign(StrEnum):
    """What became of the value at a pointer."""

    ADDED = "+"
    REMOVED = "-"
    CHANGED = "~"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs; where a schema says `writeOnly`, without the values."""

    pointer: str
    sign: Sign
    old: Any = None
    new: Any = None

    def row(self) -> dict[str, Any]:
        """For programs."""
        old = {} if self.sign is Sign.ADDED else {"old": self.old}
        new = {} if self.sign is Sign.REMOVED else {"new": self.new}
        return {"sign": str(self.sign), "pointer": self.pointer, **old, **new}

    def lines(self, width: int) -> list[str]:
        """For people: one line, or the values below the pointer where they would not fit beside it."""
        head = f"  {self.sign} {self.pointer or '(all)'}"
        values = [_text(each) for each in self._shown()]
        room = width - len(head) - 2
        whole, least = len(ARROW.join(values)), len(ARROW.join(["x" * LEAST_VALUE_COLUMNS] * len(values)))
        if room < whole <= width - len(INDENT) or room < min(whole, least):
            return [head, INDENT + _fitted(values, width - len(INDENT))]
        return [f"{head}  {_fitted(values, room)}"]

    def _shown(self) -> list[Any]:
        match self.sign:
            case Sign.ADDED:
                return [self.new]
            case Sign.REMOVED:
                return [self.old]
            case _:
                return [HIDDEN] if self.old == self.new == HIDDEN else [self.old, self.new]


def differences(old: Any, new: Any) -> list[Difference]:
    """Every difference, in order of the new document; pointers of what is removed are into the old one."""
    return [_masked(each) for each in _differences(old, new, "")]


def _differences(old: Any, new: Any, pointer: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            yield from _member(old, new, key, pointer_join(pointer, key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _items(old, new, pointer)
    elif _canonical(old) != _canonical(new):
        yield Difference(pointer, Sign.CHANGED, old, new)


def _member(old: Mapping[str, Any], new: Mapping[str, Any], key: str, pointer: str) -> Iterator[Difference]:
    if key not in old:
        yield Difference(pointer, Sign.ADDED, new=new[key])
    elif key not in new:
        yield Difference(pointer, Sign.REMOVED, old=old[key])
    else:
        yield from _differences(old[key], new[key], pointer)


def _items(old: list[Any], new: list[Any], pointer: str) -> Iterator[Difference]:
    """Equal items are matched wherever they stand, so that one more at the front is one difference."""
    matcher = SequenceMatcher(None, [_canonical(each) for each in old], [_canonical(each) for each in new])
    for tag, low, high, new_low, new_high in matcher.get_opcodes():
        if tag == "equal":
            continue
        both = min(high - low, new_high - new_low)
        for step in range(both):
            yield from _differences(old[low + step], new[new_low + step], pointer_join(pointer, new_low + step))
        for index in range(low + both, high):
            yield Difference(pointer_join(pointer, index), Sign.REMOVED, old=old[index])
        for index in range(new_low + both, new_high):
            yield Difference(pointer_join(pointer, index), Sign.ADDED, new=new[index])


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


# ---- what is shown of values


def _masked(each: Difference) -> Difference:
    if not hidden_names().isdisjoint(pointer_steps(each.pointer)):
        return Difference(each.pointer, each.sign, HIDDEN, HIDDEN)
    return Difference(each.pointer, each.sign, _without_hidden(each.old), _without_hidden(each.new))


def _without_hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: HIDDEN if key in hidden_names() else _without_hidden(each) for key, each in value.items()}
    return [_without_hidden(each) for each in value] if isinstance(value, list) else value


@cache
def hidden_names() -> frozenset[str]:
    """Names of members that any published schema calls `writeOnly`, or whose own members it does."""
    return frozenset(name for schema in loader.load_all().values() for name in _hidden_in(schema))


def _hidden_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _hidden_in(each)
    elif isinstance(schema, dict):
        for name, each in _properties(schema).items():
            inner = [each, each.get("additionalProperties"), each.get("items")] if isinstance(each, dict) else []
            if any(isinstance(found, dict) and found.get("writeOnly") is True for found in inner):
                yield name
        for each in schema.values():
            yield from _hidden_in(each)


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return value if value == HIDDEN else json.dumps(value, ensure_ascii=False)


def _fitted(values: Iterable[str], room: int) -> str:
    """`old -> new`, each clipped to its share of the room; what one does not need the other gets."""
    texts = list(values)
    room -= len(ARROW) * (len(texts) - 1)
    share = max(room // len(texts), LEAST_VALUE_COLUMNS)
    if len(texts) > 1 and max(map(len, texts)) > share:
        same = max(0, len(commonprefix(texts)) - SAME_BEFORE)  # noqa: RUF071  # characters are meant
        texts = [f"…{each[same:]}" if same else each for each in texts]
    spare = sum(max(0, share - len(each)) for each in texts)
    return ARROW.join(_clipped(each, share + (spare if len(each) > share else 0)) for each in texts)


def _clipped(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(1, room - 1)] + "…"
