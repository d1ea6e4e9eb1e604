"""Why, in sentences a person understands: the reasons a decision carries. Says what is; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from worker_manager.capacity import Bounds, Supply
from worker_manager.decision import PlannedLaunch, Reason
from worker_manager.memory import ALL_OFFERINGS
from worker_manager.model import Demand, Instance
from worker_manager.offerings import Placement


def count_of(count: int, one: str, many: str = "") -> str:
    """`1 slot`, `2 slots`, `2 launches`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def observed(drifted: int, unknown: Sequence[Instance], lost: Sequence[str]) -> tuple[Reason, ...]:
    """What the listing shows that a person should know."""
    reasons = []
    if drifted:
        text = f"{count_of(drifted, 'instance')} launched with settings that have changed since"
        reasons.append(Reason("drift", text))
    if unknown:
        states = ", ".join(sorted({each.raw_state for each in unknown}))
        text = f"{count_of(len(unknown), 'instance')} in a state unknown to us ({states}): kept"
        reasons.append(Reason("unknown-state", text))
    if lost:
        text = f"{count_of(len(lost), 'launch', 'launches')} settled without an instance: forgotten"
        reasons.append(Reason("lost", text))
    return tuple(reasons)


def scaling(bounds: Bounds, supply: Supply, demand: Demand, launches: Sequence[PlannedLaunch]) -> tuple[Reason, ...]:
    """Why launch this many, and why not more."""
    reasons = []
    slots = sum(each.count * each.spec.offering.capacity for each in launches)
    if launches:
        count = sum(each.count for each in launches)
        text = (
            f"launching {count_of(count, 'instance')} ({count_of(slots, 'slot')}): work {demand.pending} pending and "
            f"{demand.running} running, live {supply.live}, requested {supply.requested}, minimum {bounds.min_capacity}"
        )
        reasons.append(Reason("scale-up", text))
    unmet = demand.pending + demand.running - supply.actual - slots
    # What is launched now and what is still stopping hold their places too.
    if supply.actual + supply.stopping + slots >= bounds.max_capacity and unmet > 0:
        text = (
            f"at maxCapacity {bounds.max_capacity}: {count_of(unmet, 'slot')} of work must wait; "
            "raise maxCapacity to serve it"
        )
        reasons.append(Reason("at-max", text))
    return tuple(reasons)


def placing(placement: Placement, wanted: int, now: datetime) -> tuple[Reason, ...]:
    """Why slots that are wanted were not launched: who refused, and when it is tried again."""
    if not placement.unplaced:
        return ()
    blocked = sorted((each for each in placement.refusals if each.blocked_until > now), key=lambda r: r.blocked_until)
    if not blocked and placement.limited:
        text = f"{count_of(placement.unplaced, 'slot')} of {wanted} wanted follow once these launches are answered"
        return (Reason("later", text),)
    if not blocked:
        text = (
            f"{count_of(placement.unplaced, 'slot')} of {wanted} wanted cannot be launched: "
            "no instance type fits below maxCapacity"
        )
        return (Reason("no-fit", text),)
    return tuple(
        Reason(
            f"refused-{each.outcome}",
            f"{'every offering' if each.key == ALL_OFFERINGS else each.key} refused {each.failures} x "
            f"({each.outcome}): {each.message[:300]}; tried again after {each.blocked_until:%H:%M:%S} UTC",
        )
        for each in blocked[:5]
    )


def waiting_for_idle(left: int) -> tuple[Reason, ...]:
    """Why a surplus stays under `scaleIn: whenIdle`."""
    if left <= 0:
        return ()
    text = f"{count_of(left, 'slot')} more than the work needs: each goes when its idle worker asks (scaleIn: whenIdle)"
    return (Reason("scale-in-when-idle", text),)


def cooling_down(surplus: int, ready_at: datetime) -> tuple[Reason, ...]:
    """Why a surplus stays for now under `scaleIn: oldestFirst`."""
    text = f"{count_of(surplus, 'slot')} more than the work needs: the oldest go at {ready_at:%H:%M:%S} UTC (cool-down)"
    return (Reason("scale-in-cooldown", text),)


def draining(left: int, unsettled: int, deadline: datetime) -> tuple[Reason, ...]:
    """What a drain waits for, and until when at the latest."""
    reasons = []
    if left:
        text = (
            f"draining: {count_of(left, 'instance')} not known to be idle: each goes when its worker asks, "
            f"when no work runs, or at {deadline:%Y-%m-%d %H:%M:%S} UTC at the latest"
        )
        reasons.append(Reason("draining", text))
    if unsettled:
        text = f"draining: {count_of(unsettled, 'launch', 'launches')} without an instance yet"
        reasons.append(Reason("draining-intents", text))
    return tuple(reasons) or (Reason("draining", "draining: the last instances are ending"),)
