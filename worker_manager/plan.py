"""The decision: what to launch and what to end, and why. Pure: values in, a value out; no clock, no cloud, no Temporal.

`decide` reads top to bottom: fold in what launches answered, sort out the listing, apply the capacity formulas, place
launches on offerings, choose who may go. It never acts: the workflow executes the Decision and keeps its `memory`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from worker_manager import brakes, budgets, capacity, explain, explain_placing, lifecycle, rollout
from worker_manager.budgets import Answered
from worker_manager.decision import Decision, Fleet, PlannedLaunch, PlannedTermination, Reason, WmState
from worker_manager.launching import place_launches, planned_launches
from worker_manager.lifecycle import Going
from worker_manager.memory import Ended, Mark, MarkKind, Memory, Mode, Moved, fold_results, for_config
from worker_manager.model import Demand, Instance, Outcome
from worker_manager.observing import View, observe, slots
from worker_manager.offerings import Placement
from worker_manager.resolved import ResolvedConfig
from worker_manager.rollout import Renewal
from worker_manager.rooms import Limit
from worker_manager.situation import Situation, situate

NEEDS_A_PERSON = {Outcome.REJECTED, Outcome.CREDENTIALS, Outcome.QUOTA}
HOLDS = {Limit.BUDGET, Limit.REJECTED, Limit.BRAKE, Limit.MAXIMUM, Limit.CAP}

# A stale listing may show an ended instance as live; it is ended again only after this many listing lags.
LAGS_TO_REMEMBER = 3
# Terminations travel in one payload of at most 2 MB, some 150 bytes each.
MOST_ENDS = 5000
# Who does not ask again so soon after it could have gone has found work meanwhile.
IDLE_WORKERS_ASK_WITHIN = timedelta(minutes=3)
# All worker types that wait for one place would try it at the same moment, and one alone is let through.
SPREAD_SECONDS = 5.0


def decide(config: ResolvedConfig, fleet: Fleet, demand: Demand, memory: Memory, now: datetime) -> Decision:
    """Compare what there is with what there should be, and choose launches and terminations.

    Never proposes more than maxCapacity allows, counts every intent once, ends only what is idle, failed, out of date
    and replaced, out of time, or forced.
    """
    # All worker types learn of a refusal through `fleet.budgets`; its own it knows at once.
    fleet = replace(fleet, budgets=budgets.answered(fleet.budgets, _answers(memory), now))
    # Answers first: what they reject are the settings they were launched with, which an edit may just have replaced.
    view = observe(config, fleet, fold_results(memory, now, fleet.list_lag_seconds), now)
    view = replace(view, memory=for_config(view.memory, config.config_hash))
    situation = situate(config, fleet, view, demand, now)
    decisions = {Mode.RUN: _run, Mode.PAUSED: _paused, Mode.DRAINING: _drain}
    return decisions[memory.mode](situation)


def _answers(memory: Memory) -> Iterator[Answered]:
    """How this worker type's own launches ended, as the memory of places takes it."""
    intents = {each.launch_key: each for each in memory.intents}
    for each in memory.results:
        if each.launch_key in intents:
            intent = intents[each.launch_key]
            launched = len(each.instance_ids)
            yield Answered(each.launch_key, intent.place, each.outcome, intent.count, launched, each.message, each.code)


