"""Checks of edits, before anything is stored: schemas, rendering, and everything that depends on a shared config."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode

from activities.heartbeat import heartbeating
from activities.resolving import Resolver
from worker_manager.config import SharedValue, check_shared_value, collect_references
from worker_manager.errors import ConfigInvalid, Problem

SIGNALS_AT_ONCE = 50
HEARTBEAT_EVERY = 200


@dataclass(frozen=True, slots=True)
class WorkerTypeCheck:
    """A worker type document to check; `subscriber` is the workflow id that will follow its shared configs."""

    document: dict[str, Any]
    now: str
    subscriber: str


@dataclass(frozen=True, slots=True)
class Admission:
    """What a check found. Without problems: what the workflow needs to know of the resolved document."""

    problems: tuple[Problem, ...] = ()
    revisions: dict[str, int] = field(default_factory=dict)
    provider: str = ""
    owner: str = ""
    config_hash: str = ""


@dataclass(frozen=True, slots=True)
class SharedValueCheck:
    """A shared config's new value to check against its schema and against everything that depends on it."""

    name: str
    schema: str
    value: Any
    subscribers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SharedValueAdmission:
    """What the check found; `dependents` are the subscribers that do refer to it today."""

    problems: tuple[Problem, ...] = ()
    dependents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notification:
    """An accepted edit of a shared config to be told to its dependents."""

    name: str
    revision: int
    subscribers: tuple[str, ...]


class ConfigActivities:
    """Activities of the queue `worker-manager`; they read other workflows, never a cloud."""

    def __init__(self, client: Client, resolver: Resolver) -> None:
        self._client = client
        self._resolver = resolver

    @activity.defn
    async def check_worker_type(self, check: WorkerTypeCheck) -> Admission:
        """Subscribe to what the document refers to, then resolve it. Twice: the same answer, for the same values."""
        async with heartbeating():
            try:
                names = sorted({each.name for each in collect_references(check.document)})
                await self._resolver.values.subscribe(names, check.subscriber)
                resolved = await self._resolver.resolve(check.document, check.now, {})
            except ConfigInvalid as error:
                return Admission(problems=error.problems[:100])
        owner = str(resolved.document.get("owner", ""))
        return Admission((), resolved.shared_revisions, resolved.provider, owner, resolved.config_hash)

    @activity.defn
    async def check_shared_config(self, check: SharedValueCheck) -> SharedValueAdmission:
        """Check a value against its schema, then render every dependent with it. Changes nothing."""
        async with heartbeating():
            problems = await asyncio.to_thread(check_shared_value, check.schema, check.value)
            if problems:
                return SharedValueAdmission(tuple(problems)[:100])
            gate = asyncio.Semaphore(SIGNALS_AT_ONCE)
            found = await asyncio.gather(*(self._check_dependent(check, each, gate) for each in check.subscribers))
        broken = [problem for problems in found if problems for problem in problems]
        dependents = [name for name, problems in zip(check.subscribers, found, strict=True) if problems is not None]
        return SharedValueAdmission(tuple(broken), tuple(dependents))

    @activity.defn
    async def notify_dependents(self, notification: Notification) -> tuple[str, ...]:
        """Wake every subscriber; answers those that no longer exist. A retry resumes where the last attempt was."""
        details = activity.info().heartbeat_details
        done, gone = (details[0], list(details[1])) if details else (0, [])
        while done < len(notification.subscribers):
            batch = notification.subscribers[done : done + HEARTBEAT_EVERY]
            gone += await self._wake_all(notification, batch)
            done += len(batch)
            activity.heartbeat(done, gone)
        return tuple(gone)

    async def _wake_all(self, notification: Notification, subscribers: Sequence[str]) -> list[str]:
        gate = asyncio.Semaphore(SIGNALS_AT_ONCE)
        message = {"name": notification.name, "revision": notification.revision}

        async def wake(subscriber: str) -> bool:
            try:
                async with gate:
                    handle = self._client.get_workflow_handle(subscriber)
                    await handle.signal("shared_config_changed", message)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
            return True

        told = await asyncio.gather(*(wake(each) for each in subscribers))
        return [name for name, ok in zip(subscribers, told, strict=True) if not ok]

    async def _check_dependent(
        self, check: SharedValueCheck, subscriber: str, gate: asyncio.Semaphore
    ) -> tuple[Problem, ...] | None:
        """Problems the new value makes in this dependent; None if it does not refer to it any more."""
        async with gate:
            try:
                handle = self._client.get_workflow_handle(subscriber)
                config = await handle.query("config", reject_condition=QueryRejectCondition.NOT_OPEN)
            except (WorkflowQueryFailedError, WorkflowQueryRejectedError):
                return None  # it never got past its own start, or has ended
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise
        names = {each.name for each in collect_references(config["document"])}
        if check.name not in names:
            return None
        shared = await self._resolver.values.read(dict.fromkeys(names - {check.name}, 0))
        shared[check.name] = SharedValue(0, check.value, check.schema)
        try:
            await self._resolver.resolve_with(config["document"], config["now"], shared)
        except ConfigInvalid as error:
            return tuple(_of_dependent(subscriber, each) for each in error.problems[:5])
        return ()


def _of_dependent(subscriber: str, problem: Problem) -> Problem:
    """Name the worker type that would break; the pointer is into its document."""
    return Problem(problem.pointer, f"would break {subscriber}: {problem.message}", problem.rule)
