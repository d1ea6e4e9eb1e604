"""What holds of every plan: bounds, rest, counting once, a reason for what is missing, and busy work left alone.

Launches are carried out on a fleet of values: what is launched boots, what is ended is gone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.plan_cases import DOUBLE, EAST, QUAD, A, B
from tests.plan_words import (
    COOL_DOWN,
    DRAIN_TIMEOUT,
    GONE,
    NOW,
    PENDING,
    RUNNING,
    STOPPED,
    STOPPING,
    UNKNOWN,
    at,
    config,
    draining,
    fleet,
    intent,
    refusal,
    remembering,
    some,
    work,
)
from worker_manager.capacity import Supply, launch_capacity
from worker_manager.decision import Decision, Fleet
from worker_manager.memory import ALL_OFFERINGS, Mode
from worker_manager.model import Demand, Instance, LaunchSpec, Outcome
from worker_manager.plan import decide

RATIOS = st.sampled_from([1.0, 0.9, 0.5, 0.3, 0.01])
SINGLE = [(A,), (A, B), (A, B, EAST)]
OFFERS = st.sampled_from([*SINGLE, (DOUBLE,), (QUAD,), (QUAD, A), (DOUBLE, QUAD), (A, DOUBLE, QUAD, EAST)])
SLOTS = st.integers(0, 8) | st.integers(0, 40)
DEMANDS = st.builds(Demand, SLOTS, st.none() | SLOTS, st.none() | st.just(NOW))
ASKING = st.sets(st.integers(0, 30)).map(lambda indexes: tuple(f"i-{each:03}" for each in sorted(indexes)))
INTENTS = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([A, DOUBLE, QUAD])), max_size=3).map(
    lambda launches: tuple(intent(count, f"k{n}", of=of) for n, (count, of) in enumerate(launches))
)
REFUSALS = st.lists(
    st.builds(
        lambda key, until, outcome: refusal(key, until=until, outcome=outcome),
        st.sampled_from([ALL_OFFERINGS, "us-west-1", *(each.offering.key for each in (A, B, QUAD))]),
        st.sampled_from([-1, 0, 30]),
        st.sampled_from([Outcome.NO_CAPACITY, Outcome.QUOTA, Outcome.REJECTED, Outcome.THROTTLED]),
    ),
    max_size=3,
    unique_by=lambda each: each.key,
).map(tuple)


KINDS = st.sampled_from([A, DOUBLE, QUAD])
# At the smallest ratio a fleet grows by one instance a pass.
MOST_PASSES = 80


def configs(offers=OFFERS):
    return st.builds(
        lambda low, more, ratio, specs, how: config(low, low + more, *specs, ratio=ratio, scale_in=how),
        st.integers(0, 8),
        SLOTS,
        RATIOS,
        offers,
        st.sampled_from(["whenIdle", "oldestFirst"]),
    )


def fleets(states, kinds=KINDS):
    """Fleets of instances in these states, and of these kinds each."""
    return st.lists(st.tuples(st.sampled_from(states), kinds), max_size=20).map(
        lambda each: fleet(*(some(1, state, first=n, of=of) for n, (state, of) in enumerate(each)))
    )


ANY_STATE = (PENDING, RUNNING, UNKNOWN, STOPPING, STOPPED, GONE)
# What is stopped is ended at one pass and replaced at the next, when it no longer holds its place.
RESTING = (PENDING, RUNNING, UNKNOWN, STOPPING, GONE)
MEMORIES = st.builds(
    lambda intents, asking, refusals, since: remembering(
        *intents, asking=asking, refusals=refusals, surplus_since=at(since) if since else None
    ),
    INTENTS,
    ASKING,
    REFUSALS,
    st.sampled_from([0, -10, -COOL_DOWN]),
)
# Neither answers nor back-offs are pending, so that time alone changes nothing.
CALM = st.builds(lambda intents, asking: remembering(*intents, asking=asking), INTENTS, ASKING)


def launched(decision: Decision) -> int:
    """Slots launched."""
    return sum(each.count * each.spec.offering.capacity for each in decision.launches)


def existing(decision: Decision) -> int:
    return decision.actual + decision.counts.stopping


def acts(decision: Decision) -> bool:
    return bool(decision.launches or decision.terminations)


def explained(decision: Decision) -> bool:
    """Some reason says why there is not more."""
    kinds = {each.kind for each in decision.reasons}
    return bool(kinds & {"at-max", "no-fit", "later"}) or any(each.startswith("refused-") for each in kinds)


def slots(instances: Iterable[Instance]) -> int:
    return sum(each.capacity for each in instances)


def carried_out(listing: Fleet, decision: Decision, number: int = 0) -> Fleet:
    """The fleet once all launches boot and all that was ended is gone."""
    gone = {each.instance_id for each in decision.terminations}
    stay = [each for each in listing.instances if each.instance_id not in gone]
    specs = [each.spec for each in decision.launches for _ in range(each.count)]
    return replace(listing, instances=(*stay, *(_booting(spec, 100 * number + n) for n, spec in enumerate(specs, 100))))


def _booting(spec: LaunchSpec, number: int) -> Instance:
    return some(1, PENDING, first=number, of=spec, key=f"new-{number}")[0]


# --- bounds ---------------------------------------------------------------------------------------------------------


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES)
@example(config(0, 5, DOUBLE), fleet(), work(9), remembering())
@example(config(0, 5, QUAD), fleet(some(1), some(1, STOPPING, first=1)), work(9, 1), remembering(intent(1)))
def test_a_launch_never_passes_the_maximum(settings, listing, demand, memory):
    """Whole instances and all that still holds a place included."""
    decision = decide(settings, listing, demand, memory, NOW)
    assert not launched(decision) or existing(decision) + launched(decision) <= settings.max_capacity


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES)
def test_the_minimum_is_there_or_a_reason_says_why_not(settings, listing, demand, memory):
    decision = decide(settings, listing, demand, memory, NOW)
    assert existing(decision) + launched(decision) >= settings.min_capacity or explained(decision)


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
    usable = [each for each in carried_out(listing, decision).instances if each.state in (PENDING, RUNNING, UNKNOWN)]
    enough = max(settings.min_capacity, min(settings.max_capacity, demand.pending + demand.running))
    shrunk = any(each.why != "stopped: never used again" for each in decision.terminations)
    assert not shrunk or slots(usable) >= enough


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


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES)
def test_every_slot_that_is_wanted_and_not_launched_has_a_reason(settings, listing, demand, memory):
    decision = decide(settings, listing, demand, memory, NOW)
    counts = decision.counts
    wanted = launch_capacity(decision.bounds, Supply(counts.live, counts.requested, counts.stopping), demand)
    assert launched(decision) >= wanted or explained(decision)


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES)
def test_all_work_that_finds_no_slot_has_a_reason(settings, listing, demand, memory):
    """At ratio 1; below it, that only a share is launched for is said by no sentence yet."""
    decision = decide(replace(settings, scaling_ratio=1.0), listing, demand, memory, NOW)
    idle = max(0, decision.counts.live - demand.running)
    unmet = demand.pending - idle - decision.counts.requested - launched(decision)
    assert unmet <= 0 or explained(decision)


# --- busy work ------------------------------------------------------------------------------------------------------


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES)
def test_nothing_busy_is_ended_when_idle_is_asked_for(settings, listing, demand, memory):
    """Idle is who asks, and everyone where the source says that there is no work at all."""
    decision = decide(replace(settings, scale_in="whenIdle"), listing, demand, memory, NOW)
    assert demand.is_none or _ended_in_use(listing, decision) <= set(memory.asking)


@given(configs(), fleets(ANY_STATE), DEMANDS, ASKING, st.sampled_from([0, -60, 1 - DRAIN_TIMEOUT]))
def test_a_drain_in_time_ends_nothing_busy(settings, listing, demand, asking, since):
    decision = decide(settings, listing, demand, draining(since=since, asking=asking), NOW)
    nothing_runs = demand.is_none or (demand.reported_at is not None and demand.claimed == 0)
    assert nothing_runs or _ended_in_use(listing, decision) <= set(asking)


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES)
def test_a_pause_does_nothing(settings, listing, demand, memory):
    assert not acts(decide(settings, listing, demand, replace(memory, mode=Mode.PAUSED), NOW))


def _ended_in_use(listing: Fleet, decision: Decision) -> set[str]:
    stopped = {each.instance_id for each in listing.instances if each.state is STOPPED}
    return {each.instance_id for each in decision.terminations} - stopped
