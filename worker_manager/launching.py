"""Turns wanted slots into launches: gathers what limits them, has them placed, and says why each is made."""

from __future__ import annotations

from collections import Counter

from worker_manager import brakes
from worker_manager.decision import PlannedLaunch
from worker_manager.model import Cap
from worker_manager.offerings import Placement, free_below, load_of, place
from worker_manager.rooms import Limits
from worker_manager.situation import Situation


def place_launches(it: Situation, wanted: int) -> Placement:
    if wanted == 0:
        return Placement()
    load = load_of(it.view.usable, it.memory.intents)
    # What is leaving or of no use takes room below a cap as well.
    caps = free_below(it.config.caps, it.view.present, it.memory.intents)
    return place(it.config.launch_specs, wanted, load, _limits(it, caps), it.now)


def _limits(it: Situation, caps: tuple[tuple[Cap, int], ...]) -> Limits:
    memory, policies = it.memory, it.config.policies
    under_way = Counter({each.settings_hash: 0 for each in it.config.launch_specs})
    for boot in memory.boots:
        under_way[boot.settings_hash] += len(boot.instance_ids)
    for intent in memory.intents:
        under_way[intent.settings_hash] += intent.count if not intent.instance_ids else 0
    left, _ = brakes.left_of_minute(memory.moved, policies.brakes.launches_per_minute, 0, it.now)
    return Limits(
        headroom=it.bounds.max_capacity - it.view.supply.everything,
        budgets={each.key: each for each in it.fleet.budgets},
        refusals={each.key: each for each in memory.refusals},
        brakes=brakes.tripped(memory.brakes),
        proven=frozenset(memory.proven),
        unproven=_unproven(it, under_way),
        under_way=under_way,
        caps=caps,
        launches_left=left,
        more_launches_at=brakes.more_at(memory.moved, it.now, launches=True),
        fallback_after=policies.spot.fallback_after_seconds,
        prices=it.fleet.prices,
    )


def _unproven(it: Situation, under_way: Counter[str]) -> int | None:
    """Instances that settings may still launch of which none has come up: the brake's budget less what it has cost."""
    if it.config.policies.lifecycle.registration_timeout_seconds is None:
        return None
    flying = sum(count for key, count in under_way.items() if key not in it.memory.proven)
    failed = max((each.failures for each in it.memory.brakes if each.key == brakes.WHOLE), default=0)
    return max(0, it.config.policies.brakes.unproven_instances - flying - failed)


def planned_launches(it: Situation, placement: Placement, wanted: int) -> tuple[PlannedLaunch, ...]:
    work = f"{it.demand.pending} pending and {it.demand.running} running, minimum {it.bounds.min_capacity}"
    why = f"work {work}" if wanted else "replaces an instance whose settings have changed, or that is past maxLifetime"
    return tuple(PlannedLaunch(each.spec, each.count, it.fleet.settle_seconds, why) for each in placement.shares)
