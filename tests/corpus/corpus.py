"""All cases, and the classes that they are of."""

from __future__ import annotations

from tests.corpus import policies, rules, structure, templates, texts, values

CORPUS = [case for module in (structure, values, policies, rules, templates, texts) for case in module.all_cases()]
FAULTS = (
    "wrong type",
    "missing",
    "extra",
    "misspelt",
    "forbidden",
    "out of range",
    "bad pattern",
    "bad reference",
    "bad JSON-e",
    "template bomb",
    "huge",
    "deep",
    "unicode",
    "duplicate key",
    "YAML trap",
    "cross-field",
    "broken dependent",
    "secret",
)
