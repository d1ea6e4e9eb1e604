"""Every wrong document of the corpus is refused by the running system, where `validate` says so, and harms nobody.

The worker types have empty clouds and not none, for a worker type looks at its cloud between edits.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, cast

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from activities import options
from tests.corpus.cases import Base, Case, bases
from tests.corpus.corpus import CORPUS, FAULTS
from tests.system.empty_clouds import workers
from tests.system.support import Loop, status, until_status, update

JSON_CASES = [case for case in CORPUS if case.json is not None]
SAMPLE_OF_EACH_FAULT = 5
# As an edit these are right: a shared config keeps its name and schema, so neither need be said.
ONLY_WRONG_AT_START = ("no name", "no schema")
Handle = WorkflowHandle[Any, Any]


async def start_all(client: Client) -> dict[str, Handle]:
    """Every valid document, running; shared configs first."""
    handles: dict[str, Handle] = {}
    for is_shared in (True, False):
        chosen = [each for each in bases().values() if each.is_shared is is_shared]
        started = await asyncio.gather(*(start(client, each, each.document) for each in chosen))
        await asyncio.gather(*(each.execute_update("started") for each in started))
        handles |= {base.name: handle for base, handle in zip(chosen, started, strict=True)}
    await asyncio.gather(
        *(each.execute_update("pause") for name, each in handles.items() if not bases()[name].is_shared)
    )
    return handles


async def start(client: Client, base: Base, document: Any, suffix: str = "") -> Handle:
    kind, prefix = ("SharedConfig", "shared-config:") if base.is_shared else ("WorkerType", "worker-type:")
    id = f"{prefix}{base.name}{suffix}"
    return await client.start_workflow(kind, document, id=id, task_queue=options.WORKFLOW_QUEUE)


@pytest.fixture(scope="module")
def handles(loop: Loop, client: Client) -> Iterator[dict[str, Handle]]:
    running = workers(client)
    loop.run(running.__aenter__())
    try:
        yield loop.run(start_all(client))
    finally:
        loop.run(running.__aexit__(None, None, None))


def payload(json: bytes) -> RawValue:
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=json))


def expected(case: Case) -> set[str]:
    return set(case.expected if case.online is None else case.online)


def told(error: ApplicationError) -> set[str]:
    """Pointers of the problems, as in the file."""
    return {each["pointer"] for each in error.details[0]["problems"]}


async def by_update(handle: Handle, case: Case) -> str | None:
    """What is wrong with how an edit was refused, if anything."""
    assert case.json is not None
    try:
        answer = await update(handle, "apply_config", payload(case.json))
    except WorkflowUpdateFailedError as error:
        cause = cast("ApplicationError", error.cause)
        if cause.type == "Busy":  # with the edit of another case: sent again in a moment, as it says
            return await by_update(handle, case)
        found = told(cause)
        revision = (await status(handle))["revision"]
        is_well = (expected(case), 1) == (found, revision)
        return None if is_well else f"{case.id}: {sorted(found)} at revision {revision}: {cause}"[:600]
    return f"{case.id}: accepted as {answer}"


async def by_start(client: Client, case: Case, number: int) -> str | None:
    """What is wrong with how a start failed, if anything."""
    assert case.json is not None
    suffix = f"-start-{number}"
    key = "name" if case.base.is_shared else "workerType"
    own, other = (f'"{key}": "{case.base.name}{each}"'.encode() for each in ("", suffix))
    handle = await start(client, case.base, payload(case.json.replace(own, other)), suffix)
    try:
        await handle.result()
    except WorkflowFailureError as error:
        cause = cast("ApplicationError", error.cause)
        found = told(cause)
        if not case.base.is_shared and own.partition(b":")[0] not in case.json:
            found = expected(case) if found == {"/workerType"} else found  # the workflow's id must be its name
        is_well = ("ConfigInvalid", expected(case)) == (cause.type, found)
        return None if is_well else f"{case.id}: {sorted(found)}: {cause}"[:600]
    return f"{case.id}: ended well"


async def by_signal(handle: Handle, case: Case) -> str | None:
    """What is wrong with how a signal was refused, if anything."""
    assert case.json is not None
    before = (await status(handle))["rejections"]
    await handle.signal("apply_config", payload(case.json))
    now = await until_status(handle, lambda now: now["rejections"] != before)
    last = now["lastRejection"]
    wanted = {each or "(document)" for each in expected(case)}
    is_named = any(f"{each}: " in last["why"] for each in wanted) or expected(case) == {""}
    is_well = ("apply_config", "signal", 1, True) == (last["message"], last["via"], now["revision"], is_named)
    return None if is_well else f"{case.id}: {last} at revision {now['revision']}"[:600]


def tell(wrong: Iterable[str | None]) -> None:
    """Fail with all that was wrong, one a line."""
    if found := [each for each in wrong if each]:
        pytest.fail("\n".join(found), pytrace=False)


def by_base(cases: list[Case]) -> dict[str, list[Case]]:
    grouped = defaultdict(list)
    for case in cases:
        grouped[case.base.name].append(case)
    return grouped


def sample() -> list[Case]:
    """A few of each class, of as many documents as there are."""
    chosen: list[Case] = []
    for fault in FAULTS:
        of_fault = [case for case in JSON_CASES if case.fault == fault]
        chosen += of_fault[:: max(1, len(of_fault) // SAMPLE_OF_EACH_FAULT)][:SAMPLE_OF_EACH_FAULT]
    return chosen


@pytest.mark.slow
async def test_every_wrong_document_is_refused_as_an_edit_at_the_place_that_validate_tells(handles, is_long):
    """With `--long` every one of the corpus, else every second."""
    cases = [case for case in JSON_CASES if not (case.fault == "missing" and case.what in ONLY_WRONG_AT_START)]
    cases = cases if is_long else cases[::2]

    async def all_of(name: str, cases: list[Case]) -> list[str | None]:
        return [await by_update(handles[name], case) for case in cases]

    wrong = await asyncio.gather(*(all_of(name, found) for name, found in by_base(cases).items()))
    assert 300 <= len(cases)
    tell(each for found in wrong for each in found)


@pytest.mark.slow
async def test_a_start_with_a_wrong_document_fails_at_the_place_that_validate_tells(handles, client):
    at_start = [case for case in JSON_CASES if case.fault == "missing" and case.what in ONLY_WRONG_AT_START]
    # nobody depends yet on what is only being started
    cases = [case for case in sample() if case.fault != "broken dependent"]
    wrong = await asyncio.gather(*(by_start(client, case, at) for at, case in enumerate(cases + at_start)))
    assert 40 <= len(cases)
    tell(wrong)


@pytest.mark.slow
async def test_a_wrong_document_sent_as_a_signal_shows_in_status(handles):
    cases = [case for case in sample() if not (case.fault == "missing" and case.what in ONLY_WRONG_AT_START)]

    async def all_of(name: str, cases: list[Case]) -> list[str | None]:
        return [await by_signal(handles[name], case) for case in cases]

    wrong = await asyncio.gather(*(all_of(name, found) for name, found in by_base(cases).items()))
    assert 40 <= len(cases)
    tell(each for found in wrong for each in found)


@pytest.mark.slow
async def test_after_all_of_them_a_good_edit_is_accepted_and_no_task_has_failed(handles, client):
    for name, handle in handles.items():
        base = bases()[name]
        edit = base.document | {"description": "still well"}
        answer = await update(handle, "apply_config", edit if base.is_shared else {"document": edit})
        assert (name, 1 if base.is_shared else 2) == (name, answer["revision"])
        assert "unchanged" not in answer
        assert [] == [failed async for failed in failed_tasks(client, handle.id)]


async def failed_tasks(client: Client, workflow_id: str) -> AsyncIterator[Any]:
    """Of every run, but for what comes just as a run is continued as new: the server has the task done again then."""
    async for execution in client.list_workflows(f"WorkflowId = '{workflow_id}'"):
        async for event in client.get_workflow_handle(workflow_id, run_id=execution.run_id).fetch_history_events():
            failed = event.workflow_task_failed_event_attributes
            is_failed = event.HasField("workflow_task_failed_event_attributes")
            if is_failed and failed.cause != WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND:
                yield event
