"""What a worker type remembers from one decision to the next, and how answers and reports change it.

The cloud's listing is the truth; memory holds only what a listing cannot tell: launches not yet seen, instances not yet
up, what workers and operators said, instances just terminated. All of it travels in the workflow's state and through
every decision, so it is bounded by what is under way, never by the size of the fleet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from worker_manager.model import LaunchResult, Outcome

# A worker may report before any listing shows its instance; later than this it is somebody else's.
EARLY_REPORT = timedelta(minutes=15)
# More of them than any launch brings at once: whoever names instances that do not exist must not fill the memory.
MOST_EARLY = 1000


class Mode(StrEnum):
    """What an operator wants of a worker type."""

    RUN = "run"
    PAUSED = "paused"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Intent:
    """Instances asked for and not yet seen in a listing. They count as capacity until seen or settled.

    Attributes:
        count: instances that may still appear; while the ids are unknown, all that were asked for, and what a listing
            shows of the key is taken off anew each time.
        capacity: slots per instance.
        settle_after: until then they may appear although no listing shows them; afterwards the listing decides.
        instance_ids: the ids, once the cloud has answered.
        settings_hash, family: of the launch spec.
    """

    launch_key: str
    offering_key: str
    count: int
    capacity: int
    requested_at: datetime
    settle_after: datetime
    instance_ids: tuple[str, ...] = ()
    settings_hash: str = ""
    family: str = ""

    @property
    def place(self) -> str:
        """What a refusal may close, as `budgets.place_of` writes it."""
        return f"{self.offering_key}|{self.family}"


@dataclass(frozen=True, slots=True)
class Boot:
    """Instances of one launch that are not up yet: not running, or their worker has not registered where it should.

    `running_since` has those that run, with the moment at which that was first seen.
    """

    launch_key: str
    settings_hash: str
    place: str
    waiting: tuple[str, ...] = ()
    running_since: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def instance_ids(self) -> tuple[str, ...]:
        return (*self.waiting, *self.running_since)


class ReportKind(StrEnum):
    """What workers and operators say of one instance."""

    REGISTERED = "registered"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    HOLD = "hold"
    QUARANTINE = "quarantine"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Report:
    """One such message, not yet folded in."""

    kind: ReportKind
    instance_id: str
    at: datetime
    reason: str = ""


class MarkKind(StrEnum):
    """How an instance differs from others for us.

    FAILED: its worker gave up; it is ended and replaced. INTERRUPTED: the cloud takes it away; it is replaced. HOLD: it
    stays, and works. QUARANTINE: it stays, and does not count. DRAIN: it is to go when it is idle.
    """

    FAILED = "failed"
    INTERRUPTED = "interrupted"
    HOLD = "hold"
    QUARANTINE = "quarantine"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of one instance, since when and why. It is forgotten when the instance is gone."""

    instance_id: str
    kind: MarkKind
    since: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Brake:
    """Failures in a row of instances to come up, of one settings hash or (key "") of the worker type as a whole.

    Attributes:
        failures: since an instance last came up.
        opens_at: None until it trips; then nothing is launched before, and from then on one instance at a time.
        trips: how often it tripped in a row; each doubles the wait.
    """

    key: str
    failures: int
    since: datetime
    why: str = ""
    opens_at: datetime | None = None
    trips: int = 0


