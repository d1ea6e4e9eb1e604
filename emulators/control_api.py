"""The server side of the control API: `/_emu/...`, JSON in and out, the same for every emulated cloud.

Decides what a control request means and refuses wrong ones with 400; the cloud itself is behind `Emulated`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

from emulators.capacity import Capacity
from emulators.faults import Faults
from emulators.patterns import ControlRefused, parse_match, refuse_unknown, whole
from emulators.prices import Prices

PREFIX = "/_emu/"

Answer = tuple[int, Any]


class Emulated(Protocol):
    """What the control API needs of an emulated cloud."""

    @property
    def faults(self) -> Faults: ...

    @property
    def capacity(self) -> Capacity: ...

    @property
    def prices(self) -> Prices: ...

    def settings_json(self) -> dict[str, Any]: ...

    def change_settings(self, body: Mapping[str, Any]) -> None:
        """Change settings. Raises ControlRefused, and then changes nothing."""

    def preempt(self, *, ids: Sequence[str], match: Mapping[str, str], limit: int | None, reason: str) -> list[str]:
        """Take instances away and give their ids."""

    def stats(self) -> dict[str, Any]: ...

    def instances(self, match: Mapping[str, str]) -> list[dict[str, Any]]: ...

    def reset(self) -> None:
        """Go back to how it was started: no instances, faults, limits on pools, prices, counts; the first settings."""


def answer(emulated: Emulated, method: str, path: str, query: str, body: bytes) -> Answer:
    """Answer one control request: the HTTP status, and what to send as JSON."""
    handler = _ROUTES.get((method, path.removeprefix(PREFIX)))
    if handler is None:
        known = ", ".join(f"{verb} {PREFIX}{name}" for verb, name in _ROUTES)
        return 404, {"error": f"no such control request: {method} {path}; known: {known}"}
    try:
        return 200, handler(emulated, dict(parse_qsl(query)), _json_object(body))
    except ControlRefused as refused:
        return 400, {"error": str(refused)}


def _json_object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ControlRefused(f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ControlRefused(f"the body must be a JSON object, not {value!r}")
    return value


def _add_fault(emulated: Emulated, _: dict[str, str], body: dict[str, Any]) -> Any:
    return {"id": emulated.faults.add(body)}


def _clear_faults(emulated: Emulated, query: dict[str, str], _: dict[str, Any]) -> Any:
    return {"removed": emulated.faults.clear(query.get("id", ""))}


def _list_faults(emulated: Emulated, _: dict[str, str], __: dict[str, Any]) -> Any:
    return {"faults": emulated.faults.listing()}


def _set_capacity(emulated: Emulated, _: dict[str, str], body: dict[str, Any]) -> Any:
    emulated.capacity.update(body)
    return emulated.capacity.rules()


def _get_capacity(emulated: Emulated, _: dict[str, str], __: dict[str, Any]) -> Any:
    return emulated.capacity.rules()


def _set_prices(emulated: Emulated, _: dict[str, str], body: dict[str, Any]) -> Any:
    emulated.prices.update(body)
    return emulated.prices.rules()


def _get_prices(emulated: Emulated, _: dict[str, str], __: dict[str, Any]) -> Any:
    return emulated.prices.rules()


def _set_settings(emulated: Emulated, _: dict[str, str], body: dict[str, Any]) -> Any:
    emulated.change_settings(body)
    return emulated.settings_json()


def _get_settings(emulated: Emulated, _: dict[str, str], __: dict[str, Any]) -> Any:
    return emulated.settings_json()


def _preempt(emulated: Emulated, _: dict[str, str], body: dict[str, Any]) -> Any:
    refuse_unknown(body, ("ids", "count", "match", "reason"), "preempt")
    ids, count, reason = body.get("ids", []), body.get("count"), body.get("reason", "")
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise ControlRefused(f"ids must be a list of instance ids, not {ids!r}")
    if not isinstance(reason, str):
        raise ControlRefused(f"reason must be a string, not {reason!r}")
    if not {"ids", "count", "match"} & set(body):
        raise ControlRefused("preempt needs ids, count or match; {'match': {}} means every instance")
    limit = None if count is None else whole(count, "count")
    match = parse_match(body.get("match"))
    return {"preempted": emulated.preempt(ids=ids, match=match, limit=limit, reason=reason)}


def _stats(emulated: Emulated, _: dict[str, str], __: dict[str, Any]) -> Any:
    return emulated.stats()


def _instances(emulated: Emulated, query: dict[str, str], _: dict[str, Any]) -> Any:
    return {"instances": emulated.instances(query)}


def _reset(emulated: Emulated, _: dict[str, str], __: dict[str, Any]) -> Any:
    emulated.reset()
    return {}


_ROUTES: dict[tuple[str, str], Callable[[Emulated, dict[str, str], dict[str, Any]], Any]] = {
    ("POST", "faults"): _add_fault,
    ("GET", "faults"): _list_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "capacity"): _set_capacity,
    ("GET", "capacity"): _get_capacity,
    ("POST", "prices"): _set_prices,
    ("GET", "prices"): _get_prices,
    ("POST", "settings"): _set_settings,
    ("GET", "settings"): _get_settings,
    ("POST", "preempt"): _preempt,
    ("GET", "stats"): _stats,
    ("GET", "instances"): _instances,
    ("POST", "reset"): _reset,
}
