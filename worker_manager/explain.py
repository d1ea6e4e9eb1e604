"""Why, in sentences a person understands: the reasons a decision carries. Says what is; decides nothing.

A reason about work that waits says how many slots of it, who can do something about it, and what happens next.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from worker_manager.decision import Reason
from worker_manager.memory import Mark, MarkKind
from worker_manager.model import Demand, Instance

if TYPE_CHECKING:
    from worker_manager.offerings import Placement
    from worker_manager.schedule import ScheduledBounds
    from worker_manager.situation import Situation

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
    MarkKind.HOLD: ("held", "neither ended nor replaced; send `release`", "operator"),
    MarkKind.QUARANTINE: ("in quarantine", "kept, not counted as capacity, and replaced; send `release`", "operator"),
    MarkKind.INTERRUPTED: ("interrupted by the cloud", "replaced at once", "cloud"),
}


def special(marks: Iterable[Mark]) -> tuple[Reason, ...]:
    """What was said of single instances, and which did not come up in time."""
    groups: dict[tuple[MarkKind, str], list[str]] = {}
    for each in marks:
        if each.kind in _MARKED or each.kind is MarkKind.FAILED:
            groups.setdefault((each.kind, each.why), []).append(each.instance_id)
    return tuple(_special(kind, why, ids) for (kind, why), ids in sorted(groups.items())[:SHOWN_CAUSES])


def _special(kind: MarkKind, why: str, ids: Sequence[str]) -> Reason:
    which = f"{count_of(len(ids), 'instance')} ({some(ids)})"
    if kind is MarkKind.FAILED:
        text = f"{which} failed: {why}; ended, and replaced as the brakes allow"
        return Reason("failed", text, owner="owner", next_step="look at the image and at what its worker says")
    what, then, owner = _MARKED[kind]
    reason = f" ({clipped(why, 100)})" if why else ""
    step = "send `release`" if owner == "operator" else ""
    return Reason(f"marked-{kind}", f"{which} {what}{reason}: {then}", owner=owner, next_step=step)


def ended_early(ids: Sequence[str]) -> tuple[Reason, ...]:
    """Which instances were gone before they were up, ended by nobody here."""
    if not ids:
        return ()
    text = f"{count_of(len(ids), 'instance')} ({some(ids)}) ended before up, by the cloud or a person: replaced"
    return (Reason("ended-early", text, owner="cloud", evidence={"instances": len(ids)}),)


def some(names: Sequence[str], most: int = SHOWN_IDS) -> str:
    """The first few of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def clipped(text: str, most: int) -> str:
    """The text on one line, cut at a word where it is longer."""
    return textwrap.shorten(text, most, placeholder=" …")


# --- scaling --------------------------------------------------------------------------------------------------------


def scaling(it: Situation, demand: Demand, placement: Placement, wanted: int) -> tuple[Reason, ...]:
    """Why launch this many, for work or the minimum; nothing where all are replacements."""
    if not wanted or not placement.shares:
        return ()
    supply, bounds = it.view.supply, it.bounds
    instances, replacing = sum(each.count for each in placement.shares), max(0, placement.capacity - wanted)
    extra = f", of which {count_of(replacing, 'slot')} to replace others or by rounding up" if replacing else ""
    text = (
        f"launching {count_of(instances, 'instance')} ({count_of(placement.capacity, 'slot')}{extra}): "
        f"work {demand.pending} pending and {demand.running} running, live {supply.live}, "
        f"requested {supply.requested}, minimum {bounds.min_capacity}"
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


def unmet(it: Situation, demand: Demand, placement: Placement, wanted: int) -> tuple[Reason, ...]:
    """Why work waits that no launch is made for, apart from what found no place."""
    supply, ratio = it.view.supply, it.bounds.scaling_ratio
    waiting = max(0, demand.pending - max(0, supply.live - demand.running))
    covered = supply.requested + (placement.capacity if wanted else 0)
    asked = math.ceil(ratio * waiting)
    beyond = max(0, asked - covered - max(0, wanted - placement.capacity))
    shared = max(0, waiting - max(asked, covered))
    reasons = []
    if covered and waiting:
        reasons.append(_booting(min(waiting, covered), it.view.up_by))
    if beyond:
        reasons.append(_at_max(it, beyond))
    if shared:
        text = (
            f"scalingRatio {ratio:g}: {count_of(shared, 'slot')} of work to wait for the "
            "instances of other work; raise scalingRatio to serve them at once"
        )
        reasons.append(Reason("ratio", text, shared, "owner", "raise scalingRatio"))
    return tuple(reasons)


def _booting(served: int, up_by: datetime | None) -> Reason:
    latest = f", up by {clock(up_by)} or replaced" if up_by else ""
    text = f"{count_of(served, 'slot')} of work to be taken by instances that are on their way{latest}"
    return Reason("booting", text, served, "time", until=up_by)


def _at_max(it: Situation, beyond: int) -> Reason:
    most, ending = it.bounds.max_capacity, it.view.supply.stopping + it.view.supply.lost
    held = f" (of which {ending} are taken by what is ending or of no use)" if ending else ""
    caps = [each for each in it.scheduled.in_force if each.entry.max_capacity == most]
    until = max((each.until for each in caps), default=None)
    whose = f" of the schedule, at least until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    step = "change that entry to serve it sooner" if until else "it is served as other work ends, or raise maxCapacity"
    text = f"at maxCapacity {most}{whose}{held}: {count_of(beyond, 'slot')} of work must wait"
    return Reason("at-max", f"{text}; {step}", beyond, "owner", step, until, {"maxCapacity": most})


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
        f"the demand was read last at {clock(demand.reported_at)}, longer ago than demandMaxAge {max_age_seconds:g} s: "
        "nothing is launched above the minimum and nothing ended for lack of work until it is read again; look after "
        "its source"
    )
    return Reason("demand-stale", text, waiting, "source", "look after the demand's source", evidence={"age": age})


def ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Most urgent first: work that waits for somebody, then what somebody could do, then what is done."""

    def urgency(reason: Reason) -> int:
        if reason.kind in ("at-max", "ratio"):  # it is as it was asked for
            return 1
        waits_for_somebody = reason.owner not in ("", "time")
        return 0 if reason.slots and waits_for_somebody else 1 if reason.next_step and waits_for_somebody else 2

    told = tuple(reasons)
    if any(each.kind.startswith("rollout") for each in told):  # it says the same, and what is done about it
        told = tuple(each for each in told if each.kind not in ("drift", "expired"))
    return tuple(sorted(told, key=urgency))
