"""A shared config's edits reach all that depend on it or are refused; instances that nobody keeps are ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from activities import inventory
from tests.system.support import (
    DEPLOYMENT,
    IMAGE,
    NEW_IMAGE,
    System,
    document,
    name_of,
    status,
    until,
    until_status,
    until_steady,
)

REGIONS_SCHEMA = "/schemas/common/aws-regions.json#"
TYPES_SCHEMA = "/schemas/common/aws-instance-types.json#"


def regions(image: str, *names: str) -> list[dict[str, Any]]:
    return [{"region": each, "launchSpec": {"ImageId": image}} for each in names or ("us-west-1", "us-west-2")]


async def dependents(system: System, shared: str, count: int) -> dict[str, WorkflowHandle[Any, Any]]:
    """Worker types at rest, each with two instances, that take their regions from the shared config."""
    names = [name_of("dependent") for _ in range(count)]
    changes = {"regions": {"$eval": f"context.{shared}"}, "minCapacity": 2}
    handles = {name: await system.start(document(name, **changes)) for name in names}
    for handle in handles.values():
        await until_steady(handle, 2)
    return handles


async def refusal_of(handle: WorkflowHandle[Any, Any], value: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await handle.execute_update("apply_config", value)
    return str(caught.value.cause)


async def test_an_edit_is_followed_by_every_dependent(system: System) -> None:
    shared = name_of("images")
    config = await system.start_shared(shared, regions(IMAGE), REGIONS_SCHEMA)
    handles = await dependents(system, shared, 3)
    edit = {"value": regions(NEW_IMAGE), "reason": "new image", "author": "someone", "expectedRevision": 1}
    assert {"revision": 2, "dependents": 3} == await config.execute_update("apply_config", edit)

    for name, handle in handles.items():
        now = await until_status(handle, lambda now: now["sharedConfigs"] == {shared: 2} and now["drifted"] == 2)
        assert "" == now["trouble"]
        await handle.execute_update("set_demand", {"pending": 1, "claimed": 2})
        images = sorted(each["image"] for each in await system.until_alive(name, 3))
        assert sorted([IMAGE, IMAGE, NEW_IMAGE]) == images
    last = (await status(config))["revisions"][-1]
    assert (2, "someone", "new image") == (last["revision"], last["author"], last["reason"])
    await until_status(config, lambda now: now["notified"] == 2)


async def test_earlier_revisions_stay_readable(system: System) -> None:
    config = await system.start_shared(name_of("history"), regions(IMAGE), REGIONS_SCHEMA)
    await config.execute_update("apply_config", regions(NEW_IMAGE))
    same = await config.execute_update("apply_config", {"value": regions(NEW_IMAGE)})

    assert (2, True) == (same["revision"], same["unchanged"])
    values = {each: await config.query("value", each) for each in (0, 1, 2)}
    assert [2, 1, 2] == [each["revision"] for each in values.values()]
    assert [regions(NEW_IMAGE), regions(IMAGE), regions(NEW_IMAGE)] == [each["value"] for each in values.values()]
    assert "expected revision 1, but it is 2" in await refusal_of(
        config, {"value": regions(IMAGE), "expectedRevision": 1}
    )


async def test_an_edit_that_would_break_a_dependent_is_refused_and_names_it(system: System) -> None:
    shared = name_of("breaking")
    config = await system.start_shared(shared, regions(IMAGE), REGIONS_SCHEMA)
    handles = await dependents(system, shared, 2)
    # The schema of regions does not ask for an image, as it may come from elsewhere; here it comes from nowhere.
    broken = [*regions(IMAGE, "us-west-1"), {"region": "us-west-2"}]
    why = await refusal_of(config, {"value": broken})

    assert f"would break 2 worker types: {', '.join(sorted(handles))}; /regions: no level of launchSpec" in why
    assert 1 == why.count("no level of launchSpec names an ImageId")
    assert f"(in shared config '{shared}' at /1)" in why
    assert 1 == (await config.query("value"))["revision"]
    assert [{shared: 1}, {shared: 1}] == [(await status(each))["sharedConfigs"] for each in handles.values()]

    await config.signal("apply_config", {"value": broken})
    last = (await until_status(config, lambda now: now["lastRejection"] and now["lastRejection"]["via"] == "signal"))[
        "lastRejection"
    ]
    assert "would break 2 worker types:" in last["why"]
    assert 1 == (await status(config))["revision"]


async def test_name_and_schema_stay_for_ever(system: System) -> None:
    config = await system.start_shared(name_of("fixed"), regions(IMAGE), REGIONS_SCHEMA)

    assert "/schema: stays" in await refusal_of(config, {"value": [], "schema": TYPES_SCHEMA})
    assert "/name: stays" in await refusal_of(config, {"value": [], "name": "other"})
    assert 1 == (await status(config))["revision"]


async def test_a_dependent_that_no_longer_refers_to_it_is_not_asked(system: System) -> None:
    shared = name_of("left")
    config = await system.start_shared(shared, regions(IMAGE), REGIONS_SCHEMA)
    (handle,) = (await dependents(system, shared, 1)).values()
    await handle.execute_update("patch_config", {"regions": regions(IMAGE)})

    answer = await config.execute_update("apply_config", {"value": regions(IMAGE, "us-west-1")})
    assert {"revision": 2, "dependents": 0} == answer
    assert {} == (await status(handle))["sharedConfigs"]


async def test_instances_of_nobody_are_ended_and_those_of_others_left_alone(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "ORPHAN_GRACE", timedelta(seconds=1))
    kept, nobody, stranger = name_of("kept"), name_of("nobody"), name_of("stranger")
    await until_steady(await system.start(document(kept, minCapacity=2)), 2)
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
    ec2 = boto3.client("ec2", region_name="us-west-2", endpoint_url=system.control.endpoint, **keys)

    def launch(deployment: str, worker_type: str) -> None:
        tags = {"wm-deployment": deployment, "wm-worker-type": worker_type, "wm-launch": "by-hand"}
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        specification = [{"ResourceType": "instance", "Tags": pairs}]
        ec2.run_instances(
            ImageId=IMAGE, InstanceType="m5.large", MinCount=2, MaxCount=2, TagSpecifications=specification
        )

    launch(DEPLOYMENT, nobody)
    launch("somebody-else", stranger)
    looks = system.calls("DescribeInstances")
    assert 2 == len(system.alive(nobody))
    await until(lambda: not system.alive(nobody), 15, "the orphans are ended")

    # Not at the first sight of them: a worker type may just be starting.
    assert system.calls("DescribeInstances") >= looks + 4
    assert [2, 2] == [len(system.alive(each)) for each in (stranger, kept)]