def _run(it: Situation) -> Decision:
    demand = Demand() if it.is_stale else it.demand
    wanted = capacity.launch_capacity(it.bounds, it.view.supply, demand)
    renewing = rollout.renewal(it.config, it.view, it.bounds, it.target, wanted)
    if it.is_stale:  # the target is what there is, replacements included: they would grow without end
        renewing = replace(renewing, extra=0, may_go=0, is_stuck=False)
    placement = place_launches(it, wanted + renewing.extra)
    renewing = replace(renewing, coming=renewing.coming + max(0, placement.capacity - wanted))
    surplus = _surplus(it, renewing) if not wanted else 0
    memory = _timed(it, surplus)
    going = _going(replace(it, view=replace(it.view, memory=memory)), renewing, surplus)
    chosen = _above_minimum(it, going.terminations)
    ends, is_paced = _paced(it, (*_failing(it.view), *lifecycle.stopped(it.view.stopped), *chosen))
    launches = planned_launches(it, placement, wanted)
    return Decision(
        at=it.now,
        state=_state(it, placement, renewing, is_moving=bool(launches or ends or going.drains)),
        demand=it.demand,
        bounds=it.bounds,
        counts=replace(it.view.counts, draining=len(going.drains.keys() - {each.instance_id for each in ends})),
        desired=_desired(it, demand, surplus),
        actual=it.view.supply.actual,
        memory=_remember(it, memory, going, launches, ends),
        launches=launches,
        terminations=ends,
        reasons=explain.ordered(
            (
                *it.view.reasons,
                *_bounds_reasons(it),
                *explain.scaling(it, demand, placement, wanted),
                *explain_placing.placed(placement, it.fleet.prices),
                *explain.unmet(it, demand, placement, wanted),
                *explain_placing.placing(placement, wanted, wanted + renewing.extra, it.view.up_by),
                *going.reasons,
                *([explain.termination_pace(_more_ends_at(it))] if is_paced else []),
            )
        ),
        next_check_seconds=_next_check(it, memory, placement, going, is_paced=is_paced),
    )


def _surplus(it: Situation, renewing: Renewal) -> int:
    """Usable listed slots more than the target; none where they are fewer than the smallest instance has.

    Intents do not count: should they come to nothing, what is listed is all there is. While old instances are replaced,
    they are what goes: of the fresh ones only those are too many that are more than the target by themselves.
    """
    old_ids = {each.instance_id for each in renewing.old} if renewing.is_active else set()
    candidates = [each for each in it.view.usable if each.instance_id not in old_ids]
    surplus = slots(candidates) - it.target
    smallest = min((each.capacity for each in candidates), default=0)
    return surplus if surplus >= smallest else 0


def _timed(it: Situation, surplus: int) -> Memory:
    """Memory with the moments since when there is a surplus, no work, and idle workers."""
    memory, now = it.memory, it.now
    patience = timedelta(seconds=it.config.policies.lifecycle.max_idle_seconds)
    keeps_idle = bool(patience)
    idle = {name: at for name, at in memory.idle_asked.items() if now - at < patience + IDLE_WORKERS_ASK_WITHIN}
    asked = dict.fromkeys(memory.asking, now) if keeps_idle else {}
    since = {name: memory.idle_since.get(name, now) if name in idle else now for name in asked}
    return replace(
        memory,
        surplus_since=(memory.surplus_since or now) if surplus > 0 else None,
        no_work_since=(memory.no_work_since or now) if it.demand.is_none and not it.is_stale else None,
        idle_since={**{name: memory.idle_since.get(name, now) for name in idle}, **since} if keeps_idle else {},
        idle_asked={**idle, **asked} if keeps_idle else {},
    )


def _going(it: Situation, renewing: Renewal, surplus: int) -> Going:
    """Who goes: old instances that are replaced, and whoever is too many. What is held stays."""
    retiring = rollout.retire(it.config, it.view, renewing, Demand() if it.is_stale else it.demand, it.now)
    if it.is_stale:
        return retiring
    kept = it.view.marked(MarkKind.HOLD) | (
        {each.instance_id for each in renewing.old} if renewing.is_active else set()
    )
    free = [each for each in it.view.usable if each.instance_id not in kept]
    ordered = lifecycle.leaving_order(free, it.view.drifted_ids)
    shrinking = lifecycle.shrink(it.config, ordered, it.memory, surplus, it.demand, now=it.now)
    return Going(
        (*retiring.terminations, *shrinking.terminations),
        (*retiring.reasons, *shrinking.reasons),
        {**retiring.drains, **shrinking.drains},
        (*retiring.looks, *shrinking.looks),
    )


def _above_minimum(it: Situation, ends: Iterable[PlannedTermination]) -> tuple[PlannedTermination, ...]:
    """Those whose end leaves as many usable slots as the minimum; what still boots is not yet any.

    What is replaced within the budget of a rollout may fall below it by maxUnavailable.
    """
    up = {each.instance_id: each.capacity for each in it.view.up}
    may_lack = it.config.policies.rollout.max_unavailable.of(it.target) if it.config.policies.rollout else 0
    left, chosen = it.view.supply.live - it.bounds.min_capacity + may_lack, []
    for each in ends:
        slots_lost = up.get(each.instance_id, 0)
        if slots_lost <= max(0, left):
            left -= slots_lost
            chosen.append(each)
    return tuple(chosen)


