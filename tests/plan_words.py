"""The few words that situations of a worker type are built with: values of the planner, alike unless told otherwise."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from worker_manager.decision import Fleet
from worker_manager.memory import Intent, Memory, Mode, Refusal
from worker_manager.model import (
    Demand,
    Instance,
    InstanceState,
    LaunchResult,
    LaunchSpec,
    Market,
    Offering,
    Outcome,
    ResolvedConfig,
)

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
LAG, SETTLE, COOL_DOWN, DRAIN_TIMEOUT = 30.0, 60.0, 300.0, 3600.0
PENDING, RUNNING, STOPPING = InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING
STOPPED, GONE, UNKNOWN = InstanceState.STOPPED, InstanceState.GONE, InstanceState.UNKNOWN


def at(seconds: float) -> dt.datetime:
    """A moment so many seconds from now."""
    return NOW + dt.timedelta(seconds=seconds)


def spec(zone="us-west-1a", instance_type="m5.large", slots=1, market=Market.ON_DEMAND, settings="new"):
    """A launch in a zone named like `us-west-1a`, or in a region with its zone left to the cloud."""
    region = zone.rstrip("abcdef")
    offering = Offering(region, "" if zone == region else zone, instance_type, market, slots)
    return LaunchSpec(offering, {}, {}, settings)


def config(low=0, high=100, *specs, ratio=1.0, **changes):
    base = ResolvedConfig(
        worker_type="w",
        provider="aws",
        document={},
        min_capacity=low,
        max_capacity=high,
        scaling_ratio=ratio,
        scale_in="whenIdle",
        scale_in_cooldown_seconds=COOL_DOWN,
        drain_timeout_seconds=DRAIN_TIMEOUT,
        launch_specs=specs or (spec(),),
        config_hash="c1",
    )
    return replace(base, **changes)


def some(count, state=RUNNING, *, first=0, of=None, key="k0", settings="new"):
    """Instances `i-000`, ..., each a second younger than the one before."""
    offering = (of or spec()).offering
    return tuple(
        Instance(
            instance_id=f"i-{index:03}",
            worker_type="w",
            launch_key=key,
            settings_hash=settings,
            capacity=offering.capacity,
            state=state,
            region=offering.region,
            zone=offering.zone,
            instance_type=offering.instance_type,
            launched_at=at(index - 5000),
            raw_state="hibernated" if state is UNKNOWN else str(state),
        )
        for index in range(first, first + count)
    )


def fleet(*groups):
    return Fleet(tuple(each for group in groups for each in group), LAG, SETTLE)


def work(pending=0, claimed=None):
    return Demand(pending, claimed, NOW)


def intent(count, key="k1", *, of=None, settles=60, ids=()):
    offering = (of or spec()).offering
    return Intent(key, offering.key, count, offering.capacity, at(-10), at(settles), ids)


def refusal(key, *, until, outcome=Outcome.NO_CAPACITY, failures=1):
    """Closed until so many seconds from now; a negative number: open for a probe."""
    return Refusal(key, outcome, failures, at(until), "not today")


def remembering(*intents, **changes):
    return Memory(intents=intents, config_hash="c1", **changes)


def answered(outcome, *ids, message="not today", **changes):
    """The one launch `k1` of four instances has been answered so."""
    results = (LaunchResult("k1", outcome, ids, "" if ids else message),)
    return remembering(intent(4), results=results, **changes)


def draining(*intents, since=-60, **changes):
    return remembering(*intents, mode=Mode.DRAINING, mode_since=at(since), **changes)