@dataclass(frozen=True, slots=True)
class Moved:
    """How many instances were launched and ended by one decision."""

    at: datetime
    launched: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Launch settings that an offering rejected: not tried again before `blocked_until`, then by one instance."""

    key: str
    outcome: Outcome
    failures: int
    blocked_until: datetime
    message: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """An instance we terminated; a stale listing may show it as live until `until`."""

    instance_id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything carried between decisions of one worker type.

    Attributes:
        results: answers to launches, not yet folded in. reports: the same of workers and operators.
        asking: ids of instances whose idle worker asked whether it may go.
        mode_since: when the mode was entered.
        surplus_since: when a surplus was first seen without interruption, None without one.
        idle_since: instances that asked and had to stay, with the moment of their first asking; idle_asked: the last.
        no_work_since: since when the source says that there is no work at all.
        warming: instances that came up lately and are not ready yet by `minReadySeconds`.
        force: end draining instances without waiting for their work.
        config_hash: the settings that the refusals are about.
        proven: settings hashes of which an instance has come up.
        moved: launches and terminations of the last minute.
    """

    mode: Mode = Mode.RUN
    mode_since: datetime | None = None
    force: bool = False
    intents: tuple[Intent, ...] = ()
    results: tuple[LaunchResult, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    ended: tuple[Ended, ...] = ()
    asking: tuple[str, ...] = ()
    surplus_since: datetime | None = None
    config_hash: str = ""
    boots: tuple[Boot, ...] = ()
    reports: tuple[Report, ...] = ()
    marks: tuple[Mark, ...] = ()
    brakes: tuple[Brake, ...] = ()
    proven: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()
    idle_since: Mapping[str, datetime] = field(default_factory=dict)
    idle_asked: Mapping[str, datetime] = field(default_factory=dict)
    no_work_since: datetime | None = None
    warming: Mapping[str, datetime] = field(default_factory=dict)


REJECTED_FIRST_SECONDS, REJECTED_LONGEST_SECONDS = 60.0, 1800.0


def fold_results(memory: Memory, now: datetime, list_lag_seconds: float) -> Memory:
    """Apply answers of launches: known ids to intents, rejected settings to refusals; UNKNOWN leaves the intent
    reserved.

    What an answer changes comes last in its order. Refusals for want of capacity, quota and the like are not this
    worker type's alone: they are in `budgets`.
    """
    intents = {each.launch_key: each for each in memory.intents}
    refusals = {each.key: each for each in memory.refusals}
    boots = list(memory.boots)
    seen_by = now + timedelta(seconds=list_lag_seconds)
    for result in memory.results:
        if result.outcome is Outcome.UNKNOWN or result.launch_key not in intents:
            continue
        intent = intents.pop(result.launch_key)
        if result.outcome is Outcome.LAUNCHED:
            ids = result.instance_ids
            intents[intent.launch_key] = replace(intent, count=len(ids), instance_ids=ids, settle_after=seen_by)
            boots.append(Boot(intent.launch_key, intent.settings_hash, intent.place, ids))
            refusals.pop(intent.offering_key, None)
        elif result.outcome is Outcome.REJECTED:
            key = intent.offering_key
            refusals[key] = _refused(key, refusals.pop(key, None), result, now)
    return replace(
        memory, results=(), intents=tuple(intents.values()), refusals=tuple(refusals.values()), boots=tuple(boots)
    )


def _refused(key: str, before: Refusal | None, result: LaunchResult, now: datetime) -> Refusal:
    """Count one more failure; refusals of the same key that arrive together do not compound."""
    if before is not None and before.blocked_until > now:
        return before
    failures = (before.failures if before else 0) + 1
    # Doubled no further than it takes to reach the longest wait: the power must stay a number.
    wait = min(REJECTED_LONGEST_SECONDS, REJECTED_FIRST_SECONDS * 2 ** min(failures - 1, 30))
    return Refusal(key, result.outcome, failures, now + timedelta(seconds=wait), result.message)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Intents against a listing: those that still stand, their slots, and the keys that came to nothing."""

    intents: tuple[Intent, ...] = ()
    capacity: int = 0
    lost_keys: tuple[str, ...] = field(default=())


def for_config(memory: Memory, config_hash: str) -> Memory:
    """New settings start with a clean slate where the old ones were rejected."""
    if memory.config_hash == config_hash:
        return memory
    return replace(memory, refusals=(), config_hash=config_hash)


def settle(intents: Iterable[Intent], listed_ids: frozenset[str], seen_by_key: dict[str, int], now: datetime) -> Unseen:
    """Take off what the listing shows, forget what has settled without appearing."""
    kept: list[Intent] = []
    lost: list[str] = []
    slots = 0
    for intent in intents:
        rest = _still_unseen(intent, listed_ids, seen_by_key)
        if rest.count == 0:
            continue
        if now >= rest.settle_after:
            lost.append(rest.launch_key)
        else:
            # Kept whole while its ids are unknown: the next listing shows the same instances and takes them off again.
            kept.append(rest if intent.instance_ids else intent)
            slots += rest.count * rest.capacity
    return Unseen(tuple(kept), slots, tuple(lost))


def _still_unseen(intent: Intent, listed_ids: frozenset[str], seen_by_key: dict[str, int]) -> Intent:
    if intent.instance_ids:
        ids = tuple(each for each in intent.instance_ids if each not in listed_ids)
        return replace(intent, count=len(ids), instance_ids=ids)
    return replace(intent, count=max(0, intent.count - seen_by_key.get(intent.launch_key, 0)))
