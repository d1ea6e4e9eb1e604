"""Fleets, demands, memories and configs to draw from, and what may be asked of a decision about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import strategies as st

from tests.plan_cases import DOUBLE, EAST, QUAD, A, B
from tests.plan_words import (
    COOL_DOWN,
    GONE,
    NOW,
    PENDING,
    RUNNING,
    STOPPED,
    STOPPING,
    UNKNOWN,
    at,
    closed,
    config,
    fleet,
    intent,
    marked,
    refusal,
    remembering,
    some,
)
from worker_manager.budgets import EVERYTHING
from worker_manager.decision import Decision, Fleet
from worker_manager.memory import MarkKind
from worker_manager.model import Demand, Instance, LaunchSpec, Outcome
from worker_manager.policies import Rollout, Share

RATIOS = st.sampled_from([1.0, 0.9, 0.5, 0.3, 0.01])
SINGLE = [(A,), (A, B), (A, B, EAST)]
OFFERS = st.sampled_from([*SINGLE, (DOUBLE,), (QUAD,), (QUAD, A), (DOUBLE, QUAD), (A, DOUBLE, QUAD, EAST)])
SLOTS = st.integers(0, 8) | st.integers(0, 40)
DEMANDS = st.builds(Demand, SLOTS, st.none() | SLOTS, st.none() | st.just(NOW))
ASKING = st.sets(st.integers(0, 30)).map(lambda indexes: tuple(f"i-{each:03}" for each in sorted(indexes)))
INTENTS = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([A, DOUBLE, QUAD])), max_size=3).map(
    lambda launches: tuple(intent(count, f"l{n}", of=of) for n, (count, of) in enumerate(launches))
)
OPENING = st.sampled_from([-1, 0, 30])
REFUSALS = st.lists(
    st.builds(
        lambda key, until: refusal(key, until=until),
        st.sampled_from([each.offering.key for each in (A, B, QUAD)]),
        OPENING,
    ),
    max_size=2,
    unique_by=lambda each: each.key,
).map(tuple)
BUDGETS = st.lists(
    st.builds(
        lambda key, until, outcome, allowed: closed(key, until=until, outcome=outcome, allowed=allowed),
        st.sampled_from([EVERYTHING, "us-west-1", *(each.offering.key for each in (A, B, QUAD))]),
        OPENING,
        st.sampled_from([Outcome.NO_CAPACITY, Outcome.QUOTA, Outcome.THROTTLED]),
        st.sampled_from([1, 4]),
    ),
    max_size=3,
    unique_by=lambda each: each.key,
).map(tuple)
SHARES = st.builds(Share, st.integers(0, 3)) | st.builds(Share, st.just(0), st.sampled_from([1, 10, 50]))
ROLLOUTS = st.builds(Rollout, SHARES, SHARES, st.just(0.0), st.booleans(), st.booleans())


KINDS = st.sampled_from([A, DOUBLE, QUAD])
# At the smallest ratio a fleet grows by one instance a pass.
MOST_PASSES = 80


def configs(offers=OFFERS):
    return st.builds(
        lambda low, more, ratio, specs, how: config(low, low + more, *specs, ratio=ratio, lifecycle={"scale_in": how}),
        st.integers(0, 8),
        SLOTS,
        RATIOS,
        offers,
        st.sampled_from(["whenIdle", "oldestFirst"]),
    )


def fleets(states, kinds=KINDS, settings=("new",)):
    """Fleets of instances in these states, and of these kinds and settings each."""
    return st.lists(st.tuples(st.sampled_from(states), kinds, st.sampled_from(settings)), max_size=20).map(
        lambda each: fleet(
            *(some(1, state, first=n, of=of, settings=hashed) for n, (state, of, hashed) in enumerate(each))
        )
    )


ANY_STATE = (PENDING, RUNNING, UNKNOWN, STOPPING, STOPPED, GONE)
# What is stopped is ended at one pass and replaced at the next, when it no longer holds its place.
RESTING = (PENDING, RUNNING, UNKNOWN, STOPPING, GONE)
MARKS = st.dictionaries(st.integers(0, 20), st.sampled_from(MarkKind), max_size=5).map(
    lambda kinds: tuple(mark for n, kind in kinds.items() for mark in marked(kind, f"i-{n:03}", since=-900))
)
MEMORIES = st.builds(
    lambda intents, asking, refusals, since, marks: remembering(
        *intents, asking=asking, refusals=refusals, surplus_since=at(since) if since else None, marks=marks
    ),
    INTENTS,
    ASKING,
    REFUSALS,
    st.sampled_from([0, -10, -COOL_DOWN]),
    MARKS,
)
# Neither answers nor back-offs are pending, so that time alone changes nothing.
CALM = st.builds(lambda intents, asking: remembering(*intents, asking=asking), INTENTS, ASKING)


def launched(decision: Decision) -> int:
    """Slots launched."""
    return sum(each.count * each.spec.offering.capacity for each in decision.launches)


def existing(decision: Decision) -> int:
    """Slots of all that takes room."""
    return decision.actual + decision.counts.stopping + decision.counts.lost


def filling(decision: Decision) -> int:
    """Slots of all that fills the minimum."""
    return decision.actual + decision.counts.stopping


def acts(decision: Decision) -> bool:
    return bool(decision.launches or decision.terminations)


def explained(decision: Decision) -> bool:
    """Some reason says why there is not more, and who can do something about it."""
    standing_in_the_way = {"at-max", "no-fit", "later", "brake", "unproven", "launch-pace", "cap"}
    told = [each for each in decision.reasons if each.kind in standing_in_the_way or each.kind.startswith("refused-")]
    return bool(told) and all(each.owner for each in told)


def unmet(decision: Decision) -> int:
    """Slots of work that nothing there takes now."""
    return max(0, decision.demand.pending - max(0, decision.counts.live - decision.demand.running))


def known(listing: Fleet, budgets) -> Fleet:
    return replace(listing, budgets=budgets)


def slots(instances: Iterable[Instance]) -> int:
    return sum(each.capacity for each in instances)


def carried_out(listing: Fleet, decision: Decision, number: int = 0) -> Fleet:
    """The fleet once all launches boot and all that was ended is gone."""
    gone = {each.instance_id for each in decision.terminations}
    stay = [each for each in listing.instances if each.instance_id not in gone]
    specs = [each.spec for each in decision.launches for _ in range(each.count)]
    return replace(listing, instances=(*stay, *(_booting(spec, 100 * number + n) for n, spec in enumerate(specs, 100))))


def _booting(spec: LaunchSpec, number: int) -> Instance:
    return some(1, PENDING, first=number, of=spec, key=f"new-{number}")[0]
