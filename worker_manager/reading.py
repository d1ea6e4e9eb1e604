"""Reads one YAML 1.2 text as JSON: plain values, and the line and column of every key and value.

Decides which YAML is accepted: one document, nothing that JSON lacks, nothing that readers of YAML 1.1 and 1.2
understand differently. JSON texts are YAML. Knows no file, no schema and no template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from ruamel.yaml.reader import ReaderError

from worker_manager.shape import MAX_DEPTH, clip, pointer_join, pointer_steps

# Comments and indentation come on top of what `shape` allows a document.
MAX_TEXT_BYTES = 1024 * 1024
# Each `<<` copies the keys of what it merges, so their number could grow with the square of the text.
_MAX_MERGED_KEYS = 100_000

_TEXT_TAGS = ("tag:yaml.org,2002:str", "!")
_COLLECTION_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

# The core schema of YAML 1.2.2, section 10.3.2.
_WORDS = {"": None, "~": None, **dict.fromkeys(("null", "Null", "NULL"))}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# What YAML 1.1 took for something else than text, or for another number.
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t][0-9:.+Zz \t-]*)?")
_LEADING_ZEROS = re.compile(r"[-+]?0[0-9]+")
_UNDERSCORES = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?)")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column in the text, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that keeps the text from being one JSON document."""

    place: Place
    message: str
    rule: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A value, where it stands, and what it holds; aliases share members.

    Attributes:
        key: where its key stands; None in lists.
        end: behind its last character, if it is written inline; None for what is spread over indented lines.
    """

    value: Any
    place: Place
    key: Place | None = None
    members: Mapping[str | int, Node] = field(default_factory=dict)
    end: Place | None = None


def read(text: str) -> tuple[Node | None, tuple[Fault, ...]]:
    """What the text says, None where that cannot be told, and everything that is wrong with it. Never raises.

    A value that JSON does not have is read as the text it would be if it were quoted.
    """
    if len(text) > MAX_TEXT_BYTES:
        message = f"is larger than {MAX_TEXT_BYTES // 1024} KiB; make it smaller"
        return None, (Fault(Place(1, 1), message, "too-large"),)
    faults: list[Fault] = []
    reader = _Reader(text, faults)
    try:
        return reader.document(), tuple(faults)
    except _Unreadable as error:
        fault = error.fault
    except ReaderError as error:
        fault = _bad_character(text, error)
    except MarkedYAMLError as error:
        fault = _no_yaml(text, error)
    except (YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        fault = Fault(reader.place, f"what follows is not YAML: {clip(str(error))}", "yaml")
    return None, (*faults, fault)


def locate(root: Node, pointer: str, *, at_key: bool = False) -> Place:
    """Where the value (or its key) stands that `pointer` names, or the closest that exists to hold it."""
    node = root
    for step in pointer_steps(pointer):
        key: str | int = int(step) if isinstance(node.value, list) and step.isdecimal() else step
        below = node.members.get(key)
        if below is None:
            return node.place
        node = below
    return node.key if at_key and node.key else node.place


class _Unreadable(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Reader:
    """Builds the tree from the parser's events."""

    def __init__(self, text: str, faults: list[Fault]) -> None:
        self.place = self.place_behind = Place(1, 1)  # of the last event
        self._faults = faults
        self._events = self._parse(text)
        self._anchors: dict[str, Node | None] = {}  # None while what is anchored is being read
        self._merged_keys = 0

    def _parse(self, text: str) -> Iterator[Any]:
        for event in YAML(pure=True).parse(text):
            self.place, self.place_behind = _place(event.start_mark), _place(event.end_mark)
            yield event

    def document(self) -> Node | None:
        next(self._events)
        start = next(self._events)
        if not isinstance(start, DocumentStartEvent):
            return None
        if start.version not in (None, (1, 2)):
            self._fault(Place(1, 1), "files are read as YAML 1.2: leave out the %YAML directive", "yaml-version")
        root = self._node(next(self._events), "", 1)
        next(self._events)
        if isinstance(another := next(self._events), DocumentStartEvent):
            self._fault(
                _place(another.start_mark), "a file holds one document: move the next one to its own file", "documents"
            )
        return root

    def _fault(self, place: Place, message: str, rule: str, pointer: str = "") -> None:
        self._faults.append(Fault(place, message, rule, pointer))

    def _node(self, event: Any, pointer: str, depth: int, key: Place | None = None) -> Node:
        if isinstance(event, AliasEvent):
            return replace(self._aliased(event, pointer), place=_place(event.start_mark), key=key, end=None)
        place = _place(event.start_mark)
        if isinstance(event, ScalarEvent):
            end = _place(event.end_mark) if event.style not in ("|", ">") else None
            if key and not event.value and event.style is None:
                place, end = key, None  # the parser puts what is not there at whatever comes next
            node = Node(self._scalar(event, place, pointer), place, key, end=end)
        else:
            node = self._collection(event, pointer, depth, key)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _collection(self, event: Any, pointer: str, depth: int, key: Place | None) -> Node:
        place = _place(event.start_mark)
        if depth > MAX_DEPTH:
            message = f"is nested more than {MAX_DEPTH} levels deep; flatten it"
            raise _Unreadable(Fault(place, message, "too-deep", pointer))
        if event.tag and event.tag not in _COLLECTION_TAGS:
            self._fault(place, f"{_tag(event)} is a tag, which JSON does not have: leave it out", "yaml-tag", pointer)
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, MappingStartEvent):
            members = self._mapping(pointer, depth)
            value = {name: each.value for name, each in members.items()}
            return Node(value, place, key, members, self.place_behind if event.flow_style else None)
        items: list[Node] = []
        flow_style = event.flow_style
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, pointer_join(pointer, len(items)), depth + 1))
        end = self.place_behind if flow_style else None
        return Node([each.value for each in items], place, key, dict(enumerate(items)), end)

    def _mapping(self, pointer: str, depth: int) -> dict[str | int, Node]:
        members: dict[str | int, Node] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), MappingEndEvent):
            place, name = _place(event.start_mark), self._key(event, pointer, depth)
            below = pointer if name is None else pointer_join(pointer, name)
            value = self._node(next(self._events), below, depth + 1, place)
            if name == "<<" and event.style is None:
                merged += self._to_merge(value, below)
            elif name in members:
                line = (members[name].key or place).line
                self._fault(place, f"duplicate key {clip(name)}: it stands in line {line} already", "duplicate", below)
            elif name is not None:
                members[name] = value
        for each in merged:
            self._merged_keys += len(each.members)
            if self._merged_keys > _MAX_MERGED_KEYS:
                raise _Unreadable(Fault(each.place, "this merges too much with <<; write it out", "too-large", pointer))
            for step, node in each.members.items():
                members.setdefault(step, node)
        return members

    def _key(self, event: Any, pointer: str, depth: int) -> str | None:
        if isinstance(event, ScalarEvent):
            value = event.value if event.value == "<<" else self._resolved(event)
        else:
            value = self._node(event, pointer, depth + 1).value
        if isinstance(value, str) and not (isinstance(event, ScalarEvent) and _trap(event)):
            return value
        text = event.value if isinstance(event, ScalarEvent) else None
        shown = f"the key {clip(text, 40)}" if text is not None else "this key"
        self._fault(_place(event.start_mark), f"{shown} is not a text in YAML: quote it", "key-type", pointer)
        return text

    def _to_merge(self, node: Node, pointer: str) -> list[Node]:
        nodes = list(node.members.values()) if isinstance(node.value, list) else [node]
        if all(isinstance(each.value, dict) for each in nodes):
            return nodes
        self._fault(node.place, "<< merges an object or a list of objects", "merge", pointer)
        return []

    def _aliased(self, event: Any, pointer: str) -> Node:
        node = self._anchors.get(event.anchor)
        if node is not None:
            return node
        place = _place(event.start_mark)
        inside = event.anchor in self._anchors
        message = f"the alias *{event.anchor} stands within what it stands for" if inside else "undefined alias"
        self._fault(place, message if inside else f"{message} *{event.anchor}", "alias", pointer)
        return Node(None, place)

    def _scalar(self, event: Any, place: Place, pointer: str) -> Any:
        if event.tag and event.tag not in _TEXT_TAGS:
            message = f"{_tag(event)} is a tag, which JSON does not have: leave it out, or quote it with its value"
            self._fault(place, message, "yaml-tag", pointer)
            return event.value
        if trap := _trap(event):
            self._fault(place, f"{event.value[:40]} {trap}", "yaml-trap", pointer)
            return event.value
        return self._resolved(event)

    @staticmethod
    def _resolved(event: Any) -> Any:
        text: str = event.value
        if event.style is not None or event.tag:
            # JSON writes a character beyond 16 bits as two escapes
            pairs = _SURROGATE.search(text)
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") if pairs else text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
        if _NOT_FINITE.fullmatch(text):
            return float(text.replace(".", ""))  # which `shape` refuses
        return float(text) if _FLOAT.fullmatch(text) else text


