"""How instances are replaced: settings that changed, lifetimes that are over, and what a rollout waits for."""

from __future__ import annotations

from dataclasses import replace

from tests.plan_cases.situation import A, Situation
from tests.plan_cases.starting import registering
from tests.plan_words import (
    DRAIN_TIMEOUT,
    PENDING,
    STOPPING,
    at,
    boot,
    brake,
    closed,
    config,
    fleet,
    intent,
    marked,
    remembering,
    some,
    spec,
    work,
)
from worker_manager.memory import MarkKind
from worker_manager.model import Demand
from worker_manager.policies import Rollout, Share

TENTH = Rollout(max_surge=Share(percent=10))
HALF = Rollout(max_surge=Share(percent=50))


def old(count, **changes):
    return some(count, settings="old", **changes)


def new(count, *states, **changes):
    return some(count, *states, first=500, age=1000, key="k1", **changes)


def drains(*ids, since=-60):
    return marked(MarkKind.DRAIN, *ids, since=since, why="replaced")


FIRST = {
    "rollout-first-replacements": Situation(
        "a tenth of ten: one replacement first, nobody drains yet",
        config(0, 100, rollout=TENTH),
        fleet(old(10)),
        work(0, 10),
    ),
    "rollout-replacement-asked-for": Situation(
        "asked for and not listed: no second one",
        config(0, 100, rollout=TENTH),
        fleet(old(10)),
        work(0, 10),
        remembering(replace(intent(1), settings_hash="new")),
    ),
    "rollout-replacement-boots": Situation(
        "it boots: waited for", config(0, 100, rollout=TENTH), fleet(old(10), new(1, PENDING)), work(0, 10)
    ),
    "rollout-old-one-drains": Situation(
        "one is ready, so the oldest may go: it drains as it is busy",
        config(0, 100, rollout=TENTH),
        fleet(old(10), new(1)),
        work(0, 10),
    ),
    "rollout-idle-old-one-goes": Situation(
        "one is ready and an old one asks: it goes, rather than the oldest",
        config(0, 100, rollout=TENTH),
        fleet(old(10), new(1)),
        work(0, 10),
        remembering(asking=("i-007",)),
    ),
    "rollout-old-one-is-leaving": Situation(
        "what leaves takes room: the next replacement comes when it is gone",
        config(0, 100, rollout=TENTH),
        fleet(old(9, first=1), new(1), some(1, STOPPING, settings="old")),
        work(0, 10),
    ),
    "rollout-next-replacement": Situation(
        "one of ten is done: the next one", config(0, 100, rollout=TENTH), fleet(old(9), new(1)), work(0, 10)
    ),
    "rollout-last": Situation(
        "the last one drains; no more replacements",
        config(0, 100, rollout=TENTH),
        fleet(old(1), new(10)),
        work(0, 10),
    ),
    "rollout-done": Situation(
        "nothing left to replace: at rest", config(0, 100, rollout=TENTH), fleet(new(10)), work(0, 10)
    ),
}

BUDGET = {
    "rollout-not-ready-yet": Situation(
        "up for 100 s of 300: no old one may go, and nothing is stuck",
        registering(rollout=replace(TENTH, min_ready_seconds=300.0)),
        fleet(old(10), new(1)),
        work(0, 10),
        remembering(warming={"i-500": at(-100)}, proven=("new",)),
    ),
    "rollout-ready": Situation(
        "up for 300 s: an old one drains",
        registering(rollout=replace(TENTH, min_ready_seconds=300.0)),
        fleet(old(10), new(1)),
        work(0, 10),
        remembering(warming={"i-500": at(-300)}, proven=("new",)),
    ),
    "rollout-unavailable-instead-of-surge": Situation(
        "two may be missing: two drain before any replacement",
        config(0, 100, rollout=Rollout(Share(), Share(slots=2))),
        fleet(old(10)),
        work(0, 10),
    ),
    "rollout-unavailable-are-replaced": Situation(
        "two are gone: two replacements",
        config(0, 100, rollout=Rollout(Share(), Share(slots=2))),
        fleet(old(8)),
        work(2, 8),
    ),
    "rollout-at-maximum": Situation(
        "all are busy and there is no room: stuck, and says what to change",
        config(0, 10, rollout=TENTH),
        fleet(old(10)),
        work(5, 10),
    ),
    "rollout-at-maximum-unavailable": Situation(
        "no room, but one may be missing: it drains",
        config(0, 10, rollout=Rollout(Share(percent=10), Share(slots=1))),
        fleet(old(10)),
        work(5, 10),
    ),
    "rollout-neither-surge-nor-unavailable": Situation(
        "a budget of nothing replaces nothing: stuck",
        config(0, 100, rollout=Rollout(Share(), Share())),
        fleet(old(4)),
        work(0, 4),
    ),
    "rollout-large-instances": Situation(
        "a surge of one slot is no whole instance of four: what then?",
        config(0, 100, spec(instance_type="m5.2xlarge", slots=4), rollout=TENTH),
        fleet(old(2, of=spec(instance_type="m5.2xlarge", slots=4))),
        work(0, 8),
    ),
    "rollout-and-scale-up": Situation(
        "work for three more is launched first; the surge is beside it",
        config(0, 100, rollout=TENTH),
        fleet(old(10)),
        work(3, 10),
    ),
    "rollout-and-scale-up-to-the-maximum": Situation(
        "room for two: both are for work, none for replacements",
        config(0, 12, rollout=TENTH),
        fleet(old(10)),
        work(9, 10),
    ),
}

