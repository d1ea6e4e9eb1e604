"""The policies a worker type document may state, as values: how instances live, are replaced, braked and scheduled.

Read from the members of a rendered, schema-valid document; defaults are those that the published schemas state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas import loader
from worker_manager.model import Outcome

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MEMBERS = {name: f"/schemas/common/{name}.json#" for name in ("lifecycle", "rollout", "brakes", "spot")}


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How long an instance may take for each step; None is for ever, or that no step of the kind is expected."""

    launch_timeout_seconds: float = 900.0
    registration_timeout_seconds: float | None = None
    max_lifetime_seconds: float | None = None
    max_idle_seconds: float = 0.0
    drain_timeout_seconds: float = 3600.0
    scale_in: str = "whenIdle"
    scale_in_cooldown_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Share:
    """Slots, or a percentage of a capacity."""

    slots: int = 0
    percent: int = 0

    def of(self, capacity: int) -> int:
        """Slots; a percentage is rounded up, so that a small one of a small fleet is not nothing."""
        return self.slots + math.ceil(self.percent * capacity / 100)


@dataclass(frozen=True, slots=True)
class Rollout:
    """Budget for replacing drifted and expired instances."""

    max_surge: Share = Share(percent=10)
    max_unavailable: Share = Share()
    min_ready_seconds: float = 0.0
    pause: bool = False
    only_idle: bool = False


@dataclass(frozen=True, slots=True)
class Brakes:
    """Limits that hold whatever the demand says, in instances."""

    unproven_instances: int = 10
    launches_per_minute: int = 1000
    terminations_per_minute: int = 1000


@dataclass(frozen=True, slots=True)
class Spot:
    """After how many seconds of refusal, by kind of refusal, the fallback may be used; empty for no fallback."""

    fallback_after_seconds: Mapping[Outcome, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScheduleEntry:
    """Bounds that hold for `duration_seconds` from each begin; None leaves that bound alone."""

    cron: str
    time_zone: str
    duration_seconds: float
    min_capacity: int | None = None
    max_capacity: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Policies:
    """All of them; `rollout` is None where drifted instances are only reported."""

    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    rollout: Rollout | None = None
    brakes: Brakes = field(default_factory=Brakes)
    spot: Spot = field(default_factory=Spot)
    schedule: tuple[ScheduleEntry, ...] = ()


def policies(document: Mapping[str, Any]) -> Policies:
    """The policies of a rendered, schema-valid document."""
    return Policies(
        lifecycle=_lifecycle(document),
        rollout=_rollout(document) if "rollout" in document else None,
        brakes=_brakes(document),
        spot=_spot(document),
        schedule=tuple(_schedule_entry(each) for each in document.get("schedule", ())),
    )


def seconds(duration: float | str) -> float:
    """Seconds of a duration as documents write it: a number of them, or `15m`."""
    if isinstance(duration, str):
        return float(int(duration[:-1]) * _UNITS[duration[-1]])
    return float(duration)


def _lifecycle(document: Mapping[str, Any]) -> Lifecycle:
    given = _completed(document, "lifecycle")
    return Lifecycle(
        launch_timeout_seconds=seconds(given["launchTimeout"]),
        registration_timeout_seconds=_optional_seconds(given, "registrationTimeout"),
        max_lifetime_seconds=_optional_seconds(given, "maxLifetime"),
        max_idle_seconds=seconds(given["maxIdle"]),
        drain_timeout_seconds=seconds(given["drainTimeout"]),
        scale_in=given["scaleIn"],
        scale_in_cooldown_seconds=seconds(given["scaleInCooldown"]),
    )


def _rollout(document: Mapping[str, Any]) -> Rollout:
    given = _completed(document, "rollout")
    return Rollout(
        max_surge=_share(given["maxSurge"]),
        max_unavailable=_share(given["maxUnavailable"]),
        min_ready_seconds=float(given["minReadySeconds"]),
        pause=given["pause"],
        only_idle=given["onlyIdle"],
    )


def _brakes(document: Mapping[str, Any]) -> Brakes:
    given = _completed(document, "brakes")
    return Brakes(given["unprovenInstances"], given["launchesPerMinute"], given["terminationsPerMinute"])


def _spot(document: Mapping[str, Any]) -> Spot:
    given = document.get("spot", {})
    if given.get("fallback") != "onDemand":
        return Spot()
    waits = {**_defaults(loader.schema(_MEMBERS["spot"])["properties"]["after"]), **given.get("after", {})}
    return Spot({Outcome.NO_CAPACITY: seconds(waits["noCapacity"]), Outcome.QUOTA: seconds(waits["quota"])})


def _schedule_entry(given: Mapping[str, Any]) -> ScheduleEntry:
    return ScheduleEntry(
        cron=given["cron"],
        time_zone=given.get("timeZone", "UTC"),
        duration_seconds=seconds(given["duration"]),
        min_capacity=given.get("minCapacity"),
        max_capacity=given.get("maxCapacity"),
        description=given.get("description", ""),
    )


def _completed(document: Mapping[str, Any], member: str) -> dict[str, Any]:
    return {**_defaults(loader.schema(_MEMBERS[member])), **document.get(member, {})}


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each["default"] for name, each in schema["properties"].items() if "default" in each}


def _optional_seconds(given: Mapping[str, Any], member: str) -> float | None:
    return seconds(given[member]) if member in given else None


def _share(given: int | str) -> Share:
    return Share(percent=int(given[:-1])) if isinstance(given, str) else Share(slots=int(given))
