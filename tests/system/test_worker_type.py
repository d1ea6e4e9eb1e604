"""A worker type keeps its capacity, whatever happens: on a real Temporal server and an emulated EC2."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle, WorkflowUpdateFailedError

from tests.system.support import System, document, name_of, status, until, until_status, until_steady

LOOKS = 8
RENEW_AT_EVENTS = 500


@pytest.fixture(autouse=True)
def fair_weather(system: System) -> Iterator[None]:
    """Whatever a test denied, the next one has again."""
    yield
    system.control.clear_faults()
    system.control.set_capacity({"*": None})


async def started(system: System, name: str, demand: int = 0, **changes: Any) -> WorkflowHandle[Any, Any]:
    """A worker type at rest, serving `demand`."""
    handle = await system.start(document(name, **changes))
    await handle.execute_update("set_demand", {"pending": demand, "claimed": 0})
    await until_steady(handle, max(demand, changes.get("minCapacity", 0)))
    return handle


async def refusal_of(handle: WorkflowHandle[Any, Any], update: str, value: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(update, value)
    return str(caught.value.cause)


# --- capacity -------------------------------------------------------------------------------------------------------


async def test_demand_is_served_up_to_the_maximum_and_no_further(system: System) -> None:
    name = name_of("demand")
    handle = await system.start(document(name, maxCapacity=6))

    assert {"pending": 4, "claimed": 0} == await handle.execute_update("set_demand", {"pending": 4, "claimed": 0})
    await until_steady(handle, 4)
    await handle.execute_update("set_demand", {"pending": 50, "claimed": 4})
    now = await until_steady(handle, 6)

    assert (6, 6) == (now["desired"], len(system.alive(name)))
    assert 6 == system.control.stats()["max_alive_by_worker_type"][name]
    assert any("at maxCapacity 6" in each for each in now["reasons"])


async def test_without_work_only_the_minimum_stays(system: System) -> None:
    name = name_of("shrinks")
    handle = await started(system, name, 6, minCapacity=2)
    await handle.execute_update("set_demand", 0)

    now = await until_steady(handle, 2)
    assert (2, 2, 4) == (len(system.alive(name)), now["desired"], now["terminated"])


async def test_instances_killed_behind_our_back_are_replaced(system: System) -> None:
    name = name_of("killed")
    await started(system, name, 10)
    before = {each["id"] for each in system.alive(name)}
    killed = system.control.kill(10, **{"tag:wm-worker-type": name})
    assert before == set(killed)

    # Issue 2 asks for ten within 6 s.
    after = {each["id"] for each in await system.until_alive(name, 10, 6)}
    assert not after & before


async def test_an_idle_worker_may_go_when_it_is_not_needed(system: System) -> None:
    name = name_of("may-go")
    handle = await started(system, name, 3)
    first, second, third = (each["id"] for each in system.alive(name))
    assert {"mayGo": False} == await handle.execute_update("may_go", {"instanceId": first})

    await handle.execute_update("set_demand", {"pending": 0, "claimed": 1})
    await until_status(handle, lambda now: any("2 slots more" in each for each in now["reasons"]))
    assert [{"mayGo": True}, {"mayGo": True}, {"mayGo": False}] == [
        await handle.execute_update("may_go", each) for each in (first, {"instanceId": second}, third)
    ]
    await until_steady(handle, 1)
    assert [third] == [each["id"] for each in system.alive(name)]


async def test_work_goes_where_there_is_room(system: System) -> None:
    system.control.set_capacity({"us-west-1b/m5.large/*": 0, "us-west-1c/m5.large/*": 0})
    name = name_of("dry-zone")
    handle = await system.start(document(name))
    await handle.execute_update("set_demand", 9)

    await until_steady(handle, 9)
    assert {"us-west-2a"} == {each["zone"] for each in system.alive(name)}


async def test_when_everything_is_refused_it_is_held_and_recovers(system: System) -> None:
    system.control.set_capacity({"*": 0})
    name = name_of("held")
    handle = await system.start(document(name))
    await handle.execute_update("set_demand", 2)
    now = await until_status(handle, lambda now: now["state"] == "Held")
    assert any("no capacity" in each and "tried again after" in each for each in now["reasons"]), now["reasons"]
    assert any("no capacity" in each for each in await handle.query("explain"))
    assert [] == system.alive(name)

    # What is dry is tried again after half a minute; another instance type is another offering, tried at once.
    system.control.set_capacity({"*": None})
    await handle.execute_update("patch_config", {"instanceTypes": [{"instanceType": "m5.xlarge", "capacity": 1}]})
    await handle.signal("wake")
    await until_steady(handle, 2)
    assert ["m5.xlarge"] * 2 == [each["type"] for each in system.alive(name)]


async def test_a_listing_that_fails_is_shown_and_ends_nothing(system: System) -> None:
    name = name_of("blind")
    handle = await started(system, name, 4)
    fault = system.control.add_fault("DescribeInstances", status=500, code="InternalError")
    await handle.execute_update("set_demand", 0)
    now = await until_status(handle, lambda now: now["trouble"], 30)
    assert ("Held", 4, 4) == (now["state"], now["actual"], len(system.alive(name)))
    assert "InternalError" in now["trouble"]

    system.control.clear_faults(fault)
    await until_steady(handle, 0)
    assert [] == system.alive(name)
    assert "" == (await status(handle))["trouble"]


# --- what operators say ---------------------------------------------------------------------------------------------


async def test_edits_are_accepted_refused_or_change_nothing(system: System) -> None:
    name = name_of("edited")
    handle = await started(system, name, 2, maxCapacity=2)
    patch = {"patch": {"maxCapacity": 5}, "reason": "more work", "author": "someone", "expectedRevision": 1}
    assert 2 == (await handle.execute_update("patch_config", patch))["revision"]
    assert {"revision": 2, "unchanged": True} == await handle.execute_update("patch_config", {"maxCapacity": 5})
    conflict = await refusal_of(handle, "patch_config", {"patch": {"maxCapacity": 9}, "expectedRevision": 1})
    assert "expected revision 1, but it is 2" in conflict
    assert "/workerType: stays" in await refusal_of(handle, "apply_config", document("another"))
    assert "/provider: stays" in await refusal_of(handle, "patch_config", {"provider": "other"})
    assert "/maxCapacity" in await refusal_of(handle, "patch_config", {"maxCapacity": "many"})

    answer = await handle.execute_update("apply_config", document(name, minCapacity=3, maxCapacity=5))
    assert 3 == answer["revision"]
    now = await until_steady(handle, 3)
    assert (3, 5, 3) == (now["minCapacity"], now["maxCapacity"], now["revision"])
    assert "/maxCapacity" in now["lastRejection"]["why"]


async def test_the_last_edit_says_who_and_why(system: System) -> None:
    handle = await started(system, name_of("audited"))
    await handle.signal("patch_config", {"patch": {"maxCapacity": 5}, "reason": "more work", "author": "someone"})

    now = await until_status(handle, lambda now: now["revision"] == 2)
    assert (2, "someone", "more work") == tuple(now["lastEdit"][each] for each in ("revision", "author", "reason"))


async def test_while_paused_nothing_is_launched_or_ended(system: System) -> None:
    name = name_of("paused")
    handle = await started(system, name, 3)
    await handle.execute_update("pause", "budget")
    await handle.execute_update("set_demand", 8)
    system.control.kill(1, **{"tag:wm-worker-type": name})
    now = await until_status(handle, lambda now: now["actual"] == 2)
    assert ("Paused", 2, 3) == (now["state"], len(system.alive(name)), now["launched"])

    await handle.execute_update("resume", {"reason": "budget is back"})
    await until_steady(handle, 8)
    assert 8 == len(system.alive(name))


async def test_a_drain_waits_for_work_and_force_does_not(system: System) -> None:
    name = name_of("drained")
    handle = await started(system, name, 3)
    await handle.execute_update("set_demand", {"pending": 0, "claimed": 3})
    await handle.execute_update("drain", {"reason": "maintenance"})
    now = await until_status(handle, lambda now: now["state"] == "Draining" and now["desired"] == 0)
    assert (3, 0) == (len(system.alive(name)), now["terminated"])
    assert any("3 instances not known to be idle" in each for each in now["reasons"])
    idle = system.alive(name)[0]["id"]
    assert {"mayGo": True} == await handle.execute_update("may_go", idle)

    await handle.execute_update("drain", {"force": True})
    await system.until_alive(name, 0)
    await handle.execute_update("set_demand", {"pending": 2, "claimed": 0})
    await handle.execute_update("resume", None)
    await until_steady(handle, 2)


async def test_cancellation_drains_and_then_completes(system: System) -> None:
    name = name_of("cancelled")
    handle = await started(system, name, 3)
    await handle.execute_update("set_demand", {"pending": 0, "claimed": 2})
    await handle.cancel()
    await until_status(handle, lambda now: now["state"] == "Draining")
    assert {"mode": "draining", "unchanged": True} == await handle.execute_update("resume", None)
    assert 3 == len(system.alive(name))

    await handle.execute_update("set_demand", 0)
    result = await asyncio.wait_for(handle.result(), 20)
    assert ("Finished", 0, 3) == (result["state"], result["actual"], result["terminated"])
    assert WorkflowExecutionStatus.COMPLETED is (await handle.describe()).status
    assert [] == system.alive(name)


# --- history --------------------------------------------------------------------------------------------------------


async def test_a_long_history_is_continued_as_new_and_loses_nothing(system: System) -> None:
    name = name_of("renewed")
    handle = await started(system, name, 3, maxCapacity=4)
    await handle.execute_update("patch_config", {"description": "second"}, id="edit-1")
    await handle.signal("set_demnad", 1)
    await until_status(handle, lambda now: now["lastRejection"])
    before, run = await status(handle), (await handle.describe()).run_id

    async def is_renewed() -> bool:
        return (await handle.describe()).run_id != run

    sent = 0
    while not await is_renewed():
        assert sent < 2 * RENEW_AT_EVENTS
        for _ in range(20):
            sent += 1
            await handle.signal("set_demand", {"pending": 3 + sent % 2, "claimed": 0})
    await handle.execute_update("set_demand", {"pending": 4, "claimed": 0})

    after = await until_steady(handle, 4)
    kept = ("revision", "lastEdit", "rejections", "configHash", "provider", "owner", "minCapacity", "maxCapacity")
    assert {each: before[each] for each in kept} == {each: after[each] for each in kept}
    assert "second" == (await handle.query("config"))["document"]["description"]
    assert 4 == after["launched"] == len(system.alive(name))
    # The same update again, in a later run: answered as then, not applied again.
    assert 2 == (await handle.execute_update("patch_config", {"description": "third"}, id="edit-1"))["revision"]
    assert "second" == (await handle.query("config"))["document"]["description"]


async def events_of(handle: WorkflowHandle[Any, Any]) -> int:
    return (await handle.describe()).history_length


async def until_at_rest(handle: WorkflowHandle[Any, Any], system: System) -> int:
    """The length of a history that two looks of the inventory did not change."""

    async def is_at_rest() -> int:
        before, looks = await events_of(handle), system.calls("DescribeInstances")
        await until(lambda: system.calls("DescribeInstances") >= looks + 4, 10, "two looks")
        return before if before == await events_of(handle) else 0

    return int(await until(is_at_rest, 20, "the worker type is at rest"))


async def test_at_rest_nothing_is_added_to_the_history(system: System) -> None:
    handle = await started(system, name_of("resting"), 3)
    before = await until_at_rest(handle, system)
    looks = system.calls("DescribeInstances")
    # Each look lists both regions.
    await until(lambda: system.calls("DescribeInstances") >= looks + 2 * LOOKS, 20, f"{LOOKS} looks of the inventory")

    assert before == await events_of(handle)


async def test_a_pass_that_finds_nothing_to_do_costs_at_most_twelve_events(system: System) -> None:
    handle = await started(system, name_of("looking"), 3)
    before = await until_at_rest(handle, system)
    decided = (await status(handle))["decidedAt"]
    await handle.signal("wake")
    await until_status(handle, lambda now: now["decidedAt"] != decided)

    assert 1 <= await until_at_rest(handle, system) - before <= 12
