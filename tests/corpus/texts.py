"""Faults of the text itself: keys that stand twice, what YAML understands otherwise than its writer, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.corpus.cases import ABSENT, Case, at, bases, case, put
from tests.corpus.writing import Literal, write

# Values of `docker-small` that YAML has more ways to say: where, how, and the same as JSON, if it is any.
NONE, INFINITE = object(), float("inf")
LITERALS: tuple[tuple[str, str, Any], ...] = (
    ("/maxCapacity", "1_000", NONE),
    ("/maxCapacity", "0b11", NONE),
    ("/maxCapacity", "010", NONE),
    ("/maxCapacity", "+007", NONE),
    ("/maxCapacity", "2026-11-23", NONE),
    ("/maxCapacity", "1,000", "1,000"),
    ("/maxCapacity", "3:20", "3:20"),
    ("/maxCapacity", "0x", "0x"),
    ("/maxCapacity", "1e400", INFINITE),
    ("/maxCapacity", ".inf", INFINITE),
    ("/maxCapacity", "-.inf", -INFINITE),
    ("/scalingRatio", ".nan", float("nan")),
    ("/maxCapacity", "~", None),
    ("/maxCapacity", "", None),
    ("/maxCapacity", "!!str 20", "20"),
    ("/maxCapacity", "!!int 20", NONE),
    ("/maxCapacity", "!python/object:os.system 20", NONE),
    ("/maxCapacity", "*nothing", NONE),
    ("/maxCapacity", "|\n  20", "20\n"),
    ("/maxCapacity", ">-\n  20", "20"),
    ("/description", "2026-11-23", NONE),
    ("/description", "2026-11-23T10:00:00Z", NONE),
    ("/description", "1.10", 1.1),
    ("/description", "null", None),
    ("/description", "12_34", NONE),
    ("/owner", "true", True),
    ("/owner", "0123", NONE),
    ("/tags", "{team: no, project: 2026}", {"team": "no", "project": 2026}),
    ("/tags", "{team: 010}", NONE),
    ("/launchSpec/EbsOptimized", "yes", "yes"),
    ("/launchSpec/EbsOptimized", "on", "on"),
    ("/launchSpec/EbsOptimized", "Off", "Off"),
    ("/launchSpec/EbsOptimized", "y", "y"),
    ("/launchSpec/Monitoring", "{Enabled: 1}", {"Enabled": 1}),
    ("/scopes", "queue:claim-work:x", "queue:claim-work:x"),
    ("/userData", "&a {b: *a}", NONE),
    ("/userData", "!!binary aGVsbG8=", NONE),
    ("/userData", "!!set {a, b}", NONE),
    ("/userData", "{1: one}", NONE),
    ("/userData", "{null: one}", NONE),
    ("/userData", "{true: one}", NONE),
    ("/userData", "{2026-11-23: one}", NONE),
    ("/userData", "{? [a, b] : one}", NONE),
    ("/userData", "{<<: 5}", NONE),
    ("/userData", "{a: 1, a: 2}", NONE),
)
# Where within such a value the fault is found, if not at its whole.
WITHIN = {
    "{team: no, project: 2026}": "/project",
    "{team: 010}": "/team",
    "{Enabled: 1}": "/Enabled",
    "&a {b: *a}": "/b",
    "{<<: 5}": "/<<",
    "{a: 1, a: 2}": "/a",
}
# Lines in place of a member's first one: what they are, the member, the lines, which of them is told of (None: it takes
# a parser until later to notice), and the pointer.
BROKEN: tuple[tuple[str, str, list[str], int | None, str], ...] = (
    ("a tab", "/minCapacity", ["\tminCapacity: 2"], 0, ""),
    ("an unfinished text", "/owner", ["owner: 'someone"], None, ""),
    ("an unfinished list", "/owner", ["owner: [a, b"], 1, ""),
    ("a colon in a text", "/description", ["description: small: tasks"], 0, ""),
    ("an at sign", "/owner", ["owner: @someone"], 0, ""),
    ("a backquote", "/owner", ["owner: `someone`"], 0, ""),
    ("a percent sign", "/owner", ["owner: %someone"], 0, ""),
    ("no space after a colon", "/minCapacity", ["minCapacity:2"], 1, ""),
    ("a bad escape", "/owner", [r'owner: "\q"'], 0, ""),
    ("indented too far", "/minCapacity", ["  minCapacity: 2"], 0, ""),
    ("two values", "/owner", ["owner: 'a' 'b'"], 0, ""),
    ("a control character", "/owner", ["owner: some\x07one"], 0, ""),
    ("a null character", "/owner", ["owner: some\x00one"], 0, ""),
    ("half a character", "/owner", ["owner: some\ud83done"], 0, ""),
    ("a second document", "/owner", ["---", "owner: someone"], 0, ""),
    ("an end and more", "/owner", ["...", "owner: someone"], 1, ""),
    ("a list among members", "/owner", ["- owner"], 0, ""),
    ("an alias for a key", "/owner", ["*owner : x"], 0, ""),
    (
        "a conflict that nobody solved",
        "/owner",
        ["<<<<<<< HEAD", "owner: a", "=======", "owner: b", ">>>>>>> x"],
        None,
        "",
    ),
    ("a merge of nothing", "/owner", ["<<: *nothing"], 0, "/<<"),
    ("a merge of what does not fit", "/owner", ["demand: {<<: &base {source: pull}}"], 0, "/demand/source"),
)
TWICE = (
    ("docker-small", "/maxCapacity"),
    ("docker-small", "/launchSpec/MetadataOptions/HttpTokens"),
    ("docker-release", "/minCapacity"),
    ("gcp-linux-docker", "/secrets/registryToken"),
    ("azure-linux-build", "/launchSpec/priority"),
    ("greeters", "/launchSpec/environment/LANG"),
    ("aws-docker-regions", "/value/1/region"),
    ("google-images", "/value/0/sourceImage"),
    ("local-sleepers", "/value/1/capacity"),
    ("aws-tags", "/value/team"),
)


def all_cases() -> Iterator[Case]:
    yield from _literals()
    yield from _broken()
    yield from _whole_files()
    yield from _twice()


def _literals() -> Iterator[Case]:
    base = bases()["docker-small"]
    for pointer, text, value in LITERALS:
        document = put(base.document, pointer, Literal(text))
        found = pointer + WITHIN.get(text, "")
        same = document if value is NONE else put(base.document, pointer, value)
        made = case("YAML trap", f"{pointer}: {text}", base, document, pointer, json_value=same)
        yield replace(made, expected={found: made.expected[pointer]})


def _broken() -> Iterator[Case]:
    written = write(bases()["docker-small"].document)
    for what, pointer, lines, offset, found in BROKEN:
        start = written.keys[pointer]
        text = [*written.lines[: start - 1], *lines, *written.lines[start:]]
        yield _text("YAML trap", what, "docker-small", text, None if offset is None else start + offset, found)


def _whole_files() -> Iterator[Case]:
    lines = write(bases()["docker-small"].document).lines
    for what, text, line in (
        ("an old version of YAML", ["%YAML 1.1", "---", *lines], 1),
        ("nothing but a comment", ["# docker-small"], 1),
        ("only a text", ["docker-small"], 1),
        ("documents in a list", ["-", *(f"  {each}" for each in lines)], 1),
        ("a mark of byte order within", [*lines[:2], "\ufeff", *lines[2:]], None),
    ):
        yield _text("YAML trap", what, "docker-small", text, line, "")
    laughs = ["  a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    laughs += [f"  a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    greeters = put(bases()["greeters"].document, "/userData", ABSENT)
    yield _text("huge", "a billion laughs", "greeters", [*write(greeters).lines, "userData:", *laughs], 1, "")


def _twice() -> Iterator[Case]:
    for name, pointer in TWICE:
        base = bases()[name]
        written = write(base.document)
        start = written.keys[pointer]
        again = written.lines[start - 1].replace("- ", "  ", 1)
        text = [*written.lines[:start], again, *written.lines[start:]]
        member = json.dumps({pointer.rpartition("/")[2]: at(base.document, pointer)})[1:-1]
        raw = json.dumps(base.document).replace(member, f"{member}, {member}", 1).encode()
        yield replace(_text("duplicate key", pointer, name, text, start + 1, pointer), json=raw, online=frozenset({""}))


def _text(fault: str, what: str, base: str, lines: list[str], line: int | None, pointer: str) -> Case:
    found = bases()[base]
    return Case(fault, what, found, "\n".join(lines) + "\n", None, {pointer: line}, found)
