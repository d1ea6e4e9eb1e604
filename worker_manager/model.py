"""The values every layer speaks: instances, offerings, launches, demand. Frozen dataclasses, no behaviour.

Capacity is in *slots* of work, counts are in *instances*; a field's name says which (`capacity`, `count`).
Times are aware UTC datetimes; durations are floats whose name ends in `_seconds`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

TAG_DEPLOYMENT = "wm-deployment"
TAG_WORKER_TYPE = "wm-worker-type"
TAG_LAUNCH = "wm-launch"
TAG_CONFIG = "wm-config"
TAG_CAPACITY = "wm-capacity"

# Stands for the zone in an offering's key where the cloud chooses it.
ANY_ZONE = "any"


class InstanceState(StrEnum):
    """What a cloud says an instance is doing, in words common to all clouds."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    GONE = "gone"
    UNKNOWN = "unknown"


class Market(StrEnum):
    ON_DEMAND = "onDemand"
    SPOT = "spot"


@dataclass(frozen=True, slots=True, order=True)
class Offering:
    """One (region, zone, instance type, market) that can be bought.

    `zone` is "" where the cloud chooses it. `capacity` is slots per instance, `utility` the relative worth of a slot
    (only its order matters).
    """

    region: str
    zone: str
    instance_type: str
    market: Market = Market.ON_DEMAND
    capacity: int = 1
    utility: float = 1.0

    @property
    def key(self) -> str:
        """Identity for memory and people: `us-west-1/us-west-1b/m5.large/onDemand`."""
        return "/".join((self.region, self.zone or ANY_ZONE, self.instance_type, self.market))


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """How to launch on one offering: the merged launch settings, in the provider's own terms.

    Attributes:
        offering: what is bought.
        settings: provider-shaped parameters (for aws: the RunInstances parameters without counts, token and tags).
        user_data: object handed to the instance; "" keys never occur.
        settings_hash: hash of all that an instance would notice; the tag `wm-config` of what is launched from it.
    """

    offering: Offering
    settings: dict[str, Any]
    user_data: dict[str, Any]
    settings_hash: str


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """One launch, frozen: a retry sends the very same request under the very same key.

    Attributes:
        launch_key: the idempotency key, fixed and recorded before the first call; at most 64 ASCII characters.
        worker_type: true name of the worker type.
        spec: what to launch.
        count: instances wanted, at least 1. Fewer may come; never more.
    """

    launch_key: str
    worker_type: str
    spec: LaunchSpec
    count: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One machine as its cloud lists it; worker type, launch key, settings hash and capacity come from its tags."""

    instance_id: str
    worker_type: str
    launch_key: str
    settings_hash: str
    capacity: int
    state: InstanceState
    region: str
    zone: str
    instance_type: str
    launched_at: datetime
    raw_state: str = ""


@dataclass(frozen=True, slots=True)
class Demand:
    """Work in slots, as its source reported it.

    Attributes:
        pending: work that waits; a source that knows only a total gives the total here.
        claimed: work that runs, or None where the source cannot tell.
        reported_at: when it was reported; None before the first report, when nothing is known to be idle.
    """

    pending: int = 0
    claimed: int | None = None
    reported_at: datetime | None = None

    @property
    def running(self) -> int:
        """Claimed work, 0 where unknown."""
        return self.claimed or 0

    @property
    def is_none(self) -> bool:
        """True if the source said that there is no work at all, so that every instance is idle."""
        return self.reported_at is not None and self.pending + self.running == 0


class Outcome(StrEnum):
    """How one LaunchRequest ended. All but UNKNOWN are final; UNKNOWN keeps the intent reserved until it settles."""

    LAUNCHED = "launched"
    NO_CAPACITY = "no-capacity"
    QUOTA = "quota"
    REJECTED = "rejected"
    CREDENTIALS = "credentials"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """Answer to one LaunchRequest: the instances launched (maybe fewer than asked), or why not."""

    launch_key: str
    outcome: Outcome
    instance_ids: tuple[str, ...] = ()
    message: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedConfig:
    """A worker type document with every reference and expression replaced, checked, and the launches it allows.

    Attributes:
        worker_type: its name.
        provider: name of the provider.
        document: the rendered document, exactly as validated.
        min_capacity, max_capacity: slots.
        scaling_ratio: 0 < r <= 1.
        scale_in: `whenIdle` or `oldestFirst`.
        scale_in_cooldown_seconds: how long a surplus must last before `oldestFirst` ends anything.
        drain_timeout_seconds: how long a draining instance may stay before it is ended although it may be busy.
        launch_specs: one per offering, in document order.
        config_hash: changes exactly when some launch spec's settings change.
        shared_revisions: revision of every shared config it was made of.
    """

    worker_type: str
    provider: str
    document: dict[str, Any]
    min_capacity: int
    max_capacity: int
    scaling_ratio: float
    scale_in: str
    scale_in_cooldown_seconds: float
    drain_timeout_seconds: float
    launch_specs: tuple[LaunchSpec, ...]
    config_hash: str
    shared_revisions: dict[str, int] = field(default_factory=dict)
