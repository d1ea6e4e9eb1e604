"""Decides what is wrong with a policy beyond its schema, in a worker type or as a shared config of its own.

It must not know documents, providers, or what the policies are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from schemas import loader
from worker_manager.demand.contract import PUSH, normalized
from worker_manager.errors import Problem
from worker_manager.policies import Share, policies, seconds
from worker_manager.schedule import schedule_problems
from worker_manager.shape import Problems, clip
from worker_manager.validation import schema_problems

# Readings that have not changed are confirmed every half minute at most.
LEAST_MAX_AGE_SECONDS = 60.0

# What a time of 0 would come to.
_AT_ONCE = {
    "launchTimeout": "every instance would be ended before it runs",
    "registrationTimeout": "every instance would be ended before its worker reports; leave it out if none does",
    "maxLifetime": "every instance would be replaced as soon as it runs; leave it out if they may live for ever",
}


def policy_problems(schema_id: str, value: Any) -> Problems:
    """What is wrong with a policy, pointers into it; nothing where its schema finds something, or for other schemas."""
    rules = _RULES.get(loader.canonical_id(schema_id))
    return tuple(rules(value)) if rules and not schema_problems(schema_id, value) else ()


def member_problems(document: Mapping[str, Any]) -> Problems:
    """What is wrong with the policies of a rendered document, pointers into the document."""
    return tuple(
        Problem(f"/{name}{problem.pointer}", problem.message, problem.rule)
        for name in ("lifecycle", "rollout", "schedule")
        if name in document
        for problem in policy_problems(_schema_id(name), document[name])
    )


def demand_age_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Whether a reading could be trusted for long enough to be told of the next; of a rendered, valid document."""
    demand = document.get("demand", {})
    if "demandMaxAge" not in document:
        return
    is_pushed, age = demand.get("source", PUSH) == PUSH, seconds(document["demandMaxAge"])
    least = 1.0 if is_pushed else max(LEAST_MAX_AGE_SECONDS, 2 * float(normalized(demand)["interval"]))
    if is_pushed and age < least:
        yield Problem("/demandMaxAge", "must be more than 0, else every demand would be too old", "demand-age")
    elif age < least:
        message = f"must be at least {least:g} s for a source that is read (a minute, and two of its intervals)"
        yield Problem("/demandMaxAge", message, "demand-age")


def _schema_id(member: str) -> str:
    return f"/schemas/common/{member}.json#"


def _lifecycle(given: Mapping[str, Any]) -> Iterator[Problem]:
    for member, why in _AT_ONCE.items():
        if member in given and not seconds(given[member]):
            yield Problem(f"/{member}", f"must be more than 0, not {clip(given[member])}: {why}", "duration")


def _rollout(given: Mapping[str, Any]) -> Iterator[Problem]:
    rollout = policies({"rollout": given}).rollout
    if rollout is not None and rollout.max_surge == rollout.max_unavailable == Share():
        missing = clip(given["maxUnavailable"]) if "maxUnavailable" in given else "0, its default,"
        message = f"with maxSurge {clip(given['maxSurge'])} and maxUnavailable {missing} nothing can ever be replaced"
        yield Problem("", f"{message}; raise one of them", "rollout-stuck")


def _schedule(given: Any) -> Iterator[Problem]:
    for each in schedule_problems(given):
        yield Problem(each.pointer.removeprefix("/schedule"), each.message, each.rule)


_RULES: Mapping[str, Callable[[Any], Iterable[Problem]]] = {
    _schema_id("lifecycle"): _lifecycle,
    _schema_id("rollout"): _rollout,
    _schema_id("schedule"): _schedule,
}
