"""How launches come up: registration, time-outs, brakes, settings that are not proven yet, and the pace."""

from __future__ import annotations

from dataclasses import replace

from tests.plan_cases.situation import A, Situation
from tests.plan_words import (
    GONE,
    PENDING,
    UNKNOWN,
    boot,
    brake,
    config,
    fleet,
    intent,
    marked,
    moved,
    remembering,
    some,
    spec,
    told,
    work,
)
from worker_manager.memory import MarkKind, ReportKind
from worker_manager.policies import Brakes

REGISTER = {"registration_timeout_seconds": 600.0}


def registering(low=0, high=100, *specs, **changes):
    """A config whose workers must register within ten minutes."""
    return config(low, high, *specs, lifecycle={**REGISTER, **changes.pop("lifecycle", {})}, **changes)


REGISTRATION = {
    "registering": Situation(
        "runs, and has not registered: on its way, no supply of work yet",
        registering(),
        fleet(some(2)),
        work(2),
        remembering(boots=(boot("i-000", "i-001"),)),
    ),
    "registered": Situation(
        "one registers and is live; the other is waited for",
        registering(),
        fleet(some(2)),
        work(2),
        remembering(boots=(boot("i-000", "i-001"),), reports=told(ReportKind.REGISTERED, "i-001")),
    ),
    "registration-timed-out": Situation(
        "ten minutes after its boot: ended and replaced, one failure",
        registering(2),
        fleet(some(2)),
        work(2),
        remembering(boots=(boot("i-000", since=-600), boot("i-001", key="k1")), proven=("new",)),
    ),
    "registered-before-listed": Situation(
        "faster than the listing: remembered until the listing shows it",
        registering(),
        demand=work(1),
        memory=remembering(
            intent(1, ids=("i-000",)),
            boots=(boot(key="k1", waiting=("i-000",)),),
            reports=told(ReportKind.REGISTERED, "i-000"),
        ),
    ),
    "registered-while-listed-as-pending": Situation(
        "the listing lags: remembered until it shows the instance running",
        registering(),
        fleet(some(1, PENDING)),
        work(1),
        remembering(boots=(boot(waiting=("i-000",)),), reports=told(ReportKind.REGISTERED, "i-000")),
    ),
    "registration-not-expected": Situation(
        "without registrationTimeout whatever runs is live",
        config(),
        fleet(some(2)),
        work(2),
        remembering(boots=(boot("i-000", "i-001"),)),
    ),
    "registration-in-an-unknown-state": Situation(
        "a state unknown to us is no failure, whatever the time",
        registering(),
        fleet(some(1, UNKNOWN)),
        work(1),
        remembering(boots=(boot("i-000", since=-900),)),
    ),
    "worker-failed-while-booting": Situation(
        "it says that it cannot work: ended and replaced at once, one failure",
        registering(),
        fleet(some(1)),
        work(1),
        remembering(
            boots=(boot("i-000"),), reports=told(ReportKind.FAILED, "i-000", reason="no disk"), proven=("new",)
        ),
    ),
    "worker-failed-later": Situation(
        "one that was up breaks: ended and replaced at once, no failure to come up",
        registering(2),
        fleet(some(2)),
        work(0, 2),
        remembering(reports=told(ReportKind.FAILED, "i-001", reason="disk full")),
    ),
    "worker-failed-and-lives-on": Situation(
        "its end was ordered and failed: ended again, never counted as live",
        registering(1),
        fleet(some(1)),
        work(0, 0),
        remembering(marks=marked(MarkKind.FAILED, "i-000", why="its worker reported a failure: disk full")),
    ),
    "launch-timed-out": Situation(
        "pending for fifteen minutes: ended and replaced, one failure",
        registering(),
        fleet(some(1, PENDING, age=900)),
        work(1),
        remembering(boots=(boot(waiting=("i-000",)),), proven=("new",)),
    ),
    "ended-while-booting": Situation(
        "somebody or the cloud ended it before it was up: one failure, replaced",
        registering(),
        fleet(some(1, GONE)),
        work(1),
        remembering(boots=(boot("i-000"),), proven=("new",)),
    ),
    "launched-and-never-listed": Situation(
        "the cloud said that it launched it and never showed it: one failure, replaced",
        registering(),
        demand=work(1),
        memory=remembering(
            intent(1, ids=("i-000",), settles=0), boots=(boot(key="k1", waiting=("i-000",)),), proven=("new",)
        ),
    ),
}

THREE_LATE = (boot("i-000", "i-001", "i-002", since=-600),)
OTHER = spec("us-west-1b", settings="other")

