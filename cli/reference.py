"""The published reference of the schemas, as files. Decides which files there are and what stands in each; writes none.

The same schemas give the same bytes: no time, no machine, nothing that was there before but the lock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from referencing import Registry

from cli.authoring import Derivation, Schema, shown
from cli.document_schemas import (
    PRICES,
    PROVIDERS,
    SHARED_CONFIG,
    document,
    prices,
    providers,
    shared_config,
    worker_type,
)
from schemas import loader
from schemas.lock import Lock

DOCUMENT_FILE = "schemas/common/document.input.json"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything there is to publish.

    Attributes:
        version: the project's.
        schemas: by identifier, sorted.
        kinds: what each provider kind brings, by name, sorted.
        registry: the schemas, for resolving references.
    """

    version: str
    schemas: Mapping[str, Schema]
    kinds: Mapping[str, loader.ProviderSchemas]
    registry: Registry[Any]

    @property
    def shared_ids(self) -> frozenset[str]:
        """The schemas which shared configs of any kind may have."""
        return frozenset(entry.schema for kind in self.kinds.values() for entry in kind.shared_configs)


def catalogue() -> Catalogue:
    """The project's own."""
    kinds = {kind: loader.provider_schemas(kind) for kind in loader.provider_kinds()}
    return Catalogue(version("worker-manager"), loader.load_all(), kinds, loader.registry())


def files(published: Catalogue, lock: Lock) -> dict[str, str]:
    """Text by path within the reference's folder."""
    inputs = _inputs(published)
    contents: dict[str, Any] = {_path(key): schema for key, schema in published.schemas.items()}
    contents |= {f"providers/{name}.json": _provider(kind) for name, kind in published.kinds.items()}
    contents |= inputs
    contents["manifest.json"] = _manifest(published, lock, frozenset(inputs))
    return {path: json.dumps(contents[path], indent=1, ensure_ascii=False) + "\n" for path in sorted(contents)}


def differences(folder: Path, expected: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    """What is wrong with what is written: each file at fault, and what to do about it.

    Args:
        folder: where nothing but what is expected may be.
        expected: text by path, within the folder or elsewhere.
    """
    for path, text in expected.items():
        if not path.is_file():
            yield path, "is missing; run: wm reference"
        elif path.read_bytes() != text.encode():
            yield path, "is stale; run: wm reference"
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path not in expected):
        yield path, "is extra, for nothing is published there; delete it"


def _manifest(published: Catalogue, lock: Lock, inputs: frozenset[str]) -> dict[str, Any]:
    used = {name: _used_by(kind, published.schemas) for name, kind in published.kinds.items()}
    schemas = [
        {
            "id": key,
            "title": schema["title"],
            **asdict(lock[key]),
            "providers": [name for name in published.kinds if key in used[name]],
            "sharedConfigs": key in published.shared_ids,
            "path": _path(key),
        }
        | ({"input": _input_path(key)} if _input_path(key) in inputs else {})
        for key, schema in published.schemas.items()
    ]
    providers = [{"kind": name, "path": f"providers/{name}.json"} for name in published.kinds]
    return {"version": published.version, "document": DOCUMENT_FILE, "providers": providers, "schemas": schemas}


def _provider(kind: loader.ProviderSchemas) -> dict[str, Any]:
    shared = [{"name": entry.name, "schema": entry.schema} for entry in kind.shared_configs]
    return {"workerConfiguration": {"schema": kind.worker_configuration}, "sharedConfigSchemas": shared}


def _inputs(published: Catalogue) -> dict[str, Schema]:
    """The derived schemas by path: one for each document that people write, and one for all of them."""
    makers = _makers(published)
    found: dict[str, Schema] = {}
    for key, make in makers.items():
        single = Derivation(published.registry)
        found[_input_path(key)] = single.finish({**shown(published.schemas[key]), **make(single)})
    everything = Derivation(published.registry)
    made = {key: make(everything) for key, make in makers.items()}
    worker_types = {name: made[kind.worker_configuration] for name, kind in published.kinds.items()}
    root = document(worker_types, made[SHARED_CONFIG], made[PROVIDERS], made[PRICES])
    return found | {DOCUMENT_FILE: everything.finish(root)}


def _makers(published: Catalogue) -> dict[str, Callable[[Derivation], Schema]]:
    nameable = published.schemas.keys() - {loader.METASCHEMA}
    return {
        **{
            kind.worker_configuration: partial(worker_type, kind=name, schema_id=kind.worker_configuration)
            for name, kind in published.kinds.items()
        },
        SHARED_CONFIG: partial(shared_config, shared_ids=published.shared_ids, nameable_ids=nameable),
        PROVIDERS: providers,
        PRICES: prices,
    }


def _used_by(kind: loader.ProviderSchemas, schemas: Mapping[str, Schema]) -> frozenset[str]:
    """The schemas a kind brings, and all that these refer to."""
    used: set[str] = set()
    waiting = [kind.worker_configuration, *(entry.schema for entry in kind.shared_configs)]
    while waiting:
        key = waiting.pop()
        if key in schemas and key not in used:
            used.add(key)
            waiting += [urljoin(key, each).partition("#")[0] + "#" for each in _references(schemas[key])]
    return frozenset(used)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _references(each)


def _path(key: str) -> str:
    return key.removesuffix("#").removeprefix("/")


def _input_path(key: str) -> str:
    return _path(key).removesuffix(".json") + ".input.json"
