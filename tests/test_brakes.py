"""Brakes: what trips and releases them, how long they hold, and how much a minute lets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan_words import NOW, at, moved
from worker_manager.brakes import WHOLE, Outcomes, fold, for_hashes, left_of_minute, more_at, room_of, tripped
from worker_manager.memory import Brake

BUDGET = 10


def failing(times, *hashes, brakes=(), seconds=0.0):
    """Brakes after every one of the hashes has failed so many times at once."""
    failed = tuple((each, "no worker") for each in hashes for _ in range(times))
    return {each.key: each for each in fold(brakes, Outcomes(failed=failed), BUDGET, at(seconds))}


def held(*hashes, brakes):
    return {each.key for each in brakes.values() if each.opens_at is not None} & {*hashes, WHOLE}


@pytest.mark.parametrize(
    ("trips", "times", "hashes"),
    [
        pytest.param(set(), 2, ["a"], id="two-of-one"),
        pytest.param({"a"}, 3, ["a"], id="three-of-one"),
        pytest.param(set(), 2, ["a", "b", "c", "d"], id="two-of-each-of-four"),
        pytest.param({WHOLE}, 2, ["a", "b", "c", "d", "e"], id="the-budget-of-the-worker-type"),
        pytest.param({"a", WHOLE}, 10, ["a"], id="both"),
    ],
)
def test_what_trips(trips, times, hashes):
    assert trips == held(*hashes, brakes=failing(times, *hashes))


def test_a_budget_below_three_trips_sooner():
    brakes = fold((), Outcomes(failed=(("a", "no worker"),)), 1, NOW)
    assert {"a", WHOLE} == set(tripped(brakes))


def test_it_holds_for_a_minute_then_twice_as_long_up_to_half_an_hour():
    brakes, now, waits = failing(3, "a"), 0.0, []
    for _ in range(7):
        opens_at = brakes["a"].opens_at
        waits.append((opens_at - at(now)).total_seconds())
        now = (opens_at - NOW).total_seconds()
        brakes = failing(1, "a", brakes=brakes.values(), seconds=now)
    assert [60, 120, 240, 480, 960, 1800, 1800] == waits


def test_a_brake_that_trips_for_a_year_holds_half_an_hour():
    before = Brake("a", 20_003, NOW, "no worker", NOW, 20_000)
    assert at(1800) == failing(1, "a", brakes=[before])["a"].opens_at


def test_failures_of_what_was_on_its_way_when_it_tripped_do_not_lengthen_the_wait():
    before = failing(3, "a")
    after = failing(5, "a", brakes=before.values(), seconds=10)
    assert (8, before["a"].opens_at, 1) == (after["a"].failures, after["a"].opens_at, after["a"].trips)


def test_it_says_why_and_since_when():
    assert Brake("a", 2, NOW, "no worker") == failing(1, "a", brakes=failing(1, "a").values(), seconds=5)["a"]


def test_one_that_comes_up_releases_its_settings_and_the_worker_type_and_nothing_else():
    brakes = failing(5, "a", "b")
    assert {"b"} == {each.key for each in fold(brakes.values(), Outcomes(came_up=("a",)), BUDGET, NOW)}


def test_success_at_the_same_moment_as_failures_releases():
    outcomes = Outcomes(came_up=("a",), failed=(("a", "no worker"),) * 9)
    assert () == fold((), outcomes, BUDGET, NOW)


@pytest.mark.parametrize(
    ("kept", "hashes", "after"),
    [
        pytest.param({"a", WHOLE}, {"a"}, "c1", id="nothing-edited"),
        pytest.param({"a"}, {"a"}, "c2", id="other-settings-edited"),
        pytest.param(set(), {"b"}, "c2", id="its-settings-edited"),
        pytest.param({WHOLE}, {"b"}, "c1", id="no-longer-launched"),
    ],
)
def test_an_edit_forgets_what_it_changed(kept, hashes, after):
    brakes = failing(10, "a").values()
    assert kept == {each.key for each in for_hashes(brakes, frozenset(hashes), "c1", after)}


@pytest.mark.parametrize(
    ("room", "opens", "under_way"),
    [
        pytest.param(0, 1, 0, id="not-yet"),
        pytest.param(1, 0, 0, id="a-single-probe"),
        pytest.param(0, 0, 1, id="one-is-under-way"),
    ],
)
def test_single_probes_are_let_through(room, opens, under_way):
    assert room == room_of(Brake("a", 3, NOW, opens_at=at(opens)), under_way, NOW)


@pytest.mark.parametrize(
    ("left", "moves"),
    [
        pytest.param((5, 3), [], id="nothing-moved"),
        pytest.param((2, 2), [moved(-59, launched=3, ended=1)], id="within-the-minute"),
        pytest.param((5, 3), [moved(-60, launched=3, ended=1)], id="a-minute-ago"),
        pytest.param((0, 0), [moved(-30, launched=9), moved(-1, ended=9)], id="more-than-allowed"),
    ],
)
def test_what_a_minute_has_left(left, moves):
    assert left == left_of_minute(moves, 5, 3, NOW)


def test_there_is_more_when_the_first_of_the_last_minute_is_over():
    moves = [moved(-90, launched=1), moved(-50, ended=1), moved(-40, launched=1), moved(-10, launched=1)]
    assert (at(20), at(10)) == (more_at(moves, NOW, launches=True), more_at(moves, NOW, launches=False))


def test_what_is_used_up_by_this_very_decision_has_room_in_a_minute():
    assert at(60) == more_at([], NOW, launches=False)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.integers(0, 600)), max_size=60))
def test_a_broken_image_costs_its_budget_and_single_probes(course):
    """Whatever comes up or fails when: what may be launched of a tripped hash is one at a time."""
    brakes, seconds = (), 0
    for key, is_up, later in course:
        seconds += later
        outcomes = Outcomes(came_up=(key,)) if is_up else Outcomes(failed=((key, "no worker"),))
        brakes = fold(brakes, outcomes, BUDGET, at(seconds))
        for name, brake in tripped(brakes).items():
            assert brake.failures >= (BUDGET if name == WHOLE else 3)
            assert room_of(brake, 0, at(seconds)) <= 1
    assert all(each.failures > 0 for each in brakes)
