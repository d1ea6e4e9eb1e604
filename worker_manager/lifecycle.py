"""Who may go: which instances of a surplus or a drain are ended now, and what the others wait for.

Busy work is never ended: an instance is idle when its worker says so (it asks), or when its source says that there is
no work at all. Only `oldestFirst`, a forced drain and a drain out of time end instances without knowing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker_manager import explain
from worker_manager.decision import PlannedTermination, Reason
from worker_manager.memory import Memory
from worker_manager.model import Demand, Instance, InstanceState, ResolvedConfig


@dataclass(frozen=True, slots=True)
class Going:
    """Terminations to do now and the reasons for what stays."""

    terminations: tuple[PlannedTermination, ...] = ()
    reasons: tuple[Reason, ...] = ()


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


def shrink(
    config: ResolvedConfig, ordered: Sequence[Instance], memory: Memory, surplus: int, demand: Demand, *, now: datetime
) -> Going:
    """Choose from `ordered` (first goes first) at most `surplus` slots that may go now."""
    if surplus <= 0:
        return Going()
    if demand.is_none:
        return Going(_end(ordered, surplus, "no work at all"))
    asked = _asking(ordered, memory)
    if config.scale_in == "oldestFirst":
        ready_at = (memory.surplus_since or now) + timedelta(seconds=config.scale_in_cooldown_seconds)
        if now >= ready_at:
            return Going(_end(ordered, surplus, "oldest of a surplus"))
        return Going(_end(asked, surplus, "idle, and not needed"), explain.cooling_down(surplus, ready_at))
    going = _end(asked, surplus, "idle, and not needed")
    gone = {each.instance_id for each in going}
    left = surplus - sum(each.capacity for each in asked if each.instance_id in gone)
    return Going(going, explain.waiting_for_idle(left))


def drain(ordered: Sequence[Instance], memory: Memory, demand: Demand, deadline: datetime, now: datetime) -> Going:
    """Choose who of a draining fleet goes now: all if nothing runs, if forced or out of time, else those that ask."""
    everything = sum(each.capacity for each in ordered)
    if memory.force:
        return Going(_end(ordered, everything, "draining: forced"))
    if now >= deadline:
        return Going(_end(ordered, everything, "draining: out of time"))
    if demand.is_none or (demand.reported_at is not None and demand.claimed == 0):
        return Going(_end(ordered, everything, "draining: nothing runs"))
    going = _end(_asking(ordered, memory), everything, "draining: idle")
    return Going(going, explain.draining(len(ordered) - len(going), len(memory.intents), deadline))


def stopped(instances: Iterable[Instance]) -> tuple[PlannedTermination, ...]:
    """A stopped instance still costs its disk and is never started again."""
    return tuple(PlannedTermination(each.region, each.instance_id, "stopped: never used again") for each in instances)


def _asking(ordered: Iterable[Instance], memory: Memory) -> list[Instance]:
    ids = frozenset(memory.asking)
    return [each for each in ordered if each.instance_id in ids]


def _end(candidates: Sequence[Instance], surplus: int, why: str) -> tuple[PlannedTermination, ...]:
    """As many of the candidates, in their order, as fit into the surplus."""
    going = []
    for each in candidates:
        if each.capacity <= surplus:
            surplus -= each.capacity
            going.append(PlannedTermination(each.region, each.instance_id, why))
    return tuple(going)
