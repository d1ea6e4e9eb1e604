"""When a schedule's entries are in force, what that does to the bounds, and what is refused of a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker_manager.policies import ScheduleEntry
from worker_manager.schedule import InForce, ScheduledBounds, bounds_at, schedule_problems

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BERLIN = "Europe/Berlin"
# Whole hours, half hours (Lord Howe), far east and west, one without summer time, one south of the equator.
ZONES = (BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Auckland", "America/St_Johns", "Asia/Kolkata")
OFFICE = ScheduleEntry("0 8 * * 1-5", BERLIN, 10 * 3600, min_capacity=20)
WEEKEND = ScheduleEntry("0 0 * * 6", BERLIN, 2 * 86400, max_capacity=10)


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def bounds(*entries, now, low=5, high=100):
    found = bounds_at(low, high, entries, now)
    return found.min_capacity, found.max_capacity


def begins(cron, zone, start, end):
    """Every begin in start <= t < end, found by stepping from one change to the next of an entry of one minute."""
    entry, found, now = ScheduleEntry(cron, zone, 60, min_capacity=1), [], start
    while now < end:
        seen = bounds_at(0, 1, (entry,), now)
        if seen.in_force:
            found.append(seen.in_force[0].until - MINUTE)
        if seen.next_change is None:
            break
        now = seen.next_change
    return [each for each in found if start <= each]


@pytest.mark.parametrize(
    ("expected", "moment"),
    [
        pytest.param((5, 100), "2026-10-01T07:59:59", id="before"),
        pytest.param((20, 100), "2026-10-01T08:00", id="from-the-begin"),
        pytest.param((20, 100), "2026-10-01T17:59:59.999999", id="to-the-end"),
        pytest.param((5, 100), "2026-10-01T18:00", id="after"),
        pytest.param((5, 10), "2026-10-03T08:00", id="saturday"),
    ],
)
def test_bounds_hold_from_begin_to_end_in_the_entrys_time_zone(expected, moment):
    assert expected == bounds(OFFICE, WEEKEND, now=at(moment, BERLIN))


def always(low=None, high=None):
    return ScheduleEntry("0 0 * * *", "UTC", 86400, low, high)


@pytest.mark.parametrize(
    ("expected", "entries"),
    [
        pytest.param((5, 100), [], id="none"),
        pytest.param((30, 100), [always(20), always(30), always(10)], id="highest-minimum"),
        pytest.param((5, 40), [always(high=60), always(high=40), always(high=200)], id="lowest-maximum"),
        pytest.param((5, 100), [always(1, 200)], id="a-minimum-never-lowers-nor-a-maximum-raises"),
        pytest.param((40, 40), [always(50), always(high=40)], id="a-cap-wins-over-a-minimum"),
        pytest.param((3, 3), [always(high=3)], id="a-cap-wins-over-the-worker-types-own-minimum"),
        pytest.param((0, 0), [always(high=0)], id="nothing-at-all"),
        pytest.param((100, 100), [always(500)], id="a-minimum-stays-within-the-maximum"),
    ],
)
def test_several_entries_in_force_at_once(expected, entries):
    assert expected == bounds(*entries, now=at("2026-10-01T12:00"))


def test_what_is_in_force_until_when_and_what_comes_next():
    saturday = at("2026-10-03T09:00", BERLIN)
    weekend = InForce(WEEKEND, at("2026-10-05T00:00", BERLIN))
    assert ScheduledBounds(5, 10, (weekend,), weekend.until) == bounds_at(5, 100, (OFFICE, WEEKEND), saturday)
    friday_night = at("2026-10-02T20:00", BERLIN)
    assert ScheduledBounds(5, 100, (), at("2026-10-03T00:00", BERLIN)) == bounds_at(
        5, 100, (OFFICE, WEEKEND), friday_night
    )
    assert ScheduledBounds(5, 100) == bounds_at(5, 100, (), saturday)


def test_occurrences_that_overlap_or_touch_are_one():
    overlapping = ScheduleEntry("0 8 * * 1-5", BERLIN, 30 * 3600, min_capacity=20)
    touching = ScheduleEntry("0 8 * * 1-5", BERLIN, 24 * 3600, min_capacity=20)
    monday = at("2026-10-05T09:00", BERLIN)
    assert [at("2026-10-10T14:00", BERLIN)] == [each.until for each in bounds_at(0, 9, (overlapping,), monday).in_force]
    assert [at("2026-10-10T08:00", BERLIN)] == [each.until for each in bounds_at(0, 9, (touching,), monday).in_force]
    endless = ScheduleEntry("* * * * *", "UTC", 3600, min_capacity=20)
    assert monday + HOUR < bounds_at(0, 9, (endless,), monday).in_force[0].until


def test_an_entry_that_begins_once_in_many_years_is_known_before_and_after():
    leap = ScheduleEntry("0 0 * 2 MON#5", "UTC", 86400, min_capacity=9)
    assert ScheduledBounds(0, 9, (), at("2044-02-29T00:00")) == bounds_at(0, 9, (leap,), at("2026-10-01T00:00"))
    assert (9, 9) == bounds(leap, low=0, high=9, now=at("2044-02-29T12:00"))


def test_a_begin_in_the_skipped_hour_happens_at_its_end():
    assert [at("2026-03-29T01:00")] == begins("30 2 * * *", BERLIN, at("2026-03-29T00:00"), at("2026-03-29T12:00"))


def test_a_begin_in_the_repeated_hour_happens_in_the_first():
    day = (at("2026-10-25T00:00"), at("2026-10-25T12:00"))
    assert [at("2026-10-25T00:30")] == begins("30 2 * * *", BERLIN, *day)
    entry = ScheduleEntry("30 2 * * *", BERLIN, 3600, min_capacity=7)
    # 02:10 for the second time: the begin at the first 02:30 was forty minutes ago
    assert [at("2026-10-25T01:30")] == [
        each.until for each in bounds_at(0, 9, (entry,), at("2026-10-25T01:10")).in_force
    ]


def test_a_duration_is_real_time_when_the_clocks_change():
    night = ScheduleEntry("0 22 * * *", BERLIN, 10 * 3600, min_capacity=7)
    for evening, end in (("2026-03-28T22:00", "2026-03-29T09:00"), ("2026-10-24T22:00", "2026-10-25T07:00")):
        found = bounds_at(0, 9, (night,), at(evening, BERLIN))
        assert at(end, BERLIN) == found.in_force[0].until


@settings(max_examples=25, deadline=None)
@given(zone=st.sampled_from(ZONES), minute=st.integers(0, 59), hour=st.integers(0, 23), year=st.integers(2010, 2040))
def test_each_begin_happens_once_a_day_whatever_the_clocks_do(zone, minute, hour, year):
    start = datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    found = begins(f"{minute} {hour} * * *", zone, start, start + 364 * DAY)
    days = [each.astimezone(ZoneInfo(zone)).date() for each in found]
    assert [days[0] + n * DAY for n in range(364)] == days
    late = [
        each
        for each in found
        if (local := each.astimezone(ZoneInfo(zone))).hour * 60 + local.minute != hour * 60 + minute
    ]
    assert len(late) <= 1
    assert not any(each.astimezone(ZoneInfo(zone)).fold for each in found)


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    cron=st.sampled_from(["0 * * * *", "*/20 * * * *", "15 2,3 * * *", "0 8 * * 1-5", "30 1 1 * *", "0 0-6 * * 7"]),
    start=st.integers(0, 10 * 365 * 24 * 60).map(lambda minutes: at("2020-01-01T00:00") + minutes * MINUTE),
    minutes=st.lists(st.integers(0, 3 * 24 * 60), min_size=1, max_size=8),
)
def test_what_holds_does_not_depend_on_what_was_asked_before(zone, cron, start, minutes):
    entry = ScheduleEntry(cron, zone, 1800, min_capacity=1)
    for minute in minutes:
        now = start + minute * MINUTE
        remembered = bounds_at(0, 1, (entry,), now)
        # by less than a microsecond not the same duration: it is found anew
        anew = bounds_at(0, 1, (ScheduleEntry(cron, zone, 1800 + (1 + minute) * 1e-10, min_capacity=1),), now)
        assert remembered.min_capacity == anew.min_capacity


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES[:2]),
    spring=st.booleans(),
    cron=st.sampled_from(["0 * * * *", "*/20 * * * *", "15 2,3 * * *", "30 1-3 * * *", "0,30 0-5 * * *"]),
    minutes=st.integers(0, 600),
)
def test_looking_back_and_looking_forth_agree_around_a_change_of_the_clocks(zone, spring, cron, minutes):
    change = {(BERLIN, True): "2026-03-29T01:00", (BERLIN, False): "2026-10-25T01:00"}
    change |= {("America/New_York", True): "2026-03-08T07:00", ("America/New_York", False): "2026-11-01T06:00"}
    start = at(change[zone, spring]) - 5 * HOUR
    now = start + minutes * MINUTE
    ahead = [each for each in begins(cron, zone, start - DAY, start + 12 * HOUR) if each <= now]
    since = (now - ahead[-1]).total_seconds()
    assert [True, False] == [is_in_force(cron, zone, since + more, now) for more in (1e-6, 0.0)]


def is_in_force(cron, zone, duration_seconds, now):
    return bool(bounds_at(0, 1, (ScheduleEntry(cron, zone, duration_seconds, min_capacity=1),), now).in_force)


def test_an_unchanged_schedule_costs_next_to_nothing():
    entries = tuple(ScheduleEntry(f"{n} 8 * * 1-5", BERLIN, 36000, min_capacity=n) for n in range(50))
    now = at("2026-10-01T12:00")
    bounds_at(0, 100, entries, now)
    seconds = min(timed(lambda: bounds_at(0, 100, entries, now)) for _ in range(20))
    assert seconds / len(entries) < 30e-6


def timed(call):
    start = perf_counter()
    call()
    return perf_counter() - start


def given_entry(**members):
    return {"cron": "0 8 * * 1-5", "duration": "10h", "minCapacity": 1} | members


@pytest.mark.parametrize(
    ("pointer", "rule", "words", "members"),
    [
        pytest.param("cron", "cron", "has a minute that cannot be", {"cron": "61 8 * * *"}, id="minute"),
        pytest.param("cron", "cron", "has a day of week that cannot be", {"cron": "0 8 * * MOO"}, id="day"),
        pytest.param("cron", "cron", "has 6 of five fields", {"cron": "0 0 8 * * 1-5"}, id="seconds"),
        pytest.param("cron", "cron", "has 1 of five fields", {"cron": "@midnight"}, id="name"),
        pytest.param("cron", "cron", "has a day of month that cannot be", {"cron": "0 0 31 2 *"}, id="no-such-day"),
        pytest.param("cron", "cron", "never begins", {"cron": "* * */20 * 1L"}, id="never"),
        pytest.param("timeZone", "time-zone", "did you mean 'Europe/Berlin'?", {"timeZone": "europe/Berln"}, id="zone"),
        pytest.param("timeZone", "time-zone", "name one such as", {"timeZone": "../../etc"}, id="path"),
        pytest.param("timeZone", "time-zone", "there is no time zone 'Europe'", {"timeZone": "Europe"}, id="folder"),
        pytest.param("timeZone", "time-zone", "there is no time zone 'localtime'", {"timeZone": "localtime"}, id="own"),
        pytest.param("duration", "duration", "a duration of 59s is too short", {"duration": "59s"}, id="short"),
        pytest.param("duration", "duration", "a duration of 0 is too short", {"duration": 0}, id="none"),
        pytest.param(
            "minCapacity",
            "capacity-order",
            "minCapacity 3 is more than maxCapacity 2",
            {"minCapacity": 3, "maxCapacity": 2},
        ),
    ],
)
def test_a_wrong_entry_is_refused_at_its_place(pointer, rule, words, members):
    (problem,) = schedule_problems([given_entry(), given_entry(**members)])
    assert (f"/schedule/1/{pointer}", rule, True) == (problem.pointer, problem.rule, words in problem.message)


def test_every_problem_of_every_entry_is_named():
    wrong = given_entry(cron="x", timeZone="Y", duration=1, minCapacity=2, maxCapacity=1)
    assert 8 == len(schedule_problems([wrong, wrong]))


@pytest.mark.parametrize("members", [{"duration": "1m"}, {"timeZone": "Etc/UTC"}, {"minCapacity": 2, "maxCapacity": 2}])
def test_a_right_entry_is_accepted(members):
    assert () == schedule_problems([given_entry(**members)])
