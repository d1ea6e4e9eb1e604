"""Who may go: which instances of a surplus or a drain are ended now, and what the others wait for.

Busy work is never ended for want of demand: an instance is idle when its worker says so (it asks), or when its source
says that no work runs. Under `oldestFirst` the oldest are drained; a drain is taken back when there is work again, and
ends an instance that may be busy only when its time is out. A forced drain asks nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker_manager import explain_leaving
from worker_manager.decision import PlannedTermination, Reason
from worker_manager.memory import MarkKind, Memory
from worker_manager.model import Demand, Instance, InstanceState
from worker_manager.resolved import ResolvedConfig

SURPLUS = "surplus"
OUT_OF_TIME = "oldest of a surplus: out of time to finish its work (drainTimeout)"


@dataclass(frozen=True, slots=True)
class Going:
    """Terminations to do now, who is to drain and why, the reasons for what stays, and when time alone changes it."""

    terminations: tuple[PlannedTermination, ...] = ()
    reasons: tuple[Reason, ...] = ()
    drains: Mapping[str, str] = field(default_factory=dict)
    looks: tuple[datetime, ...] = ()


def leaving_order(instances: Iterable[Instance], drifted_ids: Collection[str]) -> list[Instance]:
    """Drifted first, then the oldest; what still boots last, as it was launched for newer work."""
    return sorted(
        instances,
        key=lambda each: (
            each.instance_id not in drifted_ids,
            each.state is InstanceState.PENDING,
            each.launched_at,
            each.instance_id,
        ),
    )


def nothing_runs(demand: Demand) -> bool:
    """Whether the source says that no work runs, so that every instance is idle."""
    return demand.is_none or (demand.reported_at is not None and demand.claimed == 0)


def shrink(
    config: ResolvedConfig, ordered: Sequence[Instance], memory: Memory, surplus: int, demand: Demand, *, now: datetime
) -> Going:
    """Choose from `ordered` (first goes first) at most `surplus` slots that may go now."""
    if surplus <= 0:
        return Going()
    lifecycle = config.policies.lifecycle
    patience = timedelta(seconds=lifecycle.max_idle_seconds)
    if demand.is_none:
        ready_at = (memory.no_work_since or now) + patience
        if now >= ready_at:
            return Going(end_fitting(ordered, surplus, "no work at all"))
        return Going(reasons=(explain_leaving.kept_idle(surplus, ready_at),), looks=(ready_at,))
    asked = _asking(ordered, memory)
    drains = {each.instance_id for each in memory.marks if each.kind is MarkKind.DRAIN}
    patient = [
        each
        for each in asked
        if each.instance_id in drains or now - memory.idle_since.get(each.instance_id, now) >= patience
    ]
    going = end_fitting(patient, surplus, "idle, and not needed")
    gone = {each.instance_id for each in going}
    left = surplus - sum(each.capacity for each in patient if each.instance_id in gone)
    if lifecycle.scale_in == "oldestFirst":
        stay = [each for each in ordered if each.instance_id not in gone]
        oldest = _drain_oldest(config, stay, memory, left, now)
        return Going((*going, *oldest.terminations), oldest.reasons, oldest.drains, oldest.looks)
    since = [memory.idle_since.get(each.instance_id, now) for each in asked if each.instance_id not in gone]
    if since and patience and left > 0:
        return Going(going, (explain_leaving.kept_idle(left, min(since) + patience),))
    return Going(going, explain_leaving.waiting_for_idle(left))


def _drain_oldest(
    config: ResolvedConfig, ordered: Sequence[Instance], memory: Memory, surplus: int, now: datetime
) -> Going:
    """After the cool-down the oldest drain; they end when their time is out, unless they ask before."""
    if surplus <= 0:
        return Going()
    lifecycle = config.policies.lifecycle
    ready_at = (memory.surplus_since or now) + timedelta(seconds=lifecycle.scale_in_cooldown_seconds)
    if now < ready_at:
        return Going(reasons=explain_leaving.cooling_down(surplus, ready_at), looks=(ready_at,))
    since = {each.instance_id: each.since for each in memory.marks if each.kind is MarkKind.DRAIN}
    limit = timedelta(seconds=lifecycle.drain_timeout_seconds)
    draining: list[Instance] = []
    for each in ordered:
        if each.capacity <= surplus:
            surplus -= each.capacity
            draining.append(each)
    deadlines = {each.instance_id: since.get(each.instance_id, now) + limit for each in draining}
    late = [each for each in draining if deadlines[each.instance_id] <= now]
    ends = tuple(PlannedTermination(each.region, each.instance_id, OUT_OF_TIME) for each in late)
    rest = {name: deadline for name, deadline in deadlines.items() if deadline > now}
    # All of them, as those out of time keep their mark should the pace let them go only later.
    return Going(ends, explain_leaving.draining_oldest(rest), dict.fromkeys(deadlines, SURPLUS), tuple(rest.values()))


def drain(ordered: Sequence[Instance], memory: Memory, demand: Demand, deadline: datetime, now: datetime) -> Going:
    """Choose who of a draining fleet goes now: all if nothing runs, if forced or out of time, else those that ask.

    What is held stays, unless forced.
    """
    everything = sum(each.capacity for each in ordered)
    if memory.force:
        waiting = explain_leaving.draining(0, len(memory.intents), None) or (explain_leaving.drain_ending(),)
        return Going(end_fitting(ordered, everything, "draining: forced"), waiting)
    held_ids = {each.instance_id for each in memory.marks if each.kind in (MarkKind.HOLD, MarkKind.QUARANTINE)}
    free = [each for each in ordered if each.instance_id not in held_ids]
    held = explain_leaving.held_in_drain(len(held_ids))
    if now >= deadline:
        going = end_fitting(free, everything, "draining: out of time")
    elif nothing_runs(demand):
        going = end_fitting(free, everything, "draining: nothing runs")
    else:
        going = end_fitting(_asking(free, memory), everything, "draining: idle")
    left = len(free) - len(going)
    reasons = (*explain_leaving.draining(left, len(memory.intents), deadline if left else None), *held)
    return Going(going, reasons or (explain_leaving.drain_ending(),), looks=(deadline,) if left else ())


def stopped(instances: Iterable[Instance]) -> tuple[PlannedTermination, ...]:
    """A stopped instance still costs its disk and is never started again."""
    return tuple(PlannedTermination(each.region, each.instance_id, "stopped: never used again") for each in instances)


def end_fitting(candidates: Sequence[Instance], surplus: int, why: str) -> tuple[PlannedTermination, ...]:
    """As many of the candidates, in their order, as fit into the surplus."""
    going = []
    for each in candidates:
        if each.capacity <= surplus:
            surplus -= each.capacity
            going.append(PlannedTermination(each.region, each.instance_id, why))
    return tuple(going)


def _asking(ordered: Iterable[Instance], memory: Memory) -> list[Instance]:
    ids = frozenset(memory.asking)
    return [each for each in ordered if each.instance_id in ids]
