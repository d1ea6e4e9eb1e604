"""Rollout: how many replacements, who drains, who ends, and that its budget holds whatever the fleet looks like."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan_words import DRAIN_TIMEOUT, NOW, PENDING, at, config, fleet, intent, marked, remembering, some, work
from worker_manager.capacity import Bounds
from worker_manager.lifecycle import Going
from worker_manager.memory import MarkKind
from worker_manager.model import Demand
from worker_manager.observing import observe, slots
from worker_manager.policies import Rollout, Share
from worker_manager.rollout import Renewal, renewal, retire

TENTH = Rollout(Share(percent=10))
BUSY = work(0, 10)


def old(count, **changes):
    return some(count, settings="old", **changes)


def new(count, *states, **changes):
    return some(count, *states, first=500, **changes)


def begun(*groups, policy=TENTH, target=10, most=100, wanted=0, memory=None) -> Renewal:
    settings = config(0, most, rollout=policy)
    view = observe(settings, fleet(*groups), memory or remembering(), NOW)
    return renewal(settings, view, Bounds(0, most), target, wanted)


def retired(*groups, policy=TENTH, demand=BUSY, target=10, memory=None) -> Going:
    settings = config(0, 100, rollout=policy)
    view = observe(settings, fleet(*groups), memory or remembering(), NOW)
    return retire(settings, view, renewal(settings, view, Bounds(0, 100), target, 0), demand, NOW)


def ids(going):
    return [each.instance_id for each in going.terminations]


@pytest.mark.parametrize(
    ("extra", "may_go", "groups", "given_"),
    [
        pytest.param(1, 0, [old(10)], {}, id="a-tenth"),
        pytest.param(0, 0, [old(10), new(1, PENDING)], {}, id="the-tenth-boots"),
        pytest.param(0, 1, [old(10), new(1)], {}, id="the-tenth-is-ready"),
        pytest.param(1, 0, [old(9), new(1)], {}, id="the-next"),
        pytest.param(0, 1, [old(1), new(10)], {}, id="the-last"),
        pytest.param(0, 0, [new(10)], {}, id="nothing-old"),
        pytest.param(0, 0, [old(10)], {"most": 10}, id="at-the-maximum"),
        pytest.param(1, 0, [old(10)], {"most": 11}, id="room-for-one"),
        pytest.param(0, 2, [old(10)], {"policy": Rollout(Share(), Share(slots=2))}, id="unavailable"),
        pytest.param(2, 0, [old(8)], {"policy": Rollout(Share(), Share(slots=2))}, id="unavailable-ones-replaced"),
        pytest.param(0, 0, [old(10)], {"policy": replace(TENTH, pause=True)}, id="paused"),
        pytest.param(2, 0, [old(10)], {"wanted": 3, "target": 13}, id="beside-what-scaling-launches"),
        pytest.param(0, 5, [old(10)], {"target": 5}, id="more-than-the-work-needs"),
        pytest.param(0, 4, [old(4)], {"target": 0}, id="no-work"),
        pytest.param(
            0, 0, [old(10)], {"memory": remembering(replace(intent(1), settings_hash="new"))}, id="one-asked-for"
        ),
        pytest.param(0, 0, [old(10), new(1)], {"memory": remembering(warming={"i-500": at(-1)})}, id="not-ready"),
    ],
)
def test_replacements_and_who_may_go(extra, may_go, groups, given_):
    if "memory" in given_ and given_["memory"].warming:
        given_ = {**given_, "policy": replace(TENTH, min_ready_seconds=60.0)}
    found = begun(*groups, **given_)
    assert (extra, may_go) == (found.extra, found.may_go)


@pytest.mark.parametrize(
    ("is_stuck", "groups", "given_"),
    [
        pytest.param(True, [old(10)], {"most": 10}, id="no-room-and-all-needed"),
        pytest.param(True, [old(10)], {"policy": Rollout(Share(), Share())}, id="no-budget"),
        pytest.param(False, [old(10)], {}, id="room"),
        pytest.param(False, [old(10)], {"most": 10, "policy": Rollout(Share(), Share(slots=1))}, id="one-may-miss"),
        pytest.param(False, [old(10), new(1, PENDING)], {}, id="one-boots"),
        pytest.param(
            False,
            [old(10), new(1)],
            {"most": 11, "memory": remembering(marks=marked(MarkKind.FAILED, "i-500"))},
            id="one-that-failed-is-ended-now",
        ),
        pytest.param(
            False,
            [old(10), new(1)],
            {
                "policy": replace(TENTH, min_ready_seconds=60.0),
                "memory": remembering(warming={"i-500": at(-1)}),
            },
            id="one-is-not-ready",
        ),
    ],
)
def test_when_it_is_stuck(is_stuck, groups, given_):
    assert is_stuck is begun(*groups, **given_).is_stuck


def test_held_ones_are_not_replaced():
    found = begun(old(3), memory=remembering(marks=marked(MarkKind.HOLD, "i-001")))
    assert ["i-000", "i-002"] == [each.instance_id for each in found.old]


def test_a_lifetime_is_over_without_a_rollout_stated_and_drift_is_not():
    settings = config(0, 100, lifecycle={"max_lifetime_seconds": 3600.0})
    view = observe(settings, fleet(some(1), some(1, first=500, age=60, settings="old")), remembering(), NOW)
    found = renewal(settings, view, Bounds(0, 100), 2, 0)
    assert ["i-000"] == [each.instance_id for each in found.old]


# --- who goes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "drains", "given_"),
    [
        pytest.param([], ["i-000"], {}, id="the-oldest-drains"),
        pytest.param(["i-007"], ["i-007"], {"memory": remembering(asking=("i-007",))}, id="who-asks-goes"),
        pytest.param([], ["i-000"], {"memory": remembering(asking=("i-500",))}, id="a-new-one-asks"),
        pytest.param(["i-000"], ["i-000"], {"demand": work(9, 0)}, id="nothing-runs"),
        pytest.param([], ["i-000"], {"demand": work(9)}, id="a-total-says-nothing-of-who-runs"),
        pytest.param([], ["i-000"], {"demand": Demand()}, id="never-reported"),
        pytest.param(
            ["i-000"],
            ["i-000"],
            {"memory": remembering(marks=marked(MarkKind.DRAIN, "i-000", since=-DRAIN_TIMEOUT))},
            id="out-of-time",
        ),
        pytest.param(
            [],
            ["i-000"],
            {
                "policy": replace(TENTH, only_idle=True),
                "memory": remembering(marks=marked(MarkKind.DRAIN, "i-000", since=-DRAIN_TIMEOUT)),
            },
            id="only-idle",
        ),
        pytest.param([], [], {"policy": replace(TENTH, pause=True)}, id="paused"),
    ],
)
def test_who_drains_and_who_ends(ends, drains, given_):
    going = retired(old(10), new(1), **given_)
    assert (ends, drains) == (ids(going), list(going.drains))


def test_a_drain_has_its_time_from_when_it_began():
    memory = remembering(marks=marked(MarkKind.DRAIN, "i-000", since=-600))
    assert (at(DRAIN_TIMEOUT - 600),) == retired(old(10), new(1), memory=memory).looks


def test_it_looks_again_when_the_next_one_is_ready():
    memory = remembering(warming={"i-500": at(-20)})
    going = retired(old(10), new(1), policy=replace(TENTH, min_ready_seconds=60.0), memory=memory)
    assert ({}, (at(40),)) == (going.drains, going.looks)


def test_a_paused_one_says_who_can_take_it_back():
    (reason,) = retired(old(4), policy=replace(TENTH, pause=True)).reasons
    assert ("rollout-paused", "owner") == (reason.kind, reason.owner)


# --- its budget, whatever the fleet ---------------------------------------------------------------------------------

COUNTS = st.integers(0, 30)
SHARES = st.builds(Share, st.integers(0, 5), st.just(0)) | st.builds(Share, st.just(0), st.integers(0, 50))


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.integers(0, 60), SHARES, SHARES, st.integers(0, 20))
def test_launches_stay_below_surge_and_ends_above_what_may_miss(
    old_count, new_count, booting, asked, most, surge, unavailable, target
):
    target = min(target, most)
    groups = (old(old_count), new(new_count), some(booting, PENDING, first=700))
    memory = remembering(*([replace(intent(asked), settings_hash="new")] if asked else []))
    found = begun(*groups, policy=Rollout(surge, unavailable), target=target, most=most, memory=memory)
    everything = old_count + new_count + booting + asked
    assert found.extra == 0 or everything + found.extra <= min(most, target + surge.of(target))
    floor = target - unavailable.of(target)
    assert found.may_go == 0 or old_count + new_count - found.may_go >= floor or target == 0
    assert 0 <= found.may_go <= old_count


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 3))
def test_it_ends_within_as_many_rounds_as_its_budget_allows(count, percent, unavailable):
    """Every replacement boots between two passes and every one that drains asks: nothing is waited for in vain."""
    policy = Rollout(Share(percent=percent), Share(slots=unavailable))
    olds, news, rounds = list(old(count)), [], 0
    while olds:
        rounds += 1
        found = begun(olds, news, policy=policy, target=count, most=1000)
        news += some(found.extra, first=1000 + len(news))
        ready = begun(olds, news, policy=policy, target=count, most=1000)
        olds = olds[min(ready.may_go, len(olds)) :]
        assert slots([*olds, *news]) <= count + policy.max_surge.of(count)
        assert rounds <= math.ceil(count / policy.max_surge.of(count)) + 1
