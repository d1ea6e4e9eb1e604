"""What a new value of a shared config would do to the worker types that refer to it. Reads workflows, changes nothing.

Edits of several configs may be checked at the same time, each before the others are accepted. So a worker type is
checked with the document it runs with and with the one it is having checked, and with every combination of the other
shared configs' values of today and those being checked. Whoever looks later sees the other's candidate: two edits that
do not go together cannot both pass.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode

from activities.joining import patiently
from activities.resolving import Resolver
from worker_manager.config import SharedValue, collect_references
from worker_manager.errors import ConfigInvalid, Problem

QUERIES_AT_ONCE = 50
MAX_PROBLEMS_EACH = 5
# Beyond so many other edits of one worker type's shared configs in flight, an edit waits for them.
MAX_IN_FLIGHT = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """One subscriber: whether it refers to the shared config today, and what the new value does to it.

    `problems` are certain; `conflict` is with another edit that is being checked at this moment.
    """

    subscriber: str
    depends: bool = False
    problems: tuple[Problem, ...] = ()
    conflict: str = ""


@dataclass(frozen=True, slots=True)
class _Version:
    """A document of a worker type: `in_flight` while it is being checked itself."""

    subscriber: str
    document: dict[str, Any]
    now: str
    in_flight: bool
    names: frozenset[str]


class Dependents:
    """Asks the worker types that depend on a shared config."""

    def __init__(self, client: Client, resolver: Resolver) -> None:
        self._client = client
        self._resolver = resolver

    async def check(self, name: str, schema: str, value: Any, subscribers: Sequence[str]) -> list[Verdict]:
        """A verdict on each subscriber. Raises RPCError if one cannot be asked."""
        gate = asyncio.Semaphore(QUERIES_AT_ONCE)
        versions = await asyncio.gather(*(self._versions(each, gate) for each in subscribers))
        using = [[version for version in each if name in version.names] for each in versions]
        names = {other for each in using for version in each for other in version.names}
        today, candidates = await self._resolver.values.read_in_flight(names)
        candidates.pop(name, None)
        edit = _Edit(name, SharedValue(0, value, schema), today, candidates, self._resolver)
        return list(await asyncio.gather(*map(edit.verdict, subscribers, using)))

    async def _versions(self, subscriber: str, gate: asyncio.Semaphore) -> list[_Version]:
        """The documents of a worker type; none if it never got past its own start, or has ended."""
        async with gate:
            try:
                handle = self._client.get_workflow_handle(subscriber)
                config: dict[str, Any] = await patiently(
                    lambda: handle.query("config", reject_condition=QueryRejectCondition.NOT_OPEN)
                )
            except (WorkflowQueryFailedError, WorkflowQueryRejectedError):
                return []
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return []
                raise
        is_starting = not config.get("configHash", True)
        found = [_version(subscriber, config, in_flight=is_starting)]
        if "candidate" in config and not is_starting:
            found.append(_version(subscriber, config["candidate"], in_flight=True))
        return found


def _version(subscriber: str, config: dict[str, Any], *, in_flight: bool) -> _Version:
    document = config["document"]
    names = frozenset(each.name for each in collect_references(document))
    return _Version(subscriber, document, config["now"], in_flight, names)


@dataclass(frozen=True, slots=True)
class _Edit:
    """A new value, with the values of today and the candidates of all shared configs that matter."""

    name: str
    value: SharedValue
    today: Mapping[str, SharedValue]
    candidates: Mapping[str, SharedValue]
    resolver: Resolver

    async def verdict(self, subscriber: str, versions: Sequence[_Version]) -> Verdict:
        """What the edit does to one worker type."""
        conflict = ""
        for version in versions:
            edited = sorted(version.names & self.candidates.keys())
            if len(edited) > MAX_IN_FLIGHT:
                conflict = f"{len(edited)} shared configs of {subscriber} are being edited"
                continue
            for shared, others in self._combinations(version, edited):
                problems = await self._problems(version, shared)
                if not problems:
                    continue
                if not version.in_flight and not others:
                    if await self._is_broken_already(version):
                        continue
                    told = tuple(_of_dependent(subscriber, each) for each in problems[:MAX_PROBLEMS_EACH])
                    return Verdict(subscriber, depends=True, problems=told)
                conflict = conflict or _conflict(version, others, problems[0])
        return Verdict(subscriber, depends=bool(versions), conflict=conflict)

    def _combinations(
        self, version: _Version, edited: Sequence[str]
    ) -> Iterator[tuple[dict[str, SharedValue], tuple[str, ...]]]:
        """Values by name, and which of them are not accepted yet; those of today come first."""
        base = {name: self.today[name] for name in version.names & self.today.keys()} | {self.name: self.value}
        for size in range(len(edited) + 1):
            for others in itertools.combinations(edited, size):
                yield base | {name: self.candidates[name] for name in others}, others

    async def _problems(self, version: _Version, shared: Mapping[str, SharedValue]) -> tuple[Problem, ...]:
        try:
            await self.resolver.resolve_with(version.document, version.now, shared)
        except ConfigInvalid as error:
            return error.problems
        return ()

    async def _is_broken_already(self, version: _Version) -> bool:
        """True if it cannot be resolved today either: then this edit does not break it, and may be what mends it."""
        values = {name: self.today[name] for name in version.names & self.today.keys()}
        return bool(await self._problems(version, values))


def _of_dependent(subscriber: str, problem: Problem) -> Problem:
    """Name the worker type that would break; the pointer is into its document."""
    return Problem(problem.pointer, f"would break {subscriber}: {problem.message}", problem.rule)


def _conflict(version: _Version, others: Sequence[str], problem: Problem) -> str:
    edits = [f"shared-config:{name}" for name in others] + ([version.subscriber] if version.in_flight else [])
    return f"does not go together with edits being checked now, of {', '.join(edits)} ({version.subscriber}: {problem})"
