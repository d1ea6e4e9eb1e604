"""The contract of a demand source, and what makes two of them the same one.

Decides the identity of a source: the canonical text of its settings, defaults filled in, so that worker types which
name the same source share one reading. Knows the schemas of the sources, but no client.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from schemas import loader
from worker_manager.canonical_json import canonical_json
from worker_manager.policies import seconds
from worker_manager.requests import MAX_SLOTS
from worker_manager.shape import clip
from worker_manager.validation import schema_problems

PUSH = "push"
ID_PREFIX = "demand:"


class DemandUnavailable(Exception):
    """The source cannot be read now, or its answer makes no sense; the message says what, where and why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Work in slots: `pending` waits, `claimed` runs, None where the source cannot tell.

    Where it cannot, `pending` is the total of both, unless it is `waiting_only`.
    """

    pending: int
    claimed: int | None = None
    waiting_only: bool = False


class DemandSource(Protocol):
    """One source with its settings. It may be read again and again, by one thread at a time."""

    def read(self) -> Reading:
        """What there is now; blocks for some ten seconds at most. Raises DemandUnavailable, and nothing else."""
        ...


def normalized(demand: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with every default filled in and the interval in seconds, however they were written."""
    properties = loader.schema(_schema_id(demand))["properties"]
    defaults = {name: _default(each) for name, each in properties.items()}
    settings = {name: each for name, each in defaults.items() if each is not None} | dict(demand)
    if "interval" in settings:
        settings["interval"] = int(seconds(settings["interval"]))
    return settings


def source_id(demand: Mapping[str, Any]) -> str:
    """The source's name, which is its workflow's id, too: the same for settings that mean the same."""
    digest = hashlib.sha256(canonical_json(normalized(demand)).encode()).hexdigest()[:12]
    return f"{ID_PREFIX}{demand['source']}-{digest}"


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raises DemandUnavailable where settings are not those of a source that can be read."""
    source = settings.get("source")
    if source == PUSH or _schema_id(settings) not in loader.schema_ids():
        raise DemandUnavailable(f"there is no demand source {clip(source)} that is read; correct `demand`")
    problems = schema_problems(_schema_id(settings), dict(settings))
    if problems:
        raise DemandUnavailable("; ".join(f"/demand{each.pointer}: {each.message}" for each in problems[:3]))


def slots(value: Any, what: str) -> int:
    """The value as a number of slots. Raises DemandUnavailable where it is none, saying `what` it was found as."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_SLOTS:
        raise DemandUnavailable(f"{what} must be a whole number from 0 to {MAX_SLOTS}, not {clip(value, 40)}")
    return value


def _schema_id(demand: Mapping[str, Any]) -> str:
    return f"/schemas/demand/{demand.get('source')}.json#"


def _default(property_schema: Mapping[str, Any]) -> Any:
    """The default that the schema states, followed through a reference to another file."""
    if ref := property_schema.get("$ref", "") if "default" not in property_schema else "":
        schema_id, _, fragment = ref.partition("#")
        found: Any = loader.schema(schema_id)
        for step in fragment.split("/")[1:]:
            found = found[step]
        return found.get("default")
    return property_schema.get("default")
