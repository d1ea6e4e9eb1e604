"""The cloud calls of one provider: decide (list, then plan), launch, terminate. Thin: look up, call, translate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from temporalio import activity

from activities import failures, options
from activities.heartbeat import heartbeating
from activities.listing import SharedListing
from activities.offerings import VIEW_SECONDS, SharedBudgets
from activities.prices import KnownPrices
from activities.resolving import Resolver
from worker_manager import plan
from worker_manager.budgets import Budgets
from worker_manager.decision import Decision, Fleet, PlannedTermination
from worker_manager.demand.contract import PUSH, source_id
from worker_manager.errors import ConfigInvalid, Problem, ProviderError
from worker_manager.memory import Memory
from worker_manager.model import (
    Demand,
    Instance,
    LaunchRequest,
    LaunchResult,
    Outcome,
)
from worker_manager.prices import prices_by_offering
from worker_manager.provider import Prices, Provider
from worker_manager.resolved import ResolvedConfig

THREADS = 64
SENT_BEFORE_DEADLINE_SECONDS = 3.0
NOT_NOW = "not sent: the place refused lately, and is closed or probed by another launch"
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

    `secured` says whether messages must be signed; `demand` where the demand comes from, under which
    id that is read ("" where it is pushed), and when it is stale.
    """

    decision: Decision
    config_hash: str
    revisions: dict[str, int]
    problems: tuple[Problem, ...] = ()
    secured: bool = False
    demand: dict[str, Any] = field(default_factory=lambda: {"source": "push"})
    demand_max_age_seconds: float | None = None
    demand_source: str = ""


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

    def __init__(
        self, provider: Provider, resolver: Resolver, budgets: SharedBudgets, *, secured: bool = False
    ) -> None:
        self.provider = provider
        self.budgets = budgets
        self.secured = secured
        self.executor = ThreadPoolExecutor(THREADS, thread_name_prefix=provider.record.name)
        self.listing = SharedListing(provider.list_instances, self.executor)
        self.prices = KnownPrices(provider.prices, self.executor, Prices.told_by(provider.record.price_table))
        self._resolver = resolver

    def all(self) -> list[Callable[..., Any]]:
        """What a worker of the queue serves."""
        return [self.decide, self.launch, self.terminate, *self.budgets.all()]

    @activity.defn
    async def decide(self, ask: DecideInput) -> DecideResult:
        """List the fleet, resolve the config, plan. Reads only: twice is as good as once."""
        async with heartbeating():
            try:
                (config, problems), listed, budgets = await asyncio.gather(
                    self._config(ask), self.listing.get(), self.budgets.view()
                )
            except ProviderError as error:
                raise failures.of_provider(error) from error
            except ConfigInvalid as error:
                raise failures.of_config(error) from error
            decision = await self._plan(config, listed, budgets, ask)
        return DecideResult(
            decision,
            config.config_hash,
            config.shared_revisions,
            problems,
            self.secured,
            config.demand,
            config.demand_max_age_seconds,
            "" if config.demand["source"] == PUSH else source_id(config.demand),
        )

    @activity.defn
    async def launch(self, batch: LaunchBatch) -> tuple[LaunchResult, ...]:
        """Send every request that its place lets through, many at once. The next attempt repeats those left unknown.

        Definite answers are heartbeated, so that an attempt in another process repeats only what is open. The last
        attempt answers what it knows; what stays UNKNOWN is settled by later listings.
        """
        results = {each.launch_key: each for each in _answered()}
        async with heartbeating(lambda: (list(results.values()),)):
            open_requests = [each for each in batch.requests if each.launch_key not in results]
            wanted = await self._let_through(open_requests)
            answers = await asyncio.gather(*(self._launch_one(each, wanted) for each in open_requests))
            for answer in answers:
                if answer.outcome is not Outcome.UNKNOWN:
                    results[answer.launch_key] = answer
            activity.heartbeat(list(results.values()))
        repeat = [each for each in answers if each.outcome is Outcome.UNKNOWN]
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

    async def _plan(
        self, config: ResolvedConfig, listed: Sequence[Instance], budgets: Budgets, ask: DecideInput
    ) -> Decision:
        record = self.provider.record
        fleet = Fleet(
            instances=tuple(each for each in listed if each.worker_type == ask.worker_type),
            list_lag_seconds=record.list_lag_seconds,
            settle_seconds=options.LAUNCH_DEADLINE_SECONDS + record.settle_seconds + options.SETTLE_MARGIN_SECONDS,
            budgets=budgets,
            prices=prices_by_offering(config.launch_specs, self.prices.now()),
        )
        now = datetime.now(UTC)
        return await self._call(lambda: plan.decide(config, fleet, ask.demand, ask.memory, now))

    async def _let_through(self, requests: Sequence[LaunchRequest]) -> frozenset[str]:
        """Launch keys of those that may be sent. An earlier attempt may have sent any, so that all are repeated."""
        if _is_repeat():
            await self.budgets.view()
            return frozenset(each.launch_key for each in requests)
        return await self.budgets.let_through(requests)

    async def _launch_one(self, request: LaunchRequest, wanted: frozenset[str]) -> LaunchResult:
        is_repeat, seconds = _is_repeat(), _time_left()
        not_now = LaunchResult(request.launch_key, Outcome.NOT_SENT, message=NOT_NOW)

        def still_wanted() -> bool:
            return is_repeat or self.budgets.is_open(request)

        def send() -> LaunchResult:
            if not still_wanted():  # before it takes a turn from others
                return not_now
            return self.provider.launch(request, timeout_seconds=seconds, still_wanted=still_wanted)

        result = await self._call(send) if request.launch_key in wanted else not_now
        await self.budgets.answered([request], [result])
        if result.outcome is Outcome.NOT_SENT:  # until no process decides by what it knew before
            await asyncio.sleep(VIEW_SECONDS)
        if is_repeat and result.outcome is Outcome.THROTTLED:  # an earlier attempt may have taken effect all the same
            return replace(result, outcome=Outcome.UNKNOWN)
        return result

    async def _call(self, work: Callable[[], Result]) -> Result:
        """Run blocking work in a thread of this provider's own pool."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work)


def _is_repeat() -> bool:
    return activity.info().attempt > 1


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
