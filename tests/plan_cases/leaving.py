"""Who goes and who stays: surplus, states of instances, marks, pause and drain."""

from __future__ import annotations

from tests.plan_cases.situation import Situation
from tests.plan_words import (
    DRAIN_TIMEOUT,
    GONE,
    PENDING,
    STOPPED,
    STOPPING,
    UNKNOWN,
    at,
    boot,
    config,
    draining,
    fleet,
    intent,
    marked,
    remembering,
    some,
    told,
    work,
)
from worker_manager.memory import Ended, MarkKind, Mode, ReportKind
from worker_manager.model import Demand

LEAVING = {
    "may-go": Situation(
        "who asks may go; the others are waited for",
        config(),
        fleet(some(6)),
        work(0, 2),
        remembering(asking=("i-003",)),
    ),
    "may-not-go-at-min": Situation(
        "the minimum bars who asks", config(3), fleet(some(3)), work(0, 1), remembering(asking=("i-000",))
    ),
    "more-ask-than-may": Situation(
        "the oldest of those that ask",
        config(2),
        fleet(some(4)),
        work(0, 1),
        remembering(asking=("i-003", "i-002", "i-001")),
    ),
    "may-go-while-work-waits": Situation(
        "work waits: who asks stays", config(), fleet(some(2)), work(2, 0), remembering(asking=("i-000",))
    ),
    "a-stranger-asks": Situation(
        "an instance that is not listed", config(), fleet(some(2)), work(0, 1), remembering(asking=("i-999",))
    ),
    "oldest-first-begins": Situation(
        "a surplus is timed from its first moment",
        config(lifecycle={"scale_in": "oldestFirst"}),
        fleet(some(5)),
        work(0, 2),
    ),
    "oldest-first-cooling": Situation(
        "the cool-down is not over; who asks goes",
        config(lifecycle={"scale_in": "oldestFirst"}),
        fleet(some(5)),
        work(0, 2),
        remembering(surplus_since=at(-200), asking=("i-004",)),
    ),
    "oldest-first-cooled-down": Situation(
        "the oldest of the surplus drain",
        config(lifecycle={"scale_in": "oldestFirst"}),
        fleet(some(5)),
        work(0, 2),
        remembering(surplus_since=at(-300)),
    ),
    "surplus-ended-by-work": Situation(
        "new work ends the surplus and its clock",
        config(lifecycle={"scale_in": "oldestFirst"}),
        fleet(some(5)),
        work(0, 5),
        remembering(surplus_since=at(-299)),
    ),
    "booting-leaves-last": Situation(
        "what boots was launched for newer work", config(2), fleet(some(2, PENDING), some(2, first=5)), work(0, 0)
    ),
    "stale-listing": Situation(
        "ended but still listed: not counted, not ended again",
        config(1),
        fleet(some(3)),
        work(0, 0),
        remembering(ended=(Ended("i-000", at(60)), Ended("i-001", at(60)))),
    ),
    "stale-listing-and-work": Situation(
        "ended but still listed: not there for new work",
        config(),
        fleet(some(3)),
        work(3, 0),
        remembering(ended=(Ended("i-000", at(60)), Ended("i-001", at(60)))),
    ),
    "ended-but-lives-on": Situation(
        "too late for a stale listing: ended again",
        config(),
        fleet(some(1)),
        work(0, 0),
        remembering(ended=(Ended("i-000", at(-1)),)),
    ),
}

STATES = {
    "stopped": Situation(
        "never started again: ended", config(1), fleet(some(1), some(2, STOPPED, first=5)), work(0, 1)
    ),
    "stopped-holds-its-place": Situation(
        "replaced once it is gone", config(2), fleet(some(1), some(1, STOPPED, first=5)), work(0, 1)
    ),
    "unknown-state": Situation(
        "counts as live, kept and told", config(2), fleet(some(1), some(1, UNKNOWN, first=5)), work(0, 2)
    ),
    "unknown-state-without-work": Situation(
        "said to be kept, yet it goes with the others", config(), fleet(some(1, UNKNOWN, first=5)), work(0, 0)
    ),
    "interrupted": Situation(
        "gone ones are replaced at once", config(), fleet(some(2), some(2, GONE, first=5)), work(2, 2)
    ),
    "drift": Situation(
        "told, kept while busy", config(2), fleet(some(1), some(3, first=5, settings="old")), work(0, 4)
    ),
    "drift-leaves-first": Situation(
        "drifted before older ones", config(2), fleet(some(2), some(2, first=5, settings="old")), work(0, 0)
    ),
}

