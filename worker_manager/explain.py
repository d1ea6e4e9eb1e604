"""Why, in sentences a person understands: the reasons a decision carries. Says what is; decides nothing.

A reason about work that waits says how many slots of it, who can do something about it, and what happens next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from worker_manager.budgets import EVERYTHING
from worker_manager.capacity import Bounds, Supply
from worker_manager.decision import Reason
from worker_manager.memory import Mark, MarkKind
from worker_manager.model import Demand, Instance, Outcome
from worker_manager.rooms import Cause, Limit

if TYPE_CHECKING:
    from worker_manager.offerings import Placement
    from worker_manager.rollout import Renewal
    from worker_manager.schedule import ScheduledBounds

SHOWN_CAUSES = 6
SHOWN_IDS = 3


def count_of(count: int, one: str, many: str = "") -> str:
    """`1 slot`, `2 slots`, `2 launches`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def clock(at: datetime) -> str:
    """A moment as people read it."""
    return f"{at:%H:%M:%S} UTC"


# --- the listing ----------------------------------------------------------------------------------------------------


def observed(drifted: int, expired: int, unknown: Sequence[Instance], lost: Sequence[str]) -> tuple[Reason, ...]:
    """What the listing shows that a person should know."""
    reasons = []
    if drifted:
        text = f"{count_of(drifted, 'instance')} launched with settings that have changed since"
        reasons.append(Reason("drift", text, evidence={"instances": drifted}))
    if expired:
        text = f"{count_of(expired, 'instance')} older than maxLifetime"
        reasons.append(Reason("expired", text, evidence={"instances": expired}))
    if unknown:
        states = ", ".join(sorted({each.raw_state for each in unknown}))
        text = f"{count_of(len(unknown), 'instance')} in a state unknown to us ({states}): never ended for that"
        reasons.append(Reason("unknown-state", text, owner="operator", evidence={"instances": len(unknown)}))
    if lost:
        text = f"{count_of(len(lost), 'launch', 'launches')} settled without an instance: forgotten"
        reasons.append(Reason("lost", text, evidence={"launches": len(lost)}))
    return tuple(reasons)


_MARKED = {
    MarkKind.HOLD: ("held: neither ended nor replaced until released", "operator"),
    MarkKind.QUARANTINE: ("in quarantine: kept, not counted as capacity, and replaced, until released", "operator"),
    MarkKind.INTERRUPTED: ("interrupted by the cloud: replaced at once", "cloud"),
}


def special(marks: Iterable[Mark]) -> tuple[Reason, ...]:
    """What was said of single instances, and which did not come up in time."""
    by_kind: dict[MarkKind, list[str]] = {}
    failed: dict[str, list[str]] = {}
    for each in marks:
        if each.kind in _MARKED:
            by_kind.setdefault(each.kind, []).append(each.instance_id)
        elif each.kind is MarkKind.FAILED:
            failed.setdefault(each.why, []).append(each.instance_id)
    reasons = [
        Reason(
            f"marked-{kind}",
            f"{count_of(len(ids), 'instance')} ({_some(ids)}) {_MARKED[kind][0]}",
            owner=_MARKED[kind][1],
        )
        for kind, ids in sorted(by_kind.items())
    ]
    for why, ids in list(failed.items())[:SHOWN_CAUSES]:
        text = f"{count_of(len(ids), 'instance')} ({_some(ids)}) failed: {why}; ended, and replaced as the brakes allow"
        reasons.append(Reason("failed", text, owner="owner", next_step="look at the image and at what its worker says"))
    return tuple(reasons)


def ended_early(ids: Sequence[str]) -> tuple[Reason, ...]:
    """Which instances were gone before they were up, ended by nobody here."""
    if not ids:
        return ()
    text = f"{count_of(len(ids), 'instance')} ({_some(ids)}) ended before up, by the cloud or a person: replaced"
    return (Reason("ended-early", text, owner="cloud", evidence={"instances": len(ids)}),)


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN_IDS} more" if len(ids) > SHOWN_IDS else ""
    return ", ".join(ids[:SHOWN_IDS]) + more


# --- scaling --------------------------------------------------------------------------------------------------------


def scaling(bounds: Bounds, supply: Supply, demand: Demand, placed: int, instances: int) -> tuple[Reason, ...]:
    """Why launch this many: `placed` slots in so many `instances`, for work or the minimum."""
    if not placed:
        return ()
    text = (
        f"launching {count_of(instances, 'instance')} ({count_of(placed, 'slot')}): work {demand.pending} pending and "
        f"{demand.running} running, live {supply.live}, requested {supply.requested}, minimum {bounds.min_capacity}"
    )
    evidence = {
        "pending": demand.pending,
        "claimed": demand.running,
        "live": supply.live,
        "requested": supply.requested,
        "stopping": supply.stopping,
        "minCapacity": bounds.min_capacity,
        "maxCapacity": bounds.max_capacity,
    }
    return (Reason("scale-up", text, evidence=evidence),)


