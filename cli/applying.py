"""Brings the running system to what documents say: starts what does not run, updates what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.options import WORKFLOW_QUEUE
from cli.documents import Document, Kind

AT_ONCE = 20
ADMITTED_WITHIN_SECONDS = 60.0


class Change(StrEnum):
    """What became of one document."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Applied:
    """The change of one document, with the revision it is at, or why it was rejected."""

    kind: Kind
    name: str
    change: Change
    revision: int = 0
    why: str = ""


WORKFLOW_TYPES = {Kind.SHARED_CONFIG: "SharedConfig", Kind.WORKER_TYPE: "WorkerType"}
ID_PREFIXES = {Kind.SHARED_CONFIG: "shared-config:", Kind.WORKER_TYPE: "worker-type:"}


async def apply(client: Client, documents: Iterable[Document], reason: str) -> list[Applied]:
    """Apply every document; a rejected one changes nothing and does not stop the others."""
    everything = list(documents)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(document: Document) -> Applied:
        async with gate:
            return await _apply_one(client, document, reason)

    applied: list[Applied] = []
    for kind in WORKFLOW_TYPES:
        applied += await asyncio.gather(*(one(each) for each in everything if each.kind is kind))
    return applied


async def _apply_one(client: Client, document: Document, reason: str) -> Applied:
    try:
        handle = await client.start_workflow(
            WORKFLOW_TYPES[document.kind],
            document.data,
            id=ID_PREFIXES[document.kind] + document.name,
            task_queue=WORKFLOW_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=str(document.data.get("description") or document.kind)[:200],
        )
    except WorkflowAlreadyStartedError:
        return await _update(client, document, reason)
    why = await _refusal_of_start(handle)
    if why:
        return Applied(document.kind, document.name, Change.REJECTED, why=why)
    return Applied(document.kind, document.name, Change.CREATED, 1)


async def _update(client: Client, document: Document, reason: str) -> Applied:
    handle = client.get_workflow_handle(ID_PREFIXES[document.kind] + document.name)
    running: dict[str, Any] = await handle.query("config")
    if _says_the_same(document, running):
        return Applied(document.kind, document.name, Change.UNCHANGED, int(running["revision"]))
    body = document.data if document.kind is Kind.SHARED_CONFIG else {"document": document.data}
    try:
        answer: dict[str, Any] = await asyncio.wait_for(
            handle.execute_update("apply_config", {**body, "reason": reason}), ADMITTED_WITHIN_SECONDS
        )
    except WorkflowUpdateFailedError as error:
        return Applied(document.kind, document.name, Change.REJECTED, why=str(error.cause))
    except TimeoutError:  # the server refuses what is too large, and the client repeats it for ever
        return Applied(document.kind, document.name, Change.REJECTED, why="no answer within a minute; is it too large?")
    change = Change.UNCHANGED if answer.get("unchanged") else Change.UPDATED
    return Applied(document.kind, document.name, change, int(answer["revision"]))


def _says_the_same(document: Document, running: dict[str, Any]) -> bool:
    """True if nothing has to be sent; a query adds nothing to the history."""
    if document.kind is Kind.WORKER_TYPE:
        return bool(running["document"] == document.data)
    same_schema = str(document.data["schema"]).rstrip("#") == str(running.get("schema", "")).rstrip("#")
    return same_schema and bool(running["value"] == document.data["value"])


async def _refusal_of_start(handle: WorkflowHandle[Any, Any]) -> str:
    """Why a start was refused, "" once it was accepted: the update answers after the first document was checked."""
    try:
        await asyncio.wait_for(handle.execute_update("started"), ADMITTED_WITHIN_SECONDS)
    except TimeoutError:
        return "not checked within a minute: is a worker process running?"
    except (WorkflowUpdateFailedError, RPCError) as error:
        if isinstance(error, RPCError) and error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return await _failure(handle)
    return ""


async def _failure(handle: WorkflowHandle[Any, Any]) -> str:
    try:
        await asyncio.wait_for(handle.result(), ADMITTED_WITHIN_SECONDS)
    except WorkflowFailureError as error:
        return str(error.cause)
    return "it has ended"