MODES = {
    "paused-with-work": Situation(
        "nothing is launched", config(5), fleet(some(2)), work(9, 2), remembering(mode=Mode.PAUSED, mode_since=at(-60))
    ),
    "paused-with-surplus": Situation(
        "nothing is ended",
        config(),
        fleet(some(4), some(1, STOPPED, first=9)),
        work(0, 0),
        remembering(mode=Mode.PAUSED, mode_since=at(-60), asking=("i-000",)),
    ),
    "paused-with-intent": Situation(
        "an intent still settles", config(), demand=work(4), memory=remembering(intent(4), mode=Mode.PAUSED)
    ),
    "drain-busy": Situation("who runs work is waited for", config(2), fleet(some(3)), work(5, 3), draining()),
    "drain-idle-one": Situation("who asks goes", config(2), fleet(some(3)), work(5, 3), draining(asking=("i-001",))),
    "drain-nothing-runs": Situation("nothing is claimed: all go", config(2), fleet(some(3)), work(5, 0), draining()),
    "drain-forced": Situation("busy or not", config(2), fleet(some(3)), work(5, 3), draining(force=True)),
    "drain-out-of-time": Situation(
        "the drain timeout is over", config(2), fleet(some(3)), work(5, 3), draining(since=-DRAIN_TIMEOUT)
    ),
    "drain-unknown-demand": Situation(
        "never reported: nobody is known to be idle", config(2), fleet(some(1)), Demand(), draining()
    ),
    "drain-with-intent": Situation("a launch may still appear", config(2), demand=work(5), memory=draining(intent(2))),
    "drain-last-stopping": Situation(
        "the last one is ending", config(2), fleet(some(1, STOPPING)), work(5, 1), draining()
    ),
    "drain-stopped": Situation(
        "a stopped one is ended too", config(2), fleet(some(1, STOPPED)), work(5, 1), draining()
    ),
    "drain-finished": Situation("nothing listed, no intent", config(2), fleet(some(2, GONE)), work(5, 1), draining()),
}

OLDEST = {"scale_in": "oldestFirst"}
COOLED = at(-400)


OLDEST_FIRST = {
    "oldest-first-drains": Situation(
        "the oldest are marked and taken no new notice of; they end when they ask or out of time",
        config(lifecycle=OLDEST),
        fleet(some(5)),
        work(0, 3),
        remembering(surplus_since=COOLED, marks=marked(MarkKind.DRAIN, "i-000", "i-001", why="surplus")),
    ),
    "oldest-first-drained-asks": Situation(
        "one that drains asks and goes",
        config(lifecycle=OLDEST),
        fleet(some(5)),
        work(0, 3),
        remembering(
            surplus_since=COOLED, marks=marked(MarkKind.DRAIN, "i-000", "i-001", why="surplus"), asking=("i-001",)
        ),
    ),
    "oldest-first-taken-back": Situation(
        "work again: nobody drains any more",
        config(lifecycle=OLDEST),
        fleet(some(5)),
        work(0, 5),
        remembering(surplus_since=COOLED, marks=marked(MarkKind.DRAIN, "i-000", "i-001", why="surplus")),
    ),
    "oldest-first-taken-back-in-part": Situation(
        "some work again: one drains still, since when it did",
        config(lifecycle=OLDEST),
        fleet(some(5)),
        work(0, 4),
        remembering(surplus_since=COOLED, marks=marked(MarkKind.DRAIN, "i-000", "i-001", why="surplus")),
    ),
    "oldest-first-out-of-time": Situation(
        "an hour has passed: ended although it may be busy, and says so",
        config(lifecycle=OLDEST),
        fleet(some(5)),
        work(0, 4),
        remembering(surplus_since=COOLED, marks=marked(MarkKind.DRAIN, "i-000", since=-DRAIN_TIMEOUT, why="surplus")),
    ),
}

KEEPS_IDLE = {"max_idle_seconds": 600.0}

IDLE = {
    "max-idle-begins": Situation(
        "no work: kept for ten minutes, and until when", config(lifecycle=KEEPS_IDLE), fleet(some(3)), work(0, 0)
    ),
    "max-idle-is-over": Situation(
        "no work for ten minutes: all go",
        config(lifecycle=KEEPS_IDLE),
        fleet(some(3)),
        work(0, 0),
        remembering(no_work_since=at(-600)),
    ),
    "max-idle-asks": Situation(
        "one is idle and not needed: it stays for ten minutes, and until when",
        config(lifecycle=KEEPS_IDLE),
        fleet(some(3)),
        work(0, 2),
        remembering(asking=("i-002",)),
    ),
    "max-idle-asks-again": Situation(
        "it has been idle for ten minutes: it goes",
        config(lifecycle=KEEPS_IDLE),
        fleet(some(3)),
        work(0, 2),
        remembering(asking=("i-002",), idle_since={"i-002": at(-600)}),
    ),
    "max-idle-work-again": Situation(
        "work again: the clock of no work starts anew",
        config(lifecycle=KEEPS_IDLE),
        fleet(some(3)),
        work(0, 3),
        remembering(no_work_since=at(-500)),
    ),
}

