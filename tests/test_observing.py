"""What a listing means: who is up, boots, failed or leaves, what reports change, and what is learnt of settings."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.plan_cases.starting import registering
from tests.plan_words import (
    GONE,
    NOW,
    PENDING,
    RUNNING,
    STOPPED,
    STOPPING,
    UNKNOWN,
    at,
    boot,
    brake,
    config,
    fleet,
    intent,
    marked,
    remembering,
    some,
    spec,
    told,
)
from worker_manager.capacity import Supply
from worker_manager.memory import Boot, Ended, Mark, MarkKind, ReportKind
from worker_manager.observing import observe
from worker_manager.policies import Rollout

HELD, LOST, FAILED = MarkKind.HOLD, MarkKind.QUARANTINE, MarkKind.FAILED
TIMEOUT = "its worker did not register within 600 s of its boot (registrationTimeout)"


def view(*groups, memory=None, settings=None, now=NOW):
    return observe(settings or registering(), fleet(*groups), memory or remembering(), now)


def ids(instances):
    return [each.instance_id for each in instances]


def failing(seen):
    return {each.instance.instance_id: each.why for each in seen.failures}


def marks(seen):
    return {each.instance_id: each.kind for each in seen.memory.marks}


# --- states ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("supply", "state"),
    [
        (Supply(live=1), RUNNING),
        (Supply(live=1), UNKNOWN),
        (Supply(requested=1), PENDING),
        (Supply(stopping=1), STOPPING),
        (Supply(stopping=1), STOPPED),
        (Supply(), GONE),
    ],
)
def test_what_a_state_counts_as(supply, state):
    assert supply == view(some(1, state)).supply


@pytest.mark.parametrize(
    ("supply", "kind"),
    [
        (Supply(lost=2), MarkKind.FAILED),
        (Supply(lost=2), MarkKind.INTERRUPTED),
        (Supply(lost=2), MarkKind.QUARANTINE),
        (Supply(live=2), MarkKind.HOLD),
        (Supply(live=2), MarkKind.DRAIN),
    ],
)
def test_what_a_mark_counts_as(supply, kind):
    seen = view(some(1, of=spec(slots=2)), memory=remembering(marks=marked(kind, "i-000")))
    assert supply == seen.supply


def test_what_we_ended_is_leaving_until_the_listing_shows_it():
    seen = view(some(2), memory=remembering(ended=(Ended("i-000", at(9)),)))
    assert (Supply(live=1, stopping=1), ["i-001"]) == (seen.supply, ids(seen.up))


def test_everything_that_takes_room_is_present():
    states = (RUNNING, PENDING, STOPPING, STOPPED, UNKNOWN, GONE)
    seen = view(*(some(1, state, first=n) for n, state in enumerate(states)))
    assert ["i-000", "i-001", "i-002", "i-003", "i-004"] == ids(seen.present)


# --- coming up ------------------------------------------------------------------------------------------------------


def test_one_that_must_register_boots_until_it_does():
    seen = view(
        some(2), memory=remembering(boots=(boot("i-000", "i-001"),), reports=told(ReportKind.REGISTERED, "i-001"))
    )
    assert (["i-001"], ["i-000"], Supply(1, 1)) == (ids(seen.up), ids(seen.booting), seen.supply)
    assert ((boot("i-000"),), ("new",)) == (seen.memory.boots, seen.memory.proven)


def test_where_no_report_is_expected_whatever_runs_is_up():
    seen = view(some(1), memory=remembering(boots=(boot("i-000"),)), settings=config())
    assert (["i-000"], (), ("new",)) == (ids(seen.up), seen.memory.boots, seen.memory.proven)


def test_its_time_counts_from_when_it_was_first_seen_running():
    seen = view(some(1), memory=remembering(boots=(boot(waiting=("i-000",)),)))
    assert {"i-000": NOW} == seen.memory.boots[0].running_since
    assert (at(600),) == seen.looks


@pytest.mark.parametrize(("failures", "since"), [({}, -599), ({"i-000": TIMEOUT}, -600)])
def test_one_that_does_not_register_in_time_has_failed(failures, since):
    assert failures == failing(view(some(1), memory=remembering(boots=(boot("i-000", since=since),))))


@pytest.mark.parametrize(
    ("failures", "age"), [({}, 899), ({"i-000": "not running 900 s after its launch (launchTimeout)"}, 900)]
)
def test_one_that_does_not_run_in_time_has_failed(failures, age):
    assert failures == failing(view(some(1, PENDING, age=age)))


def test_a_failure_stays_one_until_it_is_gone():
    """Should ending it take several attempts, it must never count as up, and be one failure to come up."""
    memory = view(some(1), memory=remembering(boots=(boot("i-000", since=-600),))).memory
    for _ in range(3):
        seen = view(some(1), memory=memory)
        memory = seen.memory
        assert ({"i-000": TIMEOUT}, Supply(lost=1)) == (failing(seen), seen.supply)
        assert {1} == {each.failures for each in memory.brakes}
    assert () == view(some(1, GONE), memory=memory).memory.marks


def test_a_pending_failure_is_one_failure_at_however_many_passes():
    memory = remembering()
    for _ in range(3):
        memory = view(some(1, PENDING, age=900), memory=memory).memory
    assert {1} == {each.failures for each in memory.brakes}


@pytest.mark.parametrize(
    "report_at", [pytest.param(-1, id="lately"), pytest.param(-899, id="within-a-quarter-of-an-hour")]
)
@pytest.mark.parametrize("listing", [(), some(1, PENDING)], ids=["unlisted", "listed-as-pending"])
def test_a_report_ahead_of_the_listing_is_kept_until_it_shows_the_instance_running(report_at, listing):
    reports = told(ReportKind.REGISTERED, "i-000", seconds=report_at)
    memory = remembering(intent(1, "k0", ids=("i-000",)), boots=(boot(waiting=("i-000",)),), reports=reports)
    early = view(listing, memory=memory)
    assert reports == early.memory.reports
    seen = view(some(1), memory=early.memory)
    assert (["i-000"], (), ()) == (ids(seen.up), seen.memory.boots, seen.memory.reports)


def test_a_report_of_a_stranger_is_forgotten_after_a_quarter_of_an_hour():
    assert () == view(memory=remembering(reports=told(ReportKind.HOLD, "i-9", seconds=-900))).memory.reports


def test_the_last_of_early_reports_wins():
    reports = (*told(ReportKind.HOLD, "i-000"), *told(ReportKind.RELEASE, "i-000"), *told(ReportKind.HOLD, "i-000"))
    memory = view(memory=remembering(reports=reports)).memory
    assert {"i-000": HELD} == marks(view(some(1), memory=memory))


def test_a_state_unknown_to_us_is_neither_up_nor_failed_while_it_must_register():
    seen = view(some(1, UNKNOWN), memory=remembering(boots=(boot("i-000", since=-9000),)))
    assert ({}, Supply(requested=1), 1) == (failing(seen), seen.supply, seen.counts.unknown)


# --- failures and brakes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "listing", "memory"),
    [
        pytest.param(1, some(1, GONE), remembering(boots=(boot("i-000"),)), id="ended-by-others"),
        pytest.param(1, some(1, STOPPING), remembering(boots=(boot("i-000"),)), id="ending"),
        pytest.param(1, (), remembering(boots=(boot("i-000"),)), id="no-longer-listed"),
        pytest.param(
            0,
            (),
            remembering(intent(1, "k0", ids=("i-000",)), boots=(boot(waiting=("i-000",)),)),
            id="not-listed-yet",
        ),
        pytest.param(1, (), remembering(boots=(boot(waiting=("i-000",)),)), id="settled-and-never-listed"),
        pytest.param(
            0, some(1, GONE), remembering(boots=(boot("i-000"),), ended=(Ended("i-000", at(9)),)), id="ended-by-us"
        ),
        pytest.param(
            0,
            some(1),
            remembering(boots=(boot("i-000"),), reports=told(ReportKind.INTERRUPTED, "i-000")),
            id="interrupted",
        ),
        pytest.param(
            0,
            some(1),
            remembering(boots=(boot("i-000"),), reports=told(ReportKind.QUARANTINE, "i-000")),
            id="quarantine",
        ),
        pytest.param(
            1, some(1), remembering(boots=(boot("i-000"),), reports=told(ReportKind.FAILED, "i-000")), id="gave-up"
        ),
        pytest.param(0, some(1), remembering(reports=told(ReportKind.FAILED, "i-000")), id="gave-up-when-up"),
        pytest.param(
            0, some(1), remembering(boots=(boot("i-000", since=-900),), marks=marked(HELD, "i-000")), id="held"
        ),
        pytest.param(
            0, some(1, GONE), remembering(boots=(boot("i-000", settings="older"),)), id="of-settings-no-longer-launched"
        ),
    ],
)
def test_what_is_a_failure_of_its_settings(failures, listing, memory):
    seen = view(listing, memory=memory)
    assert failures == max((each.failures for each in seen.memory.brakes if each.key == "new"), default=0)


def test_three_failures_trip_and_one_that_registers_releases():
    late = remembering(boots=(boot("i-000", "i-001", "i-002", since=-600),))
    tripped = view(some(3), memory=late).memory
    assert [(3, at(60))] == [(each.failures, each.opens_at) for each in tripped.brakes if each.key == "new"]
    probe = remembering(
        boots=(boot("i-009", key="k9"),), brakes=tripped.brakes, reports=told(ReportKind.REGISTERED, "i-009")
    )
    assert () == view(some(1, first=9, key="k9"), memory=probe).memory.brakes


def test_an_edit_forgets_brakes_of_settings_no_longer_launched():
    memory = remembering(brakes=(brake("new", 3, opens=60), brake("older", 3, opens=60), brake("", 6)))
    edited = registering(0, 100, spec(), config_hash="c2")
    assert ["new"] == [each.key for each in view(memory=memory, settings=edited).memory.brakes]


@pytest.mark.parametrize(
    ("proven", "listing"),
    [
        pytest.param(("new",), some(1), id="one-is-up"),
        pytest.param((), some(1, PENDING), id="one-boots"),
        pytest.param((), some(1, settings="older"), id="others-are-up"),
    ],
)
def test_settings_are_proven_by_an_instance_of_the_listing(proven, listing):
    assert proven == view(listing).memory.proven


def test_one_that_came_up_is_not_ready_before_its_time():
    settings = registering(rollout=Rollout(min_ready_seconds=30.0))
    memory = remembering(boots=(boot("i-000"),), reports=told(ReportKind.REGISTERED, "i-000"))
    memory = view(some(1), memory=memory, settings=settings).memory
    warm = [bool(view(some(1), memory=memory, settings=settings, now=at(each)).memory.warming) for each in (0, 29, 30)]
    assert [True, True, False] == warm


# --- adoption -------------------------------------------------------------------------------------------------------


def test_instances_of_a_launch_without_an_answer_are_followed():
    seen = view(some(2, key="k1"), memory=remembering(intent(3)))
    assert (Boot("k1", "new", intent(3).place, (), {"i-000": NOW, "i-001": NOW}),) == seen.memory.boots
    assert Supply(requested=3) == seen.supply


def test_pending_ones_that_nobody_remembers_are_followed():
    assert [("i-000", "i-001")] == [each.waiting for each in view(some(2, PENDING)).memory.boots]


def test_running_ones_that_nobody_remembers_are_up():
    """As after the manager's own state was lost: they have registered with nobody that remembers."""
    assert Supply(live=2) == view(some(2)).supply


