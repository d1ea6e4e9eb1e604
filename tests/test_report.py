"""What people see: the shape of `status`, the sentences of `explain`, the current details."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from worker_manager import report
from worker_manager.capacity import Bounds
from worker_manager.decision import Counts, Decision, PlannedTermination, Reason, WmState
from worker_manager.memory import Boot, Ended, Intent, Mark, MarkKind, Memory
from worker_manager.model import Demand
from worker_manager.state import (
    CARRIED_BYTES,
    KEPT_ANSWERS,
    KEPT_BYTES,
    KEPT_NOTES,
    KEPT_REVISIONS,
    SHARED_CONFIG,
    WORKER_TYPE,
    Event,
    Happening,
    Rejection,
    Revision,
    SharedConfigState,
    ValueRevision,
    WorkerTypeState,
    carried,
    happened,
    keep,
    keep_decision,
    keep_revision,
    keep_value,
    remember_answer,
)

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
NOTE = Rejection(NOW, "set_demand", "/pendng: unknown member")


def state(**changes):
    members = {
        "name": "w",
        "document": {"minCapacity": 1, "maxCapacity": 9},
        "now": "2026-11-23T10:00:00.000Z",
        "revisions": [Revision(1, NOW, "ops", "first")],
        "provider": "aws-provider",
        "config_hash": "abc",
        "state": WmState.STEADY,
        "desired": 3,
        "actual": 2,
        "demand": Demand(4, 1, NOW),
        "counts": Counts(2, 0, 1, 2, by_place={"us-east-1 m5.large": 2}),
        "reasons": [Reason("at-max", "at maxCapacity 9", 4, "owner", "raise it")],
        "shared_revisions": {"zones": 7, "regions": 3},
        "decided_at": NOW,
    }
    return WorkerTypeState(**{**members, **changes})


def shared(**changes):
    members = {"name": "s", "schema": "/s#", "values": [ValueRevision(1, [1], NOW, "ops", "first")]}
    return SharedConfigState(**{**members, **changes})


def test_status_in_full():
    expected = {
        "workerType": "w",
        "state": "Steady",
        "provider": "aws-provider",
        "owner": "",
        "minCapacity": 1,
        "maxCapacity": 9,
        "desired": 3,
        "actual": 2,
        "demand": {"pending": 4, "claimed": 1},
        "demandSource": "push",
        "demandReadAt": None,
        "demandTrouble": "",
        "live": 2,
        "requested": 0,
        "stopping": 1,
        "instances": 2,
        "drifted": 0,
        "launched": 0,
        "terminated": 0,
        "revision": 1,
        "configHash": "abc",
        "managedBy": "",
        "mode": "run",
        "finishing": False,
        "open": True,
        "sharedConfigs": {"zones": 7, "regions": 3},
        "reasons": ["at maxCapacity 9"],
        "why": [
            {
                "kind": "at-max",
                "text": "at maxCapacity 9",
                "slots": 4,
                "owner": "owner",
                "nextStep": "raise it",
                "until": None,
                "evidence": {},
            }
        ],
        "lost": 0,
        "draining": 0,
        "trouble": "",
        "configProblems": [],
        "lastEdit": {"revision": 1, "at": "2026-11-23T10:00:00+00:00", "author": "ops", "reason": "first"},
        "lastRejection": None,
        "rejections": [],
        "decidedAt": "2026-11-23T10:00:00+00:00",
    }
    assert expected == json.loads(json.dumps(report.status(state())))


def test_status_shows_the_last_rejection():
    noted = {"at": "2026-11-23T10:00:00+00:00", "via": "signal", "message": "set_demand", "why": NOTE.why}
    first = Rejection(NOW, "pause", "no")
    shown = report.status(state(rejected=True, rejections=[first, NOTE]))
    assert ("ConfigRejected", noted, 2) == (shown["state"], shown["lastRejection"], len(shown["rejections"]))


@pytest.mark.parametrize(
    ("shown", "changes"),
    [
        (WmState.STEADY, {}),
        (WmState.CONFIG_REJECTED, {"rejected": True, "trouble": "x"}),
        (WmState.CONFIG_REJECTED, {"config_problems": ["/regions: none"]}),
        (WmState.HELD, {"trouble": "no listing"}),
        (WmState.PAUSED, {"trouble": "no listing", "state": WmState.PAUSED}),
        (WmState.DRAINING, {"state": WmState.FINISHED}),
        (WmState.FINISHED, {"state": WmState.FINISHED, "finishing": True}),
    ],
)
def test_the_state_shown(shown, changes):
    assert shown is report.shown_state(state(**changes))


@pytest.mark.parametrize(
    ("sentences", "changes"),
    [
        pytest.param(
            ["w is Steady: 2 of 3 slots, the work is 4 pending and 1 running.", "at maxCapacity 9"], {}, id="a-reason"
        ),
        pytest.param(
            ["w is Steady: 2 of 3 slots, the work is 4 pending.", "at maxCapacity 9"],
            {"demand": Demand(4, None, NOW)},
            id="a-total",
        ),
        pytest.param(
            [
                "w is Steady: 2 of 3 slots, no demand was ever reported.",
                "nothing to do: there is as much capacity as the work and minCapacity ask for.",
            ],
            {"reasons": [], "demand": Demand()},
            id="nothing-to-do",
        ),
        pytest.param(
            [
                "w is ConfigRejected: 2 of 3 slots, the work is 4 pending and 1 running.",
                "trouble: no listing",
                "config: /regions: none",
                "at maxCapacity 9",
                "the last message (set_demand) was refused: /pendng: unknown member",
            ],
            {"trouble": "no listing", "config_problems": ["/regions: none"], "rejected": True, "rejections": [NOTE]},
            id="everything",
        ),
    ],
)
def test_explain_is_sentences_the_most_important_first(sentences, changes):
    assert sentences == report.explain(state(**changes))


def test_instances_shows_places_and_what_no_listing_shows():
    intent = Intent("k", "us-east-1/any/m5.large/onDemand", 2, 1, NOW, NOW, ("i-1",))
    expected = {
        "byPlace": {"us-east-1 m5.large": 2},
        "intents": [
            {
                "launchKey": "k",
                "offering": "us-east-1/any/m5.large/onDemand",
                "count": 2,
                "instanceIds": ["i-1"],
                "settlesAt": "2026-11-23T10:00:00+00:00",
            }
        ],
        "ended": ["i-9"],
        "asOf": "2026-11-23T10:00:00+00:00",
    }
    assert expected == report.instances(state(memory=Memory(intents=(intent,), ended=(Ended("i-9", NOW),))))


def test_details_tell_capacity_reason_last_edit_and_last_rejection():
    events = [Event(NOW, f"event {index}") for index in range(9)]
    text = report.details(state(rejections=[NOTE], events=events))
    assert text.startswith("### w: Steady, 2 of 3 slots\n")
    wanted = [
        "live 2   requested 0   stopping 1   (min 1, max 9)",
        "demand: pending 4, running 1 (reported 10:00:00 UTC)",
        "     2 x us-east-1 m5.large",
        "- at maxCapacity 9",
        "- 10:00:00 event 8",
        "**Last edit**: revision 1 at 2026-11-23 10:00:00 UTC by ops: first",
        "**Last rejection**: 2026-11-23 10:00:00 UTC, signal `set_demand`: /pendng: unknown member",
        "**Shared configs**: regions @ 3, zones @ 7; settings `abc`",
    ]
    assert [] == [each for each in wanted if each not in text.splitlines()]
    assert report.SHOWN_EVENTS == text.count("10:00:00 event")


def test_details_tell_what_a_rollout_still_has_to_replace_and_whose_it_is():
    yesterday = Event(NOW - dt.timedelta(days=1), "launched")
    text = report.details(state(counts=Counts(9, drifted=7), owner="builds@example.org", events=[yesterday]))
    wanted = [
        "live 9   requested 0   stopping 0   drifted 7   (min 1, max 9)",
        "- 2026-11-22 10:00:00 launched",
        "**Owner**: builds@example.org; provider aws-provider",
    ]
    assert [] == [each for each in wanted if each not in text.splitlines()]


@pytest.mark.parametrize(
    ("last", "changes"),
    [
        ("nothing was decided yet", {"decided_at": None}),
        ("no instance is live for 2 slots of it", {"demand": Demand(0, 4, NOW)}),
        ("nothing to do", {"demand": Demand(0, 2, NOW)}),
    ],
)
def test_at_rest_is_said_only_of_what_is_known_and_can_be(last, changes):
    assert last in report.explain(state(reasons=[], **changes))[-1]


def test_details_before_anything_happened():
    text = report.details(state(demand=Demand(), counts=Counts(), reasons=[], shared_revisions={}))
    wanted = ["demand: none reported yet (send set_demand)", "**Last rejection**: none"]
    assert [] == [each for each in wanted if each not in text.splitlines()]


def test_shared_status_and_details():
    subscribers = [f"worker-type:w{index:02}" for index in range(32)]
    value = shared(subscribers=subscribers, rejections=[NOTE], revision=2, notified=1, trouble="slow")
    shown = json.loads(json.dumps(report.shared_status(value)))
    revision = {"revision": 1, "at": "2026-11-23T10:00:00+00:00", "author": "ops", "reason": "first"}
    assert ("s", "/s#", 2, 1, subscribers, [revision], "slow", NOTE.why) == (
        *(shown[each] for each in ("name", "schema", "revision", "notified", "dependents", "revisions", "trouble")),
        shown["lastRejection"]["why"],
    )
    text = report.shared_details(value)
    assert text.startswith("### s: revision 2, 32 dependents, telling them of revision 2\n")
    assert text.endswith("w28, w29 and 2 more")


# --- the carried state ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("adapter", "value"), [(WORKER_TYPE, state(rejections=[NOTE])), (SHARED_CONFIG, shared())])
def test_carried_state_survives_json(adapter, value):
    assert value == adapter.validate_json(adapter.dump_json(value))


def test_a_state_of_older_code_gets_defaults():
    old = WORKER_TYPE.validate_python({"name": "w", "document": {}, "now": "2026-11-23T10:00:00.000Z"})
    assert WorkerTypeState("w", {}, "2026-11-23T10:00:00.000Z") == old


def test_short_logs_drop_the_oldest():
    entries, answers = [], {}
    for index in range(300):
        keep(entries, index)
        remember_answer(answers, f"u{index}", index)
    assert list(range(300 - KEPT_NOTES, 300)) == entries
    assert [f"u{index}" for index in range(300 - KEPT_ANSWERS, 300)] == list(answers)


def test_old_values_go_when_they_are_too_large_and_old_revisions_when_too_many():
    many, large = shared(), shared()
    for revision in range(2, 60):
        keep_value(many, ValueRevision(revision, [revision], NOW))
        keep_value(large, ValueRevision(revision, "x" * (KEPT_BYTES // 3), NOW))
    assert (KEPT_REVISIONS, KEPT_REVISIONS) == (len(many.values), len(large.values))
    assert [58, 59] == [each.revision for each in large.values if each.kept]
    assert (15, 59, 59) == tuple(many.value_at(each).revision for each in (15, 0, 3))


def test_documents_of_old_revisions_go_when_they_are_too_large_to_carry():
    kept = state(revisions=[])
    for revision in range(1, 60):
        keep_revision(kept, Revision(revision, NOW, document={"description": "x" * (KEPT_BYTES // 3)}))
    assert (KEPT_REVISIONS, [58, 59]) == (len(kept.revisions), [each.revision for each in kept.revisions if each.kept])


@pytest.mark.parametrize(
    ("document_bytes", "happenings", "revisions"),
    [
        pytest.param(100, 1, [1, 2], id="small"),
        pytest.param(KEPT_BYTES // 2, 0, [1, 2], id="what-happened-goes-first"),
        pytest.param(CARRIED_BYTES // 2, 0, [2], id="then-earlier-documents"),
    ],
)
def test_a_state_too_large_to_carry_leaves_behind_what_is_only_looked_at(document_bytes, happenings, revisions):
    documents = [{"description": f"{revision}" * document_bytes} for revision in (1, 2)]
    kept = [Revision(index, NOW, document=each) for index, each in enumerate(documents, 1)]
    asked = tuple("i" * 200 for _ in range(document_bytes // 250))
    full = state(revisions=kept, memory=Memory(asking=asked))
    happened(full, Happening(NOW, "ended", "w" * document_bytes))
    found = WORKER_TYPE.validate_python(carried(full))
    assert (happenings, revisions) == (len(found.happenings), [each.revision for each in found.revisions if each.kept])
    assert (asked, documents[1]) == (found.memory.asking, found.revisions[-1].document)


def test_a_value_too_large_alone_is_still_the_current_one():
    value = shared()
    keep_value(value, ValueRevision(2, "x" * (KEPT_BYTES + 1), NOW))
    assert [(1, False), (2, True)] == [(each.revision, each.kept) for each in value.values]


def launched(index, count=1):
    return Happening(
        NOW,
        "launched",
        "work 4 pending",
        "us-east-1/any/m5.large/onDemand",
        f"k{index}",
        tuple(f"i-{index}-{each}" for each in range(count)),
    )


def test_one_instance_is_explained_from_its_launch_to_its_end():
    gone = Happening(NOW, "ended", "idle, and not needed", "us-east-1", "", ("i-1-0",))
    marks = (Mark("i-1-0", MarkKind.HOLD, NOW, "looking"),)
    boots = (Boot("k1", "h", "p", ("i-1-0",)),)
    told = report.explain_instance(
        state(happenings=[launched(1), gone], memory=Memory(marks=marks, boots=boots)), "i-1-0"
    )
    assert [
        "i-1-0 was launched at 2026-11-23 10:00:00 UTC in us-east-1/any/m5.large/onDemand: work 4 pending",
        "i-1-0 was ended at 2026-11-23 10:00:00 UTC in us-east-1: idle, and not needed",
        "i-1-0 is held since 2026-11-23 10:00:00 UTC: looking",
        "i-1-0 is not up yet",
    ] == told


def test_an_instance_nobody_remembers_is_said_to_be_so():
    assert "nothing is remembered of 'i-9'" in report.explain_instance(state(), "i-9")[0]


def test_of_many_launches_the_last_are_remembered():
    kept = state()
    for index in range(30):
        happened(kept, launched(index, 100))
    assert [f"k{index}" for index in range(10, 30)] == [each.launch_key for each in kept.happenings]


def decision(at=NOW, **changes):
    members = {
        "at": at,
        "state": WmState.STEADY,
        "demand": Demand(),
        "bounds": Bounds(0, 9),
        "counts": Counts(),
        "desired": 0,
        "actual": 0,
        "memory": Memory(),
    }
    return Decision(**{**members, **changes})


def test_a_decision_that_says_the_same_and_does_nothing_is_not_remembered_twice():
    kept = state()
    keep_decision(kept, decision())
    keep_decision(kept, decision())
    keep_decision(kept, decision(terminations=(PlannedTermination("r", "i-1", "idle"),)))
    keep_decision(kept, decision(reasons=(Reason("at-max", "at maxCapacity 9"),)))
    assert [(0, []), (1, []), (0, ["at-max"])] == [
        (each["ended"], [why["kind"] for why in each["why"]]) for each in report.decisions(kept)
    ]