COURSE = {
    "rollout-paused": Situation(
        "the owner paused it: nothing is replaced, those that drained work on",
        config(0, 100, rollout=replace(TENTH, pause=True)),
        fleet(old(10), new(1)),
        work(0, 11),
        remembering(marks=drains("i-000")),
    ),
    "rollout-only-idle": Situation(
        "no busy one is ended, whatever the time",
        config(0, 100, rollout=replace(TENTH, only_idle=True)),
        fleet(old(10), new(1)),
        work(0, 10),
        remembering(marks=drains("i-000", since=-DRAIN_TIMEOUT)),
    ),
    "rollout-out-of-time": Situation(
        "busy for an hour since it drains: ended",
        config(0, 100, rollout=TENTH),
        fleet(old(10), new(1)),
        work(0, 10),
        remembering(marks=drains("i-000", since=-DRAIN_TIMEOUT)),
    ),
    "rollout-retargeted": Situation(
        "edited again in the middle: what was new is old as well",
        config(0, 100, spec(settings="newest"), rollout=TENTH),
        fleet(old(8), new(3)),
        work(0, 10),
        remembering(marks=drains("i-000")),
    ),
    "rollout-taken-back": Situation(
        "the edit is reverted: the old ones are fresh again and stay, the few new ones are replaced",
        config(0, 100, spec(settings="old"), rollout=TENTH),
        fleet(old(9), new(2)),
        work(0, 10),
        remembering(marks=drains("i-000")),
    ),
    "rollout-fresh-idle-one-asks": Situation(
        "an idle new one asks while old ones are busy: it must stay, or the rollout never ends",
        config(0, 100, rollout=HALF),
        fleet(old(6), new(4)),
        work(0, 6),
        remembering(asking=("i-500",)),
    ),
    "rollout-work-falls": Situation(
        "half the work in the middle: old ones go, no more replacements than needed",
        config(0, 100, rollout=TENTH),
        fleet(old(9), new(2)),
        work(0, 5),
        remembering(asking=("i-003", "i-501")),
    ),
    "rollout-without-work": Situation(
        "no work at all: all old ones go at once, none is replaced",
        config(0, 100, rollout=TENTH),
        fleet(old(4), new(1)),
        work(0, 0),
    ),
    "rollout-without-work-at-min": Situation(
        "no work and a minimum: replaced within the budget",
        config(4, 100, rollout=TENTH),
        fleet(old(4)),
        work(0, 0),
    ),
    "rollout-of-a-total": Situation(
        "a source that knows only a total: nobody is known to be idle",
        config(0, 100, rollout=TENTH),
        fleet(old(4), new(1)),
        work(4),
    ),
    "rollout-never-reported": Situation(
        "nothing is known of the work: the minimum is replaced, others drain",
        config(2, 100, rollout=TENTH),
        fleet(old(4)),
        Demand(),
    ),
    "rollout-held": Situation(
        "what is held is not replaced",
        config(0, 100, rollout=TENTH),
        fleet(old(1)),
        work(0, 1),
        remembering(marks=marked(MarkKind.HOLD, "i-000")),
    ),
    "rollout-stale-demand": Situation(
        "an old reading says that nothing runs: nobody is idle for that",
        config(0, 100, rollout=TENTH, demand_max_age_seconds=120.0),
        fleet(old(4), new(1)),
        Demand(0, 0, at(-300)),
    ),
}

TROUBLE = {
    "rollout-unproven": Situation(
        "half of forty may surge, ten are tried",
        registering(rollout=HALF),
        fleet(old(40)),
        work(0, 40),
    ),
    "rollout-unproven-waits": Situation(
        "ten boot: the rest is replaced when one registers, and the old ones work on",
        registering(rollout=HALF),
        fleet(old(40), new(10, PENDING)),
        work(0, 40),
        remembering(boots=(boot(key="k1", waiting=[f"i-{number}" for number in range(500, 510)]),)),
    ),
    "rollout-broken-image": Situation(
        "the new ones do not come up: held, and the old ones work on",
        registering(rollout=HALF),
        fleet(old(40)),
        work(0, 40),
        remembering(brakes=(brake("new", 10, opens=300, trips=3), brake("", 10, opens=300, trips=3))),
    ),
    "rollout-broken-image-and-work": Situation(
        "new work waits for the broken image as well",
        registering(rollout=TENTH),
        fleet(old(4)),
        work(3, 4),
        remembering(brakes=(brake("new", 3, opens=40), brake("", 3))),
    ),
    "rollout-dry": Situation(
        "no capacity for replacements: the old ones work on",
        config(0, 100, rollout=TENTH),
        fleet(old(10)),
        work(0, 10),
        budgets=(closed(A.offering.key, until=20),),
    ),
}

LIFETIME = {
    "lifetime-over": Situation(
        "older than an hour: replaced, although the worker type states no rollout",
        config(0, 100, lifecycle={"max_lifetime_seconds": 3600.0}),
        fleet(some(2), new(2)),
        work(0, 4),
    ),
    "lifetime-over-and-ready": Situation(
        "its replacement is up: it drains",
        config(0, 100, lifecycle={"max_lifetime_seconds": 3600.0}),
        fleet(some(1), new(2)),
        work(0, 2),
    ),
    "lifetime-over-and-drift": Situation(
        "without rollout drift is told, and only what is too old is replaced",
        config(0, 100, lifecycle={"max_lifetime_seconds": 3600.0}),
        fleet(some(1), some(3, first=500, age=1000, settings="old")),
        work(0, 4),
    ),
    "lifetime-to-be-over": Situation(
        "looked at again when the first one is too old",
        config(0, 100, lifecycle={"max_lifetime_seconds": 3600.0}),
        fleet(new(2)),
        work(0, 2),
    ),
}

SITUATIONS: dict[str, Situation] = FIRST | BUDGET | COURSE | TROUBLE | LIFETIME
