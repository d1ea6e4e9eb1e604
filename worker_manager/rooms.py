"""What limits a launch: one room for each limit, shared by the offerings that it covers. Knows no order of offerings.

A limit is a place that refused (`budgets`), settings that a place rejected, a brake, unproven settings, a cap, the
pace, what one call may ask for, or the maximum. Each has a cause, so that whatever is not launched can be explained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product

from worker_manager import brakes, budgets
from worker_manager.brakes import WHOLE
from worker_manager.budgets import Budget
from worker_manager.memory import Brake, Refusal
from worker_manager.model import Cap, LaunchSpec, Market, Outcome


class Limit(StrEnum):
    """What kinds of limits there are."""

    MAXIMUM = "maximum"
    BUDGET = "budget"
    REJECTED = "rejected"
    BRAKE = "brake"
    UNPROVEN = "unproven"
    CAP = "cap"
    PACE = "pace"
    CALL = "call"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why no more can be launched somewhere: the limit, what it is about, the cloud's words, until when it holds."""

    limit: Limit
    key: str = ""
    message: str = ""
    until: datetime | None = None
    outcome: Outcome | None = None
    is_probed: bool = False


@dataclass(slots=True)
class Room:
    """How much may still be launched below one limit: slots if `in_slots`, else instances.

    An exclusive one lets a single launch through: whichever offering takes from it first.
    """

    left: int
    cause: Cause
    in_slots: bool = False
    is_exclusive: bool = False
    holder: int | None = None

    def fits(self, index: int, slots: int) -> bool:
        """Whether one more instance of so many slots fits for the offering at `index`."""
        if self.is_exclusive and self.holder not in (None, index):
            return False
        return self.left >= (slots if self.in_slots else 1)

    def take(self, index: int, slots: int) -> None:
        """Use it up by one instance."""
        self.left -= slots if self.in_slots else 1
        self.holder = index


@dataclass(frozen=True, slots=True)
class Limits:
    """All that limits the launches of one decision.

    Attributes:
        budgets, refusals, brakes: by key; of the brakes only those that tripped.
        unproven: instances that unproven settings may still launch, None where nothing has to be proven.
        under_way: instances that are not up yet, by settings hash.
        caps: with the slots still free below each.
        launches_left: instances that may be launched within this minute, and when there may be more.
        fallback_after: seconds of refusal, by outcome, after which a fallback may be bought.
        prices: of one instance an hour by offering key.
    """

    headroom: int
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    brakes: Mapping[str, Brake] = field(default_factory=dict)
    proven: frozenset[str] = frozenset()
    unproven: int | None = None
    under_way: Counter[str] = field(default_factory=Counter)
    caps: tuple[tuple[Cap, int], ...] = ()
    launches_left: int = 1_000_000
    more_launches_at: datetime | None = None
    fallback_after: Mapping[Outcome, float] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)


class Rooms:
    """The rooms of every launch spec, and the first that has no space."""

    def __init__(self, specs: Sequence[LaunchSpec], limits: Limits, now: datetime) -> None:
        self._limits = limits
        self._now = now
        self._shared: dict[Cause, Room] = {}
        self._under_way = limits.under_way.total()
        # Of caps of the same members the lowest counts.
        falling = sorted(limits.caps, key=lambda each: -each[0].slots)
        self._caps = {(cap.region, cap.zone, cap.instance_type): (cap, left) for cap, left in falling}
        fallback = _fallback_cause(specs, limits, now)
        self.of = [self._rooms(spec, fallback) for spec in specs]

    def blocking(self, index: int, slots: int) -> Room | None:
        """The room that keeps one more instance of the spec at `index` from being launched."""
        for room in self.of[index]:
            if not room.fits(index, slots):
                return room
        return None

    def take(self, index: int, slots: int) -> None:
        """Count one instance of the spec at `index`."""
        for room in self.of[index]:
            room.take(index, slots)

    def _rooms(self, spec: LaunchSpec, fallback: Cause | None) -> tuple[Room, ...]:
        return (
            *([Room(0, fallback)] if spec.is_fallback and fallback else []),
            *self._remembered(spec),
            *self._braked(spec),
            *self._capped(spec),
            self._room(self._limits.launches_left, Cause(Limit.PACE, until=self._limits.more_launches_at)),
            self._room(self._limits.headroom, Cause(Limit.MAXIMUM), in_slots=True),
            Room(budgets.OPEN, Cause(Limit.CALL)),
        )

    def _room(self, left: int, cause: Cause, *, in_slots: bool = False, is_exclusive: bool = False) -> Room:
        """The one room of this cause, whoever asks first."""
        return self._shared.setdefault(cause, Room(left, cause, in_slots, is_exclusive))

    def _remembered(self, spec: LaunchSpec) -> Iterable[Room]:
        refusal = self._limits.refusals.get(spec.offering.key)
        if refusal is not None:
            left = 0 if refusal.blocked_until > self._now else 1
            cause = Cause(Limit.REJECTED, refusal.key, refusal.message, refusal.blocked_until, refusal.outcome)
            yield self._room(left, cause, is_exclusive=True)
        if not self._limits.budgets:
            return
        for key in budgets.keys_of(budgets.place_of(spec)):
            budget = self._limits.budgets.get(key)
            if budget is not None:
                until = budget.next_at(self._now)
                is_probed = budget.is_probed(self._now)
                cause = Cause(Limit.BUDGET, key, budget.message, until, budget.outcome, is_probed)
                yield self._room(budget.room(self._now), cause, is_exclusive=True)

    def _braked(self, spec: LaunchSpec) -> Iterable[Room]:
        limits = self._limits
        for key, under_way in (
            (spec.settings_hash, limits.under_way[spec.settings_hash]),
            (WHOLE, self._under_way),
        ):
            brake = limits.brakes.get(key)
            if brake is not None:
                left = brakes.room_of(brake, under_way, self._now)
                until = brake.opens_at if brake.opens_at and brake.opens_at > self._now else None
                what = f"{key} ({spec.image} in {spec.offering.region})" if key and spec.image else key
                yield self._room(left, Cause(Limit.BRAKE, what, brake.why, until), is_exclusive=True)
        if limits.unproven is not None and WHOLE not in limits.brakes and spec.settings_hash not in limits.proven:
            yield self._room(limits.unproven, Cause(Limit.UNPROVEN))

    def _capped(self, spec: LaunchSpec) -> Iterable[Room]:
        for key in keys_covering(spec.offering.region, spec.offering.zone, spec.offering.instance_type):
            if key in self._caps:
                cap, left = self._caps[key]
                name = ", ".join(filter(None, (cap.zone or cap.region, cap.instance_type))) or "all of it"
                yield self._room(left, Cause(Limit.CAP, name, f"{cap.slots}"), in_slots=True)


def keys_covering(region: str, zone: str, instance_type: str) -> tuple[tuple[str, str, str], ...]:
    """Members of every cap for which instances there, of that type, count."""
    return tuple(dict.fromkeys(product((region, ""), (zone, ""), (instance_type, ""))))


def _fallback_cause(specs: Sequence[LaunchSpec], limits: Limits, now: datetime) -> Cause | None:
    """Why fallbacks may not be bought yet; None if they may: every spot offering has been refused for long enough."""
    ready_at = now
    for spec in specs:
        if spec.is_fallback or spec.offering.market is not Market.SPOT:
            continue
        keys = budgets.keys_of(budgets.place_of(spec))
        waits = [
            each.since + timedelta(seconds=limits.fallback_after[each.outcome])
            for each in (limits.budgets[key] for key in keys if key in limits.budgets)
            if each.outcome in limits.fallback_after and each.refusals
        ]
        if not waits:
            return Cause(Limit.FALLBACK, message="there is spot capacity")
        ready_at = max(ready_at, min(waits))
    return Cause(Limit.FALLBACK, until=ready_at) if ready_at > now else None
