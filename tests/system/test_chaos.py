"""No leak, no double: worker processes killed during launches, and answers of the cloud that are lost.

Every worker type's maximum equals its demand, so that a launch too many would show, however short it lived.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from emulators.control import Control
from emulators.process import start_ec2
from tests.system.support import (
    DEPLOYMENT,
    FAST,
    PROVIDER,
    REGIONS,
    Loop,
    System,
    child,
    document,
    end_all,
    name_of,
    status,
    until,
    until_status,
)

# A new instance is missing from listings for a while, as in EC2, but no longer than the provider's record says.
LAGGING = {**FAST, "visibility_lag_seconds": 1.5}
WANTED = 40
KINDS = 4


class Processes:
    """Worker processes that are started and killed at will, and the cloud they work on."""

    def __init__(self, control: Control, stack: ExitStack, folder: Path, settings: dict[str, str]) -> None:
        self.control = control
        self._stack, self._folder, self._settings = stack, folder, settings

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "worker"]
        return self._stack.enter_context(child("worker", command, self._folder, **self._settings))


@pytest.fixture(scope="module")
def processes(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    folder = tmp_path_factory.mktemp("chaos")
    with start_ec2(settings=LAGGING) as cloud, ExitStack() as stack:
        record = {"name": PROVIDER, "kind": "aws", "endpoint": cloud.endpoint, "regions": REGIONS}
        providers = folder / "providers.yml"
        # JSON is YAML.
        providers.write_text(json.dumps({"providers": [{**record, "settleSeconds": 5, "listLagSeconds": 3}]}))
        settings = {
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": "chaos",
            "WM_PROVIDERS": str(providers),
            "WM_DEPLOYMENT": DEPLOYMENT,
            "WM_INVENTORY_SECONDS": "0.3",
        }
        yield Processes(cloud.control, stack, folder, settings)


@pytest.fixture
def chaos(processes: Processes, client: Client, loop: Loop) -> Iterator[System]:
    """A cloud without instances; worker types do not outlive their test, or they would replace what they miss."""
    processes.control.reset()
    yield System(client, processes.control)
    loop.run(end_all(client))


async def apply(chaos: System, prefix: str) -> dict[str, WorkflowHandle[Any, Any]]:
    names = [name_of(prefix) for _ in range(KINDS)]
    return {name: await chaos.start(document(name, maxCapacity=WANTED)) for name in names}


async def ask_for_all(handles: dict[str, WorkflowHandle[Any, Any]]) -> None:
    for handle in handles.values():
        await handle.execute_update("set_demand", {"pending": WANTED})


async def look_again_until_all_are_listed(handles: dict[str, WorkflowHandle[Any, Any]]) -> None:
    """Let them decide again and again, above all while their launches are not listed yet."""

    async def are_listed() -> bool:
        for handle in handles.values():
            await handle.signal("wake")
        return all([(await status(handle))["live"] >= WANTED for handle in handles.values()])

    await until(are_listed, 60, "all instances are listed")


async def check_all_are_there_once(chaos: System, handles: dict[str, WorkflowHandle[Any, Any]]) -> None:
    """Every worker type comes to rest with what it wants; none ever had more, none was launched twice."""
    await look_again_until_all_are_listed(handles)
    stats = chaos.control.stats()
    assert 0 == stats["doubled"], stats["doubled_launches"]
    assert dict.fromkeys(handles, WANTED) == stats["max_alive_by_worker_type"]
    for name, handle in handles.items():
        now = await until_status(handle, lambda now: now["state"] == "Steady", 30)
        assert (WANTED, WANTED) == (now["desired"], len(chaos.alive(name)))
        assert [] == (await handle.query("instances"))["intents"]
    stats = chaos.control.stats()
    assert 0 == stats["doubled"], stats["doubled_launches"]
    assert dict.fromkeys(handles, WANTED) == stats["max_alive_by_worker_type"] == stats["alive_by_worker_type"]


def kill(worker: subprocess.Popen[bytes]) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()


@pytest.mark.slow
async def test_a_worker_killed_during_its_launches_leaks_and_doubles_nothing(
    processes: Processes, chaos: System
) -> None:
    first = processes.start_worker()
    handles = await apply(chaos, "killed")
    # When the worker dies, some launches have taken effect and not been answered, some are about to, and the rest take
    # effect later, behind its back.
    chaos.control.add_fault("RunInstances", delay_seconds=1.0, after=True, times=3)
    chaos.control.add_fault("RunInstances", delay_seconds=0.3, times=3)
    chaos.control.add_fault("RunInstances", delay_seconds=2.0)
    await ask_for_all(handles)
    await until(lambda: chaos.control.stats()["launched"], 20, "the first launches have taken effect")
    kill(first)
    launched = chaos.control.stats()["launched"]
    assert 0 < launched < KINDS * WANTED
    chaos.control.clear_faults()

    second = processes.start_worker()
    await check_all_are_there_once(chaos, handles)
    kill(second)


async def test_lost_answers_leak_and_double_nothing(processes: Processes, chaos: System) -> None:
    worker = processes.start_worker()
    handles = await apply(chaos, "lost")
    fault = chaos.control.add_fault("RunInstances", after=True, drop=True, times=8)
    await ask_for_all(handles)

    await check_all_are_there_once(chaos, handles)
    assert [8] == [each["hits"] for each in chaos.control.faults() if each["id"] == fault]
    kill(worker)
