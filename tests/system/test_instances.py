"""What is said of single instances, brakes and rollouts: on a real Temporal server and an emulated EC2."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Self

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from tests.system.support import (
    NEW_IMAGE,
    REGIONS,
    System,
    document,
    name_of,
    status,
    until,
    until_status,
    until_steady,
)

EVERY_WORKER_REGISTERS_SECONDS = 0.1


@pytest.fixture(autouse=True)
def fair_weather(system: System) -> Iterator[None]:
    """Whatever a test denied, the next one has again."""
    yield
    system.control.clear_faults()
    system.control.set_capacity({"*": None})


def ids(system: System, name: str) -> list[str]:
    return sorted(each["id"] for each in system.alive(name))


def new_image(**changes: Any) -> dict[str, Any]:
    return {"regions": [{"region": each, "launchSpec": {"ImageId": NEW_IMAGE}} for each in REGIONS], **changes}


async def refusal_of(handle: WorkflowHandle[Any, Any], update: str, value: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(update, value)
    return str(caught.value.cause)


class Workers:
    """Plays the workers of a worker type: each instance that runs registers once, unless its image is broken."""

    def __init__(self, system: System, handle: WorkflowHandle[Any, Any], name: str, broken: str = "") -> None:
        self._system, self._handle, self._name, self._broken = system, handle, name, broken
        self._told: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._play())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()

    async def _play(self) -> None:
        while True:
            running = [each for each in self._system.alive(self._name) if each["state"] == "running"]
            new = [each["id"] for each in running if each["id"] not in self._told and each["image"] != self._broken]
            if new:
                await self._handle.signal("registered", {"instanceIds": new})
                self._told |= set(new)
            for each in sorted(self._told & {each["id"] for each in running}):
                await self._handle.signal("may_go", each)
            await asyncio.sleep(EVERY_WORKER_REGISTERS_SECONDS)


# --- reports ----------------------------------------------------------------------------------------------------------


async def test_an_instance_counts_once_its_worker_has_registered(system: System) -> None:
    name = name_of("registers")
    handle = await system.start(document(name, lifecycle={"registrationTimeout": "10m"}))
    await handle.execute_update("set_demand", 3)
    await system.until_alive(name, 3)
    await until_status(handle, lambda now: (now["live"], now["requested"]) == (0, 3))

    first, *rest = ids(system, name)
    assert {"instances": 1} == await handle.execute_update("registered", first)
    await until_status(handle, lambda now: (now["live"], now["requested"]) == (1, 2))
    assert {"instances": 2} == await handle.execute_update("registered", {"instanceIds": rest})
    await until_status(handle, lambda now: (now["state"], now["live"], now["requested"]) == ("Steady", 3, 0))


async def test_who_does_not_register_is_ended_and_the_brake_holds(system: System) -> None:
    name = name_of("never-registers")
    limits = {"lifecycle": {"registrationTimeout": 1}, "brakes": {"unprovenInstances": 3}}
    handle = await system.start(document(name, **limits))
    await handle.execute_update("set_demand", 8)

    now = await until_status(handle, lambda now: now["state"] == "Held" and now["terminated"] >= 3, 30)
    assert any("did not register within 1 s" in each and "brake" in each for each in now["reasons"]), now["reasons"]
    # Three at once, and not one more before the first probe, which is a minute away.
    assert 3 == system.control.stats()["launched_by_worker_type"][name]

    await handle.execute_update("patch_config", new_image())
    async with Workers(system, handle, name):
        await until_status(handle, lambda now: now["live"] == 8, 30)


async def test_a_failed_or_interrupted_instance_is_replaced_at_once(system: System) -> None:
    name = name_of("fails")
    handle = await system.start(document(name, minCapacity=3))
    await until_steady(handle, 3)
    first, second, third = ids(system, name)

    await handle.execute_update("failed", {"instanceId": first, "reason": "disk full"})
    await until(lambda: first not in ids(system, name) and len(ids(system, name)) == 3, what="the failed one is gone")
    assert "disk full" in " ".join(await handle.query("explain", first))

    await handle.execute_update("interrupted", second)
    await until(lambda: len(ids(system, name)) == 4, what="its replacement is there before it is gone")
    assert {second, third} <= set(ids(system, name))
    await until_status(handle, lambda now: (now["live"], now["lost"]) == (3, 1))


async def test_an_instance_that_is_held_stays_until_it_is_released(system: System) -> None:
    name = name_of("held")
    handle = await system.start(document(name))
    await handle.execute_update("set_demand", {"pending": 3, "claimed": 0})
    await until_steady(handle, 3)
    kept = ids(system, name)[0]
    await handle.execute_update("hold", {"instanceId": kept, "reason": "looking at it"})
    await handle.execute_update("set_demand", 0)

    await until(lambda: ids(system, name) == [kept], what="all others are gone")
    now = await until_status(handle, lambda now: now["actual"] == 1)
    assert any(f"({kept}) held" in each for each in now["reasons"])
    await handle.execute_update("release", kept)
    await system.until_alive(name, 0)


async def test_an_instance_in_quarantine_is_kept_and_replaced(system: System) -> None:
    name = name_of("quarantine")
    handle = await system.start(document(name, minCapacity=2, maxCapacity=3))
    await until_steady(handle, 2)
    kept = ids(system, name)[0]
    await handle.execute_update("quarantine", kept)

    await system.until_alive(name, 3)
    await until_status(handle, lambda now: (now["live"], now["lost"]) == (2, 1))
    assert kept in ids(system, name)
    await handle.execute_update("set_demand", 99)
    await until_status(handle, lambda now: any("at maxCapacity 3" in each for each in now["reasons"]))
    assert 3 == len(ids(system, name))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "needs either instanceId or instanceIds"),
        ({"instanceId": "i-1", "instanceIds": ["i-2"]}, "needs either instanceId or instanceIds"),
        ({"instanceIds": []}, "/instanceIds"),
        ({"instanceIds": [7]}, "/instanceIds/0"),
        ({"instance": "i-1"}, "did you mean 'instanceId'?"),
        (7, "expected an object"),
    ],
)
async def test_a_report_of_the_wrong_shape_is_refused_and_says_where(system: System, value: Any, why: str) -> None:
    handle = await system.start(document(name_of("shapes")))
    assert why in await refusal_of(handle, "registered", value)
    await handle.signal("hold", value)
    assert why in (await until_status(handle, lambda now: now["lastRejection"]))["lastRejection"]["why"]


# --- rollout --------------------------------------------------------------------------------------------------------


async def test_a_rollout_replaces_everything_within_its_budget(system: System) -> None:
    name = name_of("rollout")
    policies = {"rollout": {"maxSurge": 2, "maxUnavailable": 0}, "lifecycle": {"registrationTimeout": "5m"}}
    handle = await system.start(document(name, minCapacity=6, **policies))
    async with Workers(system, handle, name):
        await until_status(handle, lambda now: now["live"] == 6)
        before = set(ids(system, name))
        await handle.execute_update("patch_config", new_image())
        await until_status(handle, lambda now: now["state"] == "Replacing")
        await until(lambda: not before & set(ids(system, name)), 40, "every old instance is gone")
        await until_status(handle, lambda now: (now["state"], now["live"]) == ("Steady", 6))
    assert {NEW_IMAGE} == {each["image"] for each in system.alive(name)}
    assert 8 >= system.control.stats()["max_alive_by_worker_type"][name]
    assert 0 == (await status(handle))["drifted"]


async def test_a_broken_image_stops_a_rollout_and_takes_nothing_down(system: System) -> None:
    name = name_of("broken")
    policies = {
        "rollout": {"maxSurge": 2, "maxUnavailable": 0},
        "lifecycle": {"registrationTimeout": 2},
        "brakes": {"unprovenInstances": 3},
    }
    handle = await system.start(document(name, minCapacity=4, **policies))
    async with Workers(system, handle, name, broken=NEW_IMAGE):
        await until_status(handle, lambda now: now["live"] == 4)
        before = set(ids(system, name))
        await handle.execute_update("patch_config", new_image())
        await until_status(handle, lambda now: now["state"] == "Held", 30)
        assert before <= set(ids(system, name))
        launched = system.control.stats()["launched_by_worker_type"][name] - 4
        assert 3 >= launched

        await handle.execute_update("restore", {"revision": 1, "reason": "the image is broken"})
        await until_status(handle, lambda now: (now["state"], now["live"], now["drifted"]) == ("Steady", 4, 0), 30)
        assert before <= set(ids(system, name))


async def test_reports_of_instances_that_do_not_exist_neither_fill_nor_stop_a_worker_type(system: System) -> None:
    handle = await system.start(document(name_of("flooded")))
    strangers = [{"instanceIds": [f"i-{number:04}-{each:0>150}" for each in range(500)]} for number in range(40)]
    for each in strangers:
        await handle.signal("registered", each)
    await handle.execute_update("set_demand", 2)
    await until_status(handle, lambda now: now["live"] == 2)
    last = (await status(handle))["lastRejection"]
    assert last is None or "too many reports at once" in last["why"]


async def test_reports_whose_ids_take_many_bytes_are_refused_before_they_fill_a_payload(system: System) -> None:
    """One character may be twelve bytes of JSON, and what no listing shows is remembered for a while."""
    name = name_of("wide")
    handle = await system.start(document(name, minCapacity=1))
    await until_steady(handle, 1)
    wide = "\U0001f4a5"
    for batch in range(12):
        await handle.signal(
            "failed", {"instanceIds": [f"{batch}-{n}{wide * 180}" for n in range(200)], "reason": wide * 200}
        )
    assert (
        "too many reports at once"
        in (await until_status(handle, lambda now: now["lastRejection"]))["lastRejection"]["why"]
    )
    await handle.execute_update("set_demand", 2)
    await until_steady(handle, 2)
