"""Situations of a worker type as values.

A situation is all that `plan.decide` is given; what it answers is written down in `tests/plans/NAME.txt`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from tests.plan_words import (
    DRAIN_TIMEOUT,
    GONE,
    NOW,
    PENDING,
    STOPPED,
    STOPPING,
    UNKNOWN,
    answered,
    at,
    config,
    draining,
    fleet,
    intent,
    refusal,
    remembering,
    some,
    spec,
    work,
)
from worker_manager.decision import Fleet
from worker_manager.memory import ALL_OFFERINGS, Ended, Memory, Mode
from worker_manager.model import Demand, LaunchResult, Market, Outcome, ResolvedConfig


@dataclass(frozen=True, slots=True)
class Situation:
    """What one decision is made of; `about` says what to look for in its plan."""

    about: str
    config: ResolvedConfig
    fleet: Fleet = field(default_factory=fleet)
    demand: Demand = field(default_factory=work)
    memory: Memory = field(default_factory=remembering)
    now: dt.datetime = NOW


A, B, C = spec("us-west-1a"), spec("us-west-1b"), spec("us-west-1c")
EAST = spec("us-east-1a")
DOUBLE, QUAD = spec(instance_type="m5.xlarge", slots=2), spec(instance_type="m5.2xlarge", slots=4)
KEY_A, KEY_B = A.offering.key, B.offering.key

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
        "fewer came than asked: the rest is asked for again",
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

REFUSALS = {
    "refused-no-capacity": Situation(
        "one offering, dry: half a minute", config(), demand=work(4), memory=answered(Outcome.NO_CAPACITY)
    ),
    "refused-quota": Situation(
        "a quota closes its region", config(0, 100, A, B), demand=work(4), memory=answered(Outcome.QUOTA)
    ),
    "refused-rejected": Situation(
        "a refused launch needs an edit", config(), demand=work(4), memory=answered(Outcome.REJECTED)
    ),
    "refused-credentials": Situation(
        "refused credentials close everything",
        config(0, 100, A, EAST),
        demand=work(4),
        memory=answered(Outcome.CREDENTIALS),
    ),
    "refused-throttled": Situation(
        "throttling closes the region for seconds", config(), demand=work(4), memory=answered(Outcome.THROTTLED)
    ),
    "refused-again": Situation(
        "the fourth refusal waits eight times as long",
        config(),
        demand=work(4),
        memory=answered(Outcome.NO_CAPACITY, refusals=(refusal(KEY_A, until=-1, failures=3),)),
    ),
    "refused-together": Situation(
        "refusals that arrive together do not compound",
        config(),
        demand=work(8),
        memory=remembering(
            intent(4, "k1"),
            intent(4, "k2"),
            results=tuple(LaunchResult(key, Outcome.NO_CAPACITY, message="dry") for key in ("k1", "k2")),
        ),
    ),
    "still-blocked": Situation(
        "not tried before its time", config(), demand=work(4), memory=remembering(refusals=(refusal(KEY_A, until=20),))
    ),
    "probe": Situation(
        "one instance tries what was dry; the rest follows",
        config(),
        demand=work(10),
        memory=remembering(refusals=(refusal(KEY_A, until=0, failures=3),)),
    ),
    "probe-unanswered": Situation(
        "an unanswered probe does not keep a second one from going",
        config(),
        demand=work(10),
        memory=remembering(intent(1), refusals=(refusal(KEY_A, until=0, failures=3),)),
    ),
    "probe-succeeded": Situation(
        "success forgives: the rest at once",
        config(),
        demand=work(10),
        memory=answered(Outcome.LAUNCHED, "i-000", refusals=(refusal(KEY_A, until=-1, failures=3),)),
    ),
    "one-zone-full": Situation(
        "the other zones take over", config(0, 100, A, B, C), demand=work(6), memory=answered(Outcome.NO_CAPACITY)
    ),
    "one-zone-probed": Situation(
        "one probe in the dry zone, the rest elsewhere",
        config(0, 100, A, B),
        demand=work(9),
        memory=remembering(refusals=(refusal(KEY_A, until=-1),)),
    ),
    "quota-in-one-region": Situation(
        "the other region takes it all", config(0, 100, A, B, EAST), demand=work(9), memory=answered(Outcome.QUOTA)
    ),
    "dry-everywhere": Situation(
        "every offering refused: each with its time",
        config(0, 100, A, B),
        demand=work(9),
        memory=remembering(refusals=(refusal(KEY_A, until=240, failures=4), refusal(KEY_B, until=30))),
    ),
    "dry-everywhere-below-min": Situation(
        "the minimum is not met, and says why",
        config(5),
        fleet(some(2)),
        memory=remembering(refusals=(refusal(KEY_A, until=30),)),
    ),
    "refused-but-not-needed": Situation(
        "a refusal without unmet work holds nothing",
        config(1),
        fleet(some(1)),
        work(0, 1),
        remembering(refusals=(refusal(KEY_A, until=30),)),
    ),
    "edit-clears-a-rejection": Situation(
        "new settings are tried at once, a dry zone stays dry",
        config(0, 100, A, B, config_hash="c2"),
        demand=work(4),
        memory=remembering(refusals=(refusal(KEY_A, until=900, outcome=Outcome.REJECTED), refusal(KEY_B, until=30))),
    ),
    "credentials-probed": Situation(
        "credentials may be rotated: one instance an offering tries",
        config(0, 100, A, EAST),
        demand=work(10),
        memory=remembering(refusals=(refusal(ALL_OFFERINGS, until=-1, outcome=Outcome.CREDENTIALS, failures=2),)),
    ),
}

PLACES = {
    "spread-over-zones": Situation("every zone its share", config(0, 100, A, B, C), demand=work(13)),
    "spread-over-regions": Situation("regions in turn", config(0, 100, A, B, EAST), demand=work(8)),
    "few-in-one-call": Situation("four are not worth two calls", config(0, 100, A, B, C), demand=work(4)),
    "emptiest-zone-first": Situation("where few are", config(0, 100, A, B), fleet(some(4)), work(3, 4)),
    "intents-fill-a-zone": Situation(
        "what was asked for counts where it was", config(0, 100, A, B), demand=work(7), memory=remembering(intent(4))
    ),
    "zone-left-to-the-cloud": Situation(
        "a region without zones", config(0, 100, spec("us-west-1", market=Market.SPOT)), demand=work(3)
    ),
    "more-than-one-call-takes": Situation("a hundred a call, the rest follows", config(0, 1000), demand=work(250)),
    "two-types-in-one-zone": Situation(
        "document order decides", config(0, 100, A, spec(instance_type="c5.large")), demand=work(9)
    ),
}

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
        "a surplus is timed from its first moment", config(scale_in="oldestFirst"), fleet(some(5)), work(0, 2)
    ),
    "oldest-first-cooling": Situation(
        "the cool-down is not over; who asks goes",
        config(scale_in="oldestFirst"),
        fleet(some(5)),
        work(0, 2),
        remembering(surplus_since=at(-200), asking=("i-004",)),
    ),
    "oldest-first-cooled-down": Situation(
        "the oldest of the surplus go",
        config(scale_in="oldestFirst"),
        fleet(some(5)),
        work(0, 2),
        remembering(surplus_since=at(-300)),
    ),
    "surplus-ended-by-work": Situation(
        "new work ends the surplus and its clock",
        config(scale_in="oldestFirst"),
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

SITUATIONS: dict[str, Situation] = DEMAND | EDGES | SLOTS | INTENTS | REFUSALS | PLACES | LEAVING | STATES | MODES
