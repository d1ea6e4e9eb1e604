"""Why launches are made where they are, and why some are not made at all. Says what is; decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from worker_manager.budgets import EVERYTHING
from worker_manager.decision import Reason
from worker_manager.explain import SHOWN_CAUSES, clipped, clock, count_of, some
from worker_manager.model import Outcome
from worker_manager.rooms import Cause, Limit

if TYPE_CHECKING:
    from worker_manager.offerings import Placement


def placed(placement: Placement, prices: Mapping[str, float]) -> tuple[Reason, ...]:
    """Why here: the places chosen, and how they compare."""
    if not placement.shares:
        return ()
    places = [
        f"{each.count} x {place_name(each.spec.offering.key)}{_price(prices.get(each.spec.offering.key))}"
        for each in placement.shares
    ]
    order = "the cheapest per utility, " if prices else ""
    is_fallback = any(each.spec.is_fallback for each in placement.shares)
    market = "; on-demand in place of spot, which is refused everywhere" if is_fallback else ""
    everything = placement.open_count + placement.closed_count
    text = (
        f"placed {some(places, SHOWN_CAUSES)}: {order}spread over zones; "
        f"{placement.open_count} of {count_of(everything, 'offering')} open{market}"
    )
    return (Reason("where", text, evidence={"open": placement.open_count, "closed": placement.closed_count}),)


def placing(placement: Placement, for_work: int, wanted: int, up_by: datetime | None) -> tuple[Reason, ...]:
    """Why slots that are wanted were not launched: what stands in the way, who can change it, and when it changes.

    Of those `wanted`, so many are `for_work`, and are given a place first; the others are replacements.
    """
    if not placement.unplaced:
        return ()
    waiting = max(0, for_work - placement.capacity)
    groups = _grouped(_telling(placement.causes))
    what = f"{count_of(placement.unplaced, 'slot')} of {wanted} wanted"
    reasons = [_cause(each, waiting, what, up_by) for each in groups[:SHOWN_CAUSES]]
    return tuple(
        Reason(each.kind, each.text, 0 if index else waiting, each.owner, each.next_step, each.until)
        for index, each in enumerate(reasons)
    )


def place_name(key: str) -> str:
    """A place as people say it: `m5.large spot in us-west-1a`."""
    parts = key.split("/")
    if len(parts) != 4:
        return "everywhere" if key == EVERYTHING else f"in {key}"
    region, second, third, market = parts
    if second == "family":
        return f"of the family {third} {market} in {region}"
    return f"{third} {market} in {region if second == 'any' else second}"


def _price(price: float | None) -> str:
    return "" if price is None else f" ({price:.4f} an hour)"


def _telling(causes: Sequence[Cause]) -> list[Cause]:
    """Causes worth telling: that more follows later says little where something else stands in the way as well."""
    others = [
        each for each in causes if each.limit is not Limit.CALL and (each.limit is not Limit.FALLBACK or each.until)
    ]
    return others if others and not any(each.limit is Limit.CALL for each in causes) else list(causes)


def _grouped(causes: Iterable[Cause]) -> list[list[Cause]]:
    """Causes of a kind together, as one sentence says them."""
    groups: dict[tuple[Limit, Outcome | None], list[Cause]] = {}
    for each in causes:
        groups.setdefault((each.limit, each.outcome), []).append(each)
    return list(groups.values())


def _cause(causes: Sequence[Cause], waiting: int, what: str, up_by: datetime | None) -> Reason:
    cause = causes[0]
    match cause.limit:
        case Limit.CALL:
            return Reason("later", f"{what} follow once these launches are answered", owner="time")
        case Limit.MAXIMUM:
            step = "raise maxCapacity, or allow a smaller instance type"
            text = f"no instance type fits below maxCapacity: {what} cannot be launched; {step}"
            return Reason("no-fit", text, owner="owner", next_step=step)
        case Limit.PACE:
            when = f" from {clock(cause.until)} on" if cause.until else ""
            text = f"launchesPerMinute is used up: {what} follow{when}"
            return Reason("launch-pace", text, owner="time", until=cause.until)
        case Limit.CAP:
            names = ", ".join(f"{each.key} ({each.message})" for each in causes)
            step = f"raise the maxCapacity of {' or '.join(each.key for each in causes)}"
            text = f"capped by the maxCapacity of {names}: {what} find no other place; {step}"
            return Reason("cap", text, owner="owner", next_step=step)
        case Limit.UNPROVEN:
            latest = f", by {clock(up_by)} at the latest" if up_by else ""
            text = f"{what} wait until a first worker registers with these settings (brakes.unprovenInstances){latest}"
            return Reason("unproven", text, owner="workers", next_step="wait for a worker to register", until=up_by)
        case Limit.BRAKE:
            return _brake(causes, waiting)
        case Limit.FALLBACK:
            until = f" until {clock(cause.until)}" if cause.until else ""
            why = cause.message or "spot is tried first"
            text = f"on-demand instances are not launched in place of spot{until}: {why}"
            return Reason("fallback-waits", text, owner="time", until=cause.until)
        case _:
            return _refused(causes, waiting)


def _brake(causes: Sequence[Cause], waiting: int) -> Reason:
    cause = causes[0]
    which = f"with the settings {some([each.key for each in causes])} " if cause.key else ""
    when = f"one probe after {clock(cause.until)}" if cause.until else "one probe is under way"
    step = "repair the image or its worker: an edit of the settings, or an instance that comes up, releases it"
    text = (
        f"brake: one instance {which}after the other did not come up ({clipped(cause.message, 200)}); "
        f"{_wait(waiting)}{step}; {when}"
    )
    return Reason("brake", text, owner="owner", next_step=step, until=cause.until)


_WHAT = {
    Outcome.NO_CAPACITY: ("no capacity", "cloud", ""),
    Outcome.QUOTA: ("quota reached", "operator", "ask the cloud for a higher quota, then send `forget`"),
    Outcome.THROTTLED: ("called too often", "time", "launches go on more slowly"),
    Outcome.CREDENTIALS: ("credentials refused", "operator", "repair the credentials or permissions"),
    Outcome.REJECTED: ("launch settings rejected", "owner", "correct the launch settings"),
}


def _refused(causes: Sequence[Cause], waiting: int) -> Reason:
    first, outcome = causes[0], causes[0].outcome or Outcome.UNKNOWN
    what, owner, step = _WHAT.get(outcome, ("refused", "cloud", ""))
    until = min((each.until for each in causes if each.until), default=None)
    when = f"tried again after {clock(until)}" if until else "one launch is being tried"
    if any(each.is_probed for each in causes):
        when = "one launch is being tried there now, others follow if it succeeds"
    message = f" ({clipped(first.message, 160)})" if first.message else ""
    text = f"{what}: {some([place_name(each.key) for each in causes], SHOWN_CAUSES)}; {_wait(waiting)}"
    text += f"{step}; {when}{message}" if step else f"{when}{message}"
    return Reason(f"refused-{outcome}", text, owner=owner, next_step=step or when, until=until)


def _wait(waiting: int) -> str:
    return f"{count_of(waiting, 'slot')} of work wait{'s' if waiting == 1 else ''}; " if waiting else ""
