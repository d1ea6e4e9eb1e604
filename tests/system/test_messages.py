"""No message, however wrong, hurts a workflow: it stays healthy, and the reason is where people look."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from tests.system.support import Loop, System, document, name_of, status, until_status

ALIEN = RawValue(Payload(metadata={"encoding": b"binary/alien"}, data=b"\x00\x01"))
NOT_JSON = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{oops"))
AZS_SCHEMA = "/schemas/common/aws-availability-zones.json#"
ZONES = [{"availabilityZone": "us-west-1b", "region": "us-west-1"}]

BAD_SIGNALS = [
    pytest.param("set_demand", [], "one JSON argument", id="no argument"),
    pytest.param("set_demand", [1, 2], "one JSON argument", id="two arguments"),
    pytest.param("set_demand", [[1, 2]], "got an array", id="an array"),
    pytest.param("set_demand", ["many"], "expected an object with reason, author", id="a text"),
    pytest.param("set_demand", [{"pending": "9"}], "/pending: input should be a valid integer", id="wrong type"),
    pytest.param("set_demand", [{"pending": -1}], "/pending: .*greater than or equal to 0", id="out of range"),
    pytest.param("set_demand", [{"pendign": 1}], "did you mean 'pending'", id="misspelt member"),
    pytest.param("set_demand", [{}], "/pending: required", id="missing member"),
    pytest.param("set_demand", [None], "got None", id="null"),
    pytest.param("set_demand", [ALIEN], "binary/alien", id="unknown encoding"),
    pytest.param("set_demand", [NOT_JSON], "json", id="broken JSON"),
    pytest.param("set_demnad", [1], "did you mean 'set_demand'", id="misspelt name"),
    pytest.param("set_demnad", [], "did you mean 'set_demand'", id="misspelt name without argument"),
    pytest.param("set_demnad", [ALIEN, 1], "did you mean 'set_demand'", id="misspelt name, unknown encoding"),
    pytest.param("drain", ["now", "please"], "one JSON argument", id="two arguments where one is optional"),
    pytest.param("pause", [{"force": True}], "/force: unknown member", id="unknown member"),
    pytest.param("apply_config", [{"document": 1}], "/document: input should be a valid dict", id="bad edit"),
    pytest.param("patch_config", [{"maxCapacity": "x"}], "/maxCapacity: must be a whole number", id="refused edit"),
    pytest.param("may_go", [{}], "/instanceId: required", id="may_go without an instance"),
    pytest.param("shared_config_changed", [{"name": "a"}], "/revision: required", id="our own signal, by hand"),
    pytest.param("wake", [1, 2], "one JSON argument", id="wake with two arguments"),
]

BAD_UPDATES = [
    pytest.param("set_demand", [], "one JSON argument", id="no argument"),
    pytest.param("set_demand", [1, 2], "one JSON argument", id="two arguments"),
    pytest.param("set_demand", [{"pending": "9"}], "/pending: input should be a valid integer", id="wrong type"),
    pytest.param("set_demand", [{"pending": 1, "claimd": 1}], "did you mean 'claimed'", id="misspelt member"),
    pytest.param("set_demand", [ALIEN], "binary/alien", id="unknown encoding"),
    pytest.param("set_demnad", [1], "set_demnad", id="unknown name"),
    pytest.param("patch_config", [{"maxCapacity": -4}], "/maxCapacity: must be at least 0", id="breaks the schema"),
    pytest.param("patch_config", [{"minCapacity": 99}], "(?i)minCapacity", id="min above max"),
    pytest.param("patch_config", [{"regions": {"$eval": "context.nope"}}], "nope", id="unknown shared config"),
    pytest.param("apply_config", [[]], "expected an object with", id="an array for a document"),
    pytest.param("may_go", [{"instanceId": ""}], "/instanceId", id="no id"),
]


@pytest.fixture(scope="module")
def target(system: System, loop: Loop) -> WorkflowHandle[Any, Any]:
    """The worker type that everything wrong is sent to: whatever one message breaks, the next test notices."""
    return loop.run(system.start(document(name_of("target"))))


@pytest.fixture(scope="module")
def shared_target(system: System, loop: Loop) -> WorkflowHandle[Any, Any]:
    """The shared config that everything wrong is sent to."""
    return loop.run(system.start_shared(name_of("shared"), ZONES, AZS_SCHEMA))


async def check_healthy(handle: WorkflowHandle[Any, Any]) -> None:
    """It takes the next message, forgets the refusal where it showed, and no workflow task failed."""
    demand = {"pending": 1, "claimed": 0}
    assert demand == await handle.execute_update("set_demand", demand)
    now = await status(handle)
    assert (demand, 1) == (now["demand"], now["revision"])
    assert "ConfigRejected" != now["state"]
    assert [] == await failed_tasks(handle)


async def check_shared_healthy(handle: WorkflowHandle[Any, Any]) -> None:
    """It still has the value it had, and takes an edit."""
    assert {"revision": 1, "schema": AZS_SCHEMA, "value": ZONES} == await handle.query("value")
    answer = await handle.execute_update("apply_config", {"value": ZONES})
    assert (1, True) == (answer["revision"], answer["unchanged"])
    assert [] == await failed_tasks(handle)


async def failed_tasks(handle: WorkflowHandle[Any, Any]) -> list[Any]:
    history = handle.fetch_history_events()
    return [each async for each in history if each.HasField("workflow_task_failed_event_attributes")]


async def rejection_after(handle: WorkflowHandle[Any, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The first `status` that shows a rejection other than the last one before."""
    return await until_status(handle, lambda now: now["lastRejection"] != before["lastRejection"])


