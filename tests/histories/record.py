"""Records the histories that `tests/test_replay.py` replays: `python -m tests.histories.record STORY` from the root.

Run it only when a history shows nothing that the code still does; a change of workflow code that breaks the replay of
a committed history needs `workflow.patched`, as workflows of that age run somewhere. Takes some ten seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle

from tests.system.support import (
    IMAGE,
    NEW_IMAGE,
    REGIONS,
    Loop,
    System,
    connect,
    document,
    in_process_system,
    status,
    temporal_server,
    until,
    until_status,
    until_steady,
)

FOLDER = Path(__file__).resolve().parent
NAMESPACE = "histories"


def regions(image: str) -> list[dict[str, Any]]:
    return [{"region": each, "launchSpec": {"ImageId": image}} for each in REGIONS]


async def record(system: System) -> None:
    """A day in the life of a worker type and its shared config."""
    config = await system.start_shared("images", regions(IMAGE), "/schemas/common/aws-regions.json#")
    worker_type = await system.start(document("ci-linux", regions={"$eval": "context.images"}, minCapacity=1))
    await until_steady(worker_type, 1)
    await worker_type.execute_update("set_demand", {"pending": 5, "claimed": 0})
    await until_steady(worker_type, 5)
    await config.execute_update("apply_config", {"value": regions(NEW_IMAGE), "reason": "new image"})
    await until_status(worker_type, lambda now: now["drifted"] == 5)
    await refuse(worker_type, config)
    await worker_type.execute_update("patch_config", {"patch": {"maxCapacity": 8}, "reason": "more work"})
    await worker_type.execute_update("pause", "maintenance")
    system.control.kill(2)
    await until_status(worker_type, lambda now: now["actual"] == 3)
    await fail(system, worker_type)
    await worker_type.execute_update("resume", None)
    await until_steady(worker_type, 5)
    await worker_type.execute_update("set_demand", {"pending": 0, "claimed": 2})
    await worker_type.execute_update("may_go", system.alive("ci-linux")[0]["id"])
    await worker_type.cancel()
    await worker_type.execute_update("set_demand", 0)
    await worker_type.result()
    await save(worker_type, "worker-type")
    await save(config, "shared-config")


async def record_trouble(system: System) -> None:
    """A worker type with a demand that is read, a dry cloud, reports of its workers, and a rollout."""
    queue = {"source": "temporal", "taskQueue": "nobody", "interval": "1s"}
    policies = {"rollout": {"maxSurge": 1}, "lifecycle": {"registrationTimeout": "10m"}, "minCapacity": 2}
    system.control.set_capacity({"*": 0})
    worker_type = await system.start(document("ci-trouble", demand=queue, **policies))
    await until_status(worker_type, lambda now: now["state"] == "Held" and now["demandReadAt"])
    system.control.set_capacity({"*": None})
    offerings = system.client.get_workflow_handle("offerings:aws-provider")
    await offerings.execute_update("forget", None)
    ids = [each["id"] for each in await system.until_alive("ci-trouble", 2)]
    await worker_type.execute_update("registered", {"instanceIds": ids})
    await worker_type.execute_update("hold", ids[0])
    await worker_type.execute_update("failed", {"instanceId": ids[1], "reason": "disk full"})
    await until(
        lambda: ids[1] not in [each["id"] for each in system.alive("ci-trouble")], what="the failed one is gone"
    )
    demand = system.client.get_workflow_handle((await status(worker_type))["demandSource"])
    await worker_type.execute_update("patch_config", {"regions": regions(NEW_IMAGE)})
    await worker_type.execute_update("release", ids[0])
    await worker_type.execute_update("patch_config", {"demand": None})
    await demand.result()
    await worker_type.execute_update("drain", {"force": True})
    await worker_type.cancel()
    await worker_type.result()
    await save(worker_type, "worker-type-trouble")
    await save(offerings, "offerings")
    await save(demand, "demand")


async def refuse(worker_type: WorkflowHandle[Any, Any], config: WorkflowHandle[Any, Any]) -> None:
    """Messages that are refused, of both."""
    await worker_type.signal("set_demnad", 1)
    await worker_type.signal("patch_config", {"maxCapacity": "many"})
    await until_status(worker_type, lambda now: len(now["rejections"]) == 2)
    await config.signal("apply_config", args=[1, 2])
    await config.signal("apply_config", {"value": []})
    await until_status(config, lambda now: len(now["rejections"]) == 2)


async def fail(system: System, worker_type: WorkflowHandle[Any, Any]) -> None:
    """A pass that fails, and the next one that does not."""
    fault = system.control.add_fault("DescribeInstances", status=500, code="InternalError")
    await worker_type.signal("wake")
    await until_status(worker_type, lambda now: now["trouble"], 30)
    system.control.clear_faults(fault)

    async def is_over() -> bool:
        return not (await status(worker_type))["trouble"]

    await until(is_over, 30, "the failure is over")


async def save(handle: WorkflowHandle[Any, Any], name: str) -> None:
    """Write the history, without what tells of the machine it was made on."""
    history = json.loads((await handle.fetch_history()).to_json(), object_hook=without_machine)
    (FOLDER / f"{name}.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")


def without_machine(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in ("identity", "stackTrace")}


STORIES = {"day": record, "trouble": record_trouble}


def main() -> None:
    story = STORIES[sys.argv[1]]
    loop = Loop()
    with tempfile.TemporaryDirectory() as folder, temporal_server(Path(folder), (NAMESPACE,)) as address:
        client = loop.run(connect(address, NAMESPACE))
        with in_process_system(loop, client) as system:
            loop.run(story(system))
    loop.stop()


if __name__ == "__main__":
    main()
