"""Loads files and folders of documents: what a file is shows from its keys, and every value knows its line and column.

Decides which files are read, what each is, and that names are defined once; `checking` decides whether a document is
right.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from worker_manager.reading import MAX_TEXT_BYTES, Fault, Node, locate, read
from worker_manager.shape import clip
from worker_manager.templates import did_you_mean
from worker_manager.variants import VARIANTS, expand, template_pointer

SUFFIXES = (".yml", ".yaml", ".json")
SKIPPED_FOLDERS = ("node_modules",)  # and everything whose name begins with a dot

_SHARED_CONFIG_KEYS = ("name", "schema", "value")
_TELLING_KEYS = ("workerType", "providers", "prices", "managedBy", *_SHARED_CONFIG_KEYS)
_WORKER_TYPE_KEYS = ("provider", "minCapacity", "maxCapacity")
_KEY_RULES = ("unknown-key", "duplicate", "not-allowed")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class Kind(StrEnum):
    """What a document is."""

    WORKER_TYPE = "worker type"
    SHARED_CONFIG = "shared config"
    PROVIDERS = "providers"
    PRICES = "price table"  # named by a providers file
    MARKER = "marker"  # `managedBy: NAME` alone: what a folder's documents are managed by


@dataclass(frozen=True, slots=True)
class Finding:
    """One error at a place of a file; line and column count from 1."""

    path: Path
    line: int
    column: int
    message: str
    pointer: str = ""
    rule: str = "invalid"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: error: {self.message}"


@dataclass(frozen=True, slots=True)
class Document:
    """One loaded document.

    Attributes:
        data: plain JSON; of one of a file's variants, the expanded document.
        marks: the places of what the file holds.
        template: what the file holds where `data` is one of its variants.
        told: pointers of the file at which `load` has found something, so that nothing more need be said there.
    """

    path: Path
    kind: Kind
    name: str
    data: Any
    marks: Node = field(repr=False)
    template: Any = field(default=None, repr=False)
    told: frozenset[str] = field(default=frozenset(), repr=False)

    def finding(self, pointer: str, message: str, rule: str = "invalid") -> Finding:
        """An error at the value that `pointer` names, or at the closest that exists; at the key if that is wrong."""
        if self.template is not None:
            within = pointer
            pointer = template_pointer(self.template, self.data, within)
            message += f" (in worker type {self.name!r}" + (f" at {within})" if within != pointer else ")")
        place = locate(self.marks, pointer, at_key=rule in _KEY_RULES)
        return Finding(self.path, place.line, place.column, message, pointer, rule)


def load(
    paths: Iterable[Path], *, providers: Path | None = None, edited: Mapping[Path, str] | None = None
) -> tuple[list[Document], list[Finding]]:
    """Every document that could be read, and what is wrong with the others or with two of the same name.

    Args:
        paths: files, and folders to search.
        providers: a file of provider records besides; what it says of a provider holds.
        edited: texts to take for those of these files.
    """
    texts = {Path(os.path.realpath(path)): text for path, text in (edited or {}).items()}
    documents: list[Document] = []
    findings: list[Finding] = []
    for found in [*_files(paths), *([providers] if providers else [])]:
        loaded, wrong = ([], [found]) if isinstance(found, Finding) else _load_one(found, texts)
        documents += loaded
        findings += wrong
        if found is providers and not wrong and loaded[0].kind is not Kind.PROVIDERS:
            findings.append(loaded[0].finding("", "this is no list of providers (providers: [{name, kind, …}])"))
    return documents, findings + _twice(documents)


def yaml_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and those below the folders whose names end as ours do, sorted, each once."""
    return [each for each in _files(paths) if isinstance(each, Path)]


def _files(paths: Iterable[Path]) -> Iterator[Path | Finding]:
    seen: set[str] = set()
    for path in paths:
        for each in _below(path, ()) if path.is_dir() else [path]:
            if isinstance(each, Finding):
                yield each
            elif (real := os.path.realpath(each)) not in seen:
                seen.add(real)
                yield each


def _below(folder: Path, above: tuple[str, ...]) -> Iterator[Path | Finding]:
    """What a folder holds in order; links are followed, but not to a folder that holds them."""
    real = os.path.realpath(folder)
    if real in above:
        yield Finding(folder, 1, 1, "is a link to a folder that it stands in; remove it", rule="unreadable")
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        yield _unreadable(folder, error)
        return
    for each in entries:
        if each.name.startswith(".") or each.name in SKIPPED_FOLDERS:
            continue
        if each.is_dir():
            if each.suffix in SUFFIXES:
                yield Finding(each, 1, 1, "is a folder whose name is one of a file; rename it", rule="unreadable")
            yield from _below(each, (*above, real))
        elif each.suffix in SUFFIXES:
            yield each if each.is_file() or not each.exists() else _unreadable(each, "it is no regular file")


def _unreadable(path: Path, why: object) -> Finding:
    reason = why.strerror if isinstance(why, OSError) and why.strerror else why
    return Finding(path, 1, 1, f"cannot be read: {reason}", rule="unreadable")


