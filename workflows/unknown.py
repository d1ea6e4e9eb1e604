"""Answers a start with an unknown workflow type at once; without it such a workflow would run for ever."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from worker_manager.requests import did_you_mean

KNOWN_TYPES = ["WorkerType", "SharedConfig", "Inventory", "Offerings"]


@workflow.defn(dynamic=True)
class UnknownWorkflow:
    """Fails every workflow of a type that we do not have."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> None:
        """Raise at once, naming the types there are."""
        name = workflow.info().workflow_type
        known = ", ".join(KNOWN_TYPES)
        message = f"unknown workflow type {name[:80]!r}{did_you_mean(name, KNOWN_TYPES)}; known: {known}"
        raise ApplicationError(message, type="UnknownWorkflowType", non_retryable=True)
