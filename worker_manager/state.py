"""What workflows carry from run to run: one dataclass each, nothing else survives continue-as-new.

New members need defaults: a run may be continued by newer code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter

from worker_manager.budgets import Budgets
from worker_manager.decision import Counts, Decision, Reason, WmState
from worker_manager.memory import Memory, Mode, Report
from worker_manager.model import Demand
from worker_manager.proofs import Proof

KEPT_NOTES = 10
KEPT_ANSWERS = 100
KEPT_DECISIONS = 20
KEPT_REASONS = 12
KEPT_INSTANCES = 2000
KEPT_REVISIONS = 50
# Other clocks may call a token good for some time after it expired by ours.
SPENT_KEPT_SECONDS = 3600.0
# The whole state is one payload, of which the server takes 2 MB, and without which the workflow could not go on.
CARRIED_BYTES = 1_900_000
KEPT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Revision:
    """One accepted edit of a worker type: who, why and when; the first is the start.

    `document`, with the time `now` its templates saw, is None once it is no longer kept.
    """

    revision: int
    at: datetime
    author: str = ""
    reason: str = ""
    document: dict[str, Any] | None = None
    now: str = ""

    @property
    def kept(self) -> bool:
        """Whether it can be read and restored."""
        return self.document is not None


@dataclass(frozen=True, slots=True)
class ValueRevision:
    """One revision of a shared config's value; `value` is None once it is no longer `kept`."""

    revision: int
    value: Any
    at: datetime
    author: str = ""
    reason: str = ""
    kept: bool = True


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


@dataclass(frozen=True, slots=True)
class Happening:
    """Instances that were launched or ended together, and why; `where` is the offering's key or the region."""

    at: datetime
    what: str
    why: str
    where: str = ""
    launch_key: str = ""
    instance_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision as it is remembered: what it was made of, what it did, and why."""

    at: datetime
    state: WmState
    demand: Demand
    desired: int
    actual: int
    launched: int
    ended: int
    reasons: tuple[Reason, ...]


@dataclass
class WorkerTypeState:
    """Carried state of a WorkerType workflow.

    Attributes:
        now: the time templates see, fixed per revision ("2026-01-01T00:00:00.000Z").
        shared_revisions: revisions of shared configs the last decision was made with.
        wanted_revisions: newer ones heard of.
        answers: answers of recent updates by update id, as ids are deduplicated per run only.
        rejected: whether the last message was refused and none accepted since.
        managed_by: who keeps the document in files, "" for nobody.
        references: of every reference, whether any future value fits.
        secured: whether messages must be signed, as the last activity that knows found.
        spent: tokens that were used, by id, with the time (epoch seconds) at which they expire.
        reports: what was said of instances since the last decision.
        happenings: launches and ends of late, for `explain`. decisions: the last ones that did or changed something.
        demand_source: id of the workflow that reads the demand, "" where it is pushed.
        demand_max_age_seconds: what that source was told of the age at which a reading is stale.
        demand_left: sources followed before, that have not yet been told.
        demand_capability: what whoever tells a reading must repeat.
        demand_read_at: when the last reading of this source was begun.
        demand_trouble: why the source cannot be read, "" when it can.
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
    managed_by: str = ""
    references: list[Proof] = field(default_factory=list)
    secured: bool = False
    spent: dict[str, float] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    decisions: list[Kept] = field(default_factory=list)
    demand_source: str = ""
    demand_max_age_seconds: float | None = None
    demand_left: list[str] = field(default_factory=list)
    demand_capability: str = field(default="", repr=False)
    demand_read_at: datetime | None = None
    demand_trouble: str = ""


@dataclass
class SharedConfigState:
    """Carried state of a SharedConfig workflow.

    Attributes:
        schema: `$id` it conforms to for ever.
        values: recent revisions and their values, oldest first, the last is current.
        subscribers: workflow ids that asked to be told of edits.
        notified: the revision of which all subscribers have been told.
        managed_by, secured, spent: as of a worker type.
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
    managed_by: str = ""
    secured: bool = False
    spent: dict[str, float] = field(default_factory=dict)

    def value_at(self, revision: int) -> ValueRevision:
        """The value of this revision, or the newest for 0 and for one no longer kept."""
        return kept_revision(self.values, revision) or self.values[-1]


@dataclass
class OfferingsState:
    """Carried state of an Offerings workflow: what is remembered of a provider's places that refused."""

    provider: str
    budgets: Budgets = ()
    rejections: list[Rejection] = field(default_factory=list)
    secured: bool = False
    spent: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DemandSubscriber:
    """A worker type that hears of a demand source; `max_age_seconds` is None where no reading is too old for it."""

    capability: str = field(repr=False)
    max_age_seconds: float | None = None


