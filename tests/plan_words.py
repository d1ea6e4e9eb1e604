"""The few words that situations of a worker type are built with: values of the planner, alike unless told otherwise."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from worker_manager.budgets import Budget
from worker_manager.decision import Fleet
from worker_manager.memory import Boot, Brake, Intent, Mark, Memory, Mode, Moved, Refusal, Report
from worker_manager.model import (
    Demand,
    Instance,
    InstanceState,
    LaunchResult,
    LaunchSpec,
    Market,
    Offering,
    Outcome,
)
from worker_manager.policies import Brakes, Lifecycle, Policies, Spot
from worker_manager.resolved import ResolvedConfig

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
LAG, SETTLE, COOL_DOWN, DRAIN_TIMEOUT = 30.0, 60.0, 300.0, 3600.0
PENDING, RUNNING, STOPPING = InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING
STOPPED, GONE, UNKNOWN = InstanceState.STOPPED, InstanceState.GONE, InstanceState.UNKNOWN


def at(seconds: float) -> dt.datetime:
    """A moment so many seconds from now."""
    return NOW + dt.timedelta(seconds=seconds)


def spec(
    zone="us-west-1a",
    instance_type="m5.large",
    slots=1,
    market=Market.ON_DEMAND,
    settings="new",
    utility=1.0,
    family="",
    **changes,
):
    """A launch in a zone named like `us-west-1a`, or in a region with its zone left to the cloud."""
    region = zone.rstrip("abcdef")
    offering = Offering(region, "" if zone == region else zone, instance_type, market, slots, utility, family)
    return LaunchSpec(offering, {}, {}, settings, **changes)


def config(
    low=0, high=100, *specs, ratio=1.0, rollout=None, brakes=None, schedule=(), spot=None, lifecycle=None, **changes
):
    """A config; members of `lifecycle` are those of the dataclass, `changes` members of the config itself."""
    times = {"scale_in_cooldown_seconds": COOL_DOWN, "drain_timeout_seconds": DRAIN_TIMEOUT, **(lifecycle or {})}
    base = ResolvedConfig(
        worker_type="w",
        provider="aws",
        document={},
        min_capacity=low,
        max_capacity=high,
        scaling_ratio=ratio,
        launch_specs=specs or (spec(),),
        config_hash="c1",
        policies=Policies(Lifecycle(**times), rollout, brakes or Brakes(), spot or Spot(), schedule),
    )
    return replace(base, **changes)


def some(count, state=RUNNING, *, first=0, of=None, key="k0", settings="new", age=None):
    """Instances `i-000`, ..., each a second younger than the one before."""
    age = age or (120 if state is PENDING else 5000)
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
            launched_at=at(index - age),
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


def refusal(key, *, until, failures=1):
    """Settings rejected until so many seconds from now; a negative number: open for a probe."""
    return Refusal(key, Outcome.REJECTED, failures, at(until), "not today")


def closed(key, *, until, outcome=Outcome.NO_CAPACITY, refusals=1, allowed=1, probe="", since=-120):
    """A place closed until so many seconds from now; a negative number: open for a launch of what is allowed."""
    probe_until = at(60) if probe else None
    return Budget(
        key,
        outcome,
        allowed,
        refusals,
        at(since),
        at(since),
        at(until),
        "not today",
        probe=probe,
        probe_until=probe_until,
    )


def boot(*running, key="k0", waiting=(), since=-100, settings="new"):
    """A launch of which these run for so long and are not up, and others do not run yet."""
    return Boot(key, settings, f"{spec().offering.key}||", tuple(waiting), dict.fromkeys(running, at(since)))


def marked(kind, *ids, since=-60, why=""):
    return tuple(Mark(each, kind, at(since), why) for each in ids)


def told(kind, *ids, seconds=-1, reason=""):
    """Reports of these instances, so many seconds from now."""
    return tuple(Report(kind, each, at(seconds), reason) for each in ids)


def brake(key, failures, *, opens=None, trips=1):
    """Failures in a row; tripped if it opens at some time."""
    why = "its worker did not register within 600 s of its boot (registrationTimeout)"
    if opens is None:
        return Brake(key, failures, at(-900), why)
    return Brake(key, failures, at(-900), why, at(opens), trips)


def moved(seconds, launched=0, ended=0):
    return Moved(at(seconds), launched, ended)


def remembering(*intents, **changes):
    return Memory(intents=intents, config_hash="c1", **changes)


def answered(outcome, *ids, message="not today", **changes):
    """The one launch `k1` of four instances has been answered so."""
    results = (LaunchResult("k1", outcome, ids, "" if ids else message),)
    return remembering(intent(4), results=results, **changes)


def draining(*intents, since=-60, **changes):
    return remembering(*intents, mode=Mode.DRAINING, mode_since=at(since), **changes)
