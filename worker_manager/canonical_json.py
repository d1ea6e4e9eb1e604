"""Decides the one text of a JSON value that signatures are made over: the JSON Canonicalization Scheme (RFC 8785).

There are libraries of it for most languages. In short: members sorted (by UTF-16 code units), no spaces, UTF-8, texts
escaped no more than JSON must, numbers as JavaScript writes them, so that 7.0 is 7.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

_text = json.JSONEncoder(ensure_ascii=False).encode


def canonical_json(value: Any) -> str:
    """The canonical text of a value in which `shape.shape_problems` finds nothing."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join([f"{_text(name)}:{canonical_json(each)}" for name, each in members]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([canonical_json(each) for each in value]) + "]"
    return _number(value) if isinstance(value, float) else _text(value)


def _number(value: float) -> str:
    """As ECMAScript's Number::toString: decimal notation from 1e-6 to below 1e21, no `.0`, no zeros in the exponent."""
    text = float.__repr__(value)
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(text), "f").removesuffix(".0")
    return text.replace("e-0", "e-")