def _load_one(path: Path, texts: Mapping[Path, str]) -> tuple[list[Document], list[Finding]]:
    edited = texts.get(Path(os.path.realpath(path)))
    text = _text(path) if edited is None else edited
    if isinstance(text, Finding):
        return [], [text]
    # JSON may be indented with tabs, and has none in its texts
    root, faults = read(text.replace("\t", " ") if path.suffix == ".json" else text)
    findings = [Finding(path, f.place.line, f.place.column, f.message, f.pointer, f.rule) for f in faults]
    if root is None:
        if not faults:
            findings = [Finding(path, 1, 1, f"is empty; write a document into it, or remove it{_OURS}", rule="kind")]
        return [], findings
    kind = _kind(root)
    if isinstance(kind, Fault):
        place = kind.place
        return [], [*findings, Finding(path, place.line, place.column, kind.message, kind.pointer, kind.rule)]
    told = frozenset(each.pointer for each in faults)
    documents, more = _documents(path, kind, root, told)
    return documents, [*findings, *more]


def _text(path: Path) -> str | Finding:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_TEXT_BYTES + 1)
        if len(raw) > MAX_TEXT_BYTES:
            return Finding(
                path, 1, 1, f"is larger than {MAX_TEXT_BYTES // 1024} KiB; make it smaller", rule="too-large"
            )
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        return Finding(path, line, column, "cannot be read: it is not UTF-8; save it as UTF-8", rule="unreadable")
    except OSError as error:
        return _unreadable(path, error)


_OURS = "; to leave it out, name the files or folders that are meant"
_WANTED = "a worker type (workerType), a shared config (name, schema, value), providers, prices or managedBy"


def _kind(root: Node) -> Kind | Fault:
    """What a file is, or why that cannot be told."""
    if not isinstance(root.value, dict):
        what = "a list" if isinstance(root.value, list) else f"only {clip(root.value, 40)}"
        return Fault(root.place, f"holds {what}, not an object: write {_WANTED}{_OURS}", "kind")
    keys = root.value.keys()
    if "workerType" in keys:
        return Kind.WORKER_TYPE
    if keys >= {*_SHARED_CONFIG_KEYS}:
        return Kind.SHARED_CONFIG
    if "providers" in keys:
        return Kind.PROVIDERS
    if "prices" in keys:
        return Kind.PRICES
    if "managedBy" in keys:
        alone = len(keys) == 1 and isinstance(root.value["managedBy"], str)
        if alone and _OWNER.fullmatch(root.value["managedBy"]):
            return Kind.MARKER
        message = "managedBy stands alone in its file, with a name of letters, digits, dots, hyphens and underscores"
        return Fault(root.members["managedBy"].place, message, "kind", "/managedBy")
    return _nearly(root)


def _nearly(root: Node) -> Fault:
    keys = list(root.value)
    missing = [key for key in _TELLING_KEYS if key not in keys]
    for key in keys:
        if key not in _TELLING_KEYS and key not in _WORKER_TYPE_KEYS and (hint := did_you_mean(key, missing)):
            return Fault(root.members[key].key or root.place, f"unknown key {clip(key)}{hint}", "kind", f"/{key}")
    if len(present := [key for key in _SHARED_CONFIG_KEYS if key in keys]) > 1:
        (absent,) = {*_SHARED_CONFIG_KEYS}.difference(present)
        return Fault(root.place, f"{absent!r} is missing: a shared config has name, schema and value", "kind")
    if any(key in keys for key in _WORKER_TYPE_KEYS):
        return Fault(root.place, "'workerType' is missing: it names the worker type", "kind")
    return Fault(root.place, f"is neither {_WANTED.replace(' or ', ' nor ')}{_OURS}", "kind")


def _documents(path: Path, kind: Kind, root: Node, told: frozenset[str]) -> tuple[list[Document], list[Finding]]:
    """The file's document, or one for each of its variants."""
    data = root.value
    if kind is Kind.WORKER_TYPE and VARIANTS in data:
        whole = Document(path, kind, "", data, root)
        expanded, problems = expand(data)
        documents = [Document(path, kind, each["workerType"], each, root, data, told) for each in expanded]
        found = [whole.finding(each.pointer, each.message, each.rule) for each in problems]
        return documents, [each for each in found if each.pointer not in told]
    key = {Kind.WORKER_TYPE: "workerType", Kind.SHARED_CONFIG: "name", Kind.MARKER: "managedBy"}.get(kind)
    return [Document(path, kind, str(data[key]) if key else str(kind), data, root, None, told)], []


def _twice(documents: Iterable[Document]) -> list[Finding]:
    first: dict[tuple[Kind, str], Document] = {}
    findings = []
    for each in documents:
        if each.kind in (Kind.PROVIDERS, Kind.PRICES):
            continue
        name = "" if each.kind is Kind.MARKER else each.name
        before = first.setdefault((each.kind, name), each)
        if before is not each and each.kind is Kind.MARKER:
            message = f"a folder is managed by one name, and {before.path} says {before.name!r} already"
            findings.append(each.finding("/managedBy", message, "duplicate"))
        elif before is not each:
            pointer = "/workerType" if each.kind is Kind.WORKER_TYPE else "/name"
            message = f"{each.kind} {each.name!r} is defined in {before.path} already"
            findings.append(each.finding(pointer, message, "duplicate-name"))
    return findings
