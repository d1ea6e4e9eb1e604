"""Whole decisions: what is launched and ended for a fleet, a demand and a memory, and why."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from worker_manager.budgets import BACK_OFFS, Budget
from worker_manager.decision import Counts, Decision, Fleet, WmState
from worker_manager.memory import Ended, Intent, Memory, Mode, Refusal
from worker_manager.model import (
    Demand,
    Instance,
    InstanceState,
    LaunchResult,
    LaunchSpec,
    Offering,
    Outcome,
)
from worker_manager.plan import LAGS_TO_REMEMBER, SPREAD_SECONDS, decide
from worker_manager.policies import Lifecycle, Policies
from worker_manager.resolved import ResolvedConfig

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
LAG, SETTLE = 30.0, 60.0
PENDING, RUNNING, STOPPING = InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING
STOPPED, GONE, UNKNOWN = InstanceState.STOPPED, InstanceState.GONE, InstanceState.UNKNOWN


def spec(zone="us-east-1a", instance_type="m5.large", capacity=1):
    return LaunchSpec(Offering(zone[:-1], zone, instance_type, capacity=capacity), {}, {}, "h")


def config(low=0, high=1000, *, ratio=1.0, specs=(), lifecycle=None, **changes):
    policies = Policies(Lifecycle(**(lifecycle or {})))
    base = ResolvedConfig("w", "aws", {}, low, high, ratio, specs or (spec(),), "c1", policies)
    return replace(base, **changes)


def some(count, state=RUNNING, *, first=0, capacity=1, key="k0", settings="h"):
    """Instances `i-000`, ..., each a second younger than the one before."""
    return tuple(
        Instance(
            instance_id=f"i-{index:03}",
            worker_type="w",
            launch_key=key,
            settings_hash=settings,
            capacity=capacity,
            state=state,
            region="us-east-1",
            zone="us-east-1a",
            instance_type="m5.large",
            launched_at=NOW + (index - (120 if state is PENDING else 5000)) * SECOND,
            raw_state=str(state),
        )
        for index in range(first, first + count)
    )


def fleet(*groups):
    return Fleet(tuple(each for group in groups for each in group), LAG, SETTLE)


def work(pending=0, claimed=None):
    return Demand(pending, claimed, NOW)


def intent(count, key="k1", ids=(), *, capacity=1, settle_after=NOW + 60 * SECOND):
    return Intent(key, spec().offering.key, count, capacity, NOW, settle_after, ids)


def reserving(*intents, **changes):
    return Memory(intents=intents, config_hash="c1", **changes)


def launched(decision: Decision) -> int:
    """Slots launched."""
    return sum(each.count * each.spec.offering.capacity for each in decision.launches)


def ended(decision: Decision) -> list[str]:
    return [each.instance_id for each in decision.terminations]


def kinds(decision: Decision) -> list[str]:
    """Why, apart from where."""
    return [each.kind for each in decision.reasons if each.kind != "where"]


def said(decision: Decision, kind: str) -> list[str]:
    return [each.text for each in decision.reasons if each.kind == kind]


def executed(decision: Decision) -> Memory:
    """Memory after the workflow has recorded the decision's launches as intents."""
    intents = tuple(
        Intent(f"new-{n}", each.spec.offering.key, each.count, each.spec.offering.capacity, NOW, NOW + 60 * SECOND)
        for n, each in enumerate(decision.launches)
    )
    return replace(decision.memory, intents=(*decision.memory.intents, *intents))


