"""Why launches are made where they are, and why some are not made at all. Says what is; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from worker_manager.budgets import EVERYTHING
from worker_manager.decision import Reason
from worker_manager.explain import SHOWN_CAUSES, clock, count_of
from worker_manager.model import Outcome
from worker_manager.rooms import Cause, Limit

if TYPE_CHECKING:
    from worker_manager.offerings import Placement


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


def placing(placement: Placement, for_work: int, wanted: int) -> tuple[Reason, ...]:
    """Why slots that are wanted were not launched: what stands in the way, who can change it, and when it changes.

    Of those `wanted`, so many are `for_work`, and are given a place first; the others are replacements.
    """
    if not placement.unplaced:
        return ()
    causes = _telling(placement.causes)
    reasons = [_cause(each, placement.unplaced, wanted) for each in causes[:SHOWN_CAUSES]]
    if len(causes) > SHOWN_CAUSES:
        more = len(causes) - SHOWN_CAUSES
        reasons.append(Reason("more-causes", f"{count_of(more, 'place')} more with causes of their own", owner="cloud"))
    first, *rest = reasons
    return (_with_slots(first, max(0, for_work - placement.capacity)), *rest)


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
}


def _refused(cause: Cause) -> Reason:
    outcome = cause.outcome or Outcome.UNKNOWN
    what, owner, step = _WHAT.get(outcome, ("refused", "cloud", "it is tried again"))
    where = "every offering" if cause.key == EVERYTHING else cause.key
    when = f"tried again after {clock(cause.until)}" if cause.until else "one launch is being tried"
    if cause.is_probed:
        when = "one launch of another worker type is being tried there, and others follow if it succeeds"
    message = f": {cause.message[:200]}" if cause.message else ""
    text = f"{where} {what}{message}; {when}" + (f"; {step}" if step else "")
    return Reason(f"refused-{outcome}", text, owner=owner, next_step=step or when, until=cause.until)
