"""Holds launches of settings whose instances do not come up: counts failures, trips, lets single probes through.

An instance comes up when its worker registers, or, where no report is expected, when the cloud runs it. It fails when
it ends, is taken or runs out of time before. Knows nothing of offerings that are dry: that is `budgets`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from worker_manager.memory import Brake, Moved

WHOLE = ""
# One failure may be the machine's; three of the same settings in the same place are the settings'.
FAILURES_OF_ONE_HASH = 3
FIRST_SECONDS, LONGEST_SECONDS = 60.0, 1800.0
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of instances since the last decision: settings hashes, once per instance, and why they failed."""

    came_up: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


def fold(brakes: Iterable[Brake], outcomes: Outcomes, budget: int, now: datetime) -> tuple[Brake, ...]:
    """Success releases a brake, failures in a row trip it: three of one settings hash, `budget` of the worker type."""
    by_key = {each.key: each for each in brakes}
    for settings_hash, why in outcomes.failed:
        for key, most in ((settings_hash, min(budget, FAILURES_OF_ONE_HASH)), (WHOLE, budget)):
            by_key[key] = _failed(by_key.get(key), key, why, most, now)
    for settings_hash in outcomes.came_up:
        by_key.pop(settings_hash, None)
        by_key.pop(WHOLE, None)
    return tuple(by_key.values())


def _failed(before: Brake | None, key: str, why: str, most: int, now: datetime) -> Brake:
    """One more failure; those that were on their way when it tripped count, but do not lengthen the wait."""
    brake = before or Brake(key, 0, now)
    brake = replace(brake, failures=brake.failures + 1, why=why)
    is_closed = brake.opens_at is not None and brake.opens_at > now
    if brake.failures < most or is_closed:
        return brake
    # Doubled no further than it takes to reach the longest wait: the power must stay a number.
    wait = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(brake.trips, 30))
    return replace(brake, trips=brake.trips + 1, opens_at=now + timedelta(seconds=wait))


def for_hashes(brakes: Iterable[Brake], hashes: frozenset[str], before: str, config_hash: str) -> tuple[Brake, ...]:
    """Brakes of settings that are still launched; an edit of the settings starts with a clean slate for what it
    changed.
    """
    is_edited = before != config_hash
    return tuple(each for each in brakes if (not is_edited if each.key == WHOLE else each.key in hashes))


def tripped(brakes: Iterable[Brake]) -> Mapping[str, Brake]:
    """Those that hold, by settings hash (WHOLE for the worker type)."""
    return {each.key: each for each in brakes if each.opens_at is not None}


def room_of(brake: Brake, under_way: int, now: datetime) -> int:
    """Instances that a tripped brake lets through now: one when it is time, and none else is under way."""
    assert brake.opens_at is not None
    return 1 if brake.opens_at <= now and under_way == 0 else 0


def more_at(moved: Iterable[Moved], now: datetime, *, launches: bool) -> datetime:
    """When a minute that is used up has room again."""
    recent = (each.at for each in moved if now - each.at < MINUTE and (each.launched if launches else each.ended))
    return min(recent, default=now) + MINUTE


def left_of_minute(moved: Iterable[Moved], launches: int, terminations: int, now: datetime) -> tuple[int, int]:
    """How many instances may still be launched and ended within the minute that ends now."""
    recent = [each for each in moved if now - each.at < MINUTE]
    return (
        max(0, launches - sum(each.launched for each in recent)),
        max(0, terminations - sum(each.ended for each in recent)),
    )
