"""What holds of every plan: bounds, rest, counting once, a reason for what is missing, and busy work left alone.

Launches are carried out on a fleet of values: what is launched boots, what is ended is gone.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.plan_cases import DOUBLE, QUAD, A
from tests.plan_strategies import (
    ANY_STATE,
    ASKING,
    BUDGETS,
    CALM,
    DEMANDS,
    MEMORIES,
    MOST_PASSES,
    RESTING,
    SINGLE,
    acts,
    carried_out,
    configs,
    existing,
    explained,
    filling,
    fleets,
    known,
    launched,
    slots,
    unmet,
)
from tests.plan_words import (
    COOL_DOWN,
    DRAIN_TIMEOUT,
    GONE,
    NOW,
    PENDING,
    RUNNING,
    STOPPED,
    STOPPING,
    at,
    config,
    draining,
    fleet,
    intent,
    remembering,
    some,
    work,
)
from worker_manager.decision import Decision, Fleet
from worker_manager.memory import MarkKind, Memory, Mode
from worker_manager.model import Demand
from worker_manager.plan import decide

# --- bounds ---------------------------------------------------------------------------------------------------------


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES, BUDGETS)
@example(config(0, 5, DOUBLE), fleet(), work(9), remembering(), ())
@example(config(0, 5, QUAD), fleet(some(1), some(1, STOPPING, first=1)), work(9, 1), remembering(intent(1)), ())
def test_a_launch_never_passes_the_maximum(settings, listing, demand, memory, budgets):
    """Whole instances and all that still holds a place included."""
    decision = decide(settings, known(listing, budgets), demand, memory, NOW)
    listed = slots(each for each in listing.instances if each.state is not GONE)
    assert listed + sum(each.count * each.capacity for each in memory.intents) == existing(decision)
    assert not launched(decision) or existing(decision) + launched(decision) <= settings.max_capacity


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES, BUDGETS)
def test_the_minimum_is_there_or_a_reason_says_why_not(settings, listing, demand, memory, budgets):
    decision = decide(settings, known(listing, budgets), demand, memory, NOW)
    room = settings.max_capacity - decision.counts.lost  # of which the marks in the reasons speak
    assert filling(decision) + launched(decision) >= min(settings.min_capacity, room) or explained(decision)


@given(configs(), fleets(ANY_STATE), DEMANDS, CALM)
def test_where_nothing_refused_only_whole_instances_keep_from_the_minimum(settings, listing, demand, memory):
    decision = decide(settings, listing, demand, memory, NOW)
    missing = settings.min_capacity - existing(decision) - launched(decision)
    smallest = min(each.offering.capacity for each in settings.launch_specs)
    assert missing <= 0 or existing(decision) + launched(decision) + smallest > settings.max_capacity


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES)
@example(config(ratio=0.5), fleet(some(2)), work(0, 2), remembering(asking=("i-001",)))
def test_what_stays_of_a_listing_is_enough(settings, listing, demand, memory):
    """For the minimum and, up to the maximum, for what is claimed and what waits, at every ratio."""
    decision = decide(settings, listing, demand, memory, NOW)
    shrunk = _ended_in_use(listing, decision, memory)
    stays = (
        decision.counts.live + decision.counts.requested - sum(each.count * each.capacity for each in memory.intents)
    )
    gone = slots(each for each in listing.instances if each.instance_id in shrunk)
    enough = max(settings.min_capacity, min(settings.max_capacity, demand.pending + demand.running))
    assert not shrunk or stays - gone >= enough


# --- rest -----------------------------------------------------------------------------------------------------------


@given(configs(st.sampled_from(SINGLE)), fleets(RESTING, st.just(A)), DEMANDS, CALM)
@example(config(ratio=0.5), fleet(some(2)), work(1, 1), remembering(asking=("i-001",)))
@example(config(ratio=0.5), fleet(some(2)), work(2, 0), remembering(asking=("i-000", "i-001")))
def test_a_second_pass_over_what_the_first_made_does_nothing(settings, listing, demand, memory):
    first = decide(settings, listing, demand, memory, NOW)
    again = replace(first.memory, asking=memory.asking)
    assert not acts(decide(settings, carried_out(listing, first), demand, again, NOW))


@given(configs(), fleets(RESTING), DEMANDS, CALM)
def test_types_of_many_sizes_launch_once_and_rest_at_the_third_pass(settings, listing, demand, memory):
    """Whole instances may be more than what was wanted, so that a smaller one may go for them."""
    first = decide(settings, listing, demand, memory, NOW)
    listing = carried_out(listing, first)
    second = decide(settings, listing, demand, replace(first.memory, asking=memory.asking), NOW)
    assert not second.launches
    third = replace(second.memory, asking=memory.asking)
    assert not acts(decide(settings, carried_out(listing, second), demand, third, NOW))


@given(configs(), fleets((RUNNING, PENDING, STOPPED)), st.integers(0, 60))
def test_a_fleet_comes_to_rest_at_what_the_work_needs(settings, listing, total):
    """All work is taken by what has booted; a surplus is idle and asks; the clock passes every cool-down."""
    memory, now = remembering(), NOW
    for number in range(MOST_PASSES):
        running = min(total, slots(each for each in listing.instances if each.state is RUNNING))
        idle = () if running else tuple(each.instance_id for each in listing.instances)
        decision = decide(settings, listing, Demand(total - running, running, now), replace(memory, asking=idle), now)
        if not acts(decision) and not decision.counts.requested:
            break
        listing = _booted(carried_out(listing, decision, number))
        memory, now = decision.memory, now + dt.timedelta(seconds=COOL_DOWN)
    else:
        pytest.fail("the fleet never rests")
    assert explained(decision) or slots(listing.instances) >= max(settings.min_capacity, total)


def _booted(listing: Fleet) -> Fleet:
    return replace(listing, instances=tuple(replace(each, state=RUNNING) for each in listing.instances))


# --- counting once --------------------------------------------------------------------------------------------------

FEW = st.integers(0, 30)


@given(configs(st.just((A,))), st.integers(0, 60), st.none() | FEW, FEW, FEW, st.integers(1, 30))
def test_what_is_requested_counts_once_at_every_ratio(settings, pending, claimed, live, booting, asked):
    """Booting or only asked for, whatever is live and claimed: each takes one off the launch, and nothing more."""
    running, demand = some(live), work(pending, claimed)
    without = launched(decide(settings, fleet(running), demand, remembering(), NOW))
    listing = fleet(running, some(booting, PENDING, first=500))
    requested = launched(decide(settings, listing, demand, remembering(intent(asked)), NOW))
    assert max(0, without - booting - asked) == requested


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_hundred_pending_and_forty_requested_ask_for_sixty(live, booting):
    """Whatever runs already, as long as it is busy; however the forty are divided."""
    listing = fleet(some(live), some(booting, PENDING, first=500))
    memory = remembering(*(intent(40 - booting),) if booting < 40 else ())
    assert 60 == launched(decide(config(0, 1000), listing, work(100, live), memory, NOW))


# --- reasons --------------------------------------------------------------------------------------------------------


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES, BUDGETS, st.sampled_from(Mode))
def test_every_slot_of_work_that_waits_has_a_reason_with_an_owner(settings, listing, demand, memory, budgets, mode):
    """At every ratio and in every mode: who waits for what is told slot by slot."""
    decision = decide(settings, known(listing, budgets), demand, replace(memory, mode=mode), NOW)
    telling = [each for each in decision.reasons if each.slots]
    on_the_way = decision.counts.requested if mode is not Mode.RUN else 0
    assert sum(each.slots for each in telling) + on_the_way >= unmet(decision)
    assert all(each.owner for each in telling)


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES, st.integers(0, 300))
def test_old_demand_is_explained_too(settings, listing, demand, memory, age):
    settings = replace(settings, demand_max_age_seconds=120.0)
    decision = decide(settings, listing, replace(demand, reported_at=at(-age)), memory, NOW)
    assert sum(each.slots for each in decision.reasons) >= unmet(decision)


def when_idle(settings):
    lifecycle = replace(settings.policies.lifecycle, scale_in="whenIdle")
    return replace(settings, policies=replace(settings.policies, lifecycle=lifecycle))


# --- busy work ------------------------------------------------------------------------------------------------------


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES)
def test_nothing_busy_is_ended_when_idle_is_asked_for(settings, listing, demand, memory):
    """Idle is who asks, and everyone where the source says that there is no work at all."""
    decision = decide(when_idle(settings), listing, demand, memory, NOW)
    assert demand.is_none or _ended_in_use(listing, decision, memory) <= set(memory.asking)


@given(configs(), fleets(ANY_STATE), DEMANDS, ASKING, st.sampled_from([0, -60, 1 - DRAIN_TIMEOUT]))
def test_a_drain_in_time_ends_nothing_busy(settings, listing, demand, asking, since):
    decision = decide(settings, listing, demand, draining(since=since, asking=asking), NOW)
    nothing_runs = demand.is_none or (demand.reported_at is not None and demand.claimed == 0)
    assert nothing_runs or _ended_in_use(listing, decision) <= set(asking)


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES)
def test_a_pause_does_nothing(settings, listing, demand, memory):
    assert not acts(decide(settings, listing, demand, replace(memory, mode=Mode.PAUSED), NOW))


@given(
    configs(), fleets(ANY_STATE), DEMANDS, MEMORIES, st.sampled_from(Mode), st.sampled_from([0, -60, -DRAIN_TIMEOUT])
)
def test_nothing_that_is_held_or_in_quarantine_is_ended(settings, listing, demand, memory, mode, since):
    memory = replace(memory, mode=mode, mode_since=at(since))
    kept = {each.instance_id for each in memory.marks if each.kind in (MarkKind.HOLD, MarkKind.QUARANTINE)}
    decision = decide(settings, listing, demand, memory, NOW)
    assert not kept & {each.instance_id for each in decision.terminations}


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES, st.booleans(), st.sampled_from(Mode))
def test_whatever_is_ended_is_listed_and_named_once(settings, listing, demand, memory, force, mode):
    decision = decide(settings, listing, demand, replace(memory, mode=mode, force=force, mode_since=NOW), NOW)
    ended = [each.instance_id for each in decision.terminations]
    assert len(ended) == len(set(ended))
    assert set(ended) <= {each.instance_id for each in listing.instances if each.state is not GONE}


def _ended_in_use(listing: Fleet, decision: Decision, memory: Memory | None = None) -> set[str]:
    failed = {each.instance_id for each in memory.marks if each.kind is MarkKind.FAILED} if memory else set()
    stopped = {each.instance_id for each in listing.instances if each.state is STOPPED}
    return {each.instance_id for each in decision.terminations} - stopped - failed
