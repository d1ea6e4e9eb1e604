"""Workflow code of today can go on with the histories of running workflows."""

import asyncio
import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.converter import data_converter
from worker import PASSED_THROUGH, WORKFLOWS
from workflows.guard import Guard

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def test_there_are_histories_of_every_kind_that_lives_long():
    assert {"demand", "offerings", "shared", "worker"} == {path.stem.partition("-")[0] for path in HISTORIES}


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_history_replays(path):
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    replayer = Replayer(
        workflows=WORKFLOWS,
        interceptors=[Guard()],
        data_converter=data_converter,
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
    )
    text = path.read_text(encoding="utf-8")
    started = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    history = WorkflowHistory.from_json(started["workflowId"], text)
    result = asyncio.run(replayer.replay_workflow(history, raise_on_replay_failure=False))
    assert result.replay_failure is None
    assert len(history.events) > 8
