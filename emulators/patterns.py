"""Decides whether something with named facts (region, zone, `tag:KEY`, ...) is meant by a match of globs.

Used alike by faults, pre-emption and listings of every emulated cloud; knows none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any


class ControlRefused(ValueError):
    """A control request is wrong; its text says what, and goes back to the caller with HTTP 400."""


def matches(wanted: Mapping[str, str], facts: Mapping[str, str]) -> bool:
    """Tell whether every wanted fact is present and fits its glob; an empty match means everything."""
    return all(name in facts and fnmatchcase(facts[name], glob) for name, glob in wanted.items())


def parse_match(value: Any) -> dict[str, str]:
    """Check a match as it came in JSON: an object of name -> glob. Raises ControlRefused."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(glob, str) for glob in value.values()):
        raise ControlRefused(f"match must be an object of name to glob, such as {{'region': 'us-*'}}, not {value!r}")
    return dict(value)


def refuse_unknown(body: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    """Raise ControlRefused when `body` has members that nothing would read."""
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise ControlRefused(f"unknown member {', '.join(map(repr, unknown))} of {what}; known: {', '.join(known)}")


def number(value: Any, what: str, *, low: float = 0.0, high: float = float("inf")) -> float:
    """Check a number as it came in JSON. Raises ControlRefused when it is none or outside low..high."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ControlRefused(f"{what} must be a number from {low:g} to {high:g}, not {value!r}")
    return float(value)


def whole(value: Any, what: str, *, low: int = 0) -> int:
    """Check a whole number as it came in JSON. Raises ControlRefused when it is none or below low."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ControlRefused(f"{what} must be a whole number of at least {low}, not {value!r}")
    return value
