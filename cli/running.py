"""Reads worker types and shared configs as they run: queries and visibility, nothing that adds to a history."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode

from activities.joining import patiently
from cli.documents import Document, Kind
from cli.naming import SEARCHES, Key, keys_of
from worker_manager.config import collect_references

QUERIES_AT_ONCE = 20
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
QUERY_TIMEOUT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Running:
    """One worker type or shared config as it runs.

    Attributes:
        data: what its file would say.
        now: the time its templates see.
        dependents: worker types that asked to be told of edits; some may no longer refer to it.
        finishing: it drains and ends, because it was cancelled.
    """

    key: Key
    revision: int
    data: dict[str, Any]
    managed_by: str = ""
    config_hash: str = ""
    now: str = ""
    dependents: tuple[str, ...] = ()
    finishing: bool = False


Snapshot = Mapping[Key, Running]


class Reader:
    """Reads through one client, a bounded number of queries at a time."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._gate = asyncio.Semaphore(QUERIES_AT_ONCE)

    async def names(self, kind: Kind) -> list[str]:
        """All that run, sorted; visibility may lag by a second."""
        return sorted([each.id.partition(":")[2] async for each in self.client.list_workflows(SEARCHES[kind])])

    async def ask(self, key: Key, query: str, *args: Any) -> Any:
        """One query; None if nothing of this name runs, or its first document is not accepted yet."""
        try:
            async with self._gate:
                handle, only = self.client.get_workflow_handle(key.id), QueryRejectCondition.NOT_OPEN
                return await patiently(
                    lambda: handle.query(query, args=list(args), reject_condition=only, rpc_timeout=QUERY_TIMEOUT)
                )
        except (WorkflowQueryFailedError, WorkflowQueryRejectedError):
            return None
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND or "namespace" in error.message.lower():
                raise
            return None

    async def find(self, text: str) -> Key | None:
        """What a name typed by people means, if it runs: a worker type before a shared config."""
        for key in keys_of(text):
            if await self.ask(key, "status") is not None:
                return key
        return None

    async def read(self, keys: Iterable[Key]) -> dict[Key, Running]:
        """Those of these that run."""
        wanted = list(dict.fromkeys(keys))
        found = await asyncio.gather(*(self._one(each) for each in wanted))
        return {each.key: each for each in found if each is not None}

    async def around(self, documents: Iterable[Document]) -> Snapshot:
        """Everything these touch: themselves, what they refer to, and who depends on what they change."""
        local = {Key(each.kind, each.name): each for each in documents if _may_run(each)}
        wanted = {*local, *references(each.data for each in local.values() if each.kind is Kind.WORKER_TYPE)}
        found = await self.read(wanted)
        changed = [found[key] for key, each in local.items() if key in found and differs(each.data, found[key])]
        following = {Key(Kind.WORKER_TYPE, name) for each in changed for name in each.dependents}
        found |= await self.read(following - local.keys())
        theirs = references(each.data for key, each in found.items() if key in following)
        return found | await self.read(theirs - found.keys())

    async def _one(self, key: Key) -> Running | None:
        config, status = await asyncio.gather(self.ask(key, "config"), self.ask(key, "status"))
        if not config or not status or not config.get("revision"):
            return None
        if key.kind is Kind.WORKER_TYPE and not config["configHash"]:  # its first document is still being checked
            return None
        if key.kind is Kind.SHARED_CONFIG:
            data = {name: config[name] for name in ("name", "schema", "value")}
            data |= {name: config[name] for name in ("description", "owner") if config.get(name)}
        else:
            data = config["document"]
        return Running(
            key=key,
            revision=config["revision"],
            data=data,
            managed_by=config.get("managedBy") or "",
            config_hash=config.get("configHash", ""),
            now=config.get("now", ""),
            dependents=tuple(each.partition(":")[2] for each in status.get("dependents", ())),
            finishing=bool(status.get("finishing")),
        )


def differs(document: Any, running: Running) -> bool:
    """True if what the file says is not what runs; texts left out are empty, and a schema has its `#` or not."""
    return comparable(document, running.key.kind) != comparable(running.data, running.key.kind)


def comparable(data: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """The document in the one form in which equal things are equal."""
    if kind is not Kind.SHARED_CONFIG:
        return data
    texts = {name: data.get(name) or "" for name in ("description", "owner")}
    return {**data, "schema": str(data.get("schema")).rstrip("#") + "#", **texts}


def _may_run(document: Document) -> bool:
    return document.kind in SEARCHES and _NAME.fullmatch(document.name) is not None


def references(documents: Iterable[Any]) -> set[Key]:
    """The shared configs that worker type documents refer to."""
    return {Key(Kind.SHARED_CONFIG, each.name) for document in documents for each in collect_references(document)}
