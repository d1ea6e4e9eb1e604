"""What limits launches: which room covers which offering, what is shared, and what each says of itself."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.plan_words import NOW, at, brake, closed, refusal, spec
from worker_manager.budgets import EVERYTHING, OPEN
from worker_manager.model import Cap, Market, Outcome
from worker_manager.rooms import Cause, Limit, Limits, Rooms

A, B, EAST = spec("us-west-1a"), spec("us-west-1b"), spec("us-east-1a")
OTHER = spec("us-west-1b", settings="other")
SPOT, INSTEAD = spec(market=Market.SPOT), spec(is_fallback=True)
PATIENCE = {Outcome.NO_CAPACITY: 300.0, Outcome.QUOTA: 0.0}


def rooms(*specs, headroom=1000, **limits):
    return Rooms(specs, Limits(headroom, **limits), NOW)


def taken(found, index, slots=1, most=1000):
    """How many instances the spec at `index` may launch."""
    count = 0
    while count < most and found.blocking(index, slots) is None:
        found.take(index, slots)
        count += 1
    return count


def cause(found, index, slots=1) -> Cause:
    room = found.blocking(index, slots)
    assert room is not None
    return room.cause


def by_key(*values):
    return {each.key: each for each in values}


@pytest.mark.parametrize(
    ("count", "slots", "limits"),
    [
        pytest.param(OPEN, 1, {}, id="one-call"),
        pytest.param(7, 1, {"headroom": 7}, id="maximum"),
        pytest.param(3, 2, {"headroom": 7}, id="maximum-in-whole-instances"),
        pytest.param(0, 1, {"headroom": -3}, id="above-the-maximum"),
        pytest.param(4, 2, {"launches_left": 4}, id="pace-in-instances"),
        pytest.param(2, 2, {"caps": ((Cap(9, region="us-west-1"), 5),)}, id="cap-in-slots"),
        pytest.param(OPEN, 1, {"caps": ((Cap(9, region="us-east-1"), 5),)}, id="cap-of-another-region"),
        pytest.param(0, 1, {"budgets": by_key(closed(A.offering.key, until=1))}, id="closed"),
        pytest.param(3, 1, {"budgets": by_key(closed(A.offering.key, until=0, allowed=3))}, id="open-for-three"),
        pytest.param(0, 1, {"budgets": by_key(closed(A.offering.key, until=0, probe="k9"))}, id="probed-by-another"),
        pytest.param(0, 1, {"refusals": by_key(refusal(A.offering.key, until=1))}, id="rejected"),
        pytest.param(1, 1, {"refusals": by_key(refusal(A.offering.key, until=0))}, id="rejected-and-probed"),
        pytest.param(0, 1, {"brakes": by_key(brake("new", 3, opens=1))}, id="braked"),
        pytest.param(1, 1, {"brakes": by_key(brake("new", 3, opens=0))}, id="braked-and-probed"),
        pytest.param(OPEN, 1, {"brakes": by_key(brake("other", 3, opens=1))}, id="others-braked"),
        pytest.param(0, 1, {"brakes": by_key(brake("", 10, opens=1))}, id="all-braked"),
        pytest.param(4, 1, {"unproven": 4}, id="unproven"),
        pytest.param(OPEN, 1, {"unproven": 4, "proven": frozenset({"new"})}, id="proven"),
    ],
)
def test_how_many_one_offering_may_launch(count, slots, limits):
    assert count == taken(rooms(A, **limits), 0, slots)


def test_a_brake_is_probed_once_while_its_probe_is_under_way():
    tripped = by_key(brake("new", 3, opens=0))
    assert 0 == taken(rooms(A, brakes=tripped, under_way=Counter(new=1)), 0)
    assert 1 == taken(rooms(A, brakes=tripped, under_way=Counter(other=1)), 0)


def test_a_brake_of_all_waits_for_whatever_is_under_way():
    assert 0 == taken(rooms(A, brakes=by_key(brake("", 10, opens=0)), under_way=Counter(other=1)), 0)


def test_what_may_be_unproven_is_shared_by_all_settings():
    found = rooms(A, OTHER, unproven=4)
    assert (3, 1) == (taken(found, 0, most=3), taken(found, 1))


def test_the_maximum_is_shared():
    found = rooms(A, EAST, headroom=5)
    assert (3, 2) == (taken(found, 0, most=3), taken(found, 1))


def test_the_probe_of_a_region_goes_to_the_first_that_takes_it():
    found = rooms(A, B, EAST, budgets=by_key(closed("us-west-1", until=0, allowed=8)))
    assert (8, 0, OPEN) == (taken(found, 0), taken(found, 1), taken(found, 2))
    assert Limit.BUDGET is cause(found, 1).limit


def test_a_probe_that_one_has_begun_is_not_another_ones():
    found = rooms(A, B, budgets=by_key(closed("us-west-1", until=0, allowed=8)))
    assert (2, 0) == (taken(found, 0, most=2), taken(found, 1))


def test_a_quota_of_one_market_leaves_the_other_open():
    spot, other = spec(market=Market.SPOT, family="standard"), spec(family="standard")
    found = rooms(spot, other, budgets=by_key(closed("us-west-1/family/standard/spot", until=1, outcome=Outcome.QUOTA)))
    assert (0, OPEN) == (taken(found, 0), taken(found, 1))


@pytest.mark.parametrize(
    ("expected", "limits"),
    [
        pytest.param(
            Cause(Limit.BUDGET, EVERYTHING, "not today", at(20), Outcome.CREDENTIALS),
            {"budgets": by_key(closed(EVERYTHING, until=20, outcome=Outcome.CREDENTIALS))},
            id="budget",
        ),
        pytest.param(
            Cause(Limit.REJECTED, A.offering.key, "not today", at(20), Outcome.REJECTED),
            {"refusals": by_key(refusal(A.offering.key, until=20))},
            id="rejected",
        ),
        pytest.param(Cause(Limit.MAXIMUM), {"headroom": 0}, id="maximum"),
        pytest.param(Cause(Limit.PACE, until=at(9)), {"launches_left": 0, "more_launches_at": at(9)}, id="pace"),
        pytest.param(Cause(Limit.UNPROVEN), {"unproven": 0}, id="unproven"),
        pytest.param(Cause(Limit.CAP, "us-west-1", "9"), {"caps": ((Cap(9, region="us-west-1"), 0),)}, id="cap"),
    ],
)
def test_what_stands_in_the_way_says_so(expected, limits):
    assert expected == cause(rooms(A, **limits), 0)


def test_a_brake_names_no_moment_that_is_past():
    tripped = by_key(brake("new", 3, opens=-60))
    assert (Limit.BRAKE, "new", None) == (
        (found := cause(rooms(A, brakes=tripped, under_way=Counter(new=1)), 0)).limit,
        found.key,
        found.until,
    )
    assert at(40) == cause(rooms(A, brakes=by_key(brake("new", 3, opens=40))), 0).until


@pytest.mark.parametrize(
    ("is_covered", "cap"),
    [
        (True, Cap(1)),
        (True, Cap(1, region="us-west-1")),
        (True, Cap(1, zone="us-west-1a", instance_type="m5.large")),
        (False, Cap(1, region="us-west-1", instance_type="c5.large")),
        (False, Cap(1, zone="us-west-1b")),
    ],
)
def test_a_cap_covers_what_has_all_its_members(is_covered, cap):
    assert (0 if is_covered else OPEN) == taken(rooms(A, caps=((cap, 0),)), 0)


def test_the_lowest_of_several_caps_counts():
    wide, narrow = (Cap(9, region="us-west-1"), 5), (Cap(6, region="us-west-1"), 2)
    assert (2, 2) == (taken(rooms(A, caps=(wide, narrow)), 0), taken(rooms(A, caps=(narrow, wide)), 0))


# --- fallback -------------------------------------------------------------------------------------------------------


def spot_refused(outcome=Outcome.NO_CAPACITY, *, since, **changes):
    return by_key(closed(SPOT.offering.key, until=20, outcome=outcome, since=since, **changes))


@pytest.mark.parametrize(
    ("count", "budgets"),
    [
        pytest.param(0, {}, id="spot-is-there"),
        pytest.param(0, spot_refused(since=-299), id="refused-for-less"),
        pytest.param(OPEN, spot_refused(since=-300), id="refused-for-long"),
        pytest.param(OPEN, spot_refused(Outcome.QUOTA, since=-1), id="a-quota-does-not-pass"),
        pytest.param(0, spot_refused(Outcome.THROTTLED, since=-900), id="throttling-is-no-lack"),
        pytest.param(0, spot_refused(since=-900, refusals=0), id="spot-came-back"),
    ],
)
def test_when_a_fallback_may_be_bought(count, budgets):
    assert count == taken(rooms(SPOT, INSTEAD, budgets=budgets, fallback_after=PATIENCE), 1)


def test_a_fallback_waits_for_every_spot_offering():
    second = spec("us-west-1b", market=Market.SPOT)
    found = rooms(SPOT, second, INSTEAD, budgets=spot_refused(since=-900), fallback_after=PATIENCE)
    assert Cause(Limit.FALLBACK, message="there is spot capacity") == cause(found, 2)


def test_it_says_when_a_fallback_may_be_bought():
    found = rooms(SPOT, INSTEAD, budgets=spot_refused(since=-120), fallback_after=PATIENCE)
    assert Cause(Limit.FALLBACK, until=at(180)) == cause(found, 1)


def test_on_demand_that_is_no_fallback_is_not_kept_back():
    assert OPEN == taken(rooms(SPOT, A, fallback_after=PATIENCE), 1)
