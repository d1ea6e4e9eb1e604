"""The values every layer speaks: instances, offerings, launches, demand. Frozen dataclasses, no behaviour.

Capacity is in *slots* of work, counts are in *instances*; a field's name says which (`capacity`, `count`).
Times are aware UTC datetimes; durations are floats whose name ends in `_seconds`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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

    `zone` is "" where the cloud chooses it. `capacity` is slots per instance, `utility` the worth of one instance: its
    price is divided by it. `family` names what quotas count together with it, "" for the whole region.
    """

    region: str
    zone: str
    instance_type: str
    market: Market = Market.ON_DEMAND
    capacity: int = 1
    utility: float = 1.0
    family: str = ""

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
        image: what it boots from, as its region knows it, "" where the kind cannot tell.
        is_fallback: bought only where what it stands in for cannot be had (`spot: {fallback: onDemand}`).
    """

    offering: Offering
    settings: dict[str, Any]
    user_data: dict[str, Any]
    settings_hash: str
    image: str = ""
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class Cap:
    """Slots never exceeded by all instances that have every one of the members given ("" is any)."""

    slots: int
    region: str = ""
    zone: str = ""
    instance_type: str = ""


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
        waiting_only: pending is no total: how much runs beside it is not known.
    """

    pending: int = 0
    claimed: int | None = None
    reported_at: datetime | None = None
    waiting_only: bool = False

    @property
    def running(self) -> int:
        """Claimed work, 0 where unknown."""
        return self.claimed or 0

    @property
    def is_none(self) -> bool:
        """True if the source said that there is no work at all, so that every instance is idle."""
        is_unknown = self.waiting_only and self.claimed is None
        return self.reported_at is not None and not is_unknown and self.pending + self.running == 0

    def with_all_busy(self, live: int) -> Demand:
        """The same where only what waits is known: as long as work waits, what is live must be busy."""
        if not self.waiting_only or self.claimed is not None:
            return self
        return replace(self, claimed=live if self.pending else None)


class Outcome(StrEnum):
    """How one LaunchRequest ended. All but UNKNOWN are final; UNKNOWN keeps the intent reserved until it settles.

    NOT_SENT: the place was closed meanwhile, or no call was due in time, so none was made.
    """

    LAUNCHED = "launched"
    NO_CAPACITY = "no-capacity"
    QUOTA = "quota"
    REJECTED = "rejected"
    CREDENTIALS = "credentials"
    THROTTLED = "throttled"
    NOT_SENT = "not-sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """Answer to one LaunchRequest: the instances launched (maybe fewer than asked), or why not."""

    launch_key: str
    outcome: Outcome
    instance_ids: tuple[str, ...] = ()
    message: str = ""
    code: str = ""