# --- launching ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("launch", "settings", "instances", "demand", "memory"),
    [
        pytest.param(60, config(), (), work(100), reserving(intent(40)), id="100-pending-40-requested"),
        pytest.param(1, config(2), (), work(), reserving(intent(1)), id="minimum-2-requested-1"),
        pytest.param(2, config(2), (), Demand(), Memory(), id="minimum-before-any-report"),
        pytest.param(50, config(ratio=0.5), (), work(100), Memory(), id="half"),
        pytest.param(0, config(ratio=0.5), some(50, PENDING), work(100), Memory(), id="half-booting"),
        pytest.param(3, config(high=10), (*some(5), *some(2, STOPPING, first=9)), work(90, 5), Memory(), id="ceiling"),
        pytest.param(1, config(3), (*some(2), *some(4, GONE, first=9)), work(), Memory(), id="the-dead-are-replaced"),
        pytest.param(0, config(3), some(3, UNKNOWN), work(), Memory(), id="unknown-counts-as-live"),
        pytest.param(0, config(3), some(3, STOPPED), work(), Memory(), id="stopped-holds-its-place-until-ended"),
        pytest.param(10, config(0, 10), (), work(99), Memory(), id="maximum"),
        pytest.param(6, config(specs=(spec(capacity=2),)), (), work(5), Memory(), id="two-slots-an-instance"),
        pytest.param(4, config(0, 5, specs=(spec(capacity=2),)), (), work(9), Memory(), id="whole-instances-at-max"),
        pytest.param(
            0, config(specs=(spec(capacity=2),)), some(3, capacity=2), work(6), Memory(), id="slots-not-counts"
        ),
    ],
)
def test_what_is_launched(launch, settings, instances, demand, memory):
    assert launch == launched(decide(settings, fleet(instances), demand, memory, NOW))


def test_a_launch_says_why_and_when_it_is_settled():
    decision = decide(config(), fleet(some(1)), work(4, 1), Memory(), NOW)
    assert [(4, SETTLE)] == [(each.count, each.settle_seconds) for each in decision.launches]
    text = "launching 4 instances (4 slots): work 4 pending and 1 running, live 1, requested 0, minimum 0"
    assert (WmState.SCALING, [text]) == (decision.state, said(decision, "scale-up"))
    assert ["scale-up", "booting"] == kinds(decision)


def test_numbers_of_a_decision():
    instances = (*some(3), *some(2, PENDING, first=10), *some(1, STOPPING, first=20))
    decision = decide(config(0, 9), fleet(instances), work(4, 3), reserving(intent(1)), NOW)
    assert Counts(3, 3, 1, 5, by_place={"us-east-1 m5.large": 5}) == decision.counts
    assert (7, 6, 1) == (decision.desired, decision.actual, launched(decision))


def test_at_the_maximum_the_reason_says_what_must_wait():
    decision = decide(config(0, 3), fleet(some(3)), work(7, 3), Memory(), NOW)
    text = "at maxCapacity 3: 7 slots of work must wait; it is served as other work ends, or raise maxCapacity"
    assert [("at-max", text)] == [(each.kind, each.text) for each in decision.reasons]


def test_at_rest_nothing_is_done_and_nothing_timed():
    decision = decide(config(2), fleet(some(2)), work(), Memory(), NOW)
    assert (WmState.STEADY, (), (), (), None) == (
        decision.state,
        decision.launches,
        decision.terminations,
        decision.reasons,
        decision.next_check_seconds,
    )


def test_what_one_call_cannot_take_is_launched_at_the_next_look():
    decision = decide(config(), fleet(), work(250), Memory(), NOW)
    assert (100, ["scale-up", "booting", "later"], 1.0) == (
        launched(decision),
        kinds(decision),
        decision.next_check_seconds,
    )
    assert 100 == launched(decide(config(), fleet(), work(250), executed(decision), NOW))


def test_no_instance_type_fits():
    decision = decide(config(0, 1, specs=(spec(capacity=2),)), fleet(), work(1), Memory(), NOW)
    text = (
        "no instance type fits below maxCapacity: 1 slot of 1 wanted cannot be launched; "
        "raise maxCapacity, or allow a smaller instance type"
    )
    assert [("no-fit", text)] == [(each.kind, each.text) for each in decision.reasons]


# --- intents --------------------------------------------------------------------------------------------------------


def test_an_unanswered_launch_seen_in_part_is_not_launched_again():
    memory, launches = reserving(intent(10)), []
    for _ in range(3):
        decision = decide(config(), fleet(some(3, key="k1")), work(10), memory, NOW)
        launches.append(launched(decision))
        memory = decision.memory
    assert [0, 0, 0] == launches


def test_a_lost_launch_is_replaced_and_told():
    decision = decide(config(2), fleet(), work(), reserving(intent(2, settle_after=NOW)), NOW)
    assert (2, ["lost", "scale-up"], ()) == (launched(decision), kinds(decision), decision.memory.intents)
    assert ["1 launch settled without an instance: forgotten"] == said(decision, "lost")


def test_a_launch_that_appears_after_it_settled_is_adopted():
    decision = decide(config(2), fleet(some(2, key="k1")), work(), reserving(intent(2, settle_after=NOW)), NOW)
    assert (0, [], ()) == (launched(decision), kinds(decision), decision.memory.intents)