BRAKES = {
    "brake-not-yet": Situation(
        "two failures are told and nothing is held",
        registering(),
        fleet(some(2)),
        work(2),
        remembering(boots=(boot("i-000", "i-001", since=-600),), proven=("new",)),
    ),
    "brake-trips": Situation(
        "the third of the same settings: held for a minute, and says what to look at",
        registering(3),
        fleet(some(3)),
        work(3),
        remembering(boots=THREE_LATE),
    ),
    "brake-holds": Situation(
        "nothing is launched before its time",
        registering(3),
        demand=work(9),
        memory=remembering(brakes=(brake("new", 3, opens=40),)),
    ),
    "brake-probes": Situation(
        "its time has come: a single instance",
        registering(),
        demand=work(9),
        memory=remembering(brakes=(brake("new", 3, opens=0),)),
    ),
    "brake-waits-for-its-probe": Situation(
        "the probe boots: no second one, and the sentence does not name a time that is past",
        registering(),
        fleet(some(1, PENDING)),
        work(9),
        remembering(boots=(boot(waiting=("i-000",)),), brakes=(brake("new", 3, opens=-60),)),
    ),
    "brake-probe-failed": Situation(
        "held twice as long",
        registering(),
        fleet(some(1)),
        work(9),
        remembering(boots=(boot("i-000", since=-600),), brakes=(brake("new", 3, opens=-900),)),
    ),
    "brake-released": Situation(
        "the probe registers: all the rest at once",
        registering(),
        fleet(some(1)),
        work(9),
        remembering(
            boots=(boot("i-000"),),
            brakes=(brake("new", 3, opens=-60), brake("", 3)),
            reports=told(ReportKind.REGISTERED, "i-000"),
        ),
    ),
    "brake-of-one-place": Situation(
        "the other place has other settings and takes it all",
        registering(0, 100, A, OTHER),
        demand=work(9),
        memory=remembering(brakes=(brake("new", 3, opens=40), brake("", 3)), proven=("other",)),
    ),
    "brake-of-all": Situation(
        "the budget is used up by many settings: nothing anywhere",
        registering(0, 100, A, OTHER),
        fleet(some(1)),
        work(9, 1),
        remembering(brakes=(brake("", 10, opens=40), brake("new", 2), brake("other", 2))),
    ),
    "brake-released-by-an-edit": Situation(
        "new settings start with a clean slate, up to what may be unproven",
        replace(registering(0, 100, spec(settings="mended")), config_hash="c2"),
        demand=work(40),
        memory=remembering(brakes=(brake("new", 12, opens=900, trips=4), brake("", 12, opens=900, trips=4))),
    ),
    "brake-and-work-for-the-old": Situation(
        "what is up goes on working, and its surplus may go",
        registering(),
        fleet(some(3)),
        work(0, 2),
        remembering(brakes=(brake("other", 3, opens=40),), asking=("i-002",)),
    ),
}

UNPROVEN = {
    "unproven-first": Situation("forty wanted: ten to see whether they register", registering(), demand=work(40)),
    "unproven-waits": Situation(
        "ten boot: nothing more before one registers",
        registering(),
        fleet(some(10, PENDING)),
        work(40),
        remembering(boots=(boot(waiting=[f"i-{number:03}" for number in range(10)]),)),
    ),
    "unproven-follow": Situation(
        "one has registered: all the rest at once",
        registering(),
        fleet(some(10)),
        work(40),
        remembering(
            boots=(boot(*(f"i-{number:03}" for number in range(10))),), reports=told(ReportKind.REGISTERED, "i-004")
        ),
    ),
    "unproven-failures-count": Situation(
        "two failed and three boot: five more",
        registering(),
        fleet(some(3, PENDING)),
        work(40),
        remembering(boots=(boot(waiting=("i-000", "i-001", "i-002")),), brakes=(brake("new", 2), brake("", 2))),
    ),
    "unproven-intents-count": Situation(
        "six asked for: four more",
        registering(),
        demand=work(40),
        memory=remembering(replace(intent(6), settings_hash="new")),
    ),
    "proven-by-the-listing": Situation(
        "one of the same settings is up: nothing to prove", registering(), fleet(some(1)), work(40, 1)
    ),
    "unproven-below-min": Situation("the minimum waits for the first ones, too", registering(30)),
    "unproven-by-setting": Situation(
        "a worker type may set how many", registering(brakes=Brakes(unproven_instances=2)), demand=work(40)
    ),
}

PACE = {
    "launch-pace": Situation(
        "three of five a minute were launched half a minute ago: two now",
        config(brakes=Brakes(launches_per_minute=5)),
        demand=work(9),
        memory=remembering(moved=(moved(-30, launched=3),)),
    ),
    "launch-pace-used-up": Situation(
        "none now; looked at again when the minute is over",
        config(brakes=Brakes(launches_per_minute=5)),
        fleet(some(5, PENDING)),
        work(9),
        remembering(moved=(moved(-50, launched=2), moved(-30, launched=3), moved(-90, launched=5))),
    ),
    "termination-pace": Situation(
        "two of five go now, the rest follows",
        config(brakes=Brakes(terminations_per_minute=2)),
        fleet(some(5)),
        work(0, 0),
    ),
    "termination-pace-failures-first": Situation(
        "what failed goes before what is merely too many",
        registering(brakes=Brakes(terminations_per_minute=1)),
        fleet(some(3)),
        work(0, 0),
        remembering(reports=told(ReportKind.FAILED, "i-002", reason="disk full")),
    ),
    "termination-pace-failures-wait": Situation(
        "a second that timed out is remembered as failed, and not counted as live",
        registering(2, brakes=Brakes(terminations_per_minute=1)),
        fleet(some(2)),
        work(2),
        remembering(boots=(boot("i-000", "i-001", since=-600),), proven=("new",)),
    ),
}

SITUATIONS: dict[str, Situation] = REGISTRATION | BRAKES | UNPROVEN | PACE
