"""Edit after edit, the running system accepts and refuses exactly what the model of it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError

from activities.options import WORKFLOW_QUEUE
from tests.edit_model import Edit, Model, edits
from tests.system.empty_clouds import workers
from tests.system.support import Loop, connect, until_status, update

SEED, EDITS, LONG_EDITS = 3, 60, 600


@pytest.fixture(scope="module")
def client(loop: Loop, address: str) -> Iterator[Client]:
    client = loop.run(connect(address, "corpus"))
    running = workers(client)
    loop.run(running.__aenter__())
    try:
        yield client
    finally:
        loop.run(running.__aexit__(None, None, None))


def handle_of(client: Client, is_shared: bool, name: str) -> WorkflowHandle:
    return client.get_workflow_handle(f"{'shared-config' if is_shared else 'worker-type'}:{name}")


async def accepts(client: Client, edit: Edit) -> bool:
    """Send an edit; whether it was accepted."""
    handle = handle_of(client, edit.is_shared, edit.name)
    try:
        if edit.update == "start":
            kind = "SharedConfig" if edit.is_shared else "WorkerType"
            handle = await client.start_workflow(kind, edit.body, id=handle.id, task_queue=WORKFLOW_QUEUE)
            await handle.execute_update("started")
            if not edit.is_shared:
                await handle.execute_update("pause")
        else:
            await update(handle, edit.update, edit.body)
    except (WorkflowUpdateFailedError, WorkflowFailureError, RPCError):
        return False
    return True


async def start(client: Client, model: Model) -> None:
    for name, [value] in model.shared.items():
        body = {"name": name, "schema": model.schemas[name], "value": value}
        assert await accepts(client, Edit(True, name, "start", body))
    for name, [document] in model.worker_types.items():
        assert await accepts(client, Edit(False, name, "start", document))


@pytest.mark.slow
async def test_the_system_accepts_and_refuses_what_the_model_does(client, is_long):
    model, random = Model.of_examples(), Random(SEED)
    await start(client, model)
    seen: Counter[bool] = Counter()
    for number, edit in enumerate(islice(edits(model, random), LONG_EDITS if is_long else EDITS)):
        is_accepted = model.accept(edit)
        assert (number, edit, is_accepted) == (number, edit, await accepts(client, edit))
        seen[is_accepted] += 1
    assert min(seen[True], seen[False]) > seen.total() / 5

    for name, revisions in model.shared.items():
        now = await handle_of(client, True, name).query("value")
        assert (name, len(revisions), revisions[-1]) == (name, now["revision"], now["value"])
    for name, revisions in model.worker_types.items():
        handle = handle_of(client, False, name)
        now = await handle.query("config")
        assert (name, len(revisions), revisions[-1]) == (name, now["revision"], now["document"])
        await until_status(handle, lambda now: not now["configProblems"] and not now["trouble"])
