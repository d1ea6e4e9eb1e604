"""What a worker type remembers from one decision to the next, and how the outcome of launches changes it.

The cloud's listing is the truth; memory holds only what a listing cannot tell yet: intents, instances just terminated,
offerings that refused. All of it travels in the workflow's state and through every decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from worker_manager.model import LaunchResult, Outcome


class Mode(StrEnum):
    """What an operator wants of a worker type."""

    RUN = "run"
    PAUSED = "paused"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Intent:
    """Instances asked for and not yet seen in a listing. They count as capacity until seen or settled.

    Attributes:
        count: instances that may still appear; while the ids are unknown, all that were asked for, and what a listing
            shows of the key is taken off anew each time.
        capacity: slots per instance.
        settle_after: until then they may appear although no listing shows them; afterwards the listing decides.
        instance_ids: the ids, once the cloud has answered.
    """

    launch_key: str
    offering_key: str
    count: int
    capacity: int
    requested_at: datetime
    settle_after: datetime
    instance_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An offering or region that refused: not tried before `blocked_until`, then by one instance at a time."""

    key: str
    outcome: Outcome
    failures: int
    blocked_until: datetime
    message: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """An instance we terminated; a stale listing may show it as live until `until`."""

    instance_id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything carried between decisions of one worker type.

    Attributes:
        results: answers to launches, not yet folded into intents and refusals.
        asking: ids of instances whose idle worker asked whether it may go.
        mode_since: when the mode was entered.
        surplus_since: when a surplus was first seen without interruption, None without one.
        force: end draining instances without waiting for their work.
        config_hash: the settings that the refusals are about.
    """

    mode: Mode = Mode.RUN
    mode_since: datetime | None = None
    force: bool = False
    intents: tuple[Intent, ...] = ()
    results: tuple[LaunchResult, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    ended: tuple[Ended, ...] = ()
    asking: tuple[str, ...] = ()
    surplus_since: datetime | None = None
    config_hash: str = ""


@dataclass(frozen=True, slots=True)
class BackOff:
    """First and longest wait after a refusal, doubling between, and what it closes."""

    first_seconds: float
    longest_seconds: float
    scope: str = "offering"


# A dry zone is usually dry for minutes (others forget after 3 minutes and hammer it); a quota needs a person; a refused
# spec needs an edit, which clears the memory by changing the settings; refused credentials may be rotated: probed.
BACK_OFFS = {
    Outcome.NO_CAPACITY: BackOff(30, 900),
    Outcome.QUOTA: BackOff(60, 1800, "region"),
    Outcome.REJECTED: BackOff(60, 1800),
    Outcome.CREDENTIALS: BackOff(15, 300, "all"),
    Outcome.THROTTLED: BackOff(2, 60, "region"),
}

ALL_OFFERINGS = "*"


def scope_key(offering_key: str, scope: str) -> str:
    """What a refusal of `offering_key` closes: itself, its region, or everything."""
    return {"offering": offering_key, "region": offering_key.partition("/")[0], "all": ALL_OFFERINGS}[scope]


def keys_covering(offering_key: str) -> tuple[str, str, str]:
    """Every refusal key that would block this offering."""
    return (offering_key, offering_key.partition("/")[0], ALL_OFFERINGS)


def fold_results(memory: Memory, now: datetime, list_lag_seconds: float) -> Memory:
    """Apply answers of launches: known ids to intents, refusals to offerings; UNKNOWN leaves the intent reserved.

    What an answer changes comes last in its order.
    """
    intents = {each.launch_key: each for each in memory.intents}
    refusals = {each.key: each for each in memory.refusals}
    seen_by = now + timedelta(seconds=list_lag_seconds)
    for result in memory.results:
        if result.outcome is Outcome.UNKNOWN or result.launch_key not in intents:
            continue
        intent = intents.pop(result.launch_key)
        if result.outcome is Outcome.LAUNCHED:
            ids = result.instance_ids
            intents[intent.launch_key] = replace(intent, count=len(ids), instance_ids=ids, settle_after=seen_by)
            for key in keys_covering(intent.offering_key):
                refusals.pop(key, None)
        else:
            key = scope_key(intent.offering_key, BACK_OFFS[result.outcome].scope)
            refusals[key] = _refused(key, refusals.pop(key, None), result, now)
    return replace(memory, intents=tuple(intents.values()), refusals=tuple(refusals.values()), results=())


def _refused(key: str, before: Refusal | None, result: LaunchResult, now: datetime) -> Refusal:
    """Count one more failure; refusals of the same key that arrive together do not compound."""
    if before is not None and before.blocked_until > now:
        return before
    rule = BACK_OFFS[result.outcome]
    failures = (before.failures if before else 0) + 1
    wait = min(rule.longest_seconds, rule.first_seconds * 2 ** (failures - 1))
    return Refusal(key, result.outcome, failures, now + timedelta(seconds=wait), result.message)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Intents against a listing: those that still stand, their slots, and the keys that came to nothing."""

    intents: tuple[Intent, ...] = ()
    capacity: int = 0
    lost_keys: tuple[str, ...] = field(default=())


def for_config(memory: Memory, config_hash: str) -> Memory:
    """New settings start with a clean slate where the old ones were rejected; a dry zone stays dry."""
    if memory.config_hash == config_hash:
        return memory
    kept = tuple(each for each in memory.refusals if each.outcome is not Outcome.REJECTED)
    return replace(memory, refusals=kept, config_hash=config_hash)


def settle(intents: Iterable[Intent], listed_ids: frozenset[str], seen_by_key: dict[str, int], now: datetime) -> Unseen:
    """Take off what the listing shows, forget what has settled without appearing."""
    kept: list[Intent] = []
    lost: list[str] = []
    slots = 0
    for intent in intents:
        rest = _still_unseen(intent, listed_ids, seen_by_key)
        if rest.count == 0:
            continue
        if now >= rest.settle_after:
            lost.append(rest.launch_key)
        else:
            # Kept whole while its ids are unknown: the next listing shows the same instances and takes them off again.
            kept.append(rest if intent.instance_ids else intent)
            slots += rest.count * rest.capacity
    return Unseen(tuple(kept), slots, tuple(lost))


def _still_unseen(intent: Intent, listed_ids: frozenset[str], seen_by_key: dict[str, int]) -> Intent:
    if intent.instance_ids:
        ids = tuple(each for each in intent.instance_ids if each not in listed_ids)
        return replace(intent, count=len(ids), instance_ids=ids)
    return replace(intent, count=max(0, intent.count - seen_by_key.get(intent.launch_key, 0)))
