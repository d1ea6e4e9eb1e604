"""What a case of the corpus is, and the valid documents that cases are made of."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.corpus.writing import Literal, write

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FOLDERS = ("clouds/aws", "clouds/google", "clouds/azure", "clouds/local")
FLEET_2019 = ("gecko-t-linux-large", "github-worker", "gecko-1-decision")
PROVIDERS = {
    "aws-provider": {"kind": "aws", "regions": ["us-east-1", "us-west-1", "us-west-2"]},
    "azure-provider": {"kind": "azure"},
    "google-provider": {"kind": "google"},
    "local-provider": {"kind": "local"},
}
FREE_SCHEMAS = ("/schemas/common/tags.json#", "/schemas/common/user-data.json#")
SHOWN_CHARACTERS = 90
ABSENT = object()


@dataclass(frozen=True, eq=False)
class Base:
    """A valid document; `folder` holds what it refers to and what refers to it."""

    name: str
    folder: str
    document: dict[str, Any]

    @property
    def is_shared(self) -> bool:
        return "schema" in self.document

    @property
    def is_free(self) -> bool:
        """Whether its value may have members of any name."""
        return self.document.get("schema") in FREE_SCHEMAS

    @property
    def file(self) -> str:
        return f"{self.name}.yml"


@dataclass(frozen=True, eq=False)
class Case:
    """One wrong document.

    Attributes:
        fault: the class of the mutation.
        what: what was done, in words.
        text: the file.
        json: the same as JSON, as bytes, for JSON that Python's own values cannot say; None where it is none.
        expected: every pointer at which something is found, and the line in the file `at` fault, None if it depends.
        at: the document at fault, if not the mutated one but one that depends on it.
        online: the pointers where the running system tells other ones: it knows what a document is to be, whereas what
            a file is shows from its keys.
    """

    fault: str
    what: str
    base: Base
    text: str
    json: bytes | None
    expected: Mapping[str, int | None]
    at: Base
    online: frozenset[str] | None = None

    @property
    def id(self) -> str:
        return f"{self.fault}: {self.base.name}: {self.what}"


@cache
def bases() -> Mapping[str, Base]:
    """The valid documents by name."""
    paths = [path for folder in FOLDERS for path in sorted((EXAMPLES / folder).rglob("*/*.yml"))]
    chosen = [EXAMPLES / "fleet-2019/worker-types" / f"{name}.yml" for name in FLEET_2019]
    named = {name for path in chosen for name in re.findall(r"context\.(\w+)", path.read_text())}
    paths += [EXAMPLES / "fleet-2019/shared-configs" / f"{name}.yml" for name in sorted(named)] + chosen
    found = {}
    for path in paths:
        document = YAML(typ="safe", pure=True).load(path)
        name = document.get("workerType") or document["name"]
        found[name] = Base(name, path.parent.parent.name, document)
    return found


def neighbours(case: Case) -> list[Base]:
    """What stands beside a case: the shared configs of its folder, and the worker types if one of these is at fault."""
    folder = [each for each in bases().values() if each.folder == case.base.folder and each is not case.base]
    return [each for each in folder if each.is_shared or each is case.at]


# ---- how documents are changed, by JSON pointer


def steps(pointer: str) -> list[str]:
    return [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:]]


def at(document: Any, pointer: str) -> Any:
    """The value at a pointer."""
    for each in steps(pointer):
        document = document[int(each) if isinstance(document, list) else each]
    return document


def put(document: Any, pointer: str, value: Any) -> Any:
    """A copy with another value at the pointer, or without it (ABSENT); objects on the way are made."""
    changed = copy.deepcopy(document)
    *parents, last = steps(pointer)
    target = changed
    for each in parents:
        target = target[int(each)] if isinstance(target, list) else target.setdefault(each, {})
    key = int(last) if isinstance(target, list) else last
    if value is ABSENT:
        del target[key]
    elif isinstance(target, list) and key == len(target):
        target.append(value)
    else:
        target[key] = value
    return changed


def rename(document: Any, pointer: str, name: str) -> Any:
    """A copy with another key for a member, in the same place."""
    changed = copy.deepcopy(document)
    parent, _, key = pointer.rpartition("/")
    target = at(changed, parent)
    members = {name if each == key else each: value for each, value in target.items()}
    target.clear()
    target.update(members)
    return changed


# ---- how cases are made


def case(
    fault: str,
    what: str,
    base: Base,
    document: Any,
    *pointers: str,
    keys: tuple[str, ...] = (),
    online: frozenset[str] | None = None,
    json_value: Any = ...,
) -> Case:
    """A case of a document with faults at the values that `pointers` name, and at these `keys`."""
    written = write(document)
    lines = {pointer: written.values.get(pointer) for pointer in pointers}
    lines |= {pointer: written.keys[pointer] for pointer in keys}
    value = document if json_value is ... else json_value
    raw = None if _holds_literal(value) else json.dumps(value).encode()
    return Case(fault, what, base, written.text, raw, lines, base, online)


def changed(
    fault: str, base: str, pointer: str, value: Any, *pointers: str, what: str = "", at_key: bool = False
) -> Case:
    """A case with one value changed, at fault itself unless other `pointers` say where."""
    found = bases()[base]
    document, what = put(found.document, pointer, value), what or f"{pointer} = {shown(value)}"
    places = pointers or (pointer,)
    return case(fault, what, found, document, keys=places) if at_key else case(fault, what, found, document, *places)


def broken_dependent(fault: str, shared: str, pointer: str, value: Any, dependent: str, at_pointer: str) -> Case:
    """A change of a shared config that its schema allows and one worker type does not."""
    found, victim = bases()[shared], bases()[dependent]
    document = put(found.document, pointer, value)
    line = write(victim.document).values[at_pointer]
    what = f"{pointer} = {shown(value)} breaks {dependent}"
    return Case(fault, what, found, write(document).text, json.dumps(document).encode(), {at_pointer: line}, victim)


def _holds_literal(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_holds_literal(each) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, Literal)


def shown(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    text = value.text if isinstance(value, Literal) else json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 20]}… ({len(text)} characters)"