def test_a_known_launch_counts_until_a_listing_shows_it():
    answer = LaunchResult("k1", Outcome.LAUNCHED, ("i-000", "i-001"))
    memory = reserving(intent(2), results=(answer,))
    before = decide(config(2), fleet(), work(), memory, NOW)
    after = decide(config(2), fleet(some(2, key="k1")), work(), before.memory, NOW)
    assert [(0, 1), (0, 0)] == [(launched(each), len(each.memory.intents)) for each in (before, after)]
    assert LAG == before.next_check_seconds


def test_an_intent_is_looked_up_again_when_it_settles():
    memory = reserving(intent(2, settle_after=NOW + 45 * SECOND))
    assert 45.0 == decide(config(2), fleet(), work(), memory, NOW).next_check_seconds


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "wait", "slack"),
    [
        *((each, rule.first_seconds, SPREAD_SECONDS) for each, rule in BACK_OFFS.items()),
        (Outcome.REJECTED, 60.0, 0.0),
    ],
)
def test_a_refusal_holds_and_says_who_why_and_until_when(outcome, wait, slack):
    """Places that refuse are looked at again in turn, settings that were rejected by this worker type alone."""
    memory = reserving(intent(2), results=(LaunchResult("k1", outcome, message="not today"),))
    decision = decide(config(2), fleet(), work(), memory, NOW)
    (reason,) = (each for each in decision.reasons if each.kind == f"refused-{outcome}")
    until = NOW + wait * SECOND
    assert (WmState.HELD, 0, until, 2) == (decision.state, launched(decision), reason.until, reason.slots)
    assert "2 slots of work wait; " in reason.text
    assert f"tried again after {until:%H:%M:%S} UTC (not today)" in reason.text
    assert reason.owner
    assert reason.next_step
    assert wait <= decision.next_check_seconds <= wait + slack


def test_another_zone_takes_over():
    memory = reserving(intent(2), results=(LaunchResult("k1", Outcome.NO_CAPACITY),))
    decision = decide(config(2, specs=(spec(), spec("us-east-1b"))), fleet(), work(), memory, NOW)
    assert [("us-east-1b", 2)] == [(each.spec.offering.zone, each.count) for each in decision.launches]
    assert WmState.SCALING is decision.state


def test_a_probe_is_one_instance_and_the_rest_is_not_said_to_fit_nowhere():
    dry = Budget(spec().offering.key, Outcome.NO_CAPACITY, 1, 3, NOW - 60 * SECOND, NOW - 60 * SECOND, NOW)
    decision = decide(config(), replace(fleet(), budgets=(dry,)), work(10), Memory(), NOW)
    assert (1, True, False) == (launched(decision), "later" in kinds(decision), "no-fit" in kinds(decision))


def test_a_refusal_by_another_worker_type_keeps_this_one_from_asking():
    dry = Budget(spec().offering.key, Outcome.NO_CAPACITY, 1, 1, NOW, NOW, NOW + 15 * SECOND)
    decision = decide(config(2), replace(fleet(), budgets=(dry,)), work(), Memory(), NOW)
    assert (0, WmState.HELD) == (launched(decision), decision.state)


def test_an_edit_of_the_settings_tries_at_once_what_was_rejected():
    refusal = Refusal(spec().offering.key, Outcome.REJECTED, 3, NOW + 900 * SECOND)
    decision = decide(config(2, config_hash="c2"), fleet(), work(), reserving(refusals=(refusal,)), NOW)
    assert (2, (), "c2") == (launched(decision), decision.memory.refusals, decision.memory.config_hash)


def test_a_rejection_of_the_old_settings_does_not_close_the_new_ones():
    """The answer to a launch with the old settings comes in together with the edit that repairs them."""
    memory = reserving(intent(2), results=(LaunchResult("k1", Outcome.REJECTED),))
    assert 2 == launched(decide(config(2, config_hash="c2"), fleet(), work(), memory, NOW))


# --- shrinking ------------------------------------------------------------------------------------------------------


def test_no_work_at_all_ends_all_but_the_minimum_oldest_first():
    decision = decide(config(2), fleet(some(5)), work(0, 0), Memory(), NOW)
    assert (["i-000", "i-001", "i-002"], 2) == (ended(decision), decision.desired)