def test_what_we_ended_is_not_followed_again():
    assert () == view(some(1, PENDING), memory=remembering(ended=(Ended("i-000", at(9)),))).memory.boots


# --- marks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "before", "report"),
    [
        (MarkKind.FAILED, None, ReportKind.FAILED),
        (MarkKind.INTERRUPTED, None, ReportKind.INTERRUPTED),
        (MarkKind.HOLD, None, ReportKind.HOLD),
        (MarkKind.QUARANTINE, None, ReportKind.QUARANTINE),
        (None, None, ReportKind.RELEASE),
        (None, MarkKind.HOLD, ReportKind.RELEASE),
        (None, MarkKind.QUARANTINE, ReportKind.RELEASE),
        (MarkKind.HOLD, MarkKind.DRAIN, ReportKind.HOLD),
        (MarkKind.QUARANTINE, MarkKind.HOLD, ReportKind.FAILED),
        (MarkKind.QUARANTINE, MarkKind.QUARANTINE, ReportKind.FAILED),
        (MarkKind.INTERRUPTED, MarkKind.HOLD, ReportKind.INTERRUPTED),
        (MarkKind.FAILED, MarkKind.DRAIN, ReportKind.FAILED),
    ],
)
def test_what_a_report_makes_of_an_instance(kind, before, report):
    memory = remembering(marks=marked(before, "i-000") if before else (), reports=told(report, "i-000"))
    assert ({"i-000": kind} if kind else {}) == marks(view(some(1), memory=memory))


