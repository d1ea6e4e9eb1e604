"""Says of each reference whether any value its shared config may ever have fits where the reference stands.

A shared config keeps its schema for ever. Where a reference stands exactly where the provider's schema expects that
schema (or one which it narrows), every future value fits there: the edit is proven. Elsewhere only today's value is
known to fit. Rules across levels (an image somewhere, user data within its limit) are no schema's and are checked at
every edit all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import loader
from worker_manager.shape import pointer_steps, shape_problems
from worker_manager.templates import OPERATORS, Reference, inspect, whole_reference

PROVEN = "proven"
TODAY = "checked for today's value"

# Keywords that say something about a member only together with its siblings or by cases: nothing is proven below them.
_BY_CASES = {
    "anyOf", "oneOf", "not", "if", "dependentSchemas", "patternProperties", "propertyNames", "contains", "prefixItems",
    "uniqueItems",
}  # fmt: skip
_ANNOTATIONS = {"title", "description", "examples", "default", "deprecated", "writeOnly", "$id", "$schema", "$comment"}


@dataclass(frozen=True, slots=True)
class Proof:
    """One reference: the shared config `name` at `pointer` of the document; `why` it is not proven, or "".

    `mismatch`: the place expects another schema than the one that the shared config has.
    """

    name: str
    pointer: str
    proven: bool
    why: str = ""
    mismatch: bool = False

    @property
    def verdict(self) -> str:
        """In a few words."""
        return PROVEN if self.proven else TODAY


def proofs(document: Any, kind: str, schemas: Mapping[str, str]) -> tuple[Proof, ...]:
    """A verdict on every reference, in document order; none of a document that is no acceptable JSON.

    Args:
        document: the worker type as the user wrote it.
        kind: name of its provider's kind.
        schemas: schema identifier of each shared config by name; one that is missing proves nothing.
    """
    if shape_problems(document):
        return ()
    schema_id = loader.provider_schemas(kind).worker_configuration
    return tuple(_proof(document, schema_id, each, schemas) for each in inspect(document).references)


def _proof(document: Any, schema_id: str, reference: Reference, schemas: Mapping[str, str]) -> Proof:
    pointer, name = reference.pointer.removesuffix("/$eval"), reference.name
    steps = pointer_steps(pointer)
    if not _is_plain(document, steps):
        return Proof(name, pointer, proven=False, why="stands inside an expression")
    wanted = _schemas_at(schema_id, steps)
    if wanted is None:
        return Proof(name, pointer, proven=False, why="what may stand there depends on what stands beside it")
    given = schemas.get(name, "")
    for schema in wanted:
        ref = _final(schema.get("$ref", ""))
        if ref and not (given and _narrows(given, ref)):
            why = f"the place expects {ref}, the shared config has {given or 'no schema that is known'}"
            return Proof(name, pointer, proven=False, why=why, mismatch=bool(given))
        if set(schema) - _ANNOTATIONS - {"$ref"}:
            return Proof(name, pointer, proven=False, why="what may stand there has a schema of its own")
    return Proof(name, pointer, proven=True)


def _is_plain(template: Any, steps: list[str]) -> bool:
    """True if nothing but the reference itself is evaluated on the way to it."""
    for step in steps:
        if isinstance(template, dict) and not OPERATORS.isdisjoint(template):
            return False
        template = template[int(step)] if isinstance(template, list) else template.get(step)
    return whole_reference(template) is not None


def _final(ref: str) -> str:
    """The reference, followed as long as it leads to nothing but another."""
    while ref:
        target, base = _target(ref, ref)
        further = target.get("$ref", "")
        if not further or set(target) - _ANNOTATIONS - {"$ref"}:
            return ref
        ref = further if further.startswith("/") else base.removesuffix("#") + further
    return ref


def _schemas_at(schema_id: str, steps: list[str]) -> list[dict[str, Any]] | None:
    """Every schema that a value at this path must conform to, references unfollowed; None where it depends."""
    here = [{"$ref": schema_id}]
    for index, step in enumerate(steps):
        below: list[dict[str, Any]] = []
        for schema in here:
            for each in _expanded(schema, schema_id):
                if _BY_CASES & set(each) or _compares(each, steps[index:]):
                    return None
                below += [_absolute(found, each) for found in _below(each, step)]
        here = below
    return here or None


def _compares(schema: dict[str, Any], steps: list[str]) -> bool:
    """True if one of our own keywords compares what lies at the path with something beside it."""
    compared = {*schema.get("prefixedBy", {}).items()}
    in_object = any(steps[0] in pair for pair in compared)
    return in_object or ("uniqueBy" in schema and (len(steps) == 1 or steps[1] in schema["uniqueBy"]))


def _below(schema: dict[str, Any], step: str) -> Iterator[dict[str, Any]]:
    properties = schema.get("properties", {})
    if step in properties:
        yield properties[step]
    elif step.isdecimal() and "items" in schema:
        yield schema["items"]
    elif isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]


def _expanded(schema: dict[str, Any], base: str) -> Iterator[dict[str, Any]]:
    """The schema, with what it refers to and all parts of its `allOf`; each knows its file under `$id`."""
    base = schema.get("$id", base)
    yield {**schema, "$id": base}
    if ref := schema.get("$ref"):
        yield from _expanded(*_target(ref, base))
    for part in schema.get("allOf", ()):
        yield from _expanded(part, base)


def _target(ref: str, base: str) -> tuple[dict[str, Any], str]:
    file, _, fragment = ref.partition("#")
    file = file + "#" if file else base
    found: Any = loader.schema(file)
    for step in pointer_steps(fragment):
        found = found[step]
    return found, file


def _absolute(schema: dict[str, Any], parent: dict[str, Any]) -> dict[str, Any]:
    """A reference within its file made one to the file."""
    ref = schema.get("$ref", "")
    return {**schema, "$ref": parent["$id"].removesuffix("#") + ref} if ref.startswith("#") else schema


def _narrows(given: str, wanted: str) -> bool:
    """True if whatever conforms to `given` conforms to `wanted`: it is the same, or built on it by `allOf`."""
    if loader.canonical_id(given) == loader.canonical_id(wanted):
        return True
    if loader.canonical_id(given) not in loader.load_all():
        return False
    schema = loader.schema(given)
    built_on = [part["$ref"] for part in [schema, *schema.get("allOf", ())] if part.get("$ref", "").startswith("/")]
    return any(_narrows(each, wanted) for each in built_on if "#/" not in each)