def test_an_unanswered_launch_is_no_surplus():
    """Should it come to nothing, what is listed is all there is."""
    decision = decide(config(10), fleet(some(10)), work(0), reserving(intent(10)), NOW)
    assert [] == ended(decision)


def test_before_any_report_nobody_is_idle():
    decision = decide(config(2), fleet(some(5)), Demand(), Memory(), NOW)
    assert ([], ["scale-in-when-idle"]) == (ended(decision), kinds(decision))


def test_a_surplus_is_remembered_from_its_first_moment_until_it_ends():
    first = decide(config(), fleet(some(5)), work(0, 2), Memory(), NOW)
    later = decide(config(), fleet(some(5)), work(0, 2), first.memory, NOW + 9 * SECOND)
    none = decide(config(), fleet(some(5)), work(0, 5), later.memory, NOW + 10 * SECOND)
    assert [NOW, NOW, None] == [each.memory.surplus_since for each in (first, later, none)]


def test_oldest_first_looks_again_when_its_cool_down_is_over():
    decision = decide(config(lifecycle={"scale_in": "oldestFirst"}), fleet(some(5)), work(0, 2), Memory(), NOW)
    assert ([], 300.0) == (ended(decision), decision.next_check_seconds)


def test_an_instance_larger_than_the_surplus_stays():
    decision = decide(config(), fleet(some(2, capacity=4)), work(6, 0), Memory(asking=("i-000",)), NOW)
    assert ([], [], None) == (ended(decision), kinds(decision), decision.memory.surplus_since)


def test_drifted_instances_are_counted_told_and_go_first():
    instances = (*some(2), *some(2, first=10, settings="old"))
    decision = decide(config(2), fleet(instances), work(0, 0), Memory(), NOW)
    assert (2, ["i-010", "i-011"]) == (decision.counts.drifted, ended(decision))
    assert ["2 instances launched with settings that have changed since"] == said(decision, "drift")


def test_stopped_instances_are_ended_and_unknown_ones_kept_and_told():
    decision = decide(config(1), fleet(some(1, UNKNOWN), some(1, STOPPED, first=5)), work(), Memory(), NOW)
    assert (["i-005"], 1, ["unknown-state"]) == (ended(decision), decision.counts.unknown, kinds(decision))
    text = "1 instance in a state unknown to us (unknown): never ended for that"
    assert [text] == said(decision, "unknown-state")


def test_an_ended_instance_in_a_stale_listing_is_neither_counted_nor_ended_again():
    first = decide(config(), fleet(some(2)), work(0, 0), Memory(), NOW)
    again = decide(config(), fleet(some(2)), work(0, 0), first.memory, NOW + SECOND)
    until = NOW + LAGS_TO_REMEMBER * LAG * SECOND
    assert (Ended("i-000", until), Ended("i-001", until)) == first.memory.ended
    assert ([], 0, 2) == (ended(again), again.actual, again.counts.stopping)


def test_an_ended_instance_that_lives_on_is_ended_again():
    first = decide(config(), fleet(some(2)), work(0, 0), Memory(), NOW)
    late = NOW + (LAGS_TO_REMEMBER * LAG + 1) * SECOND
    assert ["i-000", "i-001"] == ended(decide(config(), fleet(some(2)), work(0, 0), first.memory, late))


# --- modes ----------------------------------------------------------------------------------------------------------


def test_paused_launches_and_ends_nothing():
    busy = decide(config(5), fleet(some(2)), work(9), Memory(mode=Mode.PAUSED), NOW)
    idle = decide(config(), fleet(some(2)), work(0, 0), Memory(mode=Mode.PAUSED, asking=("i-000",)), NOW)
    assert [(WmState.PAUSED, 0, [], ["paused"], ())] * 2 == [
        (each.state, launched(each), ended(each), kinds(each), each.memory.asking) for each in (busy, idle)
    ]


def draining(**changes):
    return Memory(mode=Mode.DRAINING, mode_since=NOW, config_hash="c1", **changes)


