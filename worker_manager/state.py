"""What workflows carry from run to run: one dataclass each, nothing else survives continue-as-new.

New members need defaults: a run may be continued by newer code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from worker_manager.decision import Counts, Reason, WmState
from worker_manager.memory import Memory, Mode
from worker_manager.model import Demand

KEPT_NOTES = 10
KEPT_ANSWERS = 100
KEPT_VALUES = 10
# The whole state is one payload, of which the server takes 2 MB.
KEPT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Revision:
    """One accepted edit: who, why and when; the first is the start."""

    revision: int
    at: datetime
    author: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ValueRevision:
    """One revision of a shared config's value."""

    revision: int
    value: Any
    at: datetime
    author: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message that was refused, and why."""

    at: datetime
    message: str
    why: str
    via: str = "signal"


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the short log that the current details show."""

    at: datetime
    text: str


@dataclass
class WorkerTypeState:
    """Carried state of a WorkerType workflow.

    Attributes:
        now: the time templates see, fixed per revision ("2026-01-01T00:00:00.000Z").
        shared_revisions: revisions of shared configs the last decision was made with.
        wanted_revisions: newer ones heard of.
        answers: answers of recent updates by update id, as ids are deduplicated per run only.
        rejected: whether the last message was refused and none accepted since.
    """

    name: str
    document: dict[str, Any]
    now: str
    revision: int = 1
    revisions: list[Revision] = field(default_factory=list)
    provider: str = ""
    owner: str = ""
    config_hash: str = ""
    shared_revisions: dict[str, int] = field(default_factory=dict)
    wanted_revisions: dict[str, int] = field(default_factory=dict)
    config_problems: list[str] = field(default_factory=list)
    demand: Demand = field(default_factory=Demand)
    memory: Memory = field(default_factory=Memory)
    mode: Mode = Mode.RUN
    mode_since: datetime | None = None
    mode_reason: str = ""
    force: bool = False
    finishing: bool = False
    state: WmState = WmState.SCALING
    desired: int = 0
    actual: int = 0
    counts: Counts = field(default_factory=Counts)
    reasons: list[Reason] = field(default_factory=list)
    decided_at: datetime | None = None
    trouble: str = ""
    failures: int = 0
    rejected: bool = False
    rejections: list[Rejection] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    launched: int = 0
    terminated: int = 0


@dataclass
class SharedConfigState:
    """Carried state of a SharedConfig workflow.

    Attributes:
        schema: `$id` it conforms to for ever.
        values: recent revisions and their values, oldest first, the last is current.
        subscribers: workflow ids that asked to be told of edits.
        notified: the revision of which all subscribers have been told.
    """

    name: str
    schema: str
    revision: int = 1
    values: list[ValueRevision] = field(default_factory=list)
    description: str = ""
    owner: str = ""
    subscribers: list[str] = field(default_factory=list)
    notified: int = 1
    rejected: bool = False
    trouble: str = ""
    rejections: list[Rejection] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    def value_at(self, revision: int) -> ValueRevision:
        """The value of this revision, or the newest for 0 and for one no longer kept."""
        return next((each for each in self.values if each.revision == revision), self.values[-1])


def keep(entries: list[Any], entry: Any) -> None:
    """Append to one of the short logs, dropping the oldest."""
    entries.append(entry)
    del entries[:-KEPT_NOTES]


def keep_value(state: SharedConfigState, value: ValueRevision) -> None:
    """Make `value` the current one; older ones go when there are too many or they are too large to carry."""
    state.values.append(value)
    del state.values[:-KEPT_VALUES]
    while len(state.values) > 1 and len(json.dumps([each.value for each in state.values])) > KEPT_BYTES:
        del state.values[0]


def remember_answer(answers: dict[str, Any], update_id: str, answer: Any) -> None:
    """Keep an update's answer beyond this run."""
    answers[update_id] = answer
    while len(answers) > KEPT_ANSWERS:
        del answers[next(iter(answers))]


# Built once: workflow modules are imported anew for every workflow, this one is not.
WORKER_TYPE = TypeAdapter(WorkerTypeState)
SHARED_CONFIG = TypeAdapter(SharedConfigState)
