"""Where launches go: spread, around refusals, in whole instances, never beyond the room there is."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_manager.budgets import EVERYTHING, OPEN, Budget
from worker_manager.memory import Intent
from worker_manager.model import Cap, Instance, InstanceState, LaunchSpec, Market, Offering, Outcome
from worker_manager.offerings import Load, free_below, load_of, place
from worker_manager.rooms import Limit, Limits

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def spec(zone, instance_type="m5.large", capacity=1, *, market=Market.ON_DEMAND, utility=1.0, is_fallback=False):
    """A launch spec in a zone named like `us-east-1a`, or in a region with its zone left to the cloud."""
    region = zone.rstrip("abcdef")
    offering = Offering(region, "" if zone == region else zone, instance_type, market, capacity, utility)
    return LaunchSpec(offering, {}, {}, "h", is_fallback=is_fallback)


def empty():
    return Load(Counter(), Counter())


def closed(key, *, minutes=5.0, outcome=Outcome.NO_CAPACITY, allowed=1):
    """Closed for so many minutes from now; a negative number: open for a probe."""
    return Budget(key, outcome, allowed, 1, NOW - 10 * MINUTE, NOW - 10 * MINUTE, NOW + minutes * MINUTE)


def limits(headroom=10_000, budgets=(), **others):
    return Limits(headroom, {each.key: each for each in budgets}, **others)


def counted(placement):
    """Instances by offering."""
    return {f"{each.spec.offering.key.removesuffix('/onDemand')}": each.count for each in placement.shares}


def placed(specs, capacity, *, load=None, **limiting):
    """Counts by offering, and the slots without a place."""
    placement = place(specs, capacity, load or empty(), limits(**limiting), NOW)
    return counted(placement), placement.unplaced


ZONES = [spec("us-east-1a"), spec("us-east-1b"), spec("us-west-2a"), spec("us-west-2b")]
A, B, C, D = (each.offering.key.removesuffix("/onDemand") for each in ZONES)


@pytest.mark.parametrize(
    ("counts", "capacity"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({A: 1}, 1, id="one"),
        pytest.param({A: 4}, 4, id="one-call-for-a-few"),
        pytest.param({A: 4, C: 4}, 8, id="regions-first"),
        pytest.param({A: 4, B: 4, C: 4, D: 4}, 16, id="every-zone"),
        pytest.param({A: 26, B: 25, C: 25, D: 25}, 101, id="evenly"),
    ],
)
def test_spread_over_regions_and_zones(counts, capacity):
    assert (counts, 0) == placed(ZONES, capacity)


def test_document_order_decides_between_equal_types():
    assert ({"us-east-1/us-east-1a/m5.large": 3}, 0) == placed([ZONES[0], spec("us-east-1a", "c5.large")], 3)


def test_the_emptiest_zone_comes_first():
    there = [
        Instance(f"i-{index}", "w", "k", "h", 1, InstanceState.RUNNING, "us-east-1", "us-east-1a", "m5.large", NOW)
        for index in range(3)
    ]
    assert ({B: 2}, 0) == placed(ZONES[:2], 2, load=load_of(there, ()))


def test_intents_count_where_they_were_asked_for():
    asked = Intent("k", ZONES[0].offering.key, 3, 1, NOW, NOW)
    assert ({B: 2}, 0) == placed(ZONES[:2], 2, load=load_of((), [asked]))


def test_an_intent_of_a_zone_left_to_the_cloud_counts_for_its_region():
    anywhere = spec("us-east-1")
    asked = Intent("k", anywhere.offering.key, 3, 1, NOW, NOW)
    assert ({"us-east-1/": 3}) == dict(load_of((), [asked]).zones)
    assert ({C: 1}, 0) == placed([anywhere, ZONES[2]], 1, load=load_of((), [asked]))


def test_an_instance_counts_for_its_zone_and_for_its_region():
    one = Instance("i", "w", "k", "h", 1, InstanceState.RUNNING, "us-east-1", "us-east-1a", "m5.large", NOW)
    load = load_of([one], ())
    assert {"us-east-1/us-east-1a": 1, "us-east-1/": 1} == load.zones
    assert {"us-east-1/us-east-1a/m5.large": 1, "us-east-1//m5.large": 1} == load.offerings


def test_one_call_asks_for_no_more_than_the_cloud_takes_well():
    assert ({A: OPEN}, 50) == placed(ZONES[:1], OPEN + 50)


def test_a_second_type_takes_what_is_too_much_for_one_call():
    more = spec("us-east-1a", "c5.large")
    counts, unplaced = placed([ZONES[0], more], OPEN + 50)
    assert (OPEN + 50, 0, 2) == (sum(counts.values()), unplaced, len(counts))


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "keys"),
    [
        pytest.param({B: 3, C: 3, D: 3}, [ZONES[0].offering.key], id="an-offering"),
        pytest.param({C: 5, D: 4}, ["us-east-1"], id="a-region"),
        pytest.param({C: 9}, ["us-east-1", ZONES[3].offering.key], id="a-region-and-an-offering"),
    ],
)
def test_what_refused_is_closed_and_the_others_take_its_share(counts, keys):
    assert (counts, 0) == placed(ZONES, 9, budgets=[closed(key) for key in keys])


@pytest.mark.parametrize("keys", [[EVERYTHING], ["us-east-1", "us-west-2"]])
def test_when_everything_is_closed_nothing_is_placed_and_the_causes_say_why(keys):
    budgets = [closed(key, minutes=5 + index) for index, key in enumerate(keys)]
    placement = place(ZONES, 9, empty(), limits(budgets=budgets), NOW)
    causes = [(Limit.BUDGET, each.key, each.opens_at) for each in budgets]
    assert ((), 9, causes) == (
        placement.shares,
        placement.unplaced,
        [(each.limit, each.key, each.until) for each in placement.causes],
    )
    assert (0, 4) == (placement.open_count, placement.closed_count)


def test_what_refused_before_is_probed_with_one_instance():
    assert ({A: 1}, 8) == placed(ZONES[:1], 9, budgets=[closed(ZONES[0].offering.key, minutes=-1)])


def test_a_probe_asks_for_no_more_than_is_allowed():
    assert ({A: 5, B: 4}, 0) == placed(ZONES[:2], 9, budgets=[closed(ZONES[0].offering.key, minutes=-1, allowed=6)])


def test_a_probe_leaves_the_rest_to_the_others():
    assert ({A: 1, B: 8}, 0) == placed(ZONES[:2], 9, budgets=[closed(ZONES[0].offering.key, minutes=-1)])


def test_a_region_is_probed_by_one_launch_of_all_its_zones():
    assert ({A: 1}, 8) == placed(ZONES[:2], 9, budgets=[closed("us-east-1", minutes=-1)])


def test_a_wait_is_over_at_its_moment():
    assert ({A: 1}, 0) == placed(ZONES[:1], 1, budgets=[closed(ZONES[0].offering.key, minutes=0)])


# --- prices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "prices"),
    [
        pytest.param({B: 16}, {A: 0.2, B: 0.1, C: 0.2, D: 0.2}, id="the-cheapest-takes-it-all"),
        pytest.param({A: 4, B: 4, C: 4, D: 4}, {A: 0.1, B: 0.101, C: 0.105, D: 0.11}, id="about-the-same-is-spread"),
        pytest.param({A: 8, D: 8}, {A: 0.1, B: 0.2, D: 0.1}, id="two-equals"),
        pytest.param({C: 16}, {C: 9.0}, id="an-unknown-price-comes-last"),
        pytest.param({C: 16}, {A: 0.0, C: 9.0}, id="a-price-of-nothing-is-unknown"),
        pytest.param({A: 4, B: 4, C: 4, D: 4}, {}, id="no-prices"),
    ],
)
def test_the_cheapest_first_and_equals_spread(counts, prices):
    assert (counts, 0) == placed(ZONES, 16, prices={f"{key}/onDemand": price for key, price in prices.items()})


def test_when_the_cheapest_is_used_up_the_next_one_follows():
    prices = {each.offering.key: 0.1 * number for number, each in enumerate(ZONES[:2], 1)}
    assert ({A: 1, B: 8}, 0) == placed(ZONES[:2], 9, prices=prices, budgets=[closed(ZONES[0].offering.key, minutes=-1)])


def test_a_price_is_divided_by_its_utility():
    better = spec("us-east-1b", utility=4.0)
    prices = {ZONES[0].offering.key: 0.1, better.offering.key: 0.2}
    assert ({B: 9}, 0) == placed([ZONES[0], better], 9, prices=prices)


def test_a_fallback_comes_last_however_cheap():
    fallback, spot = spec("us-east-1a", is_fallback=True), spec("us-east-1a", market=Market.SPOT)
    prices = {fallback.offering.key: 0.01, spot.offering.key: 9.0}
    assert ({"us-east-1/us-east-1a/m5.large/spot": 9}, 0) == placed([fallback, spot], 9, prices=prices)


# --- caps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "cap"),
    [
        pytest.param(1, Cap(3, region="us-east-1"), id="region"),
        pytest.param(2, Cap(3, zone="us-east-1a"), id="zone"),
        pytest.param(0, Cap(3, instance_type="m5.large"), id="type"),
        pytest.param(3, Cap(3, instance_type="c5.large"), id="another-type"),
        pytest.param(3, Cap(3, region="us-west-2", instance_type="c5.large"), id="both-must-match"),
        pytest.param(0, Cap(2), id="already-above"),
    ],
)
def test_what_is_left_below_a_cap(left, cap):
    there = [_running("us-east-1a"), _running("us-east-1b"), _running("us-west-2a")]
    assert ((cap, left),) == free_below([cap], there, ())


def test_intents_count_for_caps_in_slots():
    asked = Intent("k", ZONES[0].offering.key, 3, 2, NOW, NOW)
    cap = Cap(9, region="us-east-1")
    assert ((cap, 3),) == free_below([cap], (), [asked])


def _running(zone):
    return Instance(zone, "w", "k", "h", 1, InstanceState.RUNNING, zone[:-1], zone, "m5.large", NOW)


# --- slots and instances --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "unplaced", "capacity", "headroom"),
    [
        pytest.param({"double": 2}, 0, 4, 4, id="even"),
        pytest.param({"double": 2}, 0, 3, 4, id="rounded-up-where-there-is-room"),
        pytest.param({"double": 1}, 1, 3, 3, id="not-rounded-up-beyond-the-maximum"),
        pytest.param({}, 1, 1, 1, id="does-not-fit-at-all"),
        pytest.param({}, 2, 2, 0, id="no-room"),
        pytest.param({}, 2, 2, -5, id="less-than-no-room"),
    ],
)
def test_two_slots_an_instance(counts, unplaced, capacity, headroom):
    found, left = placed([spec("us-east-1a", "double", 2)], capacity, headroom=headroom)
    assert (counts, unplaced) == ({key.rpartition("/")[2]: count for key, count in found.items()}, left)


def test_a_smaller_type_takes_the_last_slot():
    specs = [spec("us-east-1a", "double", 2), spec("us-east-1a", "single")]
    assert ({"us-east-1/us-east-1a/double": 1, "us-east-1/us-east-1a/single": 1}, 0) == placed(specs, 3, headroom=3)


def test_a_type_too_large_for_the_room_is_passed_over():
    specs = [spec("us-east-1a", "eight", 8), spec("us-east-1b", "single")]
    assert ({"us-east-1/us-east-1b/single": 3}, 0) == placed(specs, 3, headroom=5)


SPECS = st.lists(
    st.builds(
        spec,
        st.sampled_from(["us-east-1a", "us-east-1b", "us-west-2a", "eu-west-1"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([1, 2, 3, 8]),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each.offering.key,
)


@given(SPECS, st.integers(0, 400), st.integers(-5, 400), st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_a_placement_keeps_its_bounds(specs, capacity, headroom, shutting, probed):
    """Never beyond the room, never on what is closed, one instance on what is probed, and no slot unaccounted for."""
    keys = [each.offering.key for each in specs]
    shut = {keys[index % len(keys)] for index in shutting}
    tried = {keys[index % len(keys)] for index in probed} - shut
    budgets = [*(closed(key) for key in shut), *(closed(key, minutes=-1) for key in tried)]
    placement = place(specs, capacity, empty(), limits(headroom, budgets), NOW)
    slots = sum(share.capacity for share in placement.shares)
    assert slots <= max(0, headroom)
    assert placement.unplaced == max(0, capacity - slots)
    assert shut.isdisjoint(share.spec.offering.key for share in placement.shares)
    most = [1 if share.spec.offering.key in tried else OPEN for share in placement.shares]
    assert all(0 < share.count <= top for share, top in zip(placement.shares, most, strict=True))
    assert bool(placement.causes) == bool(placement.unplaced)


@given(SPECS, st.integers(1, 400))
def test_rounding_up_wastes_less_than_one_instance(specs, capacity):
    largest = max(each.offering.capacity for each in specs)
    placement = place(specs, capacity, empty(), limits(), NOW)
    assert sum(share.capacity for share in placement.shares) < capacity + largest
