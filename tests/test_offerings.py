"""Where launches go: spread, around refusals, in whole instances, never beyond the room there is."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_manager.memory import ALL_OFFERINGS, Intent, Refusal
from worker_manager.model import Instance, InstanceState, LaunchSpec, Offering, Outcome
from worker_manager.offerings import LARGEST_BATCH, Load, load_of, place

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def spec(zone, instance_type="m5.large", capacity=1):
    """A launch spec in a zone named like `us-east-1a`, or in a region with its zone left to the cloud."""
    region = zone.rstrip("abcdef")
    return LaunchSpec(Offering(region, "" if zone == region else zone, instance_type, capacity=capacity), {}, {}, "h")


def empty():
    return Load(Counter(), Counter())


def refusal(key, *, minutes=5, outcome=Outcome.NO_CAPACITY):
    """Closed for so many minutes from now; a negative number: open for a probe."""
    return Refusal(key, outcome, 1, NOW + minutes * MINUTE)


def placed(specs, capacity, *, headroom=10_000, load=None, refusals=()):
    """Counts by offering, and the slots without a place."""
    placement = place(specs, capacity, headroom, load or empty(), refusals, now=NOW)
    counts = {f"{each.spec.offering.key.removesuffix('/onDemand')}": each.count for each in placement.shares}
    return counts, placement.unplaced


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
    assert ({A: LARGEST_BATCH}, 50) == placed(ZONES[:1], LARGEST_BATCH + 50)


def test_a_second_type_takes_what_is_too_much_for_one_call():
    more = spec("us-east-1a", "c5.large")
    counts, unplaced = placed([ZONES[0], more], LARGEST_BATCH + 50)
    assert (LARGEST_BATCH + 50, 0, 2) == (sum(counts.values()), unplaced, len(counts))


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "closed"),
    [
        pytest.param({B: 3, C: 3, D: 3}, [ZONES[0].offering.key], id="an-offering"),
        pytest.param({C: 5, D: 4}, ["us-east-1"], id="a-region"),
        pytest.param({C: 9}, ["us-east-1", ZONES[3].offering.key], id="a-region-and-an-offering"),
    ],
)
def test_what_refused_is_closed_and_the_others_take_its_share(counts, closed):
    assert (counts, 0) == placed(ZONES, 9, refusals=[refusal(key) for key in closed])


@pytest.mark.parametrize("keys", [[ALL_OFFERINGS], ["us-east-1", "us-west-2"]])
def test_when_everything_is_closed_nothing_is_placed_and_the_refusals_say_why(keys):
    refusals = tuple(refusal(key, minutes=5 + index) for index, key in enumerate(keys))
    placement = place(ZONES, 9, 100, empty(), refusals, now=NOW)
    assert ((), 9, refusals) == (placement.shares, placement.unplaced, placement.refusals)


def test_what_refused_before_is_probed_with_one_instance():
    assert ({A: 1}, 8) == placed(ZONES[:1], 9, refusals=[refusal(ZONES[0].offering.key, minutes=-1)])


def test_a_probe_leaves_the_rest_to_the_others():
    assert ({A: 1, B: 8}, 0) == placed(ZONES[:2], 9, refusals=[refusal(ZONES[0].offering.key, minutes=-1)])


def test_a_wait_is_over_at_its_moment():
    assert ({A: 1}, 0) == placed(ZONES[:1], 1, refusals=[refusal(ZONES[0].offering.key, minutes=0)])


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
def test_a_placement_keeps_its_bounds(specs, capacity, headroom, closed, probed):
    """Never beyond the room, never on what is closed, one instance on what is probed, and no slot unaccounted for."""
    keys = [each.offering.key for each in specs]
    shut = {keys[index % len(keys)] for index in closed}
    tried = {keys[index % len(keys)] for index in probed} - shut
    refusals = [*(refusal(key) for key in shut), *(refusal(key, minutes=-1) for key in tried)]
    placement = place(specs, capacity, headroom, empty(), refusals, now=NOW)
    slots = sum(share.capacity for share in placement.shares)
    assert slots <= max(0, headroom)
    assert placement.unplaced == max(0, capacity - slots)
    assert shut.isdisjoint(share.spec.offering.key for share in placement.shares)
    limits = [1 if share.spec.offering.key in tried else LARGEST_BATCH for share in placement.shares]
    assert all(0 < share.count <= most for share, most in zip(placement.shares, limits, strict=True))


@given(SPECS, st.integers(1, 400))
def test_rounding_up_wastes_less_than_one_instance(specs, capacity):
    largest = max(each.offering.capacity for each in specs)
    placement = place(specs, capacity, 10_000, empty(), (), now=NOW)
    assert sum(share.capacity for share in placement.shares) < capacity + largest
