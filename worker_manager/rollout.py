"""Replaces instances that are out of date, within a budget: replacements first, then the old ones drain.

*Old* are instances with settings that have changed since, and those past their maximum lifetime; all others are fresh.
`target` is the capacity that there should be without a rollout. Everything there is stays below target + maxSurge and
below the maximum; what is ready stays above target − maxUnavailable. Each pass computes anew who should drain, so an
edit in the middle retargets the rollout, and one that is taken back ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker_manager import explain_leaving
from worker_manager.capacity import Bounds
from worker_manager.decision import PlannedTermination, Reason
from worker_manager.lifecycle import Going, leaving_order, nothing_runs
from worker_manager.memory import MarkKind
from worker_manager.model import Demand, Instance
from worker_manager.observing import View, slots
from worker_manager.policies import Rollout
from worker_manager.resolved import ResolvedConfig

REPLACED = "replaced"
# The room of what is ending is waited for; should nobody tell that it is gone, a listing shows it.
SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Renewal:
    """What the rollout of one decision is about; `old` is empty where there is nothing to replace.

    Attributes:
        extra: slots to launch as replacements, beyond what scaling asks for.
        may_go: slots of old instances that may go now without what is ready falling below the floor.
        coming: slots of replacements on their way.
    """

    policy: Rollout
    target: int
    old: tuple[Instance, ...] = ()
    extra: int = 0
    may_go: int = 0
    coming: int = 0
    is_stuck: bool = False

    @property
    def is_active(self) -> bool:
        """Whether something is being replaced."""
        return bool(self.old) and not self.policy.pause


def renewal(config: ResolvedConfig, view: View, bounds: Bounds, target: int, wanted: int) -> Renewal:
    """Who is to be replaced, and how many replacements may be launched beside the `wanted` slots of scaling."""
    policy = config.policies.rollout or Rollout()
    held = view.marked(MarkKind.HOLD)
    outdated = (view.drifted_ids | view.expired_ids if config.policies.rollout else view.expired_ids) - held
    old = tuple(each for each in view.usable if each.instance_id in outdated)
    if not old or policy.pause:
        return Renewal(policy, target, old)
    old_ids = {each.instance_id for each in old}
    hashes = {each.settings_hash for each in config.launch_specs}
    fresh_up = [each for each in view.up if each.instance_id not in old_ids]
    coming = sum(each.count * each.capacity for each in view.memory.intents if each.settings_hash in hashes)
    fresh = slots(each for each in view.usable if each.instance_id not in old_ids) + coming + wanted
    everything = view.supply.everything + wanted
    ceiling = min(bounds.max_capacity, target + policy.max_surge.of(target))
    needed = min(slots(old), max(0, target - fresh))
    extra = max(0, min(needed, ceiling - everything))
    ready = slots(each for each in fresh_up if each.instance_id not in view.memory.warming)
    floor = target - policy.max_unavailable.of(target)
    old_up = slots(each for each in view.up if each.instance_id in old_ids)
    may_go = max(0, min(slots(old), ready + old_up - floor)) if target else slots(old)
    is_moving = extra or may_go or wanted
    is_leaving = view.supply.stopping or view.failures  # what fails is ended by this very decision
    is_under_way = is_moving or is_leaving or view.supply.requested or view.memory.warming
    on_its_way = slots(each for each in view.booting if each.instance_id not in old_ids) + coming
    return Renewal(policy, target, old, extra, may_go, on_its_way, is_stuck=needed > 0 and not is_under_way)


def retire(config: ResolvedConfig, view: View, renewing: Renewal, demand: Demand, now: datetime) -> Going:
    """Choose which old instances drain, and which of these end now: idle ones, or those out of time."""
    if not renewing.is_active:
        return Going(reasons=_paused(renewing))
    asking = set(view.memory.asking)
    ordered = sorted(leaving_order(renewing.old, ()), key=lambda each: each.instance_id not in asking)
    draining = _fitting(ordered, renewing.may_go)
    since = {each.instance_id: each.since for each in view.memory.marks if each.kind is MarkKind.DRAIN}
    limit = timedelta(seconds=config.policies.lifecycle.drain_timeout_seconds)
    ends, looks = [], []
    for each in draining:
        deadline = since.get(each.instance_id, now) + limit
        is_idle = each.instance_id in asking or nothing_runs(demand)
        if is_idle or (deadline <= now and not renewing.policy.only_idle):
            why = "out of date: idle" if is_idle else "out of date: out of time to finish its work (drainTimeout)"
            ends.append(PlannedTermination(each.region, each.instance_id, f"{why}, and replaced"))
        elif not renewing.policy.only_idle:
            looks.append(deadline)
    ready_at = [since + timedelta(seconds=renewing.policy.min_ready_seconds) for since in view.memory.warming.values()]
    return Going(
        terminations=tuple(ends),
        drains={each.instance_id: REPLACED for each in draining},
        reasons=(
            explain_leaving.replacing(
                renewing, len(draining) - len(ends), min(looks, default=None), min(ready_at, default=None)
            ),
        ),
        looks=(*looks, *ready_at, *([now + SOON] if view.supply.stopping or ends else [])),
    )


def _fitting(ordered: Sequence[Instance], most: int) -> list[Instance]:
    chosen = []
    for each in ordered:
        if each.capacity <= most:
            most -= each.capacity
            chosen.append(each)
    return chosen


def _paused(renewing: Renewal) -> tuple[Reason, ...]:
    return (explain_leaving.rollout_paused(len(renewing.old)),) if renewing.old else ()
