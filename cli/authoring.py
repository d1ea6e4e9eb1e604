"""Derives the schemas that editors use. Decides what an author may write in place of a value; knows no file, no editor.

Where a document is a template, every value may also be a JSON-e expression, and a rule that an expression could still
come to satisfy holds only where none stands. A derived schema is one file: what it refers to lies in its `$defs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin

from referencing import Registry

from worker_manager.templates import OPERATORS

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ANNOTATIONS = ("title", "description", "default", "examples", "deprecated", "writeOnly")
_EXPRESSION = {"$ref": "#/$defs/expression"}
_OBJECT_EXPRESSION = {"$ref": "#/$defs/object-expression"}
_PLAIN = {"$ref": "#/$defs/plain"}
_EXPRESSION_KEY = f"^({'|'.join(map(re.escape, sorted(OPERATORS)))})$|\\$\\{{"
_TEMPLATE_DEFINITIONS: Mapping[str, Schema] = {
    "expression": {"anyOf": [{"type": "string", "pattern": r"\$\{"}, _OBJECT_EXPRESSION]},
    "object-expression": {"type": "object", "not": {"patternProperties": {_EXPRESSION_KEY: False}}},
    # without any expression, however deep
    "plain": {"not": _EXPRESSION, "additionalProperties": _PLAIN, "items": _PLAIN},
}
_NOT_FOR_EDITORS = ("$id", "$schema", "$defs", "$comment", "uniqueBy", "prefixedBy")
_MAPS_OF_VALUES = ("properties", "patternProperties")
_VALUES = ("items", "additionalProperties", "contains")
_LISTS_OF_RULES = ("allOf", "anyOf", "oneOf")
_RULES = ("if", "then", "else", "not", "propertyNames")
# An expression may vanish (`$if` without `else`), or turn out to be what the condition asks for.
_UNDECIDED = ("if", "then", "else", "not", "maxItems", "maxProperties")


class Form(StrEnum):
    """What may stand where a schema holds: plain data, that with expressions in it, or an expression as a whole."""

    DATA = "data"
    TEMPLATE = "template"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Derivation:
    """One derived schema in the making: each schema that is referred to becomes one of its definitions.

    Attributes:
        registry: where references are looked up.
        definitions: what the derived schema's `$defs` will be.
    """

    registry: Registry[Any]
    definitions: dict[str, Schema] = field(default_factory=dict)

    def define(self, name: str, schema: Schema) -> Schema:
        """A reference to a definition of the caller's own making."""
        self.definitions[name] = schema
        return {"$ref": f"#/$defs/{name}"}

    def refer(self, uri: str, form: Form) -> Schema:
        """A reference to the derived form of a published schema, or of a part of one, by its absolute identifier."""
        schema = self.look_up(uri)
        if not isinstance(schema, bool) and set(schema) == {"$ref"}:
            return self.refer(urljoin(uri, schema["$ref"]), form)
        path = re.sub(r"[^A-Za-z0-9-]+", ".", uri.removeprefix("/schemas/").replace(".json", "")).strip(".")
        name = f"{form}.{path}"
        if name not in self.definitions:
            self.definitions[name] = {}  # a schema may refer to itself
            if form is Form.VALUE:
                self.definitions[name] = _expression_or(schema, self.refer(uri, Form.TEMPLATE))
            else:
                self.definitions[name] = self.derive(schema, uri, form)
        return {"$ref": f"#/$defs/{name}"}

    def look_up(self, uri: str) -> Any:
        """A published schema, or a part of one, by its absolute identifier."""
        return self.registry.resolver().lookup(uri).contents

    def finish(self, schema: Schema) -> Schema:
        """The derived schema, with everything it refers to."""
        definitions = {**_TEMPLATE_DEFINITIONS, **self.definitions}
        return {"$schema": DIALECT, **schema, "$defs": dict(sorted(definitions.items()))}

    def derive(self, schema: Any, base: str, form: Form) -> Any:
        """The derived form of a schema, whose references are relative to `base`; what they name becomes definitions."""
        if isinstance(schema, bool):
            return schema
        derived: Schema = {}
        for keyword, item in schema.items():
            if keyword == "$ref":
                derived |= self.refer(urljoin(base, item), form)
            elif keyword not in _NOT_FOR_EDITORS:
                derived[keyword] = self._keyword(keyword, item, base, form)
        if "pattern" in schema and "description" in schema:
            derived["patternErrorMessage"] = schema["description"]
        if form is Form.DATA:
            return derived
        around = shown(schema)  # by the alternative to an expression, which stands around these rules
        return _guarded({keyword: item for keyword, item in derived.items() if keyword not in around})

    def _value(self, schema: Any, base: str, form: Form) -> Any:
        """For a member or an entry."""
        if isinstance(schema, bool) or form is Form.DATA:
            return self.derive(schema, base, form)
        if set(schema) == {"$ref"}:
            return self.refer(urljoin(base, schema["$ref"]), Form.VALUE)
        return _expression_or(schema, self.derive(schema, base, form))

    def _keyword(self, keyword: str, item: Any, base: str, form: Form) -> Any:
        if keyword in _MAPS_OF_VALUES:
            return {name: self._value(each, base, form) for name, each in item.items()}
        if keyword in _VALUES:
            return self._value(item, base, form)
        if keyword == "prefixItems":
            return [self._value(each, base, form) for each in item]
        if keyword == "dependentSchemas":
            return {name: self.derive(each, base, form) for name, each in item.items()}
        if keyword in _LISTS_OF_RULES:
            return [self.derive(each, base, form) for each in item]
        return self.derive(item, base, form) if keyword in _RULES else item


def shown(schema: Schema) -> Schema:
    """What editors show and offer; a member that may not be given is not offered."""
    kept = {name: schema[name] for name in ANNOTATIONS if name in schema}
    if any(isinstance(example, dict | list) for example in kept.get("examples", ())):
        del kept["examples"]  # yaml-language-server would write `[object Object]`
    return {**kept, "doNotSuggest": True} if schema.get("not") == {} else kept


def _expression_or(schema: Schema, rules: Schema) -> Schema:
    """The `anyOf`, which every value satisfies, is there because editors offer no values from within an `else`."""
    offered = {keyword: schema[keyword] for keyword in ("type", "enum", "const") if keyword in schema}
    may_be_text = "string" in schema.get("type", "string")  # `${...}` always gives a text
    expression = _EXPRESSION if may_be_text else _OBJECT_EXPRESSION
    return {**shown(schema), "anyOf": [offered, True], "if": expression, "else": rules}


def _guarded(schema: Schema) -> Schema:
    """The undecided rules hold only for a value without expressions, or if the members they ask about have none."""
    undecided = {keyword: schema.pop(keyword) for keyword in _UNDECIDED if keyword in schema}
    rules = [{"anyOf": schema.pop("oneOf")}] if "oneOf" in schema else []
    if undecided:
        rules.append({"if": _decided(undecided.get("if")), "then": undecided})
    return {**schema, "allOf": [*schema.get("allOf", ()), *rules]} if rules else schema


def _decided(condition: Any) -> Schema:
    if isinstance(condition, dict) and condition.keys() <= {"properties", "required"}:
        return {"properties": dict.fromkeys(condition.get("properties", ()), _PLAIN)}
    return _PLAIN
