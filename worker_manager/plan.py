"""The decision: what to launch and what to end, and why. Pure: values in, a value out; no clock, no cloud, no Temporal.

`decide` reads top to bottom: fold in what launches answered, sort out the listing, apply the capacity formulas, place
launches on offerings, choose who may go. It never acts: the workflow executes the Decision and keeps its `memory`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from worker_manager import capacity, explain, lifecycle
from worker_manager.capacity import Bounds, Supply
from worker_manager.decision import Counts, Decision, Fleet, PlannedLaunch, PlannedTermination, Reason, WmState
from worker_manager.memory import Ended, Memory, Mode, fold_results, for_config, settle
from worker_manager.model import Demand, Instance, InstanceState, Outcome, ResolvedConfig
from worker_manager.offerings import Placement, load_of, place

NEEDS_A_PERSON = {Outcome.REJECTED, Outcome.CREDENTIALS, Outcome.QUOTA}

# A stale listing may show an ended instance as live; it is ended again only after this many listing lags.
LAGS_TO_REMEMBER = 3


def decide(config: ResolvedConfig, fleet: Fleet, demand: Demand, memory: Memory, now: datetime) -> Decision:
    """Compare what there is with what there should be, and choose launches and terminations.

    Never proposes more than maxCapacity allows, counts every intent once, ends only what is idle, stopped or forced.
    """
    # Answers first: what they reject are the settings they were launched with, which an edit may just have replaced.
    memory = for_config(fold_results(memory, now, fleet.list_lag_seconds), config.config_hash)
    view = _observe(config, fleet, memory, now)
    decisions = {Mode.RUN: _run, Mode.PAUSED: _paused, Mode.DRAINING: _drain}
    return decisions[memory.mode](config, fleet, view, demand, now)


@dataclass(frozen=True, slots=True)
class _View:
    """The listing sorted out: who is usable, who is leaving, what is still on its way."""

    memory: Memory
    bounds: Bounds
    usable: tuple[Instance, ...]
    stopped: tuple[Instance, ...]
    supply: Supply
    counts: Counts
    drifted_ids: frozenset[str]
    reasons: tuple[Reason, ...]


def _observe(config: ResolvedConfig, fleet: Fleet, memory: Memory, now: datetime) -> _View:
    ended = tuple(each for each in memory.ended if each.until > now)
    ended_ids = {each.instance_id for each in ended}
    present = [each for each in fleet.instances if each.state is not InstanceState.GONE]
    known = [each for each in present if each.instance_id not in ended_ids]
    live = [each for each in known if each.state in (InstanceState.RUNNING, InstanceState.UNKNOWN)]
    booting = [each for each in known if each.state is InstanceState.PENDING]
    listed_ids = frozenset(each.instance_id for each in fleet.instances)
    unseen = settle(memory.intents, listed_ids, Counter(each.launch_key for each in fleet.instances), now)
    stopping = _slots(present) - _slots(live) - _slots(booting)
    supply = Supply(_slots(live), _slots(booting) + unseen.capacity, stopping)
    hashes = {spec.settings_hash for spec in config.launch_specs}
    usable = (*live, *booting)
    drifted_ids = frozenset(each.instance_id for each in usable if each.settings_hash not in hashes)
    unknown = [each for each in live if each.state is InstanceState.UNKNOWN]
    return _View(
        memory=replace(memory, intents=unseen.intents, ended=ended),
        bounds=Bounds(config.min_capacity, config.max_capacity, config.scaling_ratio),
        usable=usable,
        stopped=tuple(each for each in known if each.state is InstanceState.STOPPED),
        supply=supply,
        counts=_counts(usable, supply, len(drifted_ids), len(unknown)),
        drifted_ids=drifted_ids,
        reasons=explain.observed(len(drifted_ids), unknown, unseen.lost_keys),
    )


def _counts(usable: Sequence[Instance], supply: Supply, drifted: int, unknown: int) -> Counts:
    by_place = Counter(f"{each.region} {each.instance_type}" for each in usable)
    return Counts(
        live=supply.live,
        requested=supply.requested,
        stopping=supply.stopping,
        instances=len(usable),
        drifted=drifted,
        unknown=unknown,
        by_place=dict(sorted(by_place.items())),
    )


def _slots(instances: Iterable[Instance]) -> int:
    return sum(each.capacity for each in instances)


def _run(config: ResolvedConfig, fleet: Fleet, view: _View, demand: Demand, now: datetime) -> Decision:
    wanted = capacity.launch_capacity(view.bounds, view.supply, demand)
    placement = _place(config, view, wanted, now)
    launches = tuple(PlannedLaunch(share.spec, share.count, fleet.settle_seconds) for share in placement.shares)
    surplus = _surplus(view, demand) if not wanted else 0
    since = (view.memory.surplus_since or now) if surplus > 0 else None
    memory = replace(view.memory, surplus_since=since)
    ordered = lifecycle.leaving_order(view.usable, view.drifted_ids)
    going = lifecycle.shrink(config, ordered, memory, surplus, demand, now=now)
    ends = (*lifecycle.stopped(view.stopped), *going.terminations)
    return Decision(
        at=now,
        state=_state(view, placement, launches, ends),
        demand=demand,
        bounds=view.bounds,
        counts=view.counts,
        desired=_desired(view, demand, surplus),
        actual=view.supply.actual,
        memory=_remember(memory, ends, fleet, now),
        launches=launches,
        terminations=ends,
        reasons=(
            *view.reasons,
            *explain.scaling(view.bounds, view.supply, demand, launches),
            *explain.placing(placement, wanted, now),
            *going.reasons,
        ),
        next_check_seconds=_next_check(config, memory, placement, surplus, now),
    )


def _surplus(view: _View, demand: Demand) -> int:
    """Listed slots more than the scale-in target; none where they are fewer than the smallest instance has.

    Intents do not count: should they come to nothing, what is listed is all there is.
    """
    slots = _slots(view.usable) - capacity.scale_in_target(view.bounds, demand)
    smallest = min((each.capacity for each in view.usable), default=0)
    return slots if slots >= smallest else 0


def _place(config: ResolvedConfig, view: _View, wanted: int, now: datetime) -> Placement:
    if wanted == 0:
        return Placement()
    headroom = view.bounds.max_capacity - view.supply.actual - view.supply.stopping
    load = load_of(view.usable, view.memory.intents)
    return place(config.launch_specs, wanted, headroom, load, view.memory.refusals, now=now)


def _desired(view: _View, demand: Demand, surplus: int) -> int:
    """What there should be: the scale-in target while there is a surplus, else what scaling up leads to."""
    if surplus > 0:
        return capacity.scale_in_target(view.bounds, demand)
    growing = view.supply.live + max(view.supply.requested, capacity.needed(view.bounds, view.supply, demand))
    return max(view.bounds.min_capacity, min(view.bounds.max_capacity, math.ceil(growing)))


def _remember(memory: Memory, ends: Sequence[PlannedTermination], fleet: Fleet, now: datetime) -> Memory:
    until = now + timedelta(seconds=LAGS_TO_REMEMBER * fleet.list_lag_seconds)
    new = tuple(Ended(each.instance_id, until) for each in ends)
    return replace(memory, ended=(*memory.ended, *new), asking=())


def _state(
    view: _View, placement: Placement, launches: Sequence[PlannedLaunch], ends: Sequence[PlannedTermination]
) -> WmState:
    if placement.unplaced and any(each.outcome in NEEDS_A_PERSON for each in placement.refusals):
        return WmState.HELD
    if launches or ends or view.supply.requested or view.supply.stopping:
        return WmState.SCALING
    if placement.unplaced and placement.refusals:
        return WmState.HELD
    return WmState.STEADY


def _next_check(
    config: ResolvedConfig, memory: Memory, placement: Placement, surplus: int, now: datetime
) -> float | None:
    """The earliest moment at which time alone changes the decision."""
    moments = [each.settle_after for each in memory.intents]
    if placement.unplaced:
        moments += [each.blocked_until for each in placement.refusals]
    if placement.limited:
        moments.append(now + timedelta(seconds=1))
    if config.scale_in == "oldestFirst" and surplus > 0 and memory.surplus_since is not None:
        moments.append(memory.surplus_since + timedelta(seconds=config.scale_in_cooldown_seconds))
    return _soonest(moments, now)


def _soonest(moments: Iterable[datetime], now: datetime) -> float | None:
    """Seconds until the first moment still to come; timers are about a second coarse."""
    return min((max(1.0, (each - now).total_seconds()) for each in moments if each > now), default=None)


def _paused(_config: ResolvedConfig, _fleet: Fleet, view: _View, demand: Demand, now: datetime) -> Decision:
    """Nothing is launched and nothing ended; what dies is not replaced until `resume`."""
    surplus = view.supply.actual - capacity.scale_in_target(view.bounds, demand)
    text = "paused by an operator: nothing is launched or ended until resumed"
    return Decision(
        at=now,
        state=WmState.PAUSED,
        demand=demand,
        bounds=view.bounds,
        counts=view.counts,
        desired=_desired(view, demand, surplus),
        actual=view.supply.actual,
        memory=replace(view.memory, asking=(), surplus_since=None),
        reasons=(*view.reasons, Reason("paused", text)),
        next_check_seconds=_soonest((each.settle_after for each in view.memory.intents), now),
    )


def _drain(config: ResolvedConfig, fleet: Fleet, view: _View, demand: Demand, now: datetime) -> Decision:
    """Launch nothing, end whoever is idle; Finished when nothing is listed and no intent stands."""
    deadline = (view.memory.mode_since or now) + timedelta(seconds=config.drain_timeout_seconds)
    ordered = lifecycle.leaving_order(view.usable, view.drifted_ids)
    going = lifecycle.drain(ordered, view.memory, demand, deadline, now)
    ends = (*lifecycle.stopped(view.stopped), *going.terminations)
    rest = bool(view.usable or view.memory.intents or view.supply.stopping)
    return Decision(
        at=now,
        state=WmState.DRAINING if rest else WmState.FINISHED,
        demand=demand,
        bounds=view.bounds,
        counts=view.counts,
        desired=0,
        actual=view.supply.actual,
        memory=_remember(replace(view.memory, surplus_since=None), ends, fleet, now),
        terminations=ends,
        reasons=(*view.reasons, *going.reasons),
        next_check_seconds=_soonest((deadline, *(each.settle_after for each in view.memory.intents)), now),
    )
