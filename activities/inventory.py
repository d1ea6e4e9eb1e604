"""Watches all instances of a provider in one long activity: wakes worker types whose instances changed, ends orphans.

It lists every few seconds and heartbeats what it saw, so that looking adds nothing to any history.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.fleet import FleetActivities
from activities.heartbeat import heartbeating
from worker_manager.errors import ProviderError
from worker_manager.model import Instance, InstanceState

PAUSE_SECONDS = 2.0
# Instances of nobody are ended after two sightings this far apart: a worker type that is just starting is not gone.
ORPHAN_GRACE = timedelta(seconds=30)
RECHECK = timedelta(seconds=30)
CALLS_AT_ONCE = 50
LONGEST_BACK_OFF_SECONDS = 30.0
TERMINATE_SECONDS = 120.0


class InventoryActivities:
    """The watch of one provider; runs on that provider's queue."""

    def __init__(self, client: Client, fleet: FleetActivities, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._client = client
        self._fleet = fleet
        self._pause_seconds = pause_seconds
        self._gate = asyncio.Semaphore(CALLS_AT_ONCE)
        self._kept_until: dict[str, datetime] = {}

    @activity.defn
    async def watch(self, provider: str) -> None:
        """Watch until cancelled or the worker stops; a retry goes on from the digests of the last heartbeat."""
        details = activity.info().heartbeat_details
        seen: dict[str, str] = dict(details[0]) if details else {}
        suspects: dict[str, datetime] = {}
        failures = 0
        async with heartbeating(lambda: (seen,)):
            while not activity.is_worker_shutdown():
                try:
                    instances = await self._fleet.listing.get()
                    failures = 0
                except ProviderError as error:
                    failures += 1
                    activity.logger.warning("inventory of %s failed: %s", provider, error)
                    # The power must stay a number, however long the cloud is away.
                    wait = self._pause_seconds * 2 ** min(failures, 30)
                    await self._pause(min(LONGEST_BACK_OFF_SECONDS, wait))
                    continue
                seen = await self._wake_changed(seen, _digests(instances))
                suspects = await self._sweep(instances, suspects)
                await self._pause(self._pause_seconds)
            activity.heartbeat(seen)

    async def _wake_changed(self, before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
        """Signal every worker type whose digest differs; those that cannot be told now are told at the next look."""
        changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]

        async def wake(name: str) -> bool:
            async with self._gate:
                return await self._signal(name)

        told = dict(zip(changed, await asyncio.gather(*(wake(name) for name in changed)), strict=True))
        kept = {name: digest for name, digest in before.items() if not told.get(name, True)}
        return {**{name: digest for name, digest in after.items() if told.get(name, True)}, **kept}

    async def _signal(self, worker_type: str) -> bool:
        try:
            await self._client.get_workflow_handle(f"worker-type:{worker_type}").signal("wake")
        except RPCError as error:
            # Nobody keeps it: the sweep looks after its instances.
            return error.status is RPCStatusCode.NOT_FOUND
        return True

    async def _sweep(self, instances: Sequence[Instance], suspects: dict[str, datetime]) -> dict[str, datetime]:
        """End instances whose worker type does not run: seen twice, the grace apart, and looked up once more."""
        now = datetime.now(UTC)
        self._kept_until = {name: until for name, until in self._kept_until.items() if until > now}
        alive = [each for each in instances if each.state not in (InstanceState.GONE, InstanceState.STOPPING)]
        names = {each.worker_type for each in alive}
        asked = sorted(names - self._kept_until.keys())
        kept = await asyncio.gather(*(self._is_kept(name) for name in asked))
        unkept = {name for name, is_kept in zip(asked, kept, strict=True) if not is_kept}
        self._kept_until.update(dict.fromkeys(names - unkept - self._kept_until.keys(), now + RECHECK))
        orphans = [each for each in alive if each.worker_type in unkept]
        first_seen = {each.instance_id: suspects.get(each.instance_id, now) for each in orphans}
        due = [each for each in orphans if now - first_seen[each.instance_id] >= ORPHAN_GRACE]
        if due:
            activity.logger.warning(
                "ending %d orphans of worker types that do not run: %s",
                len(due),
                ", ".join(sorted({each.worker_type or "(no name)" for each in due})),
            )
            await self._end(due)
        ended = {each.instance_id for each in due}
        return {each: at for each, at in first_seen.items() if each not in ended}

    async def _end(self, orphans: Sequence[Instance]) -> None:
        pairs = [(each.region, each.instance_id) for each in orphans]
        try:
            await asyncio.to_thread(self._fleet.provider.terminate, pairs, timeout_seconds=TERMINATE_SECONDS)
        except ProviderError as error:
            activity.logger.warning("orphans could not be ended, tried again: %s", error)

    async def _is_kept(self, worker_type: str) -> bool:
        """True if its workflow runs, or if we could not find out."""
        handle = self._client.get_workflow_handle(f"worker-type:{worker_type}")
        try:
            async with self._gate:
                description = await handle.describe()
        except RPCError as error:
            return error.status is not RPCStatusCode.NOT_FOUND
        return description.status is WorkflowExecutionStatus.RUNNING

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until the worker is to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(activity.wait_for_worker_shutdown(), seconds)


def _digests(instances: Sequence[Instance]) -> dict[str, str]:
    """Per worker type a digest of ids and states, the same in every process (unlike `hash`)."""
    lines: dict[str, list[str]] = defaultdict(list)
    for each in instances:
        if each.state is not InstanceState.GONE:
            lines[each.worker_type].append(f"{each.instance_id} {each.raw_state or each.state}")
    return {name: hashlib.sha256("\n".join(sorted(these)).encode()).hexdigest()[:16] for name, these in lines.items()}
