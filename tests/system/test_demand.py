"""Demand that is read: once for all who share a source, told only when it is news, and never by somebody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError

from activities.options import WORKFLOW_QUEUE
from tests.demand.serving import Endpoint, endpoint
from tests.system.support import (
    System,
    connect,
    document,
    lasting_workers,
    name_of,
    status,
    until,
    until_status,
    until_steady,
    update,
)
from worker_manager.demand.contract import normalized, source_id

FORGED = {"capability": "11111111-1111-1111-1111-111111111111", "readAt": "2100-01-01T00:00:00Z", "pending": 7}


@pytest.fixture
def server() -> Iterator[Endpoint]:
    with endpoint() as server:
        server.answer({"pending": 0, "claimed": 0})
        yield server


def http(server: Endpoint, **changes: Any) -> dict[str, Any]:
    return {"source": "http", "url": f"{server.url}/queue", "interval": "1s", **changes}


async def reading(handle: WorkflowHandle[Any, Any], pending: int, claimed: int | None = 0) -> dict[str, Any]:
    """Wait until the worker type knows these numbers from a source that can be read."""
    numbers = {"pending": pending, "claimed": claimed}
    return await until_status(
        handle, lambda now: now["demandReadAt"] and not now["demandTrouble"] and now["demand"] == numbers
    )


async def events(*handles: WorkflowHandle[Any, Any]) -> list[int]:
    return [(await each.describe()).history_length for each in handles]


async def until_ended(handle: WorkflowHandle[Any, Any]) -> WorkflowExecutionStatus | None:
    async def ended() -> WorkflowExecutionStatus | None:
        seen = (await handle.describe()).status
        return None if seen is WorkflowExecutionStatus.RUNNING else seen

    found: WorkflowExecutionStatus | None = await until(ended, 20, f"{handle.id} has ended")
    return found


async def test_two_worker_types_share_one_reading_an_interval_and_rest_adds_no_history(
    system: System, server: Endpoint, address: str
) -> None:
    other = await connect(address, system.client.namespace)
    async with lasting_workers(other, system.control.endpoint):  # beside those that run already
        types = [await system.start(document(name_of("shared"), demand=http(server))) for _ in range(2)]
        for each in types:
            await reading(each, 0)
            await until_steady(each, 0)
        source = system.client.get_workflow_handle(source_id(http(server)))
        assert [each.id for each in types] == sorted((await source.query("status"))["subscribers"], key=_order(types))
        before, began, seen = await events(source, *types), time.monotonic(), len(server.asked)
        await until(lambda: len(server.asked) >= seen + 5, 20, "five more readings")
        assert time.monotonic() - began > 3.5
        assert before == await events(source, *types)
        server.answer({"pending": 3, "claimed": 0})
        for each in types:
            await reading(each, 3)
            await system.until_alive(each.id.partition(":")[2], 3)
        assert before[0] == (await events(source))[0]


def _order(types: list[WorkflowHandle[Any, Any]]) -> Any:
    return [each.id for each in types].index


async def test_reading_goes_on_when_other_workers_end_and_nobody_is_told_anew(
    system: System, server: Endpoint, address: str
) -> None:
    other = await connect(address, system.client.namespace)
    async with lasting_workers(other, system.control.endpoint):
        demands = [http(server, url=f"{server.url}/{number}") for number in range(6)]
        types = [await system.start(document(name_of("moving"), demand=each)) for each in demands]
        for each in types:
            await reading(each, 0)
            await until_steady(each, 0)
        sources = [system.client.get_workflow_handle(source_id(each)) for each in demands]
        before = await events(*sources, *types)
    seen = len(server.asked)

    def all_read_again() -> bool:
        return {f"/{number}" for number in range(6)} == {each.path for each in server.asked[seen:]}

    await until(all_read_again, 30, "every source is read again")
    assert before == await events(*sources, *types)


async def test_a_source_that_fails_shows_and_heals_and_the_numbers_stay(system: System, server: Endpoint) -> None:
    server.answer({"pending": 2, "claimed": 0})
    handle = await system.start(document(name_of("failing"), demand=http(server)))
    await reading(handle, 2)
    server.answer(b"", 500)
    now = await until_status(handle, lambda now: now["demandTrouble"])
    assert f"{server.url}/queue answers with HTTP status 500" == now["demandTrouble"]
    assert {"pending": 2, "claimed": 0} == now["demand"]
    assert any(each.startswith("the demand cannot be read: ") for each in await handle.query("explain"))
    server.answer({"pending": 2, "claimed": 0})
    assert "" == (await reading(handle, 2))["demandTrouble"]


async def test_a_source_that_never_answered_shows_what_is_wrong(system: System, server: Endpoint) -> None:
    server.answer({"waiting": 2})
    handle = await system.start(document(name_of("mute"), demand=http(server)))
    now = await until_status(handle, lambda now: now["demandTrouble"])
    assert f"{server.url}/queue: there is nothing at '/pending'" == now["demandTrouble"]
    assert {"pending": 0, "claimed": None} == now["demand"]


async def test_what_is_read_cannot_be_pushed_until_the_config_says_so_and_then_the_source_ends(
    system: System, server: Endpoint
) -> None:
    handles = [await system.start(document(name_of("pushed"), demand=http(server))) for _ in range(2)]
    source = system.client.get_workflow_handle(source_id(http(server)))
    for each in handles:
        await reading(each, 0)
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handles[0].execute_update("set_demand", 1)
    wanted = f"ConfigInvalid: demand is read from {source.id}; set `demand: {{source: push}}` to push it"
    assert wanted == str(caught.value.cause)
    await handles[0].signal("set_demand", 1)
    await until_status(handles[0], lambda now: len(now["rejections"]) == 2 and now["state"] == "ConfigRejected")
    for index, each in enumerate(handles):
        await update(each, "patch_config", {"demand": {"source": "push", "url": None, "interval": None}})
        await until_status(each, lambda now: now["demandSource"] == "push")
        if index == 0:
            assert WorkflowExecutionStatus.RUNNING == (await source.describe()).status
    assert WorkflowExecutionStatus.COMPLETED == await until_ended(source)
    await update(handles[0], "set_demand", {"pending": 1, "claimed": 1})
    await until_status(handles[0], lambda now: now["demand"] == {"pending": 1, "claimed": 1})


async def test_a_new_value_of_a_shared_config_changes_the_source(system: System, server: Endpoint) -> None:
    name = name_of("queue").replace("-", "_")
    before, after = http(server, url=f"{server.url}/before"), http(server, url=f"{server.url}/after")
    shared = await system.start_shared(name, before, "/schemas/demand/http.json#")
    handle = await system.start(document(name_of("changing"), demand={"$eval": f"context.{name}"}))
    await until_status(handle, lambda now: now["demandSource"] == source_id(before) and now["demandReadAt"])
    await update(shared, "apply_config", {"value": after})
    await until_status(handle, lambda now: now["demandSource"] == source_id(after) and now["demandReadAt"])
    assert WorkflowExecutionStatus.COMPLETED == await until_ended(system.client.get_workflow_handle(source_id(before)))


@pytest.mark.parametrize("end", ["cancel", "terminate"])
async def test_a_source_ends_when_its_last_worker_type_does(system: System, server: Endpoint, end: str) -> None:
    handle = await system.start(document(name_of("ending"), demand=http(server)))
    await reading(handle, 0)
    await getattr(handle, end)()
    await until_ended(handle)
    server.answer({"pending": 1, "claimed": 1})  # news for nobody
    source = system.client.get_workflow_handle(source_id(http(server)))
    assert WorkflowExecutionStatus.COMPLETED == await until_ended(source)


async def test_a_worker_type_gets_its_source_back_when_somebody_ended_it(system: System, server: Endpoint) -> None:
    handle = await system.start(document(name_of("robbed"), demand=http(server)))
    await reading(handle, 0)
    await system.client.get_workflow_handle(source_id(http(server))).terminate()
    await update(handle, "patch_config", {"demandMaxAge": "10m"})  # subscribes again, to tell the source
    server.answer({"pending": 1, "claimed": 0})
    await reading(handle, 1)


async def test_the_backlog_of_a_task_queue_is_demand(system: System) -> None:
    queue = name_of("builds")
    demand = {"source": "temporal", "taskQueue": queue, "interval": "1s"}
    handle = await system.start(document(name_of("backlog"), demand=demand))
    await reading(handle, 0, None)
    work = [
        await system.client.start_workflow("Nobody", id=f"{queue}-{number}", task_queue=queue) for number in range(3)
    ]
    await reading(handle, 3, None)
    await system.until_alive(handle.id.partition(":")[2], 3)
    for each in work:
        await each.terminate()


@pytest.mark.parametrize(
    "message",
    [{"source": "demand:http-000000000000", **FORGED}, {"source": "", **FORGED}, {"capability": ""}, 7, None],
)
async def test_a_reading_that_somebody_else_tells_changes_nothing(
    system: System, server: Endpoint, message: Any
) -> None:
    handle = await system.start(document(name_of("forged"), demand=http(server)))
    await reading(handle, 0)
    if isinstance(message, dict) and message.get("source"):
        await handle.signal("demand_read", {**message, "source": source_id(http(server))})
    await handle.signal("demand_read", message)
    assert {"pending": 0, "claimed": 0} == (await status(handle))["demand"]
    server.answer({"pending": 1, "claimed": 1})
    await reading(handle, 1, 1)


async def test_of_readings_the_newest_of_the_own_source_counts(system: System, server: Endpoint) -> None:
    handle = await system.start(document(name_of("newest"), demand=http(server)))
    read_at = (await reading(handle, 0))["demandReadAt"]
    source = system.client.get_workflow_handle(source_id(http(server)))
    capability = (await source.query("subscribers"))["capabilities"][handle.id]
    real = {"source": source.id, "capability": capability, "readAt": read_at, "pending": 5, "claimed": 5}
    for lie in ({"source": "demand:http-000000000000"}, {"readAt": "2026-01-01T00:00:00Z"}, {"readAt": "yesterday"}):
        await handle.signal("demand_read", {**real, **lie})
        assert {"pending": 0, "claimed": 0} == (await status(handle))["demand"]
    await handle.signal("demand_read", real)
    assert {"pending": 5, "claimed": 5} == (await status(handle))["demand"]


async def test_a_source_with_a_long_history_goes_on_in_another_run(system: System, server: Endpoint) -> None:
    handle = await system.start(document(name_of("long"), demand=http(server)))
    await reading(handle, 0)
    source = system.client.get_workflow_handle(source_id(http(server)))
    first = (await source.describe()).run_id

    async def renewed() -> bool:
        await asyncio.gather(*(source.signal("nothing") for _ in range(50)))
        return (await source.describe()).run_id != first

    await until(renewed, 60, "the source goes on in another run")
    seen = len(server.asked)
    await until(lambda: len(server.asked) >= seen + 3, 20, "it is read again")
    server.answer({"pending": 1, "claimed": 1})
    await reading(handle, 1, 1)
    assert [handle.id] == (await source.query("status"))["subscribers"]


@pytest.mark.parametrize(
    "message", [{"subscriber": "worker-type:x"}, {"subscriber": 1, "capability": "x"}, [], None, "x"]
)
@pytest.mark.parametrize("name", ["subscribe", "unsubscribe", "subscrib"])
async def test_no_message_hurts_a_source(system: System, server: Endpoint, name: str, message: Any) -> None:
    handle = await system.start(document(name_of("hurting"), demand=http(server)))
    await reading(handle, 0)
    source = system.client.get_workflow_handle(source_id(http(server)))
    await source.signal(name, message)

    async def noted() -> bool:
        return name in [each["message"] for each in (await source.query("status"))["rejections"]]

    await until(noted, 10, "the message is refused")
    server.answer({"pending": 1, "claimed": 1})
    await reading(handle, 1, 1)


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ([], "start input: expected one JSON object"),
        (["x"], "start input: expected one JSON object"),
        ([{"settings": {"source": "push"}}], "there is no demand source 'push' that is read"),
        ([{"carried": {"settings": {}}}], "/carried: unknown member"),
        (
            [{"settings": normalized({"source": "temporal", "taskQueue": "x"})}],
            "the workflow id of this source must be",
        ),
    ],
)
async def test_a_start_that_names_no_source_fails_and_says_why(system: System, args: list[Any], why: str) -> None:
    handle = await system.client.start_workflow(
        "Demand", args=args, id=name_of("demand:http"), task_queue=WORKFLOW_QUEUE
    )
    with pytest.raises(WorkflowFailureError) as caught:
        await asyncio.wait_for(handle.result(), 20)
    assert why in str(caught.value.cause)
