"""Loads directories of documents: what a file is shows from its keys, and every value knows its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarbool import ScalarBoolean


class Kind(StrEnum):
    """What a document is."""

    WORKER_TYPE = "worker type"
    SHARED_CONFIG = "shared config"
    PROVIDERS = "providers"


@dataclass(frozen=True, slots=True)
class Finding:
    """One error at a place of a file; line and column count from 1."""

    path: Path
    line: int
    column: int
    message: str
    pointer: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: error: {self.message}"


@dataclass(frozen=True, slots=True)
class Document:
    """One loaded file: `data` is plain JSON, `marks` the positions of the same tree."""

    path: Path
    kind: Kind
    name: str
    data: Any
    marks: Any

    def finding(self, pointer: str, message: str) -> Finding:
        """An error at the value that `pointer` names, or at the closest that exists."""
        line, column = _position(self.marks, pointer)
        return Finding(self.path, line, column, message, pointer)


def yaml_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and every `*.yml` and `*.yaml` below the folders, sorted, each once."""
    found: dict[Path, None] = {}
    for path in paths:
        files = sorted([*path.rglob("*.yml"), *path.rglob("*.yaml")]) if path.is_dir() else [path]
        found.update(dict.fromkeys(files))
    return list(found)


def load(paths: Iterable[Path]) -> tuple[list[Document], list[Finding]]:
    """Every document that could be read, and what is wrong with the others or with two of the same name."""
    documents: list[Document] = []
    findings: list[Finding] = []
    for path in yaml_files(paths):
        loaded = _load_one(path)
        (findings if isinstance(loaded, Finding) else documents).append(loaded)  # type: ignore[arg-type]
    return documents, findings + _twice(documents)


def _load_one(path: Path) -> Document | Finding:
    try:
        marks = YAML().load(path.read_text(encoding="utf-8"))
        data = _plain(marks)
    except (OSError, UnicodeDecodeError) as error:
        return Finding(path, 1, 1, f"cannot be read: {error}")
    except MarkedYAMLError as error:
        mark = error.problem_mark
        return Finding(path, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, str(error.problem))
    except (YAMLError, RecursionError, TypeError, ValueError) as error:
        return Finding(path, 1, 1, f"not YAML that can be a JSON document: {error}")
    if isinstance(data, dict):
        if "workerType" in data:
            return Document(path, Kind.WORKER_TYPE, str(data["workerType"]), data, marks)
        if "schema" in data and "value" in data:
            return Document(path, Kind.SHARED_CONFIG, str(data.get("name")), data, marks)
        if "providers" in data:
            return Document(path, Kind.PROVIDERS, "providers", data, marks)
    text = "neither a worker type (workerType), a shared config (name, schema, value) nor providers"
    return Finding(path, 1, 1, text)


def _plain(value: Any, done: dict[int, Any] | None = None) -> Any:
    """Plain JSON values of a loaded tree; what an alias shares stays shared, so that a bomb of aliases stays small.

    Raises TypeError for what JSON does not have (a date must be quoted).
    """
    done = {} if done is None else done
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, Mapping):
        done[id(value)] = {_key(key): _plain(each, done) for key, each in value.items()}
        return done[id(value)]
    if isinstance(value, list):
        done[id(value)] = [_plain(each, done) for each in value]
        return done[id(value)]
    if isinstance(value, ScalarBoolean):
        return bool(value)
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"{value!r} is a {type(value).__name__} in YAML: quote it")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is not a string: quote it")
    return str(key)


def _position(marks: Any, pointer: str) -> tuple[int, int]:
    line, column = 0, 0
    for part in [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:]]:
        if not isinstance(marks, CommentedBase):
            break
        key: Any = int(part) if isinstance(marks, list) and part.isdigit() else part
        positions = marks.lc.data or {}
        if key not in positions:
            break
        line, column = positions[key][0], positions[key][1]
        marks = marks[key]  # type: ignore[index]  # a map or a list, both of which it indexes
    return line + 1, column + 1


def _twice(documents: Iterable[Document]) -> list[Finding]:
    first: dict[tuple[Kind, str], Document] = {}
    findings = []
    for each in documents:
        before = first.setdefault((each.kind, each.name), each)
        if before is not each and each.kind is not Kind.PROVIDERS:
            pointer = "/workerType" if each.kind is Kind.WORKER_TYPE else "/name"
            findings.append(each.finding(pointer, f"{each.kind} {each.name!r} is defined in {before.path} already"))
    return findings
