"""How much: demand, bounds, slots, and launches under way."""

from __future__ import annotations

from tests.plan_cases.situation import DOUBLE, QUAD, A, Situation
from tests.plan_words import (
    GONE,
    PENDING,
    STOPPING,
    answered,
    at,
    config,
    fleet,
    intent,
    remembering,
    some,
    work,
)
from worker_manager.model import Demand, LaunchResult, Outcome
from worker_manager.policies import ScheduleEntry

DEMAND = {
    "at-rest": Situation("as much as the work needs: nothing to do", config(2), fleet(some(2)), work(0, 2)),
    "empty-fleet-and-work": Situation("everything is launched at once", config(), demand=work(10)),
    "idle-takes-the-work": Situation("idle slots take what waits", config(), fleet(some(5)), work(3, 2)),
    "busy-takes-none": Situation("a busy fleet is no supply", config(), fleet(some(5)), work(3, 5)),
    "partly-idle": Situation("only what no idle slot takes", config(), fleet(some(5)), work(5, 3)),
    "total-only": Situation("a source that knows only a total", config(), fleet(some(3)), work(7)),
    "claimed-more-than-live": Situation("others run the work: no launch", config(), fleet(some(2)), work(0, 50)),
    "never-reported": Situation("nothing known: the minimum, nobody idle", config(2), fleet(some(4)), Demand()),
    "work-falls-when-idle": Situation("a surplus waits for idle workers", config(), fleet(some(6)), work(0, 2)),
    "no-work-at-all": Situation("all but the minimum go at once, oldest first", config(2), fleet(some(5)), work(0, 0)),
    "ratio-half": Situation("half of what waits", config(ratio=0.5), demand=work(100)),
    "ratio-half-booting": Situation(
        "no more while the half boots", config(ratio=0.5), fleet(some(50, PENDING)), work(100)
    ),
    "ratio-half-requested": Situation(
        "what is requested counts once, outside the ratio",
        config(ratio=0.5),
        demand=work(100),
        memory=remembering(intent(40)),
    ),
    "ratio-tenth-rounds-up": Situation("a tenth of one is one", config(ratio=0.1), demand=work(1)),
    "ratio-half-does-not-flap": Situation(
        "two live for one running and one waiting: both stay although one asks",
        config(ratio=0.5),
        fleet(some(2)),
        work(1, 1),
        remembering(asking=("i-001",)),
    ),
    "ratio-half-keeps-claimed": Situation(
        "claimed work is no surplus at any ratio",
        config(ratio=0.5),
        fleet(some(10)),
        work(0, 10),
        remembering(asking=("i-000",)),
    ),
}

EDGES = {
    "below-min": Situation("the minimum is kept without work", config(3), fleet(some(1)), work(0, 0)),
    "min-zero-no-work": Situation("an empty fleet at rest", config(), demand=work(0, 0)),
    "min-is-max": Situation(
        "one size: the dead are replaced", config(3, 3), fleet(some(2), some(1, GONE, first=9)), work(9, 2)
    ),
    "at-max": Situation("the rest of the work must wait", config(0, 3), fleet(some(3)), work(7, 3)),
    "reaching-max": Situation("launched up to the maximum, and what must wait", config(0, 10), demand=work(99)),
    "above-lowered-max": Situation(
        "an edit lowered the maximum: idle ones go",
        config(0, 2),
        fleet(some(5)),
        work(9, 3),
        remembering(asking=("i-004",)),
    ),
    "max-zero": Situation("a maximum of zero launches nothing", config(0, 0), demand=work(5)),
    "stopping-below-max": Situation(
        "what is stopping holds its place below the maximum",
        config(0, 7),
        fleet(some(5), some(2, STOPPING, first=9)),
        work(4, 5),
    ),
    "stopping-fills-min": Situation(
        "what is stopping fills the minimum until gone", config(2), fleet(some(2, STOPPING)), work()
    ),
}

SLOTS = {
    "two-slots-rounded-up": Situation("five slots are three doubles", config(0, 100, DOUBLE), demand=work(5)),
    "two-slots-below-max": Situation("never rounded up beyond the maximum", config(0, 5, DOUBLE), demand=work(9)),
    "two-slots-min-no-fit": Situation("a minimum no whole instance reaches", config(3, 3, DOUBLE), demand=work()),
    "no-fit": Situation("no instance type fits below the maximum", config(0, 1, QUAD), demand=work(1)),
    "large-and-small": Situation("a small type takes the last slot", config(0, 5, QUAD, A), demand=work(5)),
    "surplus-smaller-than-instance": Situation(
        "two spare slots of an instance of four are no surplus",
        config(0, 100, QUAD),
        fleet(some(2, of=QUAD)),
        work(6, 0),
        remembering(asking=("i-000",)),
    ),
    "slots-of-a-busy-fleet": Situation(
        "slots, not instances, meet the work", config(0, 100, DOUBLE), fleet(some(3, of=DOUBLE)), work(2, 5)
    ),
}