def _failing(view: View) -> tuple[PlannedTermination, ...]:
    return tuple(
        PlannedTermination(each.instance.region, each.instance.instance_id, each.why) for each in view.failures
    )


def _paced(it: Situation, ends: Sequence[PlannedTermination]) -> tuple[tuple[PlannedTermination, ...], bool]:
    """As many terminations as this minute and a payload allow, and whether there are more; force knows no minute."""
    limits = it.config.policies.brakes
    _, left = brakes.left_of_minute(it.memory.moved, limits.launches_per_minute, limits.terminations_per_minute, it.now)
    most = MOST_ENDS if it.memory.force else min(MOST_ENDS, left)
    return tuple(ends[:most]), len(ends) > most


def _more_ends_at(it: Situation) -> datetime:
    if it.memory.force:
        return it.now + timedelta(seconds=1)
    return brakes.more_at(it.memory.moved, it.now, launches=False)


# --- what is said and remembered --------------------------------------------------------------------------------------


def _bounds_reasons(it: Situation) -> tuple[Reason, ...]:
    reasons = explain.scheduled(it.scheduled)
    if it.is_stale and it.config.demand_max_age_seconds is not None:
        return (*reasons, explain.stale(it.demand, it.config.demand_max_age_seconds, it.now))
    return reasons


def _desired(it: Situation, demand: Demand, surplus: int) -> int:
    """What there should be: the target while there is a surplus, else what scaling up leads to."""
    if surplus > 0 or it.is_stale:
        return it.target
    supply = it.view.supply
    growing = supply.live + max(supply.requested, capacity.needed(it.bounds, supply, demand))
    return max(it.bounds.min_capacity, min(it.bounds.max_capacity, math.ceil(growing)))


def _remember(
    it: Situation,
    memory: Memory,
    going: Going,
    launches: Sequence[PlannedLaunch],
    ends: Sequence[PlannedTermination],
) -> Memory:
    """Memory after the decision: who was ended, who drains, and how much was moved within the last minute."""
    ended_ids = {each.instance_id for each in ends}
    until = it.now + timedelta(seconds=LAGS_TO_REMEMBER * it.fleet.list_lag_seconds)
    since = {each.instance_id: each for each in memory.marks if each.kind is MarkKind.DRAIN}
    others = tuple(
        each
        for each in memory.marks
        # A failure is remembered until it is gone, lest it count as up where its end takes several attempts.
        if each.kind is MarkKind.FAILED or (each.kind is not MarkKind.DRAIN and each.instance_id not in ended_ids)
    )
    drains = tuple(
        since.get(name, Mark(name, MarkKind.DRAIN, it.now, why))
        for name, why in going.drains.items()
        if name not in ended_ids
    )
    moved = Moved(it.now, sum(each.count for each in launches), len(ends))
    recent = tuple(each for each in memory.moved if it.now - each.at < brakes.MINUTE)
    return replace(
        memory,
        ended=(*memory.ended, *(Ended(each.instance_id, until) for each in ends)),
        asking=(),
        marks=(*others, *drains),
        moved=(*recent, moved) if moved.launched or moved.ended else recent,
    )


def _state(it: Situation, placement: Placement, renewing: Renewal, *, is_moving: bool) -> WmState:
    holding = [each for each in placement.causes if each.limit in HOLDS]
    if placement.unplaced and any(each.outcome in NEEDS_A_PERSON or each.limit is Limit.BRAKE for each in holding):
        return WmState.HELD
    if renewing.is_active:
        return WmState.HELD if renewing.is_stuck else WmState.REPLACING
    if is_moving or it.view.supply.requested or it.view.supply.stopping:
        return WmState.SCALING
    return WmState.HELD if placement.unplaced and holding else WmState.STEADY


