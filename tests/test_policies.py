"""What a document says of its policies, and what holds where it says nothing."""

from __future__ import annotations

import pytest

from worker_manager.model import Outcome
from worker_manager.policies import Brakes, Lifecycle, Policies, Rollout, ScheduleEntry, Share, Spot, policies, seconds


def test_a_document_that_states_nothing_has_what_the_dataclasses_and_the_schemas_agree_on():
    assert Policies() == policies({})


def test_every_time_of_a_lifecycle():
    stated = {
        "launchTimeout": "10m",
        "registrationTimeout": 90,
        "maxLifetime": "7d",
        "maxIdle": "5m",
        "drainTimeout": "2h",
        "scaleIn": "oldestFirst",
        "scaleInCooldown": "30s",
    }
    expected = Lifecycle(600.0, 90.0, 604800.0, 300.0, 7200.0, "oldestFirst", 30.0)
    assert expected == policies({"lifecycle": stated}).lifecycle


def test_what_a_lifecycle_leaves_out_is_not_expected():
    lifecycle = policies({"lifecycle": {"launchTimeout": "1m"}}).lifecycle
    assert (None, None, 0.0) == (
        lifecycle.registration_timeout_seconds,
        lifecycle.max_lifetime_seconds,
        lifecycle.max_idle_seconds,
    )


def test_a_rollout_is_none_unless_stated_and_complete_if_it_is():
    assert (None, Rollout()) == (policies({}).rollout, policies({"rollout": {}}).rollout)


def test_a_rollout_in_slots_and_percent():
    stated = {"maxSurge": 3, "maxUnavailable": "5%", "minReadySeconds": 30, "pause": True, "onlyIdle": True}
    expected = Rollout(Share(slots=3), Share(percent=5), 30.0, pause=True, only_idle=True)
    assert expected == policies({"rollout": stated}).rollout


@pytest.mark.parametrize(
    ("slots", "share", "capacity"),
    [
        (3, Share(slots=3), 100),
        (10, Share(percent=10), 100),
        (1, Share(percent=10), 1),
        (2, Share(percent=10), 11),
        (0, Share(percent=10), 0),
        (0, Share(), 100),
        (25, Share(percent=5), 500),
    ],
)
def test_a_share_is_rounded_up_to_a_slot(slots, share, capacity):
    assert slots == share.of(capacity)


def test_brakes_in_part():
    assert Brakes(unproven_instances=2) == policies({"brakes": {"unprovenInstances": 2}}).brakes


@pytest.mark.parametrize(
    ("expected", "stated"),
    [
        pytest.param(Spot(), {}, id="no-fallback"),
        pytest.param(
            Spot({Outcome.NO_CAPACITY: 120.0, Outcome.QUOTA: 60.0}),
            {"fallback": "onDemand", "after": {"noCapacity": "2m", "quota": "1m"}},
            id="stated",
        ),
    ],
)
def test_when_spot_falls_back(expected, stated):
    assert expected == policies({"spot": stated}).spot


def test_a_fallback_has_its_waits_where_none_are_stated():
    waits = policies({"spot": {"fallback": "onDemand"}}).spot.fallback_after_seconds
    assert {Outcome.NO_CAPACITY, Outcome.QUOTA} == set(waits)
    assert waits[Outcome.QUOTA] <= waits[Outcome.NO_CAPACITY]


def test_a_schedule_in_its_order():
    stated = [
        {"cron": "0 8 * * 1-5", "timeZone": "Europe/Berlin", "duration": "10h", "minCapacity": 5},
        {"cron": "0 0 * * *", "duration": 3600, "maxCapacity": 0, "description": "maintenance"},
    ]
    expected = (
        ScheduleEntry("0 8 * * 1-5", "Europe/Berlin", 36000.0, 5),
        ScheduleEntry("0 0 * * *", "UTC", 3600.0, None, 0, "maintenance"),
    )
    assert expected == policies({"schedule": stated}).schedule


@pytest.mark.parametrize(("expected", "duration"), [(90.0, 90), (45.0, "45s"), (900.0, "15m"), (172800.0, "2d")])
def test_durations(expected, duration):
    assert expected == seconds(duration)