INTENTS = {
    "booting-counts": Situation("what boots is on its way", config(), fleet(some(4, PENDING)), work(4)),
    "intent-unseen": Situation(
        "P 100, R 40: 60 more", config(0, 1000), demand=work(100), memory=remembering(intent(40))
    ),
    "intent-min": Situation("minimum 2, one requested: one more", config(2), memory=remembering(intent(1))),
    "intent-partly-seen": Situation(
        "three of ten are listed, seven still count",
        config(),
        fleet(some(3, PENDING, key="k1")),
        work(10),
        remembering(intent(10)),
    ),
    "intent-unknown-answer": Situation(
        "a launch without an answer stays reserved", config(), demand=work(4), memory=answered(Outcome.UNKNOWN)
    ),
    "intent-answered-unlisted": Situation(
        "the ids are known, no listing shows them yet",
        config(),
        demand=work(4),
        memory=answered(Outcome.LAUNCHED, "i-000", "i-001", "i-002", "i-003"),
    ),
    "intent-answered-with-fewer": Situation(
        "fewer came than asked, so there are no more: the rest is asked for later",
        config(),
        demand=work(4),
        memory=answered(Outcome.LAUNCHED, "i-000"),
    ),
    "intent-settled-seen": Situation(
        "seen at last: no longer an intent",
        config(2),
        fleet(some(2, key="k1")),
        memory=remembering(intent(2, settles=0)),
    ),
    "intent-lost": Situation("a launch that came to nothing", config(2), memory=remembering(intent(2, settles=0))),
    "intent-is-no-surplus": Situation(
        "should it come to nothing, what is listed is all",
        config(4),
        fleet(some(4)),
        work(0, 0),
        remembering(intent(4)),
    ),
    "late-answer-of-a-forgotten-launch": Situation(
        "an answer to no intent changes nothing",
        config(1),
        fleet(some(1)),
        work(0, 1),
        remembering(results=(LaunchResult("k9", Outcome.NO_CAPACITY),)),
    ),
}


def _scheduled(cron, hours, low=None, high=None, zone="UTC"):
    return (ScheduleEntry(cron, zone, hours * 3600.0, low, high, "office hours"),)


SCHEDULE = {
    "schedule-raises-min": Situation(
        "kept warm from 8 to 18 on working days: says so, and until when",
        config(0, 100, schedule=_scheduled("0 8 * * 1-5", 10, low=5)),
        fleet(some(2)),
        work(0, 0),
    ),
    "schedule-caps-max": Situation(
        "the cap is why work waits, and it ends by itself at 11",
        config(0, 100, schedule=_scheduled("0 9 * * *", 2, high=3)),
        fleet(some(3)),
        work(9, 3),
    ),
    "schedule-caps-below-what-runs": Situation(
        "busy ones above the cap stay, an idle one goes",
        config(0, 100, schedule=_scheduled("0 9 * * *", 2, high=2)),
        fleet(some(5)),
        work(0, 4),
        remembering(asking=("i-003",)),
    ),
    "schedule-caps-below-min": Situation(
        "a cap beats the minimum",
        config(5, 100, schedule=_scheduled("0 9 * * *", 2, high=2)),
        fleet(some(1)),
        work(0, 0),
    ),
    "schedule-zero": Situation(
        "a cap of zero empties the fleet",
        config(3, 100, schedule=_scheduled("0 9 * * *", 2, high=0)),
        fleet(some(3)),
        work(0, 0),
    ),
    "schedule-not-yet": Situation(
        "looked at again when it begins, at 11",
        config(0, 100, schedule=_scheduled("0 11 * * *", 2, low=5)),
        demand=work(0, 0),
    ),
    "schedule-over": Situation(
        "what it kept is a surplus from now on; next it begins tomorrow at 9 in Berlin, which is 8 UTC",
        config(0, 100, schedule=_scheduled("0 9 * * *", 2, low=5, zone="Europe/Berlin")),
        fleet(some(5)),
        work(0, 2),
    ),
}


def _read(seconds, pending, claimed):
    return Demand(pending, claimed, at(-seconds))


STALE = {
    "stale-demand": Situation(
        "nothing is launched for what an old reading said",
        config(0, 100, demand_max_age_seconds=120.0),
        fleet(some(3)),
        _read(300, 50, 3),
    ),
    "stale-demand-below-min": Situation(
        "the minimum is kept whatever was read",
        config(5, 100, demand_max_age_seconds=120.0),
        fleet(some(3)),
        _read(300, 50, 3),
    ),
    "stale-demand-and-a-surplus": Situation(
        "nobody is ended for an old reading, not even who asks",
        config(1, 100, demand_max_age_seconds=120.0),
        fleet(some(5)),
        _read(300, 0, 0),
        remembering(asking=("i-002",)),
    ),
    "stale-demand-to-be": Situation(
        "fresh still: looked at again when it will not be",
        config(0, 100, demand_max_age_seconds=120.0),
        fleet(some(3)),
        _read(100, 0, 3),
    ),
}

SITUATIONS: dict[str, Situation] = DEMAND | EDGES | SLOTS | INTENTS | SCHEDULE | STALE
