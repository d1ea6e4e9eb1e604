"""Loads the published schemas and builds their validators. Knows nothing of worker types, clouds or documents.

The sources are the YAML files in the folders beside this file. Two keywords beyond JSON Schema 2020-12 are defined
here and described in `common/metaschema.yml`: `uniqueBy` and `prefixedBy`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from jsonschema.protocols import Validator
from jsonschema_specifications import REGISTRY as SPECIFICATIONS  # type: ignore[import-untyped]  # ships no types
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from ruamel.yaml import YAML

FOLDER = Path(__file__).parent
METASCHEMA = "/schemas/common/metaschema.json#"
PROVIDER_FILE = "provider.yml"


@dataclass(frozen=True, slots=True)
class SharedConfigSchema:
    """A schema that shared configs may have, under a name for people."""

    name: str
    schema: str


@dataclass(frozen=True, slots=True)
class ProviderSchemas:
    """The schema identifiers which a provider kind brings."""

    worker_configuration: str
    shared_configs: tuple[SharedConfigSchema, ...]


class UnknownSchema(LookupError):
    """No published schema has this identifier."""


@cache
def load_all() -> Mapping[str, dict[str, Any]]:
    """Every schema by its `$id` (with the trailing `#`), sorted; read once per process. Do not change the values."""
    sources = sorted(path for path in FOLDER.glob("*/*.yml") if path.name != PROVIDER_FILE)
    schemas = {schema["$id"]: schema for schema in map(_read, sources)}
    return MappingProxyType(dict(sorted(schemas.items())))


def schema_ids() -> tuple[str, ...]:
    """Identifiers of all schemas, sorted."""
    return tuple(load_all())


def schema(schema_id: str) -> dict[str, Any]:
    """The schema of this identifier, given with or without the trailing `#`. Raises UnknownSchema."""
    try:
        return load_all()[canonical_id(schema_id)]
    except KeyError:
        raise UnknownSchema(schema_id) from None


def canonical_id(schema_id: str) -> str:
    """The identifier as published: with an empty fragment."""
    return schema_id.removesuffix("#") + "#"


def validator_for(schema_id: str) -> Validator:
    """The schema's validator, the same object each time; identifiers as for `schema`. Raises UnknownSchema."""
    return _validator(canonical_id(schema_id))


@cache
def registry() -> Registry[Any]:
    """All schemas and the dialect's own, for resolving references; never touches the network."""
    resources = ((key, DRAFT202012.create_resource(value)) for key, value in load_all().items())
    return cast("Registry[Any]", SPECIFICATIONS.with_resources(resources).crawl())


def provider_kinds() -> tuple[str, ...]:
    """Names of the kinds that bring schemas, sorted."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob(f"*/{PROVIDER_FILE}")))


@cache
def provider_schemas(kind: str) -> ProviderSchemas:
    """The schemas which the provider kind brings (its `provider.yml`). Raises UnknownSchema if it brings none."""
    if kind not in provider_kinds():
        raise UnknownSchema(kind)
    record = _read(FOLDER / kind / PROVIDER_FILE)
    shared = tuple(SharedConfigSchema(entry["name"], entry["schema"]) for entry in record["sharedConfigSchemas"])
    return ProviderSchemas(record["workerConfiguration"]["schema"], shared)


def _read(path: Path) -> dict[str, Any]:
    return cast(dict[str, Any], YAML(typ="safe", pure=True).load(path))


@cache
def _validator(schema_id: str) -> Validator:
    return _class()(schema(schema_id), registry=registry(), format_checker=FormatChecker())


@cache
def _class() -> type[Validator]:
    keywords = {"uniqueBy": _unique_by, "prefixedBy": _prefixed_by, "pattern": _pattern}
    extended = validators.extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]  # untyped there
    return cast("type[Validator]", extended)


def _unique_by(_: Validator, names: list[str], instance: Any, __: dict[str, Any]) -> Iterator[ValidationError]:
    if not isinstance(instance, list):
        return
    first: dict[str, int] = {}
    for index, item in enumerate(instance):
        if not isinstance(item, dict) or not any(name in item for name in names):
            continue
        key = repr([item.get(name) for name in names])
        if key in first:
            message = f"the same {' and '.join(names)} as in entry {first[key]}"
            yield ValidationError(message, path=[index], instance=item)
        first.setdefault(key, index)


def _prefixed_by(_: Validator, pairs: dict[str, str], instance: Any, __: dict[str, Any]) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for name, prefix_name in pairs.items():
        text, prefix = instance.get(name), instance.get(prefix_name)
        if not isinstance(text, str) or not isinstance(prefix, str):
            continue
        if not text.startswith(prefix) or text[len(prefix) :][:1].isdigit():
            yield ValidationError(f"{text!r} does not lie in {prefix_name} {prefix!r}", path=[name], instance=text)


def _pattern(_: Validator, pattern: str, instance: Any, __: dict[str, Any]) -> Iterator[ValidationError]:
    """As JSON Schema means it: Python's `$` alone would also match before a closing newline."""
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))
