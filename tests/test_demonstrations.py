"""The demonstrations of bench/, in short: what they show holds for a small fleet and a short time as well."""

import pytest

from bench import broken_image, rollout, storm
from bench.broken_image import Case

HOURS = 1


@pytest.fixture(scope="module")
def outages():
    return {case: broken_image.measure(case, broken=3, good=2, hours=HOURS) for case in Case}


# --- a broken image ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [Case.IMAGE, Case.NETWORK])
def test_a_broken_image_costs_no_more_than_the_budget_of_the_brake(outages, case):
    lost = outages[case].lost
    assert all(0 < each <= broken_image.most_lost(HOURS) for each in lost), lost


def test_without_a_brake_it_costs_far_more(outages):
    assert sum(outages[Case.NO_BRAKE].lost) > 3 * sum(outages[Case.IMAGE].lost)


@pytest.mark.parametrize("case", [Case.IMAGE, Case.NETWORK])
def test_what_ran_before_goes_on_working(outages, case):
    assert outages[case].least_ready >= broken_image.LOW


@pytest.mark.parametrize("case", [Case.IMAGE, Case.NETWORK])
def test_everything_is_renewed_after_the_repair_without_a_person(outages, case):
    assert 3 == outages[case].renewed


@pytest.mark.parametrize("case", [Case.IMAGE, Case.NETWORK, Case.NO_BRAKE])
def test_worker_types_with_a_good_image_notice_nothing(outages, case):
    assert outages[Case.CALM].good == outages[case].good
    assert all(each.launched > 0 for each in outages[case].good.values())


# --- a rollout --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", rollout.CASES, ids=lambda case: case.title)
def test_a_rollout_keeps_its_budget_and_is_nearly_as_fast_as_it_can_be(case):
    found = rollout.measure(case, 40)
    assert 40 + 2 * (case.surge > 0) == found.most
    assert 40 - 2 * (case.unavailable > 0) == found.least_ready
    assert found.of_ideal <= 1.2


# --- a storm ----------------------------------------------------------------------------------------------------------


def stormy(rule, sending="at once", count=16, minutes=20):
    lasting = storm.timedelta(minutes=minutes)
    return storm.run(storm.RULES[rule], storm.SENDING[sending], count=count, storm=lasting, seed=1)


def test_a_storm_costs_far_fewer_refused_calls_than_with_a_filter():
    ours, filtered = stormy("ours"), stormy("3-minute filter")
    assert ours.refused * 3 < filtered.refused
    assert ours.peak_a_minute * 2 < filtered.peak_a_minute
    assert filtered.dry_share > 0.8


def test_a_storm_is_the_same_at_every_run():
    one, other = (stormy("ours", "2 calls/s", count=4, minutes=8) for _ in range(2))
    assert one == other
    assert one.refused > 0
