"""Faults to order: which call fails, how, and how often. Decides that alone; the cloud's layer carries it out."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from emulators.patterns import ControlRefused, matches, number, parse_match, refuse_unknown, whole

_MEMBERS = (
    "op",
    "match",
    "times",
    "probability",
    "status",
    "code",
    "message",
    "headers",
    "delay_seconds",
    "after",
    "drop",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for calls to fail.

    Attributes:
        fault_id: "f1", "f2", ...
        op: glob of operation names.
        match: globs of further facts: `region`, a request parameter by wire name, `tag:KEY` of the tags in the request.
        times: how many calls it hits, None for all.
        probability: share of matching calls hit, 0..1.
        status, code, message, headers: the error answered; status 0 and code "" leave it to the cloud's layer.
        delay_seconds: waited before the effect, or with `after` between effect and answer; never scaled by speed.
        after: the call takes effect first, then its answer is lost (or delayed, or replaced by the error).
        drop: the connection is cut instead of an answer.
    """

    fault_id: str
    op: str
    match: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    probability: float = 1.0
    status: int = 0
    code: str = ""
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    after: bool = False
    drop: bool = False

    @property
    def is_error(self) -> bool:
        """Whether the caller gets an error answer (rather than a cut connection or only a delay)."""
        return not self.drop and bool(self.status or self.code)


class Faults:
    """The faults in force, in the order they were added; the first that matches a call hits it."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._faults: dict[str, Fault] = {}
        self._hits: dict[str, int] = {}
        self._next = 1

    def add(self, body: Mapping[str, Any]) -> str:
        """Add a fault from its JSON object and give its id. Raises ControlRefused."""
        with self._lock:
            fault = _parse(body, f"f{self._next}")
            self._next += 1
            self._faults[fault.fault_id] = fault
            self._hits[fault.fault_id] = 0
            return fault.fault_id

    def take(self, op: str, facts: Callable[[], Mapping[str, str]]) -> Fault | None:
        """Give the fault that hits this call and count the hit. `facts` is asked only when needed."""
        if not self._faults:
            return None
        with self._lock:
            known: Mapping[str, str] | None = None
            for fault in self._faults.values():
                if self._is_spent(fault) or not fnmatchcase(op, fault.op):
                    continue
                known = facts() if known is None else known
                if matches(fault.match, known) and self._random.random() < fault.probability:
                    self._hits[fault.fault_id] += 1
                    return fault
        return None

    def _is_spent(self, fault: Fault) -> bool:
        return fault.times is not None and self._hits[fault.fault_id] >= fault.times

    def clear(self, fault_id: str = "") -> int:
        """Remove one fault, or all; give how many were removed."""
        with self._lock:
            gone = [fault_id] if fault_id in self._faults else [] if fault_id else list(self._faults)
            for one in gone:
                del self._faults[one]
            return len(gone)

    def listing(self) -> list[dict[str, Any]]:
        """Give every fault in force with the number of its hits."""
        with self._lock:
            return [
                {"id": one, "op": fault.op, "match": fault.match, "times": fault.times, "hits": self._hits[one]}
                for one, fault in self._faults.items()
            ]


def _parse(body: Mapping[str, Any], fault_id: str) -> Fault:
    """Read one fault. Raises ControlRefused."""
    refuse_unknown(body, _MEMBERS, "a fault")
    op = body.get("op")
    if not isinstance(op, str) or not op:
        raise ControlRefused(f"op must be the name of an operation, or a glob such as '*', not {op!r}")
    times = body.get("times")
    fault = Fault(
        fault_id=fault_id,
        op=op,
        match=parse_match(body.get("match")),
        times=None if times is None else whole(times, "times", low=1),
        probability=number(body.get("probability", 1.0), "probability", high=1.0),
        status=_status(body.get("status", 0)),
        code=_text(body.get("code", ""), "code"),
        message=_text(body.get("message", ""), "message"),
        headers={key: _text(value, f"headers.{key}") for key, value in _object(body.get("headers")).items()},
        delay_seconds=number(body.get("delay_seconds", 0.0), "delay_seconds", high=600.0),
        after=_flag(body.get("after", False), "after"),
        drop=_flag(body.get("drop", False), "drop"),
    )
    if not (fault.is_error or fault.drop or fault.delay_seconds or fault.after):
        raise ControlRefused("a fault needs at least one of status, code, delay_seconds, after, drop")
    return fault


def _status(value: Any) -> int:
    status = whole(value, "status")
    if status and not 400 <= status <= 599:
        raise ControlRefused(f"status must be from 400 to 599, not {status}")
    return status


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ControlRefused(f"{what} must be a string, not {value!r}")
    return value


def _flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise ControlRefused(f"{what} must be true or false, not {value!r}")
    return value


def _object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ControlRefused(f"headers must be an object of strings, not {value!r}")
    return value
