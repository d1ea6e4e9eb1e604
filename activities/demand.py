"""Reads one demand source in one long activity and tells all who subscribed, so that reading adds to no history.

Thin: which worker types subscribed is asked of the Demand workflow, and only after something happened to it; what is
told to whom is decided in `Telling`; the sources are in worker_manager/demand and activities/backlog.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowQueryFailedError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities import options
from activities.backlog import read_backlog
from activities.heartbeat import heartbeating
from worker_manager.demand.contract import (
    DemandSource,
    DemandUnavailable,
    Reading,
    check_settings,
    normalized,
    source_id,
)
from worker_manager.demand.opening import open_source
from worker_manager.demand.reach import host_patterns

# A queue of its own: one long activity for each source would leave no slots for the checks of configs.
QUEUE = f"{options.WORKFLOW_QUEUE}:demand"
MAX_SOURCES_A_PROCESS = 2000
READS_AT_ONCE = 64
SIGNALS_AT_ONCE = 50
# New subscribers are noticed so often, however long the interval is.
LOOK_SECONDS = 15.0
HEARTBEAT_SECONDS = 15.0

READ = options.Options(
    start_to_close_timeout=timedelta(hours=24),
    schedule_to_close_timeout=timedelta(hours=24),
    heartbeat_timeout=timedelta(seconds=HEARTBEAT_SECONDS),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=15)),
)


@dataclass(frozen=True, slots=True)
class Following:
    """What a worker type wants: `demand` (None for none) read for it, and no longer to hear of the sources `leave`."""

    subscriber: str
    capability: str
    demand: dict[str, Any] | None = None
    max_age_seconds: float | None = None
    leave: tuple[str, ...] = ()


@dataclass
class Telling:
    """The last reading and who knows of it; it travels in heartbeats from attempt to attempt.

    Attributes:
        message: the last reading as it is told: `pending`, `claimed` or `error`, and `readAt`.
        read_at: when it was begun, in epoch seconds.
        told: by subscriber and capability what was told last, and when.
    """

    message: dict[str, Any] = field(default_factory=dict)
    read_at: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)

    def take(self, read_at: float, outcome: Reading | DemandUnavailable) -> None:
        """Make this the last reading."""
        self.read_at = read_at
        stamp = datetime.fromtimestamp(read_at, UTC).isoformat()
        if isinstance(outcome, DemandUnavailable):
            self.message = {"error": str(outcome)[:500], "readAt": stamp}
        else:
            numbers = {"pending": outcome.pending, "claimed": outcome.claimed}
            self.message = {**numbers, "waitingOnly": outcome.waiting_only, "readAt": stamp}

    def due(self, subscribers: Mapping[str, str], confirm_seconds: float) -> dict[str, str]:
        """Those who must hear of the last reading: it is news to them, or too long ago that they heard it is fresh."""
        if not self.message:
            return {}
        return {each: key for each, key in subscribers.items() if self._is_due(f"{each} {key}", confirm_seconds)}

    def note(self, subscriber: str, capability: str) -> None:
        """The subscriber was told."""
        self.told[f"{subscriber} {capability}"] = [self._news(), self.read_at]

    def forget_all_but(self, subscribers: Mapping[str, str]) -> None:
        """Who has left is told everything should they come again."""
        kept = {f"{each} {key}" for each, key in subscribers.items()}
        self.told = {each: what for each, what in self.told.items() if each in kept}

    def _is_due(self, key: str, confirm_seconds: float) -> bool:
        news, at = self.told.get(key, (None, 0.0))
        confirms = "error" not in self.message and self.read_at - at >= confirm_seconds
        return news != self._news() or confirms

    def _news(self) -> list[Any]:
        """What makes a reading news. That there is an error is; its words, which may differ each time, are not."""
        return ["error"] if "error" in self.message else [self.message["pending"], self.message["claimed"]]


@dataclass
class Subscribers:
    """Who subscribed, as the workflow last answered when its history had so many events."""

    capabilities: dict[str, str] = field(default_factory=dict)
    confirm_seconds: float = 0.0
    as_of_events: int = 0


class SourceEnded(Exception):
    """The workflow that asked for the readings is gone, or goes on in another run."""


class DemandActivities:
    """`follow` is for the queue `worker-manager`, `read` for its own."""

    def __init__(self, client: Client, hosts: str = "") -> None:
        self._client = client
        self._hosts = host_patterns(hosts)
        self._threads = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="demand")
        self._gate = asyncio.Semaphore(SIGNALS_AT_ONCE)

    def worker(self, graceful_shutdown_timeout: timedelta) -> Worker:
        """The worker of the queue for reading."""
        return Worker(
            self._client,
            task_queue=QUEUE,
            activities=[self.read],
            max_concurrent_activities=MAX_SOURCES_A_PROCESS,
            graceful_shutdown_timeout=graceful_shutdown_timeout,
        )

    @activity.defn(name="follow_demand")
    async def follow(self, following: Following) -> None:
        """Subscribe, starting the source's workflow if need be, and leave what is no longer followed. Idempotent."""
        me = {"subscriber": following.subscriber, "capability": following.capability}
        async with heartbeating():
            if following.demand is not None:
                await self._client.start_workflow(
                    "Demand",
                    {"settings": normalized(following.demand)},
                    id=source_id(following.demand),
                    task_queue=options.WORKFLOW_QUEUE,
                    start_signal="subscribe",
                    start_signal_args=[{**me, "maxAgeSeconds": following.max_age_seconds}],
                    static_summary=f"reads the demand from {following.demand['source']} for all who share it",
                )
            for each in following.leave:
                await self._signal(self._client.get_workflow_handle(each), "unsubscribe", me)

    @activity.defn(name="read_demand")
    async def read(self, settings: dict[str, Any]) -> None:
        """Read at every interval and tell, until cancelled; a retry goes on from what the last heartbeat said."""
        info = activity.info()
        assert info.workflow_id is not None
        run = self._client.get_workflow_handle(info.workflow_id, run_id=info.workflow_run_id)
        telling = Telling(**info.heartbeat_details[0]) if info.heartbeat_details else Telling()
        read_once, interval = self._reader(settings), float(settings.get("interval") or LOOK_SECONDS)
        subscribers = Subscribers()
        async with heartbeating(lambda: (telling,)):
            while not activity.is_worker_shutdown():
                try:
                    subscribers = await self._subscribers(run, subscribers)
                except SourceEnded:
                    return
                if subscribers.capabilities and time.time() >= telling.read_at + interval:
                    telling.take(time.time(), await read_once())
                await self._tell(run, telling, subscribers)
                await _pause(min(LOOK_SECONDS, telling.read_at + interval - time.time()))
            activity.heartbeat(telling)
        # Retried elsewhere at once, which adds nothing to the history; an end would begin another run.
        raise ApplicationError("the worker stops", type="Stopping", category=ApplicationErrorCategory.BENIGN)

    def _reader(self, settings: dict[str, Any]) -> Callable[[], Awaitable[Reading | DemandUnavailable]]:
        """One reading, or why there is none; whatever a source does, it does not end the activity."""
        source: DemandSource | None = None

        async def read_once() -> Reading | DemandUnavailable:
            nonlocal source
            try:
                if settings.get("source") == "temporal":
                    check_settings(settings)
                    return await read_backlog(self._client, settings)
                loop = asyncio.get_running_loop()
                if source is None:
                    source = await loop.run_in_executor(self._threads, open_source, settings, self._hosts)
                return await loop.run_in_executor(self._threads, source.read)
            except DemandUnavailable as error:
                return error
            except Exception as error:  # noqa: BLE001  # a source's bug, or its library's: told like any other failure
                activity.logger.exception("a demand source broke its contract")
                return DemandUnavailable(f"could not be read: {type(error).__name__}: {str(error)[:200]}")

        return read_once

    async def _subscribers(self, run: WorkflowHandle[Any, Any], known: Subscribers) -> Subscribers:
        """Ask the workflow, if anything happened to it since. Raises SourceEnded."""
        try:
            seen = await run.describe()
            if seen.status is not WorkflowExecutionStatus.RUNNING:
                raise SourceEnded
            if seen.history_length == known.as_of_events:
                return known
            answer = await run.query("subscribers")
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise SourceEnded from error
            activity.logger.warning("asked again: %s", error)
            return known
        except WorkflowQueryFailedError as error:
            activity.logger.warning("asked again: %s", error)
            return known
        return Subscribers(answer["capabilities"], answer["confirmSeconds"], seen.history_length)

    async def _tell(self, run: WorkflowHandle[Any, Any], telling: Telling, subscribers: Subscribers) -> None:
        """Signal those to whom it is news. Who cannot be told now is told at the next look; who is gone is dropped."""
        telling.forget_all_but(subscribers.capabilities)

        async def tell(subscriber: str, capability: str) -> None:
            message = {"source": run.id, "capability": capability, **telling.message}
            try:
                there = await self._signal(self._client.get_workflow_handle(subscriber), "demand_read", message)
                if there:
                    telling.note(subscriber, capability)
                else:
                    await self._signal(run, "unsubscribe", {"subscriber": subscriber, "capability": capability})
            except RPCError as error:
                activity.logger.warning("%s was not told: %s", subscriber, error)

        due = telling.due(subscribers.capabilities, subscribers.confirm_seconds)
        await asyncio.gather(*(tell(*each) for each in due.items()))

    async def _signal(self, handle: WorkflowHandle[Any, Any], name: str, message: dict[str, Any]) -> bool:
        """False if there is no such workflow. Raises RPCError for any other failure."""
        try:
            async with self._gate:
                await handle.signal(name, message)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True


async def _pause(seconds: float) -> None:
    """Wait, but no longer than until the worker is to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(activity.wait_for_worker_shutdown(), max(0.05, seconds))