@dataclass
class DemandState:
    """Carried state of a Demand workflow: the source's normalized settings, and subscribers by workflow id."""

    settings: dict[str, Any]
    subscribers: dict[str, DemandSubscriber] = field(default_factory=dict)
    trouble: str = ""
    rejections: list[Rejection] = field(default_factory=list)


def keep(entries: list[Any], entry: Any) -> None:
    """Append to one of the short logs, dropping the oldest."""
    entries.append(entry)
    del entries[:-KEPT_NOTES]


AnyRevision = TypeVar("AnyRevision", Revision, ValueRevision)


def happened(state: WorkerTypeState, happening: Happening) -> None:
    """Remember a launch or an end; the oldest go when there are too many instances to remember."""
    state.happenings.append(happening)
    left = KEPT_INSTANCES
    for index in range(len(state.happenings) - 1, -1, -1):
        left -= max(1, len(state.happenings[index].instance_ids))
        if left < 0:
            del state.happenings[: index + 1]
            return


def keep_decision(state: WorkerTypeState, decision: Decision) -> None:
    """Remember a decision, unless it says the same as the last one that is remembered and does nothing."""
    launched, ended = sum(each.count for each in decision.launches), len(decision.terminations)
    kept = Kept(
        decision.at,
        decision.state,
        decision.demand,
        decision.desired,
        decision.actual,
        launched,
        ended,
        tuple(replace(each, evidence={}) for each in decision.reasons[:KEPT_REASONS]),
    )
    last = state.decisions[-1] if state.decisions else None
    kinds = {each.kind for each in kept.reasons}
    is_same = last is not None and (last.state, last.desired) == (kept.state, kept.desired)
    if last is not None and is_same and not (launched or ended) and {each.kind for each in last.reasons} == kinds:
        return
    state.decisions.append(kept)
    del state.decisions[:-KEPT_DECISIONS]


def kept_revision(revisions: Iterable[AnyRevision], number: int) -> AnyRevision | None:
    """The revision of this number if it can still be read."""
    return next((each for each in revisions if each.revision == number and each.kept), None)


def keep_revision(state: WorkerTypeState, revision: Revision) -> None:
    """Make it the newest; documents of older ones go when they are too large to carry, old revisions when too many."""
    state.revisions.append(revision)
    _forget(state.revisions, lambda each: each.document, lambda each: replace(each, document=None))


def keep_value(state: SharedConfigState, value: ValueRevision) -> None:
    """Make `value` the current one; older values go when they are too large to carry, old revisions when too many."""
    state.values.append(value)
    _forget(state.values, lambda each: each.value, lambda each: replace(each, value=None, kept=False))


def _forget(
    revisions: list[AnyRevision],
    content: Callable[[AnyRevision], Any],
    without: Callable[[AnyRevision], AnyRevision],
) -> None:
    del revisions[:-KEPT_REVISIONS]
    left = KEPT_BYTES
    for index in range(len(revisions) - 1, -1, -1):
        left -= len(json.dumps(content(revisions[index])))
        if left < 0 and index < len(revisions) - 1:
            revisions[index] = without(revisions[index])


def spend(spent: dict[str, float], token_id: str, expires_at: float, now: float) -> bool:
    """Note that a token was used; False if it was before. Ids of expired tokens are forgotten."""
    for each in [each for each, until in spent.items() if until + SPENT_KEPT_SECONDS < now]:
        del spent[each]
    if not token_id:
        return True
    is_new = token_id not in spent
    spent[token_id] = expires_at
    return is_new


def remember_answer(answers: dict[str, Any], update_id: str, answer: Any) -> None:
    """Keep an update's answer beyond this run."""
    answers[update_id] = answer
    while len(answers) > KEPT_ANSWERS:
        del answers[next(iter(answers))]


# Built once: workflow modules are imported anew for every workflow, this one is not.
WORKER_TYPE = TypeAdapter(WorkerTypeState)
SHARED_CONFIG = TypeAdapter(SharedConfigState)
DEMAND = TypeAdapter(DemandState)
OFFERINGS = TypeAdapter(OfferingsState)


def carried(state: WorkerTypeState) -> dict[str, Any]:
    """The state as it travels to the next run. Where it is too large, what is only there to be looked at stays behind:
    first what happened lately, then documents of earlier revisions.
    """
    dumped: dict[str, Any] = WORKER_TYPE.dump_python(state, mode="json")
    for forget in (_forget_happenings, _forget_documents):
        if len(json.dumps(dumped)) <= CARRIED_BYTES:
            break
        forget(state)
        dumped = WORKER_TYPE.dump_python(state, mode="json")
    return dumped


def _forget_happenings(state: WorkerTypeState) -> None:
    state.happenings, state.decisions = [], []


def _forget_documents(state: WorkerTypeState) -> None:
    state.revisions[:-1] = [replace(each, document=None) for each in state.revisions[:-1]]
