"""Intents and refusals: what is remembered, how long, and what makes it forgotten."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_manager.memory import (
    Boot,
    Intent,
    Memory,
    Refusal,
    fold_results,
    for_config,
    settle,
)
from worker_manager.model import LaunchResult, Outcome

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
LAG = 90.0
EAST = "us-east-1/us-east-1a/m5.large/onDemand"
EAST_2 = "us-east-1/us-east-1b/m5.large/onDemand"


def intent(key="k1", count=3, ids=(), *, capacity=1, settle_after=NOW + 60 * SECOND, offering=EAST):
    return Intent(key, offering, count, capacity, NOW, settle_after, ids)


def answered(outcome, ids=(), *, key="k1", memory=None, now=NOW, message=""):
    """Memory after the one launch `key` was answered."""
    before = memory or Memory(intents=(intent(key),))
    return fold_results(replace(before, results=(LaunchResult(key, outcome, ids, message),)), now, LAG)


def unseen(intents, ids=(), keys=(), now=NOW):
    return settle(intents, frozenset(ids), Counter(keys), now)


# --- intents --------------------------------------------------------------------------------------------------------


def test_an_intent_is_reserved_until_it_settles():
    assert (3, ()) == (unseen([intent()]).capacity, unseen([intent()]).lost_keys)


def test_capacity_of_intents_is_in_slots():
    assert 12 == unseen([intent(capacity=4)]).capacity


@pytest.mark.parametrize(("seen", "left"), [(0, 3), (1, 2), (2, 1), (3, 0), (4, 0)])
def test_an_intent_without_ids_is_seen_by_its_key(seen, left):
    assert left == unseen([intent()], keys=["k1"] * seen).capacity


def test_an_intent_seen_in_part_stays_reserved_for_the_rest_however_often_one_looks():
    """The same instances must not be taken off again at every pass, or the rest is launched a second time."""
    intents, left = (intent(count=10),), []
    for _ in range(4):
        found = unseen(intents, keys=["k1"] * 3)
        intents = found.intents
        left.append(found.capacity)
    assert [7, 7, 7, 7] == left


@pytest.mark.parametrize(
    ("listed", "left"), [((), ("i-1", "i-2", "i-3")), (("i-2",), ("i-1", "i-3")), (("i-1", "i-2", "i-3", "i-4"), ())]
)
def test_an_intent_with_ids_is_seen_by_them_alone(listed, left):
    found = unseen([intent(ids=("i-1", "i-2", "i-3"))], ids=listed, keys=["k1"] * 3)
    assert left == tuple(each for kept in found.intents for each in kept.instance_ids)


def test_an_intent_is_lost_at_its_moment_and_not_before():
    late = intent(settle_after=NOW)
    assert (("k1",), 0, ()) == (
        unseen([late]).lost_keys,
        unseen([late]).capacity,
        unseen([late], now=NOW - SECOND).lost_keys,
    )


def test_an_intent_seen_in_full_is_not_lost():
    assert () == unseen([intent(settle_after=NOW)], keys=["k1"] * 3).lost_keys


# --- answers --------------------------------------------------------------------------------------------------------


def test_unknown_stays_reserved_until_it_settles():
    memory = answered(Outcome.UNKNOWN)
    assert ((intent(),), (), ()) == (memory.intents, memory.refusals, memory.results)


def test_a_launched_intent_knows_its_ids_and_waits_a_listing_lag():
    memory = answered(Outcome.LAUNCHED, ("i-1", "i-2"))
    assert (intent(count=2, ids=("i-1", "i-2"), settle_after=NOW + LAG * SECOND),) == memory.intents


def test_a_launch_of_nothing_leaves_nothing_reserved():
    assert 0 == unseen(answered(Outcome.LAUNCHED).intents).capacity


def test_what_was_launched_boots():
    boot = Boot("k1", "h", f"{EAST}|standard", ("i-1", "i-2"))
    asked = replace(intent(), settings_hash="h", family="standard")
    memory = answered(Outcome.LAUNCHED, ("i-1", "i-2"), memory=Memory(intents=(asked,)))
    assert (boot,) == memory.boots


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.LAUNCHED, Outcome.UNKNOWN}))
def test_a_definite_refusal_drops_the_intent(outcome):
    memory = answered(outcome, message="no")
    assert ((), (), ()) == (memory.intents, memory.boots, memory.results)


def test_rejected_settings_wait_for_a_minute():
    refusal = Refusal(EAST, Outcome.REJECTED, 1, NOW + 60 * SECOND, "no")
    assert (refusal,) == answered(Outcome.REJECTED, message="no").refusals


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.REJECTED}))
def test_what_refuses_everyone_is_not_remembered_here(outcome):
    assert () == answered(outcome).refusals


def test_an_answer_to_a_launch_forgotten_changes_nothing():
    before = Memory(intents=(intent("other"),))
    assert before == answered(Outcome.NO_CAPACITY, key="k1", memory=before)


def test_an_answer_leaves_the_other_intents_alone():
    memory = answered(Outcome.REJECTED, memory=Memory(intents=(intent("k1"), intent("k2"))))
    assert (intent("k2"),) == memory.intents


# --- rejected settings ----------------------------------------------------------------------------------------------


def rejected_again(memory, now, *, key, offering=EAST):
    """One more launch on the offering, rejected."""
    memory = replace(memory, intents=(intent(key, offering=offering),))
    return answered(Outcome.REJECTED, key=key, memory=memory, now=now)


def test_a_rejection_waits_twice_as_long_each_time_up_to_half_an_hour():
    memory, now, waits = Memory(), NOW, []
    for attempt in range(8):
        memory = rejected_again(memory, now, key=f"k{attempt}")
        until = memory.refusals[0].blocked_until
        waits.append((until - now).total_seconds())
        now = until
    assert [60, 120, 240, 480, 960, 1800, 1800, 1800] == waits


def test_a_rejection_that_lasts_for_a_year_waits_half_an_hour():
    before = Memory(refusals=(Refusal(EAST, Outcome.REJECTED, 20_000, NOW),))
    memory = rejected_again(before, NOW, key="k1")
    assert NOW + dt.timedelta(minutes=30) == memory.refusals[0].blocked_until


def test_rejections_that_arrive_together_do_not_compound():
    results = tuple(LaunchResult(f"k{index}", Outcome.REJECTED) for index in range(5))
    memory = Memory(intents=tuple(intent(f"k{index}") for index in range(5)), results=results)
    assert [(EAST, 1)] == [(each.key, each.failures) for each in fold_results(memory, NOW, LAG).refusals]


def test_a_rejection_closes_its_offering_alone():
    memory = Memory(
        intents=(intent("k1"), intent("k2", offering=EAST_2)),
        results=(LaunchResult("k1", Outcome.REJECTED), LaunchResult("k2", Outcome.REJECTED)),
    )
    assert [EAST, EAST_2] == [each.key for each in fold_results(memory, NOW, LAG).refusals]


def test_success_forgives_a_rejection():
    memory = replace(answered(Outcome.REJECTED), intents=(intent("k2"),))
    assert () == answered(Outcome.LAUNCHED, ("i-1",), key="k2", memory=memory).refusals


def test_success_elsewhere_forgives_nothing():
    rejected = answered(Outcome.REJECTED).refusals
    memory = Memory(intents=(intent("k2", offering=EAST_2),), refusals=rejected)
    assert rejected == answered(Outcome.LAUNCHED, ("i-1",), key="k2", memory=memory).refusals


def test_new_settings_forget_what_rejected_the_old_ones():
    memory = replace(answered(Outcome.REJECTED), config_hash="old")
    assert ((), "new") == (for_config(memory, "new").refusals, for_config(memory, "new").config_hash)


def test_the_same_settings_forget_nothing():
    memory = replace(answered(Outcome.REJECTED), config_hash="same")
    assert memory == for_config(memory, "same")


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 25), st.integers(1, 8)), max_size=8))
def test_every_intent_is_counted_once(asked_seen_capacity):
    """What is seen by key and what stays reserved are together exactly what was asked, or what came if it is more."""
    intents = [
        intent(f"k{index}", count, capacity=slots) for index, (count, _, slots) in enumerate(asked_seen_capacity)
    ]
    keys = [f"k{index}" for index, (_, seen, _) in enumerate(asked_seen_capacity) for _ in range(seen)]
    listed = sum(seen * slots for _, seen, slots in asked_seen_capacity)
    expected = sum(max(count, seen) * slots for count, seen, slots in asked_seen_capacity)
    assert expected == listed + unseen(intents, keys=keys).capacity
