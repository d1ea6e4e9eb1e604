"""What a decision is made of: the observed fleet, the planned launches and terminations, the reasons. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from worker_manager.budgets import Budgets
from worker_manager.capacity import Bounds
from worker_manager.memory import Intent, Memory
from worker_manager.model import Demand, Instance, LaunchSpec


class WmState(StrEnum):
    """One word for what a worker type is doing; the search attribute of the same name."""

    STEADY = "Steady"
    SCALING = "Scaling"
    REPLACING = "Replacing"
    DRAINING = "Draining"
    HELD = "Held"
    PAUSED = "Paused"
    CONFIG_REJECTED = "ConfigRejected"
    FINISHED = "Finished"


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the provider's complete listing shows of this worker type, and how far a listing can be trusted.

    Attributes:
        instances: in any state, terminated ones included.
        list_lag_seconds: how long a listing may lag behind a launch or a termination.
        settle_seconds: how long a launch without an answer may still take effect, counted from when it is proposed.
        budgets: what all worker types of the provider together know of places that refused.
        prices: price of one instance an hour by offering key, in any one currency; empty where none are known.
    """

    instances: tuple[Instance, ...]
    list_lag_seconds: float
    settle_seconds: float
    budgets: Budgets = ()
    prices: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, as a stable kind for programs and a sentence for people, with the evidence.

    Attributes:
        slots: of the work that waits, how much waits for this reason.
        owner: who can do something about it: `cloud`, `operator` (of Worker Manager), `owner` (of the worker type),
            `source` (of the demand), `workers`, or `time`; "" where nothing needs to be done.
        next_step: what happens next, or what the owner should do.
        until: when it changes by itself at the latest, None if it does not.
        evidence: the numbers it came from.
    """

    kind: str
    text: str
    slots: int = 0
    owner: str = ""
    next_step: str = ""
    until: datetime | None = None
    evidence: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedLaunch:
    """Launch `count` instances; the workflow gives it a launch key and records the intent before any call.

    `settle_seconds` from now the call can no longer take effect.
    """

    spec: LaunchSpec
    count: int
    settle_seconds: float
    why: str = ""

    def intent(self, launch_key: str, now: datetime) -> Intent:
        """What is recorded of it before any call."""
        offering = self.spec.offering
        return Intent(
            launch_key=launch_key,
            offering_key=offering.key,
            count=self.count,
            capacity=offering.capacity,
            requested_at=now,
            settle_after=now + timedelta(seconds=self.settle_seconds),
            settings_hash=self.spec.settings_hash,
            family=offering.family,
        )


@dataclass(frozen=True, slots=True)
class PlannedTermination:
    """End one instance, by id."""

    region: str
    instance_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Counts:
    """The listing in numbers: `live`, `requested`, `stopping` and `lost` are slots, all others count instances."""

    live: int = 0
    requested: int = 0
    stopping: int = 0
    instances: int = 0
    drifted: int = 0
    unknown: int = 0
    by_place: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    draining: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, the numbers it came from, and what to remember.

    Attributes:
        desired: slots there should be. actual: slots listed plus intents not yet seen, before this decision acts.
        next_check_seconds: look again then although nothing happens; None if only an event can change anything.
    """

    at: datetime
    state: WmState
    demand: Demand
    bounds: Bounds
    counts: Counts
    desired: int
    actual: int
    memory: Memory
    launches: tuple[PlannedLaunch, ...] = ()
    terminations: tuple[PlannedTermination, ...] = ()
    reasons: tuple[Reason, ...] = ()
    next_check_seconds: float | None = None
