"""Where to launch: spread over zones and instance types, around what refused lately, without passing the maximum.

Price is not known here, so document order decides between equals. Slots and instances are different numbers: an
offering has `capacity` slots per instance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from worker_manager.memory import Intent, Refusal, keys_covering
from worker_manager.model import ANY_ZONE, Instance, LaunchSpec, Offering

# RunInstances has a budget of 2 calls a second (EC2 API request throttling), so a small launch is not cut into single
# instances; 100 is the most one call should ask for (botocore's own documentation of MaxCount).
SMALLEST_BATCH = 4
LARGEST_BATCH = 100
# A decision travels in one payload (2 MB), and each call carries its user data (16 KB); the rest follows at once.
MOST_CALLS = 50


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
    """The shares chosen, the slots that found no place, and the refusals that stand in the way.

    `limited`: slots found no place because a share may not be larger now (a probe, or the most one call asks for).
    """

    shares: tuple[Share, ...] = ()
    unplaced: int = 0
    refusals: tuple[Refusal, ...] = ()
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """How many instances each zone and each offering already has, intents included."""

    zones: Counter[str]
    offerings: Counter[str]


def load_of(instances: Iterable[Instance], intents: Iterable[Intent]) -> Load:
    """Count instances by zone and by offering, so that new ones go where few are.

    Each also counts for its region with zone "", where an offering leaves the zone to the cloud.
    """
    load = Load(Counter(), Counter())
    for instance in instances:
        _count(load, instance.region, {instance.zone, ""}, instance.instance_type, 1)
    for intent in intents:
        region, zone, instance_type, _ = intent.offering_key.split("/")
        _count(load, region, {zone, ""} - {ANY_ZONE}, instance_type, intent.count)
    return load


def _count(load: Load, region: str, zones: Iterable[str], instance_type: str, count: int) -> None:
    for zone in zones:
        load.zones[f"{region}/{zone}"] += count
        load.offerings[f"{region}/{zone}/{instance_type}"] += count


def place(
    specs: Sequence[LaunchSpec], capacity: int, headroom: int, load: Load, refusals: Sequence[Refusal], *, now: datetime
) -> Placement:
    """Divide `capacity` slots among the open offerings, never more than `headroom` slots in all."""
    blocking = {each.key: each for each in refusals}
    open_specs = [spec for spec in specs if not _is_closed(spec.offering, blocking, now)]
    if not open_specs:
        return Placement(unplaced=capacity, refusals=tuple(refusals))
    ranked = _ranked(open_specs, load)
    shares = _shares(ranked, capacity, headroom, blocking)
    unplaced = max(0, capacity - sum(share.capacity for share in shares))
    limited = unplaced > 0 and any(share.count == _limit(share.spec.offering, blocking) for share in shares)
    return Placement(shares, unplaced, tuple(each for each in refusals if each.blocked_until > now), limited)


def _is_closed(offering: Offering, blocking: Mapping[str, Refusal], now: datetime) -> bool:
    return any(key in blocking and blocking[key].blocked_until > now for key in keys_covering(offering.key))


def _limit(offering: Offering, blocking: Mapping[str, Refusal]) -> int:
    """What failed before is probed with one instance; only success opens it again."""
    return 1 if any(key in blocking for key in keys_covering(offering.key)) else LARGEST_BATCH


def _ranked(specs: Sequence[LaunchSpec], load: Load) -> list[LaunchSpec]:
    """Emptiest zone first, in it the emptiest type, then document order; regions and zones take turns."""

    def rank(item: tuple[int, LaunchSpec]) -> tuple[int, int, int]:
        index, spec = item
        zone = f"{spec.offering.region}/{spec.offering.zone}"
        return (load.zones[zone], load.offerings[f"{zone}/{spec.offering.instance_type}"], index)

    return _in_turn([spec for _, spec in sorted(enumerate(specs), key=rank)])


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


def _shares(
    ranked: Sequence[LaunchSpec], capacity: int, headroom: int, blocking: Mapping[str, Refusal]
) -> tuple[Share, ...]:
    """Deal instances in turn to as few offerings as spread them well; take in more where those are used up."""
    limits = [_limit(spec.offering, blocking) for spec in ranked]
    counts = [0] * len(ranked)
    used = _width(ranked, capacity)
    remaining, room = capacity, headroom
    while remaining > 0:
        given = False
        for index in range(used):
            taken = _pick(ranked, counts, limits, index, remaining=remaining, room=room)
            if taken is None:
                continue
            counts[taken] += 1
            remaining -= ranked[taken].offering.capacity
            room -= ranked[taken].offering.capacity
            given = True
            if remaining <= 0:
                break
        if not given:
            if used == min(len(ranked), MOST_CALLS):
                break
            used += 1
    return tuple(Share(spec, count) for spec, count in zip(ranked, counts, strict=True) if count)


def _width(ranked: Sequence[LaunchSpec], capacity: int) -> int:
    """How many offerings to use: one per zone at most, unless calls would get too large or shares too small."""
    instances = math.ceil(capacity / ranked[0].offering.capacity)
    zones = len({(spec.offering.region, spec.offering.zone) for spec in ranked})
    widest = max(zones, math.ceil(instances / LARGEST_BATCH))
    return max(1, min(len(ranked), MOST_CALLS, widest, math.ceil(instances / SMALLEST_BATCH)))


def _pick(
    ranked: Sequence[LaunchSpec], counts: Sequence[int], limits: Sequence[int], index: int, *, remaining: int, room: int
) -> int | None:
    """The offering at `index`, or for the last slots one that fits them better; None if it may take no more."""

    def fits(each: int, most: int) -> bool:
        return counts[each] < limits[each] and ranked[each].offering.capacity <= most

    if not fits(index, room):
        return None
    if ranked[index].offering.capacity > remaining:
        return next((each for each in range(len(ranked)) if fits(each, min(remaining, room))), index)
    return index