@pytest.mark.parametrize(
    ("state", "groups", "memory"),
    [
        pytest.param(WmState.FINISHED, (), draining(), id="nothing-left"),
        pytest.param(WmState.FINISHED, (some(2, GONE),), draining(), id="only-the-dead"),
        pytest.param(WmState.DRAINING, (), draining(intents=(intent(1),)), id="an-intent-stands"),
        pytest.param(WmState.FINISHED, (), draining(intents=(intent(1, settle_after=NOW),)), id="an-intent-settled"),
        pytest.param(WmState.DRAINING, (some(1, STOPPING),), draining(), id="one-is-stopping"),
        pytest.param(WmState.DRAINING, (some(1),), draining(), id="one-is-busy"),
    ],
)
def test_a_drain_is_finished_when_nothing_is_listed_and_no_intent_stands(state, groups, memory):
    decision = decide(config(5), fleet(*groups), work(0, 1), memory, NOW)
    assert (state, 0, 0) == (decision.state, launched(decision), decision.desired)


def test_a_drain_looks_again_at_its_deadline():
    assert 3600.0 == decide(config(), fleet(some(1)), work(0, 1), draining(), NOW).next_check_seconds


# --- properties -----------------------------------------------------------------------------------------------------

SMALL = st.integers(0, 12)
STATES = st.lists(st.sampled_from(InstanceState), max_size=25)
SPECS = st.sampled_from([(spec(),), (spec(), spec("us-east-1b")), (spec(capacity=2),), (spec(capacity=3), spec())])
CONFIGS = st.builds(
    lambda low, more, ratio, specs, how: config(low, low + more, ratio=ratio, specs=specs, lifecycle={"scale_in": how}),
    SMALL,
    st.integers(0, 30),
    st.sampled_from([1.0, 0.5, 0.3]),
    SPECS,
    st.sampled_from(["whenIdle", "oldestFirst"]),
)
FLEETS = st.builds(
    lambda states, slots: fleet(*(some(1, each, first=n, capacity=slots) for n, each in enumerate(states))),
    STATES,
    st.sampled_from([1, 2, 3]),
)
DEMANDS = st.builds(Demand, st.integers(0, 40), st.none() | st.integers(0, 20), st.none() | st.just(NOW))
MEMORIES = st.builds(
    lambda counts, asking, since: reserving(
        *(intent(count, f"k{n + 1}") for n, count in enumerate(counts)),
        asking=tuple(f"i-{n:03}" for n in sorted(asking)),
        surplus_since=NOW - 600 * SECOND if since else None,
    ),
    st.lists(st.integers(1, 9), max_size=3),
    st.sets(st.integers(0, 30)),
    st.booleans(),
)


@given(CONFIGS, FLEETS, DEMANDS, MEMORIES)
def test_a_decision_keeps_its_bounds(settings, listing, demand, memory):
    """Never above maxCapacity counting intents; at least minCapacity unless no whole instance fits; never both ways."""
    decision = decide(settings, listing, demand, memory, NOW)
    existing = decision.actual + decision.counts.stopping
    total = existing + launched(decision)
    assert launched(decision) == 0 or total <= settings.max_capacity
    assert total >= settings.min_capacity or "no-fit" in kinds(decision)
    listed = sum(each.capacity for each in listing.instances if each.state is not GONE)
    assert existing == listed + sum(each.count * each.capacity for each in memory.intents)


@given(CONFIGS, FLEETS, DEMANDS, MEMORIES)
def test_a_second_pass_over_the_same_fleet_launches_nothing_more(settings, listing, demand, memory):
    """But with a ratio below 1 the scale-in target is less than launching leads to: what is ended may come again."""
    first = decide(settings, listing, demand, memory, NOW)
    assume(settings.scaling_ratio == 1.0 or not first.terminations)
    assert 0 == launched(decide(settings, listing, demand, executed(first), NOW))


@given(CONFIGS, FLEETS, DEMANDS, MEMORIES, st.sampled_from(Mode))
def test_terminations_name_listed_instances_once_and_leave_what_is_needed(settings, listing, demand, memory, mode):
    decision = decide(settings, listing, demand, replace(memory, mode=mode), NOW)
    capacities = {each.instance_id: each for each in listing.instances}
    assert set(ended(decision)) <= {each.instance_id for each in listing.instances if each.state is not GONE}
    assert 1 == max(Counter(ended(decision)).values(), default=1)
    shrunk = [capacities[each] for each in ended(decision) if capacities[each].state is not STOPPED]
    if mode is Mode.RUN and shrunk:
        work_there = settings.scaling_ratio * (demand.pending + demand.running)
        needed = max(settings.min_capacity, min(settings.max_capacity, work_there))
        assert decision.actual - sum(each.capacity for each in shrunk) >= needed