@pytest.mark.parametrize(("name", "args", "why"), BAD_SIGNALS)
async def test_a_bad_signal_is_recorded_and_hurts_nothing(
    target: WorkflowHandle[Any, Any], name: str, args: list[Any], why: str
) -> None:
    before = await status(target)
    await target.signal(name, args=args)
    now = await rejection_after(target, before)

    last = now["lastRejection"]
    assert (name, "signal", "ConfigRejected") == (last["message"], last["via"], now["state"])
    assert re.search(why, last["why"]), last["why"]
    await check_healthy(target)


@pytest.mark.parametrize(("name", "args", "why"), BAD_UPDATES)
async def test_a_bad_update_is_refused_and_hurts_nothing(
    target: WorkflowHandle[Any, Any], name: str, args: list[Any], why: str
) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await target.execute_update(name, args=args)

    assert re.search(why, str(refusal.value.cause)), refusal.value.cause
    await check_healthy(target)


async def test_a_signal_that_is_too_large_is_refused_by_the_server(target: WorkflowHandle[Any, Any]) -> None:
    with pytest.raises(RPCError, match=r"(?i)exceeds|too large|larger than"):
        await target.signal("apply_config", {"document": {"description": "x" * 3_000_000}})
    await check_healthy(target)


async def test_an_update_that_is_too_large_is_refused(target: WorkflowHandle[Any, Any]) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await target.execute_update("patch_config", {"description": "x" * 1_500_000})
    assert len(str(refusal.value.cause)) < 10_000
    assert "larger than 256 KiB" in str(refusal.value.cause)
    await check_healthy(target)


async def test_an_update_beyond_the_servers_own_limit_never_reaches_the_workflow(
    target: WorkflowHandle[Any, Any],
) -> None:
    """The server says "resource exhausted" and the client tries again; without our flags the workflow would wedge."""
    with pytest.raises(WorkflowUpdateRPCTimeoutOrCancelledError):
        await asyncio.wait_for(target.execute_update("patch_config", {"description": "x" * 3_000_000}), 1)
    await check_healthy(target)


BAD_SHARED_SIGNALS = [
    pytest.param("apply_config", [], "one JSON argument", id="no argument"),
    pytest.param("apply_config", [1, 2], "one JSON argument", id="two arguments"),
    pytest.param("apply_config", [ALIEN], "binary/alien", id="unknown encoding"),
    pytest.param("apply_config", [{"value": [], "vlaue": 1}], "did you mean 'value'", id="misspelt member"),
    pytest.param("apply_config", [{"value": "x"}], "must be a list", id="breaks the schema"),
    pytest.param("apply_confg", [1], "did you mean 'apply_config'", id="misspelt name"),
    pytest.param("subscribe", [{}], "/subscriber: required", id="our own signal, by hand"),
]


@pytest.mark.parametrize(("name", "args", "why"), BAD_SHARED_SIGNALS)
async def test_a_bad_signal_to_a_shared_config_is_recorded_and_hurts_nothing(
    shared_target: WorkflowHandle[Any, Any], name: str, args: list[Any], why: str
) -> None:
    before = await status(shared_target)
    await shared_target.signal(name, args=args)
    last = (await rejection_after(shared_target, before))["lastRejection"]

    assert (name, "signal") == (last["message"], last["via"])
    assert re.search(why, last["why"]), last["why"]
    await check_shared_healthy(shared_target)


BAD_SHARED_UPDATES = [
    pytest.param("apply_config", [], "one JSON argument", id="no argument"),
    pytest.param("apply_config", [1, 2], "one JSON argument", id="two arguments"),
    pytest.param("apply_config", [ALIEN], "binary/alien", id="unknown encoding"),
    pytest.param("apply_config", [{"value": [{"region": "us-west-1"}]}], "/0", id="breaks the schema"),
    pytest.param("apply_confg", [1], "apply_confg", id="unknown name"),
]


