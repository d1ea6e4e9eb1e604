"""What tests tell of launches that were refused, and what they read of the workflow that remembers it."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from activities.offerings import SharedBudgets
from worker_manager.model import LaunchRequest, LaunchResult, LaunchSpec, Offering, Outcome

KEY = "us-west-1/us-west-1b/m5.large/onDemand"


def launch(zone: str = "us-west-1b", count: int = 10) -> LaunchRequest:
    spec = LaunchSpec(Offering("us-west-1", zone, "m5.large"), {}, {}, "hash", image="ami-1")
    return LaunchRequest(str(uuid.uuid4()), "some-type", spec, count)


def result(request: LaunchRequest, outcome: Outcome, launched: int = 0) -> LaunchResult:
    ids = tuple(f"i-{number}" for number in range(launched))
    return LaunchResult(request.launch_key, outcome, ids, "there is none", "InsufficientInstanceCapacity")


async def refuse(shared: SharedBudgets, *requests: LaunchRequest, outcome: Outcome = Outcome.NO_CAPACITY) -> None:
    """As launch activities do: each answer by itself, when it comes."""
    await asyncio.gather(*(shared.answered([each], [result(each, outcome)]) for each in requests))


async def may_go(shared: SharedBudgets, *requests: LaunchRequest) -> list[bool]:
    keys = await shared.let_through(requests)
    return [each.launch_key in keys for each in requests]


def handle_of(client: Client, provider: str) -> WorkflowHandle[Any, Any]:
    return client.get_workflow_handle(f"offerings:{provider}")


async def exists(handle: WorkflowHandle[Any, Any]) -> bool:
    try:
        return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False


async def events_of(handle: WorkflowHandle[Any, Any]) -> Counter[str]:
    """Once it has done all that it was told: a query waits for that."""
    await handle.query("budgets")
    kinds = [EventType.Name(event.event_type) async for event in handle.fetch_history_events()]
    return Counter(each.removeprefix("EVENT_TYPE_") for each in kinds)
