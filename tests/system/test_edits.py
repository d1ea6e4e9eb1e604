"""Edits of worker types and shared configs: revisions, going back, conflicts, equal values, what is said about each."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from tests.system.support import IMAGE, NEW_IMAGE, System, document, name_of, status, until, until_status

REGIONS_SCHEMA = "/schemas/common/aws-regions.json#"


def regions(image: str | None, *names: str) -> list[dict[str, Any]]:
    settings = {"launchSpec": {"ImageId": image}} if image else {}
    return [{"region": each, **settings} for each in names or ("us-west-1", "us-west-2")]


async def refusal_of(handle: WorkflowHandle[Any, Any], update: str, value: Any) -> ApplicationError:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update(update, value)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def is_deciding(handle: WorkflowHandle[Any, Any]) -> bool:
    """Whether a worker runs its `decide` at this moment."""
    pending = (await handle.describe()).raw_description.pending_activities
    started = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    return any(each.activity_type.name == "decide" and each.state == started for each in pending)


async def test_every_accepted_edit_of_a_worker_type_is_a_revision_that_can_be_restored(system: System) -> None:
    first = document(name_of("history"), maxCapacity=5)
    handle = await system.start(first)
    await handle.execute_update("patch_config", {"patch": {"maxCapacity": 6}, "reason": "more", "author": "ops"})
    before = await handle.query("config")
    same = await handle.execute_update("apply_config", {"document": first | {"maxCapacity": 6}, "expectedRevision": 2})
    assert {"revision": 2, "unchanged": True} == same

    answer = await handle.execute_update("restore", {"revision": 1, "reason": "too dear", "author": "ops"})
    now = await handle.query("config")
    assert (3, 3, first) == (answer["revision"], now["revision"], now["document"])
    assert [(1, "", "started", True), (2, "ops", "more", True), (3, "ops", "too dear", True)] == [
        (each["revision"], each["author"], each["reason"], each["kept"]) for each in await handle.query("revisions")
    ]
    assert (before["document"], before["now"]) == ((await handle.query("config", 2))["document"], before["now"])
    # the time that templates see belongs to the revision: going back gives the very same settings
    assert (await handle.query("config", 1))["now"] == now["now"]


async def test_what_is_not_kept_cannot_be_restored(system: System) -> None:
    handle = await system.start(document(name_of("unknown")))
    refusal = await refusal_of(handle, "restore", 7)
    assert ("ConfigInvalid", "/revision") == (refusal.type, refusal.details[0]["problems"][0]["pointer"])
    assert "revision 7 is not kept; kept are: 1" in str(refusal)
    assert {"revision": 7, "missing": True} == await handle.query("config", 7)


async def test_a_concurrent_edit_is_a_conflict(system: System) -> None:
    handle = await system.start(document(name_of("conflict")))
    await handle.execute_update("patch_config", {"patch": {"maxCapacity": 6}, "expectedRevision": 1})
    for update, value in (
        ("patch_config", {"patch": {"maxCapacity": 7}, "expectedRevision": 1}),
        ("restore", {"revision": 1, "expectedRevision": 1}),
    ):
        refusal = await refusal_of(handle, update, value)
        assert ("RevisionConflict", "expected revision 1, but it is 2") == (
            refusal.type,
            str(refusal).split(":")[1][1:],
        )
    assert 6 == (await status(handle))["maxCapacity"]


async def test_a_shared_config_can_be_taken_back_to_an_earlier_value(system: System) -> None:
    config = await system.start_shared(name_of("back"), regions(IMAGE), REGIONS_SCHEMA)
    await config.execute_update("apply_config", {"value": regions(NEW_IMAGE), "description": "builds", "owner": "ops"})
    assert 3 == (await config.execute_update("restore", {"revision": 1, "reason": "bad image"}))["revision"]

    now = await config.query("config")
    assert (regions(IMAGE), "builds", "ops") == (now["value"], now["description"], now["owner"])
    assert ["started", "", "bad image"] == [each["reason"] for each in await config.query("revisions")]
    assert regions(NEW_IMAGE) == (await config.query("config", 2))["value"]
    assert "revision 9 is not kept; kept are: 1, 2, 3" in str(await refusal_of(config, "restore", 9))


async def test_an_earlier_value_that_would_break_a_dependent_is_not_restored(system: System) -> None:
    shared, name = name_of("no-way-back"), name_of("dependent")
    config = await system.start_shared(shared, regions(None), REGIONS_SCHEMA)
    await config.execute_update("apply_config", {"value": regions(IMAGE)})
    await system.start(document(name, regions={"$eval": f"context.{shared}"}))

    refusal = await refusal_of(config, "restore", {"revision": 1})
    assert [name] == refusal.details[0]["breaks"]
    assert str(refusal).startswith(f"ConfigInvalid: would break 1 worker type: {name}; ")
    assert 2 == (await status(config))["revision"]


async def test_what_is_said_about_a_shared_config_changes_without_a_revision(system: System) -> None:
    config = await system.start_shared(name_of("about"), regions(IMAGE), REGIONS_SCHEMA)
    edit = {"value": regions(IMAGE), "description": "for builds", "managedBy": "fleet"}
    assert {"revision": 1, "dependents": 0} == await config.execute_update("apply_config", edit)
    assert {"revision": 1, "dependents": 0, "unchanged": True} == await config.execute_update("apply_config", edit)
    now = await config.query("config")
    assert ("for builds", "fleet", 1) == (now["description"], now["managedBy"], now["revision"])


async def test_a_start_says_who_manages_it_and_why(system: System) -> None:
    name = name_of("managed")
    start = {"document": document(name), "managedBy": "fleet", "author": "ops", "reason": "new project"}
    handle = await system.start_raw("WorkerType", start, id=f"worker-type:{name}")
    await handle.execute_update("started")
    await handle.execute_update("patch_config", {"maxCapacity": 3})
    now = await handle.query("config")
    assert ("fleet", document(name, maxCapacity=3)) == (now["managedBy"], now["document"])
    first = (await handle.query("revisions"))[0]
    assert ("ops", "new project") == (first["author"], first["reason"])


async def test_references_that_fit_for_ever_are_told_from_those_checked_for_today(system: System) -> None:
    shared = name_of("proven")
    await system.start_shared(shared, regions(IMAGE), REGIONS_SCHEMA)
    proven = await system.start(document(name_of("proven"), regions={"$eval": f"context.{shared}"}))
    today = await system.start(
        document(name_of("today"), regions={"$if": "true", "then": {"$eval": f"context.{shared}"}})
    )
    found = [(await each.query("config"))["references"] for each in (proven, today)]
    assert [
        [{"name": shared, "pointer": "/regions", "proven": True}],
        [{"name": shared, "pointer": "/regions/then", "proven": False}],
    ] == found


async def test_a_worker_type_that_is_broken_already_does_not_keep_others_from_being_mended(system: System) -> None:
    """As after an upgrade whose rules are stricter: here a shared config that ended takes its place."""
    gone, shared = name_of("gone"), name_of("mended")
    await system.start_shared(gone, regions(IMAGE), REGIONS_SCHEMA)
    config = await system.start_shared(
        shared, [{"instanceType": "m5.large"}], "/schemas/common/aws-instance-types.json#"
    )
    changes = {"regions": {"$eval": f"context.{gone}"}, "instanceTypes": {"$eval": f"context.{shared}"}}
    await system.start(document(name_of("broken"), **changes))
    await system.client.get_workflow_handle(f"shared-config:{gone}").terminate()

    answer = await config.execute_update("apply_config", [{"instanceType": "m5.xlarge"}])
    assert {"revision": 2, "dependents": 1} == answer


async def test_a_lie_about_a_revision_does_not_keep_a_worker_type_from_later_ones(system: System) -> None:
    """Not even where the truth comes while it decides because of the lie."""
    shared = name_of("lie")
    config = await system.start_shared(shared, regions(IMAGE), REGIONS_SCHEMA)
    handle = await system.start(document(name_of("told"), regions={"$eval": f"context.{shared}"}))
    await until_status(handle, lambda now: now["sharedConfigs"] == {shared: 1})
    system.control.add_fault("DescribeInstances", delay_seconds=1.0)
    try:
        await handle.signal("shared_config_changed", {"name": shared, "revision": 999})
        await until(lambda: is_deciding(handle), 10, "it decides")
        assert 2 == (await config.execute_update("apply_config", regions(NEW_IMAGE)))["revision"]
        assert await is_deciding(handle)
    finally:
        system.control.clear_faults()
    await until_status(handle, lambda now: now["sharedConfigs"] == {shared: 2})


async def test_json_with_a_key_twice_is_refused_at_every_door(system: System) -> None:
    def raw(text: str) -> RawValue:
        return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=text.encode()))

    handle = await system.start(document(name_of("twice")))
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update("patch_config", raw('{"maxCapacity": 1, "maxCapacity": 7}'))
    assert "the key 'maxCapacity' stands twice" in str(caught.value.cause)
    await handle.signal("patch_config", raw('{"maxCapacity": 1, "maxCapacity": 7}'))
    now = await until_status(handle, lambda now: now["lastRejection"] and now["lastRejection"]["via"] == "signal")
    assert ("stands twice" in now["lastRejection"]["why"], 10) == (True, now["maxCapacity"])

    bad = await system.start_raw(
        "WorkerType", raw('{"workerType": "a", "workerType": "b"}'), id=f"worker-type:{name_of('b')}"
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await bad.result()
    assert "stands twice" in str(failed.value.__cause__)
    deep = await system.start_raw("WorkerType", raw("[" * 50_000 + "]" * 50_000), id=f"worker-type:{name_of('deep')}")
    with pytest.raises(WorkflowFailureError):
        await deep.result()


async def test_an_edit_that_comes_while_a_worker_type_decides_is_followed(system: System) -> None:
    shared = name_of("meanwhile")
    config = await system.start_shared(shared, regions(IMAGE), REGIONS_SCHEMA)
    handle = await system.start(document(name_of("deciding"), regions={"$eval": f"context.{shared}"}))
    await until_status(handle, lambda now: now["sharedConfigs"] == {shared: 1})
    system.control.add_fault("DescribeInstances", delay_seconds=1.0)
    try:
        await handle.signal("wake")
        await until(lambda: is_deciding(handle), 10, "it decides")
        for revision, image in ((2, NEW_IMAGE), (3, IMAGE)):
            assert revision == (await config.execute_update("apply_config", regions(image)))["revision"]
        assert await is_deciding(handle)
    finally:
        system.control.clear_faults()
    await until_status(handle, lambda now: now["sharedConfigs"] == {shared: 3})