@pytest.mark.parametrize(("name", "args", "why"), BAD_SHARED_UPDATES)
async def test_a_bad_update_of_a_shared_config_is_refused_and_hurts_nothing(
    shared_target: WorkflowHandle[Any, Any], name: str, args: list[Any], why: str
) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await shared_target.execute_update(name, args=args)

    assert re.search(why, str(refusal.value.cause)), refusal.value.cause
    await check_shared_healthy(shared_target)


IDS = {
    "WorkerType": "worker-type:bad-start",
    "SharedConfig": "shared-config:bad-start",
    "Inventory": "inventory:bad-start",
}
GOOD = document("bad-start")
SHARED = {"name": "bad-start", "schema": AZS_SCHEMA, "value": ZONES}
BAD_STARTS = [
    pytest.param("WorkerType", [], "one JSON object", id="no input"),
    pytest.param("WorkerType", [GOOD, GOOD], "one JSON object", id="two inputs"),
    pytest.param("WorkerType", [[1]], "one JSON object", id="not an object"),
    pytest.param("WorkerType", ["a text"], "one JSON object", id="a text"),
    pytest.param("WorkerType", [ALIEN], "encoding .binary/alien", id="unknown encoding"),
    pytest.param("WorkerType", [{}], "/workerType", id="an empty object"),
    pytest.param("WorkerType", [{**GOOD, "workerType": "other"}], "workflow id must be", id="wrong workflow id"),
    pytest.param("WorkerType", [{**GOOD, "maxCapacity": "x"}], "/maxCapacity: must be a", id="breaks the schema"),
    pytest.param("WorkerType", [{**GOOD, "provider": "other"}], "not configured here", id="unknown provider"),
    pytest.param("WorkerType", [{**GOOD, "regions": {"$eval": "context.nope"}}], "nope", id="unknown shared config"),
    pytest.param("WorkerType", [{"carried": 1}], "/workerType", id="a carried state, by hand"),
    pytest.param("SharedConfig", [], "one JSON object", id="shared config without input"),
    pytest.param("SharedConfig", [1], "expected an object", id="shared config, not an object"),
    pytest.param("SharedConfig", [ALIEN], "encoding .binary/alien", id="shared config, unknown encoding"),
    pytest.param("SharedConfig", [{**SHARED, "name": "other"}], "workflow id", id="shared config, wrong workflow id"),
    pytest.param("SharedConfig", [{**SHARED, "schema": "/nope#"}], "nope", id="shared config, unknown schema"),
    pytest.param("SharedConfig", [{**SHARED, "value": 1}], "must be a list", id="shared config breaks its schema"),
    pytest.param(
        "SharedConfig", [{"carried": []}], "/carried: unknown member", id="shared config, a carried state by hand"
    ),
    pytest.param("Inventory", [], "expected an object", id="inventory without input"),
    pytest.param("Inventory", [ALIEN], "expected an object", id="inventory, unknown encoding"),
]


@pytest.mark.parametrize(("workflow", "args", "why"), BAD_STARTS)
async def test_a_bad_start_fails_at_once(system: System, workflow: str, args: list[Any], why: str) -> None:
    handle = await system.start_raw(workflow, *args, id=IDS[workflow])
    failure = await failure_of(handle)

    assert ("ConfigInvalid", True) == (failure.type, failure.non_retryable)
    assert re.search(why, failure.message), failure.message


@pytest.mark.parametrize(
    ("workflow", "body"),
    [("WorkerType", {**GOOD, "maxCapacity": "x"}), ("SharedConfig", {**SHARED, "value": 1})],
    ids=["worker type", "shared config"],
)
async def test_a_start_that_is_refused_fails_although_somebody_waits_for_it(
    system: System, workflow: str, body: dict[str, Any]
) -> None:
    handle = await system.start_raw(workflow, body, id=IDS[workflow])
    with pytest.raises((WorkflowUpdateFailedError, RPCError)):
        await handle.execute_update("started")
    assert "ConfigInvalid" == (await failure_of(handle)).type


@pytest.mark.parametrize("args", [[], [GOOD], [ALIEN, ALIEN]], ids=["no input", "an object", "unknown encoding"])
async def test_a_start_of_an_unknown_workflow_type_fails_at_once(system: System, args: list[Any]) -> None:
    handle = await system.start_raw("WorkerTyp", *args, id=name_of("unknown"))
    failure = await failure_of(handle)

    assert ("UnknownWorkflowType", True) == (failure.type, failure.non_retryable)
    assert "did you mean 'WorkerType'" in failure.message


async def failure_of(handle: WorkflowHandle[Any, Any]) -> ApplicationError:
    """Why the workflow failed; a workflow that is stuck instead makes the test time out."""
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause
