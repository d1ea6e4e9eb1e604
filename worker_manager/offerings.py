"""Where to launch: the cheapest offerings that are open, spread over zones, without passing any limit.

Offerings whose price per utility is about the same are equals: they take turns by zone, emptiest first, then in
document order. Slots and instances are different numbers: an offering has `capacity` slots per instance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from worker_manager.budgets import OPEN
from worker_manager.memory import Intent
from worker_manager.model import ANY_ZONE, Cap, Instance, LaunchSpec
from worker_manager.rooms import Cause, Limit, Limits, Rooms, keys_covering

# RunInstances has a budget of 2 calls a second (EC2 API request throttling), so a small launch is not cut into single
# instances; what one call may ask for at most is OPEN.
SMALLEST_BATCH = 4
# A decision travels in one payload (2 MB), and each call carries its user data (16 KB); the rest follows at once.
MOST_CALLS = 50
# Spot prices move by a few percent an hour; offerings within such a step are equals, so that a fleet is spread.
PRICE_STEP = 1.15

# Whether it is a fallback, and its step on a scale of prices: what is equal in both is equally good.
_Step = tuple[bool, int]
# Region, zone ("" where the cloud chose it) and instance type.
_Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Share:
    """Instances to launch on one offering."""

    spec: LaunchSpec
    count: int

    @property
    def capacity(self) -> int:
        return self.count * self.spec.offering.capacity


@dataclass(frozen=True, slots=True)
class Placement:
    """The shares chosen, of how many open and closed offerings, the slots that found no place, and why not."""

    shares: tuple[Share, ...] = ()
    unplaced: int = 0
    causes: tuple[Cause, ...] = ()
    open_count: int = 0
    closed_count: int = 0

    @property
    def capacity(self) -> int:
        return sum(each.capacity for each in self.shares)


@dataclass(frozen=True, slots=True)
class Load:
    """How many instances each zone and each offering already has, intents included."""

    zones: Counter[str]
    offerings: Counter[str]


def load_of(instances: Iterable[Instance], intents: Iterable[Intent]) -> Load:
    """Count instances by zone and by offering, so that new ones go where few are.

    Each also counts for its region with zone "", where an offering leaves the zone to the cloud.
    """
    counts = Counter((each.region, each.zone, each.instance_type) for each in instances)
    for intent in intents:
        counts[_place_of(intent)] += intent.count
    load = Load(Counter(), Counter())
    for (region, named, instance_type), count in counts.items():
        for zone in {named, ""}:
            load.zones[f"{region}/{zone}"] += count
            load.offerings[f"{region}/{zone}/{instance_type}"] += count
    return load


def _place_of(intent: Intent) -> _Place:
    region, zone, instance_type, _ = intent.offering_key.split("/")
    return region, "" if zone == ANY_ZONE else zone, instance_type


def free_below(
    caps: Sequence[Cap], instances: Iterable[Instance], intents: Iterable[Intent]
) -> tuple[tuple[Cap, int], ...]:
    """Every cap with the slots still free below it."""
    if not caps:
        return ()
    places: Counter[_Place] = Counter()
    for each in instances:
        places[each.region, each.zone, each.instance_type] += each.capacity
    for intent in intents:
        places[_place_of(intent)] += intent.count * intent.capacity
    used: Counter[_Place] = Counter()
    for place, slots in places.items():
        for key in keys_covering(*place):
            used[key] += slots
    return tuple((cap, max(0, cap.slots - used[cap.region, cap.zone, cap.instance_type])) for cap in caps)


def place(specs: Sequence[LaunchSpec], capacity: int, load: Load, limits: Limits, now: datetime) -> Placement:
    """Divide `capacity` slots among the offerings as far as the limits allow."""
    if capacity <= 0:
        return Placement()
    ranked, equals = _ranked(specs, load, limits.prices)
    rooms = Rooms(ranked, limits, now)
    open_ones = [index for index, spec in enumerate(ranked) if rooms.blocking(index, spec.offering.capacity) is None]
    counts = _deal(ranked, [equals[index] for index in open_ones], rooms, open_ones, capacity)
    shares = tuple(Share(spec, count) for spec, count in zip(ranked, counts, strict=True) if count)
    unplaced = max(0, capacity - sum(share.capacity for share in shares))
    causes = _causes(ranked, rooms) if unplaced else ()
    return Placement(shares, unplaced, causes, len(open_ones), len(ranked) - len(open_ones))


def _causes(ranked: Sequence[LaunchSpec], rooms: Rooms) -> tuple[Cause, ...]:
    """What keeps each offering from taking more, each cause once, those that end first coming first."""
    found: dict[Cause, None] = {}
    for index, spec in enumerate(ranked):
        blocking = rooms.blocking(index, spec.offering.capacity)
        # Free, and still not used: only so many calls are made at once.
        cause = blocking.cause if blocking is not None else Cause(Limit.CALL)
        is_probed_now = blocking is not None and blocking.is_exclusive and blocking.holder is not None
        # What a brake lets through has to come up; the probe of a place is answered at once.
        found[Cause(Limit.CALL) if is_probed_now and cause.limit is not Limit.BRAKE else cause] = None
    in_time = sorted((each for each in found if each.until), key=lambda each: (each.until, each.limit, each.key))
    return (*in_time, *(each for each in found if not each.until))


def _deal(
    ranked: Sequence[LaunchSpec], steps: Sequence[_Step], rooms: Rooms, open_ones: Sequence[int], capacity: int
) -> list[int]:
    """Deal instances in turn to as few of the cheapest as spread them well; take in more where those are used up."""
    counts = [0] * len(ranked)
    equals = [index for index, step in zip(open_ones, steps, strict=True) if step == steps[0]]
    used = _width([ranked[index] for index in equals], capacity)
    remaining = capacity
    while remaining > 0 and open_ones:
        given = False
        for index in open_ones[:used]:
            taken = _pick(ranked, rooms, open_ones, index, remaining)
            if taken is None:
                continue
            counts[taken] += 1
            rooms.take(taken, ranked[taken].offering.capacity)
            remaining -= ranked[taken].offering.capacity
            given = True
            if remaining <= 0:
                break
        if not given:
            if used >= min(len(open_ones), MOST_CALLS):
                break
            used += 1
    return counts


def _pick(
    ranked: Sequence[LaunchSpec], rooms: Rooms, open_ones: Sequence[int], index: int, remaining: int
) -> int | None:
    """The offering at `index`, or for the last slots one that fits them better; None if it may take no more."""

    def fits(each: int) -> bool:
        return rooms.blocking(each, ranked[each].offering.capacity) is None

    if not fits(index):
        return None
    if ranked[index].offering.capacity > remaining:
        smaller = (each for each in open_ones if ranked[each].offering.capacity <= remaining and fits(each))
        return next(smaller, index)
    return index


def _width(ranked: Sequence[LaunchSpec], capacity: int) -> int:
    """How many offerings to use: one per zone at most, unless calls would get too large or shares too small."""
    if not ranked:
        return 0
    instances = math.ceil(capacity / ranked[0].offering.capacity)
    zones = len({(spec.offering.region, spec.offering.zone) for spec in ranked})
    widest = max(zones, math.ceil(instances / OPEN))
    return max(1, min(len(ranked), MOST_CALLS, widest, math.ceil(instances / SMALLEST_BATCH)))


def _ranked(
    specs: Sequence[LaunchSpec], load: Load, prices: Mapping[str, float]
) -> tuple[list[LaunchSpec], list[_Step]]:
    """Cheapest first, with the step of each; among equals emptiest zone first, then document order, zones in turn."""
    steps = _steps(specs, prices)
    ranked: list[LaunchSpec] = []
    for step in sorted(set(steps)):
        equals = [spec for spec, its in zip(specs, steps, strict=True) if its == step]
        ranked += _in_turn(_emptiest_first(equals, load))
    return ranked, sorted(steps)


def _steps(specs: Sequence[LaunchSpec], prices: Mapping[str, float]) -> list[_Step]:
    """For each spec whether it is a fallback, and its step on a scale of prices per utility, unknown ones last."""
    costs = [_cost(spec, prices) for spec in specs]
    cheapest = min((each for each in costs if each is not None), default=None)
    if cheapest is None:
        return [(spec.is_fallback, 0) for spec in specs]
    last = 1_000_000
    steps = [last if each is None else int(math.log(each / cheapest, PRICE_STEP)) for each in costs]
    return [(spec.is_fallback, step) for spec, step in zip(specs, steps, strict=True)]


def _cost(spec: LaunchSpec, prices: Mapping[str, float]) -> float | None:
    price = prices.get(spec.offering.key)
    return price / spec.offering.utility if price is not None and price > 0 else None


def _emptiest_first(specs: Sequence[LaunchSpec], load: Load) -> list[LaunchSpec]:
    def rank(item: tuple[int, LaunchSpec]) -> tuple[int, int, int]:
        index, spec = item
        zone = f"{spec.offering.region}/{spec.offering.zone}"
        return (load.zones[zone], load.offerings[f"{zone}/{spec.offering.instance_type}"], index)

    return [spec for _, spec in sorted(enumerate(specs), key=rank)]


def _in_turn(specs: Sequence[LaunchSpec]) -> list[LaunchSpec]:
    """Best of every region's best zones in turn, then the second best of every zone, and so on."""
    of_zone: Counter[tuple[str, str]] = Counter()
    of_region: Counter[tuple[str, int]] = Counter()
    keyed: list[tuple[int, int, int, LaunchSpec]] = []
    for position, spec in enumerate(specs):
        zone = (spec.offering.region, spec.offering.zone)
        region = (spec.offering.region, of_zone[zone])
        keyed.append((of_zone[zone], of_region[region], position, spec))
        of_zone[zone] += 1
        of_region[region] += 1
    return [spec for *_, spec in sorted(keyed, key=lambda item: item[:3])]