def _next_check(it: Situation, memory: Memory, placement: Placement, going: Going, *, is_paced: bool) -> float | None:
    """The earliest moment at which time alone changes the decision."""
    moments = [*(each.settle_after for each in memory.intents), *it.view.looks, *going.looks]
    turn = timedelta(seconds=SPREAD_SECONDS * (zlib.crc32(it.config.worker_type.encode()) % 1000) / 1000)
    limits = [(each.limit, each.until) for each in placement.causes if each.until is not None]
    moments += [until + turn if limit is Limit.BUDGET else until for limit, until in limits]
    if any(each.limit is Limit.CALL for each in placement.causes):
        moments.append(it.now + timedelta(seconds=1))
    if is_paced:
        moments.append(_more_ends_at(it))
    if it.scheduled.next_change is not None:
        moments.append(it.scheduled.next_change)
    limit, reported_at = it.config.demand_max_age_seconds, it.demand.reported_at
    if limit is not None and reported_at is not None:
        moments.append(reported_at + timedelta(seconds=limit))
    if it.view.supply.stopping and (_waiting(it) or it.view.supply.actual < it.bounds.min_capacity):
        # The room of what is ending is waited for; should nobody tell that it is gone, a listing shows it.
        moments.append(it.now + timedelta(seconds=it.fleet.list_lag_seconds))
    return _soonest(moments, it.now)


def _soonest(moments: Iterable[datetime], now: datetime) -> float | None:
    """Seconds until the first moment still to come; timers are about a second coarse."""
    return min((max(1.0, (each - now).total_seconds()) for each in moments if each > now), default=None)


# --- other modes ------------------------------------------------------------------------------------------------------


def _paused(it: Situation) -> Decision:
    """Nothing is launched and nothing ended; what dies is not replaced until `resume`."""
    surplus, waiting = it.view.supply.actual - it.target, _waiting(it)
    left = f"; {explain.count_of(waiting, 'slot')} of work to wait meanwhile" if waiting else ""
    text = f"paused by an operator: nothing is launched or ended until resumed{left}"
    return Decision(
        at=it.now,
        state=WmState.PAUSED,
        demand=it.demand,
        bounds=it.bounds,
        counts=it.view.counts,
        desired=_desired(it, it.demand, surplus),
        actual=it.view.supply.actual,
        memory=replace(it.memory, asking=(), surplus_since=None, no_work_since=None),
        reasons=(*it.view.reasons, Reason("paused", text, waiting, "operator", "send resume")),
        next_check_seconds=_soonest((each.settle_after for each in it.memory.intents), it.now),
    )


def _waiting(it: Situation) -> int:
    """Slots of work that nothing there takes, and nothing on its way."""
    supply = it.view.supply
    return max(0, it.demand.pending - max(0, supply.live - it.demand.running) - supply.requested)


def _drain(it: Situation) -> Decision:
    """Launch nothing, end whoever is idle; Finished when nothing is listed and no intent stands."""
    memory = it.memory
    limit = timedelta(seconds=it.config.policies.lifecycle.drain_timeout_seconds)
    everyone = _drainable(it)
    ordered = lifecycle.leaving_order(everyone, it.view.drifted_ids)
    going = lifecycle.drain(ordered, memory, it.demand, (memory.mode_since or it.now) + limit, it.now)
    ends, is_paced = _paced(it, (*_failing(it.view), *lifecycle.stopped(it.view.stopped), *going.terminations))
    rest = bool(everyone or memory.intents or it.view.supply.stopping or it.view.supply.lost)
    moments = [*going.looks, *(each.settle_after for each in memory.intents)]
    return Decision(
        at=it.now,
        state=WmState.DRAINING if rest else WmState.FINISHED,
        demand=it.demand,
        bounds=it.bounds,
        counts=it.view.counts,
        desired=0,
        actual=it.view.supply.actual,
        memory=_remember(it, replace(memory, surplus_since=None), Going(), (), ends),
        terminations=ends,
        reasons=(
            *it.view.reasons,
            *going.reasons,
            *explain.draining_work(_waiting(it)),
            *([explain.termination_pace(_more_ends_at(it))] if is_paced else []),
        ),
        next_check_seconds=_soonest([*moments, _more_ends_at(it)] if is_paced else moments, it.now),
    )


def _drainable(it: Situation) -> tuple[Instance, ...]:
    """All usable instances; by force also what is of no use but still there."""
    if not it.memory.force:
        return it.view.usable
    ended_ids = {each.instance_id for each in it.memory.ended}
    return (*it.view.usable, *(each for each in it.view.of_no_use if each.instance_id not in ended_ids))
