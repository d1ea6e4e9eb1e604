"""The rollout of bench.rollout on a real Temporal dev server and the EC2 emulator, with workers that are played.

A worker registers when its instance runs. There is as much work as slots, so as soon as more workers are ready than are
needed, the oldest of them are idle and ask whether they may go; they ask again until they are gone.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from activities import inventory, service
from emulators.ec2 import Ec2Emulator
from tests.system import support
from worker import build_workers
from worker_manager.provider import ProviderRecord

BOOT_SECONDS, SHUTDOWN_SECONDS = 20.0, 5.0
CLOUD = {
    "boot_seconds": BOOT_SECONDS,
    "boot_jitter": 0.0,
    "shutdown_seconds": SHUTDOWN_SECONDS,
    "terminated_seconds": 20.0,
}
TICK_SECONDS, ASK_AGAIN_SECONDS = 0.25, 5.0
LONGEST_SECONDS = 1800.0
NAME = "rollout"


@dataclass
class Seen:
    """What was sampled: least ready and most alive instances, and how long it took."""

    seconds: float = 0.0
    most_alive: int = 0
    least_ready: int = 1_000_000
    samples: int = 0
    events: int = 0


@dataclass
class Players:
    """Plays all workers of the worker type, and samples at every tick."""

    system: support.System
    handle: Any
    work: int
    registered: set[str] = field(default_factory=set)
    asked_at: dict[str, float] = field(default_factory=dict)

    async def tick(self) -> list[Mapping[str, Any]]:
        """Instances that are alive; whoever newly runs has registered, whoever is too many has asked."""
        alive = await asyncio.to_thread(self.system.alive, NAME)
        running = {each["id"]: each for each in alive if each["state"] == "running"}
        ready = sorted(self.registered & running.keys(), key=lambda each: running[each]["launched_at"])
        await self._register(sorted(running.keys() - self.registered))
        await self._ask(ready[: max(0, len(ready) - self.work)])
        return alive

    async def _register(self, new: list[str]) -> None:
        if new:
            await self.handle.signal("registered", {"instanceIds": new})
            self.registered |= set(new)

    async def _ask(self, idle: list[str]) -> None:
        now = time.monotonic()
        asking = [each for each in idle if now - self.asked_at.get(each, 0.0) > ASK_AGAIN_SECONDS]
        await asyncio.gather(*(self.handle.signal("may_go", each) for each in asking))
        self.asked_at |= dict.fromkeys(asking, now)


def document(count: int, surge: str) -> dict[str, Any]:
    return support.document(
        NAME,
        minCapacity=count,
        maxCapacity=2 * count,
        rollout={"maxSurge": surge, "maxUnavailable": 0},
        lifecycle={"registrationTimeout": "10m"},
    )


def new_image() -> dict[str, Any]:
    return {"regions": [{"region": e, "launchSpec": {"ImageId": support.NEW_IMAGE}} for e in support.REGIONS]}


async def replace_all(system: support.System, count: int, surge: str) -> Seen:
    """Bring the fleet up, edit its image, and watch until every instance has the new one."""
    handle = await system.start(document(count, surge))
    players = Players(system, handle, count)
    await support.update(handle, "set_demand", {"pending": 0, "claimed": count})
    deadline = time.monotonic() + LONGEST_SECONDS
    while len(players.registered) < count:
        assert time.monotonic() < deadline, f"only {len(players.registered)} of {count} registered"
        await players.tick()
        await asyncio.sleep(TICK_SECONDS)
    await support.until_status(handle, lambda now: now["live"] == count, 60)
    seen, before = Seen(), await _events(system, handle)
    launched_before = system.control.stats()["max_alive_by_worker_type"][NAME]
    await support.update(handle, "patch_config", new_image())
    began = time.monotonic()
    while True:
        assert time.monotonic() < deadline, f"still not replaced: {await support.status(handle)}"
        alive = await players.tick()
        ready = [each for each in alive if each["id"] in players.registered]
        seen.samples += 1
        seen.least_ready = min(seen.least_ready, len(ready))
        if len(ready) == len(alive) == count and {support.NEW_IMAGE} == {each["image"] for each in alive}:
            break
        await asyncio.sleep(TICK_SECONDS)
    seen.seconds = time.monotonic() - began
    seen.most_alive = max(launched_before, system.control.stats()["max_alive_by_worker_type"][NAME])
    seen.events = await _events(system, handle) - before
    return seen


async def _events(system: support.System, handle: Any) -> int:
    """Events in the histories of all runs."""
    runs = [each async for each in system.client.list_workflows(f"WorkflowId = '{handle.id}'")]
    described = [await system.client.get_workflow_handle(each.id, run_id=each.run_id).describe() for each in runs]
    return sum(each.history_length for each in described)


@asynccontextmanager
async def running_system(address: str, endpoint: str, control: Any, pause_seconds: float):
    client = await support.connect(address, "default")
    record = ProviderRecord(
        support.PROVIDER, "aws", "bench", endpoint, support.REGIONS, settle_seconds=5.0, list_lag_seconds=3.0
    )
    async with AsyncExitStack() as stack:
        for each in build_workers(client, {support.PROVIDER: record}, pause_seconds):
            await stack.enter_async_context(each)
        await service.start_inventories(client, [support.PROVIDER])
        yield support.System(client, control)
        await support.end_all(client)


async def measure(count: int, surge: str, pause_seconds: float = inventory.PAUSE_SECONDS) -> Seen:
    """Run it on a server, an emulator and workers of its own, all on this machine."""
    with (
        tempfile.TemporaryDirectory() as folder,
        support.temporal_server(Path(folder), ("default",)) as address,
        Ec2Emulator(settings=CLOUD) as emulator,
    ):
        async with running_system(address, emulator.endpoint, emulator.control, pause_seconds) as system:
            return await replace_all(system, count, surge)