def unmet(bounds: Bounds, supply: Supply, demand: Demand, placed: int, unplaced: int) -> tuple[Reason, ...]:
    """Why work waits that no launch is made for, apart from what found no place."""
    waiting = max(0, demand.pending - max(0, supply.live - demand.running))
    covered = supply.requested + placed
    wanted = -int(-bounds.scaling_ratio * waiting // 1)
    beyond = max(0, wanted - covered - unplaced)
    shared = max(0, waiting - max(wanted, covered))
    reasons = []
    if covered and waiting:
        served = min(waiting, covered)
        text = f"{count_of(served, 'slot')} of work to be taken by instances that are on their way"
        reasons.append(Reason("booting", text, served, "time"))
    if beyond:
        held = (
            f" (of which {supply.stopping + supply.lost} are taken by what is ending or of no use)"
            if supply.stopping + supply.lost
            else ""
        )
        text = f"at maxCapacity {bounds.max_capacity}{held}: {count_of(beyond, 'slot')} of work must wait"
        step = "raise maxCapacity to serve it"
        reasons.append(
            Reason("at-max", f"{text}; {step}", beyond, "owner", step, evidence={"maxCapacity": bounds.max_capacity})
        )
    if shared:
        text = (
            f"scalingRatio {bounds.scaling_ratio:g}: {count_of(shared, 'slot')} of work to wait for the "
            "instances of other work; raise scalingRatio to serve them at once"
        )
        reasons.append(Reason("ratio", text, shared, "owner", "raise scalingRatio"))
    return tuple(reasons)


def scheduled(bounds: ScheduledBounds) -> tuple[Reason, ...]:
    """Which entries of the schedule are in force, what they do, and until when."""
    reasons = []
    for each in bounds.in_force:
        entry = each.entry
        parts = [f"minCapacity {entry.min_capacity}"] if entry.min_capacity is not None else []
        parts += [f"maxCapacity {entry.max_capacity}"] if entry.max_capacity is not None else []
        name = f" ({entry.description})" if entry.description else ""
        text = f"schedule{name}: {', '.join(parts)} until {each.until:%Y-%m-%d %H:%M} UTC"
        reasons.append(Reason("schedule", text, owner="owner", until=each.until))
    return tuple(reasons)


def termination_pace(until: datetime) -> Reason:
    """Why some that could be ended are not yet."""
    text = f"terminationsPerMinute is used up: the rest follows from {clock(until)} on"
    return Reason("termination-pace", text, owner="time", until=until)


def draining_work(waiting: int) -> tuple[Reason, ...]:
    """Which work a drain leaves undone."""
    if not waiting:
        return ()
    step = "send resume to serve it here"
    text = f"draining: {count_of(waiting, 'slot')} of work to be done by others, as nothing is launched; {step}"
    return (Reason("draining-work", text, waiting, "operator", step),)


def stale(demand: Demand, max_age_seconds: float, now: datetime) -> Reason:
    """Why an old reading of the demand is not acted on."""
    assert demand.reported_at is not None
    age = int((now - demand.reported_at).total_seconds())
    waiting = demand.pending
    text = (
        f"the demand was read {age} s ago, which is older than demandMaxAge {max_age_seconds:g} s: nothing is launched "
        "above the minimum and nothing ended for lack of work until it is read again; look after its source"
    )
    return Reason("demand-stale", text, waiting, "source", "look after the demand's source", evidence={"age": age})


def ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Most urgent first: work that waits for somebody, then what somebody could do, then what is done."""

    def urgency(reason: Reason) -> int:
        if reason.kind in ("at-max", "ratio"):  # it is as it was asked for
            return 1
        waits_for_somebody = reason.owner not in ("", "time")
        return 0 if reason.slots and waits_for_somebody else 1 if reason.next_step and waits_for_somebody else 2

    return tuple(sorted(reasons, key=urgency))


# --- placing --------------------------------------------------------------------------------------------------------


def placed(placement: Placement, prices: Mapping[str, float]) -> tuple[Reason, ...]:
    """Why here: the places chosen, and how they compare."""
    if not placement.shares:
        return ()
    shown = placement.shares[:SHOWN_CAUSES]
    places = [f"{each.count} x {each.spec.offering.key}{_price(prices.get(each.spec.offering.key))}" for each in shown]
    more = f" and {len(placement.shares) - len(shown)} more" if len(placement.shares) > len(shown) else ""
    order = "the cheapest per utility, " if prices else ""
    is_fallback = any(each.spec.is_fallback for each in placement.shares)
    market = "; on-demand in place of spot, which is refused everywhere" if is_fallback else ""
    text = (
        f"in {', '.join(places)}{more}: {order}spread over zones, of "
        f"{count_of(placement.open_count, 'open offering')} of {placement.open_count + placement.closed_count}{market}"
    )
    return (Reason("where", text, evidence={"open": placement.open_count, "closed": placement.closed_count}),)


def _price(price: float | None) -> str:
    return "" if price is None else f" ({price:.4f} an hour)"


def placing(placement: Placement, wanted: int) -> tuple[Reason, ...]:
    """Why slots that are wanted were not launched: what stands in the way, who can change it, and when it changes."""
    if not placement.unplaced:
        return ()
    causes = _telling(placement.causes)
    reasons = [_cause(each, placement.unplaced, wanted) for each in causes[:SHOWN_CAUSES]]
    if len(causes) > SHOWN_CAUSES:
        more = len(causes) - SHOWN_CAUSES
        reasons.append(Reason("more-causes", f"{count_of(more, 'place')} more with causes of their own", owner="cloud"))
    first, *rest = reasons
    return (_with_slots(first, placement.unplaced), *rest)


def _telling(causes: Sequence[Cause]) -> list[Cause]:
    """Causes worth telling: that more follows later says little where something else stands in the way as well."""
    others = [
        each for each in causes if each.limit is not Limit.CALL and (each.limit is not Limit.FALLBACK or each.until)
    ]
    return others if others and not any(each.limit is Limit.CALL for each in causes) else list(causes)


def _with_slots(reason: Reason, slots: int) -> Reason:
    return Reason(reason.kind, reason.text, slots, reason.owner, reason.next_step, reason.until, reason.evidence)


def _cause(cause: Cause, unplaced: int, wanted: int) -> Reason:
    slots = count_of(unplaced, "slot")
    until = f" until {clock(cause.until)}" if cause.until else ""
    match cause.limit:
        case Limit.CALL:
            return Reason("later", f"{slots} of {wanted} wanted follow once these launches are answered", owner="time")
        case Limit.MAXIMUM:
            text = f"{slots} of {wanted} wanted cannot be launched: no instance type fits below maxCapacity"
            return Reason(
                "no-fit", text, owner="owner", next_step="raise maxCapacity, or allow a smaller instance type"
            )
        case Limit.PACE:
            text = f"launchesPerMinute is used up: {slots} of {wanted} wanted follow{until.replace('until', 'from')} on"
            return Reason("launch-pace", text, owner="time", until=cause.until)
        case Limit.CAP:
            step = f"raise the maxCapacity of {cause.key}"
            text = f"{cause.key} is at its maxCapacity {cause.message}: {slots} of {wanted} wanted find no other place"
            return Reason("cap", f"{text}; {step}", owner="owner", next_step=step)
        case Limit.UNPROVEN:
            text = (
                f"no worker has registered with these settings yet: {slots} of {wanted} wanted follow when the first "
                "ones do (brakes.unprovenInstances)"
            )
            return Reason("unproven", text, owner="workers", next_step="they follow when a worker registers")
        case Limit.BRAKE:
            which = f"settings {cause.key}" if cause.key else "this worker type"
            when = f"after {clock(cause.until)}" if cause.until else "when the one under way is up or has failed"
            text = (
                f"brake: instances of {which} do not come up, one after the other ({cause.message[:200]}): held, with "
                f"single probes, the next {when}; look at the image and at what its worker needs to register"
            )
            return Reason("brake", text, owner="owner", next_step="look at the image", until=cause.until)
        case Limit.FALLBACK:
            why = cause.message or "spot is tried first"
            text = f"on-demand instances are not launched in place of spot{until}: {why}"
            return Reason("fallback-waits", text, owner="time", until=cause.until)
        case _:
            return _refused(cause)


_WHAT = {
    Outcome.NO_CAPACITY: ("has no capacity", "cloud", ""),
    Outcome.QUOTA: ("is at a quota of the account", "operator", "ask the cloud for a higher quota"),
    Outcome.THROTTLED: ("is called too often", "time", "launches go on more slowly"),
    Outcome.CREDENTIALS: ("refuses our credentials", "operator", "repair the credentials or permissions"),
    Outcome.REJECTED: ("rejects these launch settings", "owner", "correct the launch settings"),
    Outcome.BROKEN: ("launches instances that do not come up", "owner", "repair the image"),
}


def _refused(cause: Cause) -> Reason:
    outcome = cause.outcome or Outcome.UNKNOWN
    what, owner, step = _WHAT.get(outcome, ("refused", "cloud", "it is tried again"))
    where = "every offering" if cause.key == EVERYTHING else cause.key
    when = f"tried again after {clock(cause.until)}" if cause.until else "one launch is being tried"
    message = f": {cause.message[:200]}" if cause.message else ""
    text = f"{where} {what}{message}; {when}" + (f"; {step}" if step else "")
    return Reason(f"refused-{outcome}", text, owner=owner, next_step=step or when, until=cause.until)


# --- leaving --------------------------------------------------------------------------------------------------------


def waiting_for_idle(left: int) -> tuple[Reason, ...]:
    """Why a surplus stays under `scaleIn: whenIdle`."""
    if left <= 0:
        return ()
    text = f"{count_of(left, 'slot')} more than desired: each goes when its idle worker asks (scaleIn: whenIdle)"
    return (Reason("scale-in-when-idle", text, owner="workers"),)


def kept_idle(surplus: int, until: datetime) -> Reason:
    """Why instances stay although there is no work."""
    text = f"{count_of(surplus, 'slot')} idle and kept in case of work until {clock(until)} (maxIdle)"
    return Reason("kept-idle", text, owner="time", until=until)


def cooling_down(surplus: int, ready_at: datetime) -> tuple[Reason, ...]:
    """Why a surplus stays for now under `scaleIn: oldestFirst`."""
    text = f"{count_of(surplus, 'slot')} more than desired: the oldest drain from {clock(ready_at)} on (cool-down)"
    return (Reason("scale-in-cooldown", text, owner="time", until=ready_at),)


def draining_oldest(deadlines: Mapping[str, datetime]) -> tuple[Reason, ...]:
    """Who drains under `scaleIn: oldestFirst`, and until when at the latest."""
    if not deadlines:
        return ()
    last = max(deadlines.values())
    text = (
        f"{count_of(len(deadlines), 'instance')} more than desired ({_some(list(deadlines))}) drain: each goes "
        f"when its worker asks, or at {clock(last)} at the latest; taken back if there is work again"
    )
    return (Reason("scale-in-draining", text, owner="workers", until=last),)


def draining(left: int, unsettled: int, deadline: datetime | None) -> tuple[Reason, ...]:
    """What a drain waits for, and until when at the latest."""
    reasons = []
    if left and deadline:
        text = (
            f"draining: {count_of(left, 'instance')} not known to be idle: each goes when its worker asks, "
            f"when no work runs, or at {deadline:%Y-%m-%d %H:%M:%S} UTC at the latest"
        )
        reasons.append(Reason("draining", text, owner="workers", until=deadline))
    if unsettled:
        text = f"draining: {count_of(unsettled, 'launch', 'launches')} without an instance yet"
        reasons.append(Reason("draining-intents", text, owner="time"))
    return tuple(reasons)


def drain_ending() -> Reason:
    """What a drain waits for at last."""
    return Reason("draining", "draining: the last instances are ending", owner="time")


def held_in_drain(count: int) -> tuple[Reason, ...]:
    """Why a drain does not end."""
    if not count:
        return ()
    step = "release them, or drain with force to end them"
    text = f"draining: {count_of(count, 'instance')} held or in quarantine: {step}"
    return (Reason("draining-held", text, owner="operator", next_step=step),)


# --- rollout --------------------------------------------------------------------------------------------------------


def replacing(renewing: Renewal, draining_count: int, until: datetime | None, ready_at: datetime | None) -> Reason:
    """How far the rollout is, and what it waits for: busy ones to `until` at most, new ones to be ready."""
    policy, target = renewing.policy, renewing.target
    surge, unavailable = policy.max_surge.of(target), policy.max_unavailable.of(target)
    budget = f"maxSurge {count_of(surge, 'slot')}, maxUnavailable {unavailable}"
    old = count_of(len(renewing.old), "instance")
    if renewing.is_stuck and not surge and not unavailable:
        step = "allow maxSurge or maxUnavailable"
        text = f"rollout: {old} to replace, but its budget is nothing ({budget}); {step}"
        return Reason("rollout-stuck", text, owner="owner", next_step=step)
    if renewing.is_stuck:
        text = f"rollout: {old} to replace, but no room: at maxCapacity with {budget}"
        step = "raise maxCapacity, or allow maxUnavailable"
        return Reason("rollout-stuck", f"{text}; {step}", owner="owner", next_step=step)
    latest = f"; ends them at {clock(until)} at the latest" if until else ""
    latest += f"; the next new one is ready at {clock(ready_at)} (minReadySeconds)" if ready_at else ""
    text = f"rollout: {old} left to replace, {draining_count} draining until idle ({budget}){latest}"
    return Reason(
        "rollout", text, owner="time", until=until, evidence={"old": len(renewing.old), "draining": draining_count}
    )


def rollout_paused(old: int) -> Reason:
    """Why nothing is replaced."""
    text = f"rollout: paused (rollout.pause) with {count_of(old, 'instance')} left to replace"
    return Reason("rollout-paused", text, owner="owner", next_step="take rollout.pause back")
