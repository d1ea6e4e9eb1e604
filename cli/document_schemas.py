"""The schemas of the documents that people write in files. Decides by which keys a document is told from another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cli.authoring import Derivation, Form, Schema, shown
from worker_manager.variants import MAX_VARIANTS

SHARED_CONFIG = "/schemas/common/shared-config.json#"
PROVIDERS = "/schemas/common/providers.json#"
PRICES = "/schemas/common/price-table.json#"
VARIANTS: Schema = {
    "title": "Variants",
    "description": (
        "Makes one worker type of each entry: an object of parameters, which the document's expressions know by name. "
        "The names of the worker types must differ."
    ),
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_VARIANTS,
    "items": {
        "title": "Parameters",
        "description": "The parameters of one worker type by name: plain data.",
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
    },
}
MARKER: Schema = {
    "properties": {
        "managedBy": {
            "title": "Managed by",
            "description": "The name by which the documents of this folder are known as one; stands alone in its file.",
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
        }
    },
    "additionalProperties": False,
}
# What to begin a document with; it is known by one of these.
_BEGINNINGS: Schema = {
    "workerType": {"type": "string", "description": "Makes the document a worker type; its name."},
    "name": {"type": "string", "description": "Makes the document a shared config; its name."},
    "providers": {"type": "array", "description": "Makes the document the file of the providers."},
    "prices": {"type": "array", "description": "Makes the document a price table."},
    **MARKER["properties"],
}
_NO_BEGINNING = (
    "neither a worker type (workerType), a shared config (name, schema, value), providers, prices nor managedBy"
)


def worker_type(derivation: Derivation, kind: str, schema_id: str) -> Schema:
    """A worker type of this kind: a template for one, or with `variants` for several."""
    schema = derivation.derive(derivation.look_up(schema_id), schema_id, Form.TEMPLATE)
    schema["properties"] = {"variants": VARIANTS, **schema["properties"]}
    return derivation.define(f"worker-type.{kind}", {**shown(derivation.look_up(schema_id)), **schema})


def shared_config(derivation: Derivation, shared_ids: Iterable[str], nameable_ids: Iterable[str]) -> Schema:
    """A shared config: plain data, its value held to the schema it names.

    Args:
        derivation: the schema in the making.
        shared_ids: the schemas that are offered and that values are held to.
        nameable_ids: the schemas that may be named.
    """
    schema = derivation.derive(derivation.look_up(SHARED_CONFIG), SHARED_CONFIG, Form.DATA)
    offered = {"enum": sorted(shared_ids)}
    names = {"anyOf": [offered, True], "if": _named(nameable_ids), "else": offered}
    rules = [
        {
            "if": {"required": ["schema"], "properties": {"schema": _named([each])}},
            "then": {"properties": {"value": derivation.refer(each, Form.DATA)}},
        }
        for each in sorted(shared_ids)
    ]
    properties = {**schema["properties"], "schema": {**shown(schema["properties"]["schema"]), **names}}
    return derivation.define("shared-config", {**schema, "properties": properties, "allOf": rules})


def providers(derivation: Derivation) -> Schema:
    """The file which says what accounts there are: plain data."""
    return derivation.refer(PROVIDERS, Form.DATA)


def prices(derivation: Derivation) -> Schema:
    """A price table: plain data."""
    return derivation.refer(PRICES, Form.DATA)


def document(worker_types: Mapping[str, Schema], shared_config: Schema, providers: Schema, prices: Schema) -> Schema:
    """Any document; worker types are told apart by their provider's name, which begins with its kind or is anything."""
    any_worker_type: Schema = {"anyOf": [worker_types[kind] for kind in sorted(worker_types)]}
    for kind in sorted(worker_types, reverse=True):
        named = {"properties": {"provider": {"type": "string", "pattern": f"^{kind}(-|$)"}}, "required": ["provider"]}
        any_worker_type = {"if": named, "then": worker_types[kind], "else": any_worker_type}
    alternatives = [{"required": [key], "errorMessage": _NO_BEGINNING} for key in _BEGINNINGS]
    nothing_yet = {"properties": _BEGINNINGS, "anyOf": alternatives}
    rest = {"if": {"required": ["managedBy"]}, "then": MARKER, "else": nothing_yet}
    rest = {"if": {"required": ["prices"]}, "then": prices, "else": rest}
    rest = {"if": {"required": ["providers"]}, "then": providers, "else": rest}
    is_shared = {"anyOf": [{"required": [key]} for key in ("name", "schema", "value")]}
    return {
        "title": "Worker Manager document",
        "description": (
            "A worker type, a shared config, the providers, a price table or a folder's marker; its keys say which."
        ),
        "type": "object",
        "if": {"required": ["workerType"]},
        "then": any_worker_type,
        "else": {"if": is_shared, "then": shared_config, "else": rest},
    }


def _named(schema_ids: Iterable[str]) -> Schema:
    """One of these identifiers, with or without the empty fragment. No `enum`, whose values editors would list."""
    paths = "|".join(each.removesuffix("#").replace(".", r"\.") for each in sorted(schema_ids))
    return {"type": "string", "pattern": f"^({paths})#?$"}