def test_a_failure_says_what_the_worker_said():
    memory = remembering(reports=told(ReportKind.FAILED, "i-000", reason="disk full"))
    assert {"i-000": "its worker reported a failure: disk full"} == failing(view(some(1), memory=memory))


def test_a_mark_is_forgotten_when_its_instance_is_gone():
    memory = remembering(marks=marked(HELD, "i-000", "i-001"), idle_since={"i-000": NOW}, warming={"i-000": NOW})
    seen = view(some(1, GONE), some(1, first=1), memory=memory).memory
    assert ((Mark("i-001", HELD, at(-60)),), {}, {}) == (seen.marks, seen.idle_since, seen.warming)


@pytest.mark.parametrize("kind", [HELD, LOST])
def test_a_stopped_one_that_a_person_keeps_is_neither_ended_nor_counted(kind):
    seen = view(some(2, STOPPED), memory=remembering(marks=marked(kind, "i-000")))
    assert (["i-001"], Supply(stopping=1, lost=1), ["i-000"]) == (ids(seen.stopped), seen.supply, ids(seen.of_no_use))


def test_what_failed_is_ended_and_no_forced_drain_ends_it_twice():
    seen = view(some(2), memory=remembering(marks=(*marked(FAILED, "i-000"), *marked(LOST, "i-001"))))
    assert (["i-000"], ["i-001"]) == (list(failing(seen)), ids(seen.of_no_use))


# --- out of date ----------------------------------------------------------------------------------------------------


def test_drifted_are_those_with_other_settings_than_any_of_today():
    settings = config(0, 100, spec(), spec("us-west-1b", settings="other"))
    groups = (some(1), some(1, first=1, settings="other"), some(2, PENDING, first=2, settings="older"))
    assert {"i-002", "i-003"} == view(*groups, settings=settings).drifted_ids


def test_expired_are_those_past_their_lifetime_and_the_next_one_is_looked_for():
    settings = config(lifecycle={"max_lifetime_seconds": 3600.0})
    seen = view(some(1, age=3600), some(2, first=1, age=3600), settings=settings)
    assert ({"i-000"}, (at(1),)) == (seen.expired_ids, seen.looks)
    assert {"i-000", "i-001"} == view(
        some(3, age=3600), settings=settings, now=NOW + dt.timedelta(seconds=1)
    ).expired_ids
