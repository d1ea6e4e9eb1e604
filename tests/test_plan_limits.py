"""What limits every plan, whatever else it is about: brakes, the pace, caps, and the budget of a rollout."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.plan_cases import EAST, A, B
from tests.plan_strategies import (
    ANY_STATE,
    ASKING,
    DEMANDS,
    KINDS,
    MARKS,
    MEMORIES,
    ROLLOUTS,
    SLOTS,
    configs,
    filling,
    fleets,
    launched,
    slots,
)
from tests.plan_words import (
    GONE,
    NOW,
    PENDING,
    RUNNING,
    STOPPING,
    boot,
    brake,
    config,
    fleet,
    intent,
    moved,
    remembering,
    some,
    work,
)
from worker_manager.brakes import MINUTE, WHOLE
from worker_manager.capacity import Supply, launch_capacity, scale_in_target
from worker_manager.model import Cap
from worker_manager.plan import decide
from worker_manager.policies import Brakes

# --- brakes and paces -----------------------------------------------------------------------------------------------

REGISTERING = st.builds(
    lambda high, specs, budget, pace: config(
        0,
        high,
        *specs,
        lifecycle={"registration_timeout_seconds": 600.0},
        brakes=Brakes(budget, pace, pace),
    ),
    SLOTS,
    st.sampled_from([(A,), (A, EAST), (A, replace(B, settings_hash="other"))]),
    st.integers(1, 10),
    st.integers(1, 12),
)
BRAKED = st.builds(
    lambda asked, flying, failed, opens, proven, recent: remembering(
        *([replace(intent(asked), settings_hash="new")] if asked else []),
        boots=(boot(waiting=[f"i-{number:03}" for number in range(flying)]),),
        brakes=tuple(brake(key, failed, opens=opens) for key in ("new", WHOLE)) if failed else (),
        proven=("new",) if proven else (),
        moved=tuple(moved(-seconds, launched=count, ended=count) for seconds, count in recent),
    ),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 12),
    st.sampled_from([None, 60, 0, -60]),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 6)), max_size=3),
)


@given(REGISTERING, BRAKED, st.integers(0, 60))
def test_no_brake_is_passed(settings, memory, pending):
    """Tripped: none, or a single probe when nothing else is under way; unproven: no more than the budget in all."""
    flying = memory.boots[0].waiting
    listing = fleet(some(len(flying), PENDING))
    decision = decide(settings, listing, work(pending), memory, NOW)
    counts = {each.spec.settings_hash: 0 for each in decision.launches}
    for each in decision.launches:
        counts[each.spec.settings_hash] += each.count
    tripped = {each.key: each for each in memory.brakes if each.opens_at is not None}
    under_way = len(flying) + sum(each.count for each in memory.intents)
    if tripped:
        assert sum(counts.values()) <= (1 if tripped[WHOLE].opens_at <= NOW and not under_way else 0)
    elif "new" not in memory.proven:
        failed = max((each.failures for each in memory.brakes), default=0)
        most = settings.policies.brakes.unproven_instances
        assert sum(counts.values()) <= max(0, most - under_way - failed)


@given(REGISTERING, BRAKED, st.integers(0, 60), st.integers(0, 15), ASKING)
def test_no_minute_moves_more_than_it_may(settings, memory, pending, running, asking):
    memory = replace(memory, boots=(), asking=asking)
    decision = decide(settings, fleet(some(running)), work(pending, 0), memory, NOW)
    recent = [each for each in memory.moved if NOW - each.at < MINUTE]
    most = settings.policies.brakes.launches_per_minute
    count = sum(each.count for each in decision.launches)
    assert not count or sum(each.launched for each in recent) + count <= most
    ended = len(decision.terminations)
    assert not ended or sum(each.ended for each in recent) + ended <= most


CAPS = st.lists(
    st.builds(
        Cap,
        st.integers(0, 12),
        st.sampled_from(["", "us-west-1", "us-east-1"]),
        st.sampled_from(["", "us-west-1a"]),
        st.sampled_from(["", "m5.large", "m5.xlarge"]),
    ),
    max_size=3,
).map(tuple)


@given(configs(), fleets(ANY_STATE), DEMANDS, MEMORIES, CAPS)
def test_no_cap_is_passed(settings, listing, demand, memory, caps):
    """Whatever is listed counts, and what was asked for, unless it is the launch that makes no difference."""
    decision = decide(replace(settings, caps=caps), listing, demand, memory, NOW)
    for cap in caps:

        def covered(region, zone, kind, cap=cap):
            return all(
                given in ("", its)
                for given, its in zip((cap.region, cap.zone, cap.instance_type), (region, zone, kind), strict=True)
            )

        there = slots(
            each
            for each in listing.instances
            if each.state is not GONE and covered(each.region, each.zone, each.instance_type)
        )
        offered = [(each.spec.offering, each.count) for each in decision.launches]
        more = sum(count * one.capacity for one, count in offered if covered(one.region, one.zone, one.instance_type))
        assert not more or there + more <= cap.slots


# --- rollout --------------------------------------------------------------------------------------------------------


def rolling(policy, low, high, target):
    return config(min(low, high), high, rollout=policy), work(0, min(target, high))


OLD_AND_NEW = fleets((RUNNING, PENDING, STOPPING), KINDS, ("old", "new"))


@given(ROLLOUTS, st.integers(0, 8), SLOTS, SLOTS, OLD_AND_NEW, ASKING, MARKS)
def test_a_rollout_keeps_its_budget(policy, low, high, target, listing, asking, marks):
    settings, demand = rolling(policy, low, high, target)
    decision = decide(settings, listing, demand, remembering(asking=asking, marks=marks), NOW)
    wanted = scale_in_target(decision.bounds, demand)
    ceiling = min(high, wanted + policy.max_surge.of(wanted))
    largest = max(each.offering.capacity for each in settings.launch_specs)
    grown = filling(decision) + launched(decision)
    counts = decision.counts
    supply = Supply(counts.live, counts.requested, counts.stopping, counts.lost)
    scaled = filling(decision) + launch_capacity(decision.bounds, supply, demand)
    assert not launched(decision) or grown < max(ceiling, scaled) + largest
    by_id = {each.instance_id: each for each in listing.instances}
    replaced = [by_id[each.instance_id] for each in decision.terminations if "out of date" in each.why]
    assert {"old"} >= {each.settings_hash for each in replaced}
    busy = {each.instance_id for each in replaced} - set(asking)
    assert not busy or demand.claimed == 0 or not policy.only_idle
    floor = wanted - policy.max_unavailable.of(wanted)
    left = decision.counts.live - slots(each for each in replaced if each.state is RUNNING)
    assert not any(each.state is RUNNING for each in replaced) or left >= floor


@given(ROLLOUTS, st.integers(0, 8), SLOTS, SLOTS, OLD_AND_NEW)
def test_an_idle_fresh_one_stays_while_old_ones_are_replaced(policy, low, high, target, listing):
    """Unless there are enough of its kind: else the rollout would end what it has just launched, for ever."""
    settings, demand = rolling(policy, low, high, max(1, target))
    fresh = [each for each in listing.instances if each.settings_hash == "new" and each.state is not STOPPING]
    asking = tuple(each.instance_id for each in fresh)
    decision = decide(settings, listing, demand, remembering(asking=asking), NOW)
    ended = {each.instance_id for each in decision.terminations}
    is_active = not policy.pause and any(
        each.settings_hash == "old" and each.state is not STOPPING for each in listing.instances
    )
    left = slots(each for each in fresh if each.instance_id not in ended)
    assert (
        not is_active or demand.is_none or not ended & set(asking) or left >= scale_in_target(decision.bounds, demand)
    )