MARKS = {
    "hold": Situation(
        "kept although there is no work; the others go",
        config(),
        fleet(some(3)),
        work(0, 0),
        remembering(reports=told(ReportKind.HOLD, "i-001", reason="to look at its disk")),
    ),
    "hold-asks": Situation(
        "it asks and stays",
        config(),
        fleet(some(3)),
        work(0, 2),
        remembering(marks=marked(MarkKind.HOLD, "i-001"), asking=("i-001",)),
    ),
    "hold-of-a-booting-one": Situation(
        "it does not register and is not ended for that, as it is held",
        config(lifecycle={"registration_timeout_seconds": 600.0}),
        fleet(some(1)),
        work(1),
        remembering(marks=marked(MarkKind.HOLD, "i-000"), boots=(boot("i-000", since=-900),)),
    ),
    "hold-stopped": Situation(
        "a person stopped it: kept, and replaced",
        config(2),
        fleet(some(1), some(1, STOPPED, first=5)),
        work(0, 1),
        remembering(marks=marked(MarkKind.HOLD, "i-005")),
    ),
    "hold-whose-worker-fails": Situation(
        "kept for the person who holds it, but replaced",
        config(2),
        fleet(some(2)),
        work(0, 2),
        remembering(marks=marked(MarkKind.HOLD, "i-001"), reports=told(ReportKind.FAILED, "i-001", reason="disk full")),
    ),
    "quarantine": Situation(
        "kept, no supply, and replaced at once",
        config(),
        fleet(some(3)),
        work(0, 3),
        remembering(reports=told(ReportKind.QUARANTINE, "i-001", reason="wrong results")),
    ),
    "quarantine-at-max": Situation(
        "it takes room below the maximum, so that nothing replaces it: says so",
        config(0, 3),
        fleet(some(3)),
        work(1, 2),
        remembering(marks=marked(MarkKind.QUARANTINE, "i-001")),
    ),
    "quarantine-below-min": Situation(
        "the minimum is kept without it",
        config(2),
        fleet(some(2)),
        work(0, 0),
        remembering(marks=marked(MarkKind.QUARANTINE, "i-001")),
    ),
    "released": Situation(
        "counts again, and goes as the others do",
        config(1),
        fleet(some(2)),
        work(0, 0),
        remembering(marks=marked(MarkKind.QUARANTINE, "i-000"), reports=told(ReportKind.RELEASE, "i-000")),
    ),
    "interrupted-told": Situation(
        "the cloud takes it in two minutes: replaced at once, ended by nobody here",
        config(),
        fleet(some(3)),
        work(0, 3),
        remembering(reports=told(ReportKind.INTERRUPTED, "i-001", reason="spot interruption notice")),
    ),
    "interrupted-and-not-needed": Situation(
        "work for two: the other two do it",
        config(),
        fleet(some(3)),
        work(0, 2),
        remembering(marks=marked(MarkKind.INTERRUPTED, "i-001")),
    ),
    "hold-of-a-stranger": Situation(
        "an instance that no listing shows yet: remembered for a while",
        config(1),
        fleet(some(1)),
        work(0, 1),
        remembering(reports=told(ReportKind.HOLD, "i-999")),
    ),
    "drain-held": Situation(
        "a drain does not end what is held, and says who must act",
        config(),
        fleet(some(2)),
        work(0, 0),
        draining(marks=marked(MarkKind.HOLD, "i-001")),
    ),
    "drain-quarantined": Situation(
        "what is in quarantine stays in a drain as well, and says who must act",
        config(),
        fleet(some(1)),
        work(0, 0),
        draining(marks=marked(MarkKind.QUARANTINE, "i-000")),
    ),
    "drain-forced-held": Situation(
        "by force all end, once each",
        config(),
        fleet(some(4)),
        work(0, 0),
        draining(
            force=True,
            marks=(
                *marked(MarkKind.HOLD, "i-001"),
                *marked(MarkKind.QUARANTINE, "i-002"),
                *marked(MarkKind.FAILED, "i-003", why="its worker reported a failure: disk full"),
            ),
        ),
    ),
    "paused-with-a-failure": Situation(
        "paused: what failed is not ended either, and does not count",
        config(2),
        fleet(some(2)),
        work(0, 2),
        remembering(mode=Mode.PAUSED, reports=told(ReportKind.FAILED, "i-001", reason="disk full")),
    ),
}

SITUATIONS: dict[str, Situation] = LEAVING | STATES | MODES | OLDEST_FIRST | IDLE | MARKS
