"""Why instances go, stay or are replaced, and until when. Says what is; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from worker_manager.decision import Reason
from worker_manager.explain import clock, count_of, some

if TYPE_CHECKING:
    from worker_manager.rollout import Renewal


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
        f"{count_of(len(deadlines), 'instance')} more than desired ({some(list(deadlines))}) drain: each goes "
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
    parts = [f"rollout: {old} left to replace"]
    parts += [f"{count_of(renewing.coming, 'slot')} of new ones on their way"] if renewing.coming else []
    parts += [f"the next new one is ready at {clock(ready_at)} (minReadySeconds)"] if ready_at else []
    latest = f", at {clock(until)} at the latest" if until else ""
    going = f"{draining_count} of them finishing their work (each goes when its worker asks{latest})"
    parts += [going] if draining_count else []
    evidence = {"old": len(renewing.old), "draining": draining_count}
    return Reason("rollout", f"{'; '.join(parts)}; {budget}", owner="time", until=until, evidence=evidence)


def rollout_paused(old: int) -> Reason:
    """Why nothing is replaced."""
    step = "take rollout.pause back"
    text = f"rollout: paused with {count_of(old, 'instance')} left to replace; {step}"
    return Reason("rollout-paused", text, owner="owner", next_step=step)
