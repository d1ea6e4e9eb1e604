"""The cloud calls of one provider: decide (list, then plan), launch, terminate. Thin: look up, call, translate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from temporalio import activity

from activities import failures, options
from activities.heartbeat import heartbeating
from activities.listing import SharedListing
from activities.resolving import Resolver
from worker_manager import plan
from worker_manager.decision import Decision, Fleet, PlannedTermination
from worker_manager.errors import ConfigInvalid, Problem, ProviderError
from worker_manager.memory import Memory
from worker_manager.model import (
    Demand,
    Instance,
    LaunchRequest,
    LaunchResult,
    Outcome,
    ResolvedConfig,
)
from worker_manager.provider import Provider

THREADS = 64
SENT_BEFORE_DEADLINE_SECONDS = 3.0
REPEATED = {Outcome.UNKNOWN, Outcome.THROTTLED}
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class DecideInput:
    """What a worker type knows. `revisions` are those it runs with, `wanted` newer ones it has heard of."""

    worker_type: str
    document: dict[str, Any]
    now: str
    revisions: dict[str, int]
    wanted: dict[str, int]
    demand: Demand
    memory: Memory


@dataclass(frozen=True, slots=True)
class DecideResult:
    """The decision, the config it was made with, and the problems of a newer one that could not be used.

    `secured` says whether messages must be signed.
    """

    decision: Decision
    config_hash: str
    revisions: dict[str, int]
    problems: tuple[Problem, ...] = ()
    secured: bool = False


@dataclass(frozen=True, slots=True)
class LaunchBatch:
    """Launches of one decision, frozen here: every attempt sends the same requests under the same keys."""

    requests: tuple[LaunchRequest, ...]


@dataclass(frozen=True, slots=True)
class Terminations:
    """Instances to end, by id."""

    instances: tuple[PlannedTermination, ...] = field(default=())


class FleetActivities:
    """Activities of the queue `worker-manager-PROVIDER`."""

    def __init__(self, provider: Provider, resolver: Resolver, *, secured: bool = False) -> None:
        self.provider = provider
        self.secured = secured
        self.executor = ThreadPoolExecutor(THREADS, thread_name_prefix=provider.record.name)
        self.listing = SharedListing(provider.list_instances, self.executor)
        self._resolver = resolver

    def all(self) -> list[Callable[..., Any]]:
        """What a worker of the queue serves."""
        return [self.decide, self.launch, self.terminate]

    @activity.defn
    async def decide(self, ask: DecideInput) -> DecideResult:
        """List the fleet, resolve the config, plan. Reads only: twice is as good as once."""
        async with heartbeating():
            try:
                (config, problems), listed = await asyncio.gather(self._config(ask), self.listing.get())
            except ProviderError as error:
                raise failures.of_provider(error) from error
            except ConfigInvalid as error:
                raise failures.of_config(error) from error
            decision = await self._plan(config, listed, ask)
        return DecideResult(decision, config.config_hash, config.shared_revisions, problems, self.secured)

    @activity.defn
    async def launch(self, batch: LaunchBatch) -> tuple[LaunchResult, ...]:
        """Send every request, many at once. Unknown and throttled ones are sent again by the next attempt, same keys.

        Definite answers are heartbeated, so that an attempt in another process repeats only what is open. The last
        attempt answers what it knows; what stays UNKNOWN is settled by later listings.
        """
        results = {each.launch_key: each for each in _answered()}
        async with heartbeating(lambda: (list(results.values()),)):
            open_requests = [each for each in batch.requests if each.launch_key not in results]
            answers = await asyncio.gather(*(self._launch_one(each) for each in open_requests))
            for answer in answers:
                if answer.outcome not in REPEATED:
                    results[answer.launch_key] = answer
            activity.heartbeat(list(results.values()))
        repeat = [each for each in answers if each.outcome in REPEATED]
        if repeat and activity.info().attempt < options.LAUNCH_ATTEMPTS:
            raise failures.of_open_launches(repeat)
        return (*results.values(), *repeat)

    @activity.defn
    async def terminate(self, ends: Terminations) -> None:
        """End instances by id; what is gone already is done."""
        async with heartbeating():
            pairs = [(each.region, each.instance_id) for each in ends.instances]
            try:
                seconds = _time_left()
                await self._call(lambda: self.provider.terminate(pairs, timeout_seconds=seconds))
            except ProviderError as error:
                raise failures.of_provider(error) from error

    async def _config(self, ask: DecideInput) -> tuple[ResolvedConfig, tuple[Problem, ...]]:
        """The newest config that is valid: one that cannot be used must not stop the fleet.

        Revisions are heard of one by one, and some together may never have been in force; the newest of all were.
        """
        newest = {
            name: max(ask.revisions.get(name, 0), ask.wanted.get(name, 0)) for name in {*ask.revisions, *ask.wanted}
        }
        try:
            return await self._resolver.resolve(ask.document, ask.now, newest), ()
        except ConfigInvalid as error:
            if newest == ask.revisions:
                raise
            problems = error.problems[:20]
        try:
            return await self._resolver.resolve(ask.document, ask.now, {}), ()
        except ConfigInvalid:
            return await self._resolver.resolve(ask.document, ask.now, ask.revisions), problems

    async def _plan(self, config: ResolvedConfig, listed: Sequence[Instance], ask: DecideInput) -> Decision:
        record = self.provider.record
        fleet = Fleet(
            instances=tuple(each for each in listed if each.worker_type == ask.worker_type),
            list_lag_seconds=record.list_lag_seconds,
            settle_seconds=options.LAUNCH_DEADLINE_SECONDS + record.settle_seconds + options.SETTLE_MARGIN_SECONDS,
        )
        now = datetime.now(UTC)
        return await self._call(lambda: plan.decide(config, fleet, ask.demand, ask.memory, now))

    async def _launch_one(self, request: LaunchRequest) -> LaunchResult:
        seconds = _time_left()
        return await self._call(lambda: self.provider.launch(request, timeout_seconds=seconds))

    async def _call(self, work: Callable[[], Result]) -> Result:
        """Run blocking work in a thread of this provider's own pool."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work)


def _time_left() -> float:
    """Seconds in which a call of this attempt must be over: a superseded attempt must not commit late."""
    info = activity.info()
    assert info.start_to_close_timeout is not None  # every activity of ours has one (options.py)
    spent = datetime.now(UTC) - info.started_time
    return (info.start_to_close_timeout - spent).total_seconds() - SENT_BEFORE_DEADLINE_SECONDS


def _answered() -> list[LaunchResult]:
    """Definite answers of an earlier attempt, from its heartbeat."""
    details = activity.info().heartbeat_details
    return [
        LaunchResult(**{**each, "outcome": Outcome(each["outcome"]), "instance_ids": tuple(each["instance_ids"])})
        for each in (details[0] if details else [])
    ]
