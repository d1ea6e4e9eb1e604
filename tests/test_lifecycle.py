"""Who may go, in which order, and what the others wait for."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_manager.lifecycle import SURPLUS, drain, leaving_order, shrink, stopped
from worker_manager.memory import Mark, MarkKind, Memory
from worker_manager.model import Demand, Instance, InstanceState
from worker_manager.policies import Lifecycle, Policies
from worker_manager.resolved import ResolvedConfig

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
LATER, COOLED = NOW + 600 * SECOND, NOW - 300 * SECOND
BUSY, TOTAL_ONLY, NO_WORK = Demand(3, 2, NOW), Demand(2, None, NOW), Demand(0, 0, NOW)


def instance(name, age=0, state=InstanceState.RUNNING, capacity=1):
    started = NOW - age * SECOND
    return Instance(name, "w", "k", "h", capacity, state, "us-east-1", "us-east-1a", "m5.large", started)


def config(scale_in="whenIdle", **times):
    lifecycle = Lifecycle(scale_in=scale_in, scale_in_cooldown_seconds=300.0, drain_timeout_seconds=3600.0, **times)
    policies = Policies(lifecycle)
    return ResolvedConfig("w", "aws", {}, 0, 100, 1.0, (), "c1", policies)


THREE = (instance("a", 30), instance("b", 20), instance("c", 10))


def drained(asking=(), **ages):
    """Memory of a surplus that has cooled down, with instances that drain for so many seconds."""
    marks = tuple(Mark(name, MarkKind.DRAIN, NOW - age * SECOND, SURPLUS) for name, age in ages.items())
    return Memory(surplus_since=COOLED, marks=marks, asking=asking)


def ids(going):
    return [each.instance_id for each in going.terminations]


def test_drifted_then_oldest_and_what_boots_last():
    young, old, drifted = instance("young", 10), instance("old", 90), instance("drifted", 5)
    boots = instance("boots", 1, InstanceState.PENDING)
    ordered = leaving_order([boots, young, drifted, old], {"drifted"})
    assert ["drifted", "old", "young", "boots"] == [each.instance_id for each in ordered]


@pytest.mark.parametrize(
    ("gone", "kinds", "scale_in", "surplus", "demand", "memory"),
    [
        pytest.param([], [], "whenIdle", 0, NO_WORK, Memory(asking=("a",)), id="no-surplus"),
        pytest.param([], [], "whenIdle", -4, NO_WORK, Memory(asking=("a",)), id="too-few"),
        pytest.param(["a", "b"], [], "whenIdle", 2, NO_WORK, Memory(), id="no-work-at-all"),
        pytest.param([], ["scale-in-when-idle"], "whenIdle", 2, Demand(), Memory(), id="nothing-reported"),
        pytest.param([], ["scale-in-when-idle"], "whenIdle", 2, BUSY, Memory(), id="nobody-asks"),
        pytest.param(["b"], ["scale-in-when-idle"], "whenIdle", 2, BUSY, Memory(asking=("b",)), id="one-asks"),
        pytest.param(["a"], [], "whenIdle", 1, BUSY, Memory(asking=("c", "b", "a")), id="more-ask-than-may"),
        pytest.param([], ["scale-in-when-idle"], "whenIdle", 1, BUSY, Memory(asking=("x",)), id="a-stranger-asks"),
        pytest.param(
            [], ["scale-in-cooldown"], "oldestFirst", 2, BUSY, Memory(surplus_since=NOW - 299 * SECOND), id="cooling"
        ),
        pytest.param([], ["scale-in-cooldown"], "oldestFirst", 2, BUSY, Memory(), id="cooling-begins"),
        pytest.param(
            [], ["scale-in-draining"], "oldestFirst", 2, BUSY, Memory(surplus_since=COOLED), id="cooled-down-drains"
        ),
        pytest.param(
            ["a"], ["scale-in-draining"], "oldestFirst", 2, BUSY, drained(a=3600, b=3599), id="drained-out-of-time"
        ),
        pytest.param(["b"], [], "oldestFirst", 1, BUSY, drained(a=60, asking=("b",)), id="another-asks-in-its-place"),
        pytest.param(
            ["c"], ["scale-in-cooldown"], "oldestFirst", 2, BUSY, Memory(asking=("c",)), id="cooling-but-it-asks"
        ),
        pytest.param(["a"], [], "oldestFirst", 1, NO_WORK, Memory(), id="no-work-needs-no-cooling"),
    ],
)
def test_who_goes_of_a_surplus(gone, kinds, scale_in, surplus, demand, memory):
    going = shrink(config(scale_in), THREE, memory, surplus, demand, now=NOW)
    assert (gone, kinds) == (ids(going), [each.kind for each in going.reasons])


def test_the_oldest_drain_until_their_time_is_out():
    going = shrink(config("oldestFirst"), THREE, drained(a=60), 2, BUSY, now=NOW)
    assert {"a": SURPLUS, "b": SURPLUS} == going.drains
    assert (NOW + 3540 * SECOND, NOW + 3600 * SECOND) == going.looks


def test_one_out_of_time_stays_marked_lest_the_pace_lets_it_go_only_later():
    going = shrink(config("oldestFirst"), THREE, drained(a=3600), 1, BUSY, now=NOW)
    assert (["a"], {"a": SURPLUS}) == (ids(going), going.drains)


@pytest.mark.parametrize(
    ("gone", "demand", "memory"),
    [
        pytest.param([], NO_WORK, Memory(no_work_since=NOW - 599 * SECOND), id="no-work-not-long-enough"),
        pytest.param(["a", "b"], NO_WORK, Memory(no_work_since=NOW - 600 * SECOND), id="no-work-for-long"),
        pytest.param([], BUSY, Memory(asking=("c",)), id="asks-for-the-first-time"),
        pytest.param([], BUSY, Memory(asking=("c",), idle_since={"c": NOW - 599 * SECOND}), id="asks-again-too-early"),
        pytest.param(
            ["c"], BUSY, Memory(asking=("c",), idle_since={"c": NOW - 600 * SECOND}), id="asks-after-max-idle"
        ),
        pytest.param([], BUSY, Memory(idle_since={"c": NOW - 900 * SECOND}), id="idle-once-but-does-not-ask-now"),
    ],
)
def test_idle_instances_are_kept_for_their_time(gone, demand, memory):
    assert gone == ids(shrink(config(max_idle_seconds=600.0), THREE, memory, 2, demand, now=NOW))


def test_one_that_drains_goes_when_it_asks_however_long_idle_ones_are_kept():
    settings = config("oldestFirst", max_idle_seconds=600.0)
    assert ["a"] == ids(shrink(settings, THREE, drained(a=60, asking=("a",)), 1, BUSY, now=NOW))


def test_a_surplus_says_what_it_waits_for():
    idle = shrink(config(), THREE, Memory(), 1, BUSY, now=NOW)
    cooling = shrink(config("oldestFirst"), THREE, Memory(surplus_since=NOW), 2, BUSY, now=NOW)
    assert [
        "1 slot more than desired: each goes when its idle worker asks (scaleIn: whenIdle)",
        "2 slots more than desired: the oldest drain from 10:05:00 UTC on (cool-down)",
    ] == [each.text for going in (idle, cooling) for each in going.reasons]


def test_a_large_instance_stays_and_a_smaller_one_goes_for_it():
    large, small = instance("large", 90, capacity=4), instance("small", 10, capacity=1)
    assert ["small"] == ids(shrink(config(), [large, small], Memory(), 3, NO_WORK, now=NOW))


@pytest.mark.parametrize(
    ("gone", "why", "demand", "memory", "deadline"),
    [
        pytest.param(["a", "b", "c"], "draining: forced", BUSY, Memory(force=True), LATER, id="forced"),
        pytest.param(["a", "b", "c"], "draining: out of time", BUSY, Memory(), NOW, id="out-of-time"),
        pytest.param(["a", "b", "c"], "draining: nothing runs", NO_WORK, Memory(), LATER, id="no-work-at-all"),
        pytest.param(["a", "b", "c"], "draining: nothing runs", Demand(9, 0, NOW), Memory(), LATER, id="none-claimed"),
        pytest.param(["b"], "draining: idle", BUSY, Memory(asking=("b",)), LATER, id="one-asks"),
        pytest.param([], "", BUSY, Memory(), LATER, id="all-busy"),
        pytest.param([], "", TOTAL_ONLY, Memory(), LATER, id="a-total-does-not-say-who-is-idle"),
        pytest.param([], "", Demand(0, 0), Memory(), LATER, id="nothing-reported"),
    ],
)
def test_who_goes_of_a_drain(gone, why, demand, memory, deadline):
    going = drain(THREE, memory, demand, deadline, NOW)
    assert (gone, {why} - {""}) == (ids(going), {each.why for each in going.terminations})


def test_a_drain_says_what_it_waits_for_and_until_when():
    going = drain(THREE, Memory(asking=("a",)), BUSY, LATER, NOW)
    text = (
        "draining: 2 instances not known to be idle: each goes when its worker asks, when no work runs, "
        "or at 2026-11-23 10:10:00 UTC at the latest"
    )
    assert [text] == [each.text for each in going.reasons]


def test_a_drain_whose_last_instances_end_says_so():
    assert ["draining: the last instances are ending"] == [
        each.text for each in drain((), Memory(), BUSY, LATER, NOW).reasons
    ]


@pytest.mark.parametrize(
    ("gone", "kinds", "memory", "deadline"),
    [
        pytest.param(["a", "c"], ["draining-held"], Memory(), NOW, id="held"),
        pytest.param(["a", "b", "c"], ["draining"], Memory(force=True), LATER, id="forced"),
    ],
)
def test_what_is_held_ends_by_force_alone(gone, kinds, memory, deadline):
    memory = replace(memory, marks=(Mark("b", MarkKind.HOLD, NOW),))
    going = drain(THREE, memory, NO_WORK, deadline, NOW)
    assert (gone, kinds) == (ids(going), [each.kind for each in going.reasons])


def test_a_stopped_instance_is_ended_where_it_is():
    ends = stopped([instance("s", state=InstanceState.STOPPED)])
    assert [("us-east-1", "s", "stopped: never used again")] == [
        (each.region, each.instance_id, each.why) for each in ends
    ]


INSTANCES = st.lists(st.integers(1, 8), max_size=20).map(
    lambda slots: [instance(f"i-{n}", n, capacity=each) for n, each in enumerate(slots)]
)


@given(
    INSTANCES,
    st.integers(-3, 60),
    st.sampled_from([BUSY, TOTAL_ONLY, NO_WORK, Demand()]),
    st.sampled_from(["whenIdle", "oldestFirst"]),
    st.sets(st.integers(0, 25)),
    st.booleans(),
)
def test_never_more_than_the_surplus_and_only_listed_ones_go(instances, surplus, demand, scale_in, asking, cooled):
    asked = tuple(f"i-{n}" for n in sorted(asking))
    memory = Memory(asking=asked, surplus_since=NOW - 900 * SECOND if cooled else None)
    going = shrink(config(scale_in), instances, memory, surplus, demand, now=NOW)
    slots = {each.instance_id: each.capacity for each in instances}
    assert len(set(ids(going))) == len(ids(going))
    assert sum(slots[each] for each in ids(going)) <= max(0, surplus)
    if not demand.is_none and not (cooled and scale_in == "oldestFirst"):
        assert set(ids(going)) <= set(asked)
