"""Says for people how a value breaks a schema. Decides wording alone; the schema's own description gives the reason.

Values are shown in at most 80 characters, and not at all where the schema marks them `writeOnly` (they may be secrets).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from worker_manager.shape import clip
from worker_manager.templates import did_you_mean

_TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}
_MAX_OWN_WORDS = 200
_MAX_REASON = 160
_SENTENCE_END = re.compile(r"(?<!\b[A-Z])\.(?:\s|$)")  # `W. Europe Standard Time` is a name
_PROPER_NAME = re.compile(r"[A-Z]{2}|[A-Z][0-9]|(Azure|Compute Engine|Google|Linux|Windows|Worker Manager)\b")


@dataclass(frozen=True, slots=True)
class Breach:
    """One keyword (`rule`) of a `schema` that an `instance` breaks; `message` is the validator's own wording."""

    rule: str
    expected: Any
    instance: Any
    schema: Mapping[str, Any]
    message: str


def sentence(breach: Breach) -> str:
    """What is wrong, in lower case."""
    say = _SENTENCES.get(breach.rule)
    return say(breach) if say else f"breaks the rule {breach.rule!r}{explained(breach.schema)}"


def explained(schema: Mapping[str, Any]) -> str:
    """`: ` and the first sentence of the description, or nothing."""
    first = _SENTENCE_END.split(schema.get("description", ""), maxsplit=1)[0]
    first = textwrap.shorten(first, _MAX_REASON, placeholder="…")
    if not first:
        return ""
    return f": {first if _PROPER_NAME.match(first) else first[0].lower() + first[1:]}"


def _given(breach: Breach) -> str:
    """The value at fault, unless it, or what it should hold, may be a secret."""
    members = breach.schema.get("additionalProperties")
    if breach.schema.get("writeOnly") or (isinstance(members, dict) and members.get("writeOnly")):
        return "this value (not shown)"
    return clip(breach.instance)


def _type(breach: Breach) -> str:
    wanted = breach.expected
    names = " or ".join(_TYPE_NAMES[name] for name in ([wanted] if isinstance(wanted, str) else wanted))
    return f"must be {names}, not {_given(breach)}{explained(breach.schema)}"


def _enum(breach: Breach) -> str:
    options = [str(option) for option in breach.expected]
    listed = ", ".join(repr(option) for option in options)
    has_choice = len(options) > 1
    hint = did_you_mean(breach.instance, options) if has_choice and isinstance(breach.instance, str) else ""
    one_of = "one of " if has_choice else ""
    return f"must be {one_of}{listed}, not {_given(breach)}{hint or explained(breach.schema)}"


def _not(breach: Breach) -> str:
    return f"must not be given{explained(breach.schema)}"


def _bound(words: str) -> Callable[[Breach], str]:
    def say(breach: Breach) -> str:
        return f"must {words.format(breach.expected)}, not {_given(breach)}{explained(breach.schema)}"

    return say


def _any_of(breach: Breach) -> str:
    names = [name for each in breach.expected for name in each.get("required", ())]
    if len(names) != len(breach.expected):
        return f"fits none of the {len(breach.expected)} forms it may have{explained(breach.schema)}"
    return f"needs {' or '.join(map(repr, names))}{explained(breach.schema)}"


def _pattern(breach: Breach) -> str:
    return f"{_given(breach)} does not have the right form{explained(breach.schema)}"


def _own_words(breach: Breach) -> str:
    return breach.message if len(breach.message) <= _MAX_OWN_WORDS else breach.message[:_MAX_OWN_WORDS] + "…"


_SENTENCES: dict[str, Callable[[Breach], str]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda breach: f"must be {clip(breach.expected)}{explained(breach.schema)}",
    "not": _not,
    "anyOf": _any_of,
    "pattern": _pattern,
    "uniqueBy": _own_words,
    "prefixedBy": _own_words,
    "minimum": _bound("be at least {}"),
    "maximum": _bound("be at most {}"),
    "exclusiveMinimum": _bound("be more than {}"),
    "minLength": _bound("have {} or more characters"),
    "maxLength": _bound("have no more than {} characters"),
    "minItems": _bound("have {} or more entries"),
    "maxItems": _bound("have no more than {} entries"),
    "contains": lambda breach: f"lacks an entry it must have{explained(breach.schema)}",
    "minProperties": _bound("have {} or more keys"),
    "maxProperties": _bound("have no more than {} keys"),
    "uniqueItems": lambda breach: f"has the same entry more than once{explained(breach.schema)}",
}
