"""The backlog of a Temporal task queue as a demand source; here, as the domain does not know Temporal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from worker_manager.demand.contract import DemandUnavailable, Reading
from worker_manager.requests import MAX_SLOTS

TIMEOUT = timedelta(seconds=10)
TYPES = {
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
}


async def read_backlog(client: Client, settings: Mapping[str, Any]) -> Reading:
    """Tasks that wait in the queue, of the types that count. Raises DemandUnavailable."""
    try:
        counts = [await _backlog(client, settings["taskQueue"], each) for each in settings["taskTypes"]]
    except RPCError as error:
        text = f"the backlog of task queue {settings['taskQueue']!r} cannot be read: {error.message[:300]}"
        raise DemandUnavailable(text) from error
    return Reading(min(sum(counts), MAX_SLOTS), waiting_only=True)


async def _backlog(client: Client, queue: str, task_type: str) -> int:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TYPES[task_type],
        report_stats=True,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=TIMEOUT)
    return int(answer.stats.approximate_backlog_count)