def _trap(event: Any) -> str:
    """Why a plain text must be quoted, "" if it need not."""
    text: str = event.value
    if event.style is not None or event.tag or text[:1] not in "+-.0123456789" or not text:
        return ""
    if _DATE.fullmatch(text):
        return "is a date in YAML, which JSON does not have: quote it"
    if _LEADING_ZEROS.fullmatch(text):
        return "is octal to some readers of YAML and decimal to others: quote it, or leave out the leading zeros"
    if _UNDERSCORES.fullmatch(text) and ("_" in text or "0b" in text):
        return "is a number to some readers of YAML and a text to others: quote it, or write the digits alone"
    if len(text) > 400 and _INTEGER.fullmatch(text):
        return "is a number that no reader keeps exactly: quote it"
    return ""


def _tag(event: Any) -> str:
    return str(event.tag).replace("tag:yaml.org,2002:", "!!")[:60]


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _bad_character(text: str, error: Any) -> Fault:
    before = text[: error.position]
    place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
    code = ord(text[error.position]) if error.position < len(text) else 0
    message = f'the character U+{code:04X} cannot stand in YAML: write it as "\\u{code:04x}", in double quotes'
    return Fault(place, message, "character")


def _no_yaml(text: str, error: MarkedYAMLError) -> Fault:
    mark, context = error.problem_mark or error.context_mark, error.context_mark
    message = " ".join(f"this is not YAML: {error.problem or error.context}".split())
    if "'\\t'" in message:
        message += "; indent with spaces"
    if error.context and context and mark and context.line != mark.line:
        message += f" ({error.context} that begins in line {context.line + 1})"
    lines = text.splitlines() or [""]
    if mark is None or mark.line >= len(lines):  # the end of the text is on no line of it
        return Fault(Place(len(lines), len(lines[-1]) + 1), message, "yaml")
    return Fault(_place(mark), message, "yaml")
