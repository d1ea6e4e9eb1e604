"""What a worker process needs around its workers: settings, connection, logs, search attributes, inventories."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from pythonjsonlogger.json import JsonFormatter
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.common import SearchAttributeIndexedValueType, SearchAttributeKey, WorkflowIDConflictPolicy
from temporalio.envconfig import ClientConfig
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities import options
from activities.authorizing import Authority
from activities.converter import data_converter
from activities.joining import patiently
from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.tokens import parse_keyring

logger = logging.getLogger("worker_manager")

DEFAULT_ADDRESS = "localhost:7233"
CONNECT_SECONDS = 10.0
ASKED_AT_ONCE = 50


class Settings(BaseModel):
    """Settings of a worker process, each from the environment variable `WM_` + its name in capitals."""

    providers: str = "providers.yml"
    verification_keys: str = ""
    deployment: str = Field("worker-manager", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
    metrics: str = Field("", pattern=r"^$|^[^:]+:[0-9]{1,5}$")
    log_format: str = Field("text", pattern="^(text|json)$")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    inventory_seconds: float = Field(2.0, ge=0.1, le=600)
    demand_hosts: str = ""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from `WM_*`. Raises ConfigInvalid naming the variable at fault."""
    names = {f"WM_{name.upper()}": name for name in Settings.model_fields}
    try:
        return Settings.model_validate({names[each]: value for each, value in environment.items() if each in names})
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        text = f"setting WM_{str(first['loc'][0]).upper()}: {why}, got {first['input']!r}"
        raise ConfigInvalid([Problem("", text, "setting")]) from error


def set_up_logs(settings: Settings) -> None:
    """Logs go to stderr, as text or one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json":
        handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)


async def connect(settings: Settings) -> Client:
    """Connect as `TEMPORAL_*` and `temporal.toml` say. Raises ConfigInvalid if the server cannot be reached."""
    config: dict[str, Any] = {"target_host": DEFAULT_ADDRESS, **ClientConfig.load_client_connect_config()}
    runtime = Runtime(telemetry=TelemetryConfig(metrics=_metrics(settings)))
    try:
        return await asyncio.wait_for(
            Client.connect(**config, data_converter=data_converter, runtime=runtime), CONNECT_SECONDS
        )
    except (RuntimeError, TimeoutError, RPCError) as error:
        why = str(error)[:200] or "no answer"
        text = f"no Temporal server at {config['target_host']}: start one, or set TEMPORAL_ADDRESS ({why})"
        raise ConfigInvalid([Problem("", text, "connection")]) from error


def _metrics(settings: Settings) -> PrometheusConfig | None:
    if not settings.metrics:
        return None
    return PrometheusConfig(bind_address=settings.metrics, counters_total_suffix=True, durations_as_seconds=True)


async def register_search_attributes(client: Client, keys: Iterable[SearchAttributeKey[Any]]) -> None:
    """Create those that the namespace lacks. Raises ConfigInvalid if one has another type or may not be created."""
    wanted = {each.name: _TYPES[each.indexed_value_type] for each in keys}
    service = client.operator_service
    try:
        there = await service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        wrong = [name for name, kind in wanted.items() if there.custom_attributes.get(name, kind) != kind]
        if wrong:
            text = f"search attributes {', '.join(wrong)} have another type in namespace {client.namespace!r}"
            raise ConfigInvalid([Problem("", f"{text}: remove them, or use another namespace", "search-attributes")])
        missing = {name: kind for name, kind in wanted.items() if name not in there.custom_attributes}
        if missing:
            request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            await service.add_search_attributes(request)
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return
        names = ", ".join(sorted(wanted))
        text = f"search attributes could not be checked or created ({error.message[:200]}); create by hand: {names}"
        raise ConfigInvalid([Problem("", text, "search-attributes")]) from error


_TYPES = {
    SearchAttributeIndexedValueType.KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    SearchAttributeIndexedValueType.INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
    SearchAttributeIndexedValueType.KEYWORD_LIST: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}


async def start_inventories(client: Client, providers: Iterable[str]) -> None:
    """Have one Inventory workflow per provider; those that run already go on."""
    for name in providers:
        await client.start_workflow(
            "Inventory",
            {"provider": name},
            id=f"inventory:{name}",
            task_queue=options.WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"watches all instances of {name}",
        )


def read_authority(settings: Settings) -> Authority:
    """The keys that messages are verified with. Raises ConfigInvalid naming file, line and column."""
    if not settings.verification_keys:
        return Authority()
    path = Path(settings.verification_keys)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid([Problem("", f"{path}: cannot be read: {error}", "unreadable")]) from error
    return Authority(parse_keyring(text, str(path)))


async def serve(client: Client, workers: Iterable[Worker], authority: Authority) -> None:
    """Run workers until SIGTERM or SIGINT, then shut down gracefully: running activities may finish."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        if authority.is_secured:
            logger.info("worker started; edits must be signed by a key of WM_VERIFICATION_KEYS")
            await secure_all(client)
        else:
            logger.warning(
                "worker started; THE SYSTEM IS OPEN: edits need no scopes, whoever reaches the Temporal namespace may "
                "change everything; meant for localhost (set WM_VERIFICATION_KEYS)"
            )
        await stop.wait()
        logger.info("stopping")


async def secure_all(client: Client) -> None:
    """Have every worker type that is still open decide once, whereby it learns that messages must be signed now.

    Asking is a query, so a restart of workers adds nothing to the histories of those that know it.
    """
    gate = asyncio.Semaphore(ASKED_AT_ONCE)

    async def secure(workflow_id: str) -> None:
        handle = client.get_workflow_handle(workflow_id)
        async with gate:
            try:
                if (await patiently(lambda: handle.query("status")))["open"]:
                    await handle.signal("wake")
            except (RPCError, WorkflowQueryFailedError) as error:  # most likely it has ended meanwhile
                logger.warning("%s was not told that messages must be signed: %s", workflow_id, error)

    query = "WorkflowType = 'WorkerType' AND ExecutionStatus = 'Running'"
    await asyncio.gather(*[secure(each.id) async for each in client.list_workflows(query)])
