"""The formulas of capacity, as tables and as properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_manager.capacity import Bounds, Supply, desired_capacity, launch_capacity, needed, scale_in_target
from worker_manager.model import Demand

SLOTS = st.integers(0, 500)
BOUNDS = st.builds(
    lambda low, more, ratio: Bounds(low, low + more, ratio), SLOTS, SLOTS, st.floats(0.01, 1.0, allow_nan=False)
)
SUPPLY = st.builds(Supply, SLOTS, SLOTS, SLOTS, SLOTS)
DEMAND = st.builds(Demand, SLOTS, st.none() | SLOTS)


@pytest.mark.parametrize(
    ("launch", "bounds", "supply", "demand"),
    [
        pytest.param(60, Bounds(0, 1000), Supply(requested=40), Demand(100), id="requested-is-deducted-once"),
        pytest.param(1, Bounds(2, 10), Supply(requested=1), Demand(0), id="minimum-counts-what-is-requested"),
        pytest.param(2, Bounds(2, 10), Supply(), Demand(0), id="minimum-of-an-empty-fleet"),
        pytest.param(0, Bounds(0, 10), Supply(live=5), Demand(5, 0), id="idle-takes-the-work"),
        pytest.param(5, Bounds(0, 10), Supply(live=5), Demand(5, 5), id="busy-takes-none"),
        pytest.param(3, Bounds(0, 100), Supply(live=5), Demand(5, 3), id="part-is-idle"),
        pytest.param(5, Bounds(0, 10), Supply(live=5), Demand(100, 5), id="maximum-bounds"),
        pytest.param(0, Bounds(0, 10), Supply(live=20), Demand(100, 20), id="above-a-lowered-maximum"),
        pytest.param(2, Bounds(0, 10), Supply(live=5, stopping=3), Demand(100, 5), id="stopping-is-below-the-ceiling"),
        pytest.param(0, Bounds(2, 2), Supply(stopping=2), Demand(0), id="stopping-holds-the-place-of-the-minimum"),
        pytest.param(50, Bounds(0, 1000, 0.5), Supply(), Demand(100), id="ratio-of-the-pending"),
        pytest.param(1, Bounds(0, 10, 0.1), Supply(), Demand(1), id="rounded-up"),
        pytest.param(4, Bounds(0, 100), Supply(live=3), Demand(7), id="a-source-that-knows-only-a-total"),
        pytest.param(0, Bounds(0, 100), Supply(live=2), Demand(0, 50), id="more-claimed-than-live"),
        pytest.param(
            2, Bounds(3, 100), Supply(live=1, lost=2), Demand(0, 1), id="what-is-lost-does-not-fill-the-minimum"
        ),
        pytest.param(1, Bounds(3, 4), Supply(live=1, lost=2), Demand(0, 1), id="what-is-lost-takes-room"),
        pytest.param(0, Bounds(3, 3), Supply(lost=4), Demand(9, 0), id="more-is-lost-than-there-is-room"),
        pytest.param(2, Bounds(0, 100), Supply(live=1, lost=2), Demand(0, 3), id="work-that-ran-on-it-moves-at-once"),
        pytest.param(0, Bounds(0, 100), Supply(live=3, lost=2), Demand(0, 3), id="the-others-run-all-of-it"),
        pytest.param(2, Bounds(0, 100), Supply(live=1, lost=2), Demand(0, 50), id="no-more-than-was-lost"),
        pytest.param(0, Bounds(0, 100), Supply(live=1, requested=2, lost=2), Demand(0, 3), id="replaced-once"),
        pytest.param(7, Bounds(0, 100, 0.5), Supply(live=1, lost=2), Demand(10, 3), id="and-half-of-the-pending"),
    ],
)
def test_launch_capacity(launch, bounds, supply, demand):
    assert launch == launch_capacity(bounds, supply, demand)


@pytest.mark.parametrize(
    ("keep", "bounds", "demand"),
    [
        pytest.param(0, Bounds(0, 10), Demand(0, 0), id="nothing"),
        pytest.param(2, Bounds(2, 10), Demand(0, 0), id="minimum"),
        pytest.param(10, Bounds(2, 10), Demand(90, 9), id="maximum"),
        pytest.param(7, Bounds(0, 10), Demand(3, 4), id="pending-and-running"),
        pytest.param(7, Bounds(0, 10, 0.5), Demand(3, 4), id="no-ratio-of-claimed-work"),
    ],
)
def test_scale_in_target(keep, bounds, demand):
    assert keep == scale_in_target(bounds, demand)


def test_needed_is_the_ratio_of_what_no_idle_slot_takes():
    assert 4.0 == needed(Bounds(0, 100, 0.5), Supply(live=5), Demand(10, 3))


def test_desired_is_held_at_the_minimum_and_the_maximum():
    assert (2, 9) == (
        desired_capacity(Bounds(2, 9), Supply(), Demand(0)),
        desired_capacity(Bounds(2, 9), Supply(live=4), Demand(50, 4)),
    )


def test_a_ratio_does_not_creep_up_while_instances_boot():
    """Half of 100 is 50 at the first pass and nothing more at any later one, although nothing runs yet."""
    bounds, requested, launches = Bounds(0, 1000, 0.5), 0, []
    for _ in range(5):
        launches.append(launch_capacity(bounds, Supply(requested=requested), Demand(100)))
        requested += launches[-1]
    assert [50, 0, 0, 0, 0] == launches


@given(BOUNDS, SUPPLY, DEMAND)
def test_a_launch_never_passes_the_maximum(bounds, supply, demand):
    launch = launch_capacity(bounds, supply, demand)
    assert 0 <= launch <= max(0, bounds.max_capacity - supply.everything)


@given(BOUNDS, SUPPLY, DEMAND)
def test_a_launch_reaches_the_minimum_where_what_is_lost_leaves_room_for_it(bounds, supply, demand):
    existing = supply.actual + supply.stopping
    room = max(0, bounds.max_capacity - supply.lost)
    assert existing + launch_capacity(bounds, supply, demand) >= min(bounds.min_capacity, room)


@given(BOUNDS, SUPPLY, DEMAND)
def test_what_was_launched_is_not_launched_again(bounds, supply, demand):
    launched = launch_capacity(bounds, supply, demand)
    after = Supply(supply.live, supply.requested + launched, supply.stopping, supply.lost)
    assert 0 == launch_capacity(bounds, after, demand)


@given(BOUNDS, DEMAND)
def test_the_scale_in_target_is_between_minimum_and_maximum(bounds, demand):
    assert bounds.min_capacity <= scale_in_target(bounds, demand) <= bounds.max_capacity


@given(BOUNDS, DEMAND)
def test_what_shrinking_keeps_scaling_up_does_not_add_to(bounds, demand):
    """At any ratio, live 2, pending 1, claimed 1, ratio 0.5 among them: one ended there would be launched again."""
    assert 0 == launch_capacity(bounds, Supply(live=scale_in_target(bounds, demand)), demand)


@given(BOUNDS, DEMAND)
def test_claimed_work_below_the_maximum_is_never_a_surplus(bounds, demand):
    assert scale_in_target(bounds, demand) >= min(bounds.max_capacity, demand.running)


@given(SLOTS, SLOTS, SLOTS)
def test_with_a_total_alone_the_fleet_settles_at_the_total(low, more, total):
    """C = 0 and r = 1: launching and shrinking agree on max(min, min(max, total)), so that they never flap."""
    bounds = Bounds(low, low + more)
    settled = launch_capacity(bounds, Supply(), Demand(total))
    assert settled == scale_in_target(bounds, Demand(total))


def test_everything_that_takes_room_counts_and_what_is_lost_is_not_there():
    supply = Supply(live=1, requested=2, stopping=4, lost=8)
    assert (3, 15) == (supply.actual, supply.everything)
