"""A whole system for tests: Temporal's dev server, an emulated EC2 and our workers, with few words to drive them."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from activities import service
from activities.authorizing import Authority
from activities.converter import data_converter
from activities.options import WORKFLOW_QUEUE
from cli.stack import SERVER_FLAGS
from emulators.control import Control
from emulators.ec2 import Ec2Emulator
from worker import build_workers
from worker_manager.provider import ProviderRecord
from workflows import attributes

ROOT = Path(__file__).resolve().parents[2]
PROVIDER, DEPLOYMENT = "aws-provider", "system-tests"
REGIONS = ("us-west-1", "us-west-2")
IMAGE, NEW_IMAGE = "ami-06adcae0cf519fda6", "ami-07a6e593eb16d27fa"
FAST = {"boot_seconds": 0.05, "boot_jitter": 0.0, "shutdown_seconds": 0.05, "terminated_seconds": 20.0}
INVENTORY_SECONDS, SETTLE_SECONDS, LIST_LAG_SECONDS = 0.3, 5.0, 3.0
POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1


class Loop:
    """One event loop in a thread of its own, shared by fixtures and tests."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="system-tests", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any], seconds: float = 90) -> Any:
        """Give what `work` gives. Raises TimeoutError earlier than pytest's own limit, which would end everything."""
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, seconds), self._loop).result()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True)
class System:
    """A running system: a namespace of the server, an emulated cloud."""

    client: Client
    control: Control

    async def start(self, document: dict[str, Any]) -> WorkflowHandle[Any, Any]:
        """Start a worker type; its first document has been accepted when this returns."""
        handle = await self.start_raw("WorkerType", document, id=f"worker-type:{document['workerType']}")
        await handle.execute_update("started")
        return handle

    async def start_shared(self, name: str, value: Any, schema: str) -> WorkflowHandle[Any, Any]:
        body = {"name": name, "schema": schema, "value": value}
        handle = await self.start_raw("SharedConfig", body, id=f"shared-config:{name}")
        await handle.execute_update("started")
        return handle

    async def start_raw(self, workflow: str, *args: Any, id: str) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(workflow, args=list(args), id=id, task_queue=WORKFLOW_QUEUE)

    def alive(self, worker_type: str) -> list[dict[str, Any]]:
        """Instances of this worker type that are pending or running, as the cloud itself knows them."""
        found = self.control.instances(**{"tag:wm-worker-type": worker_type})
        return [each for each in found if each["state"] in ("pending", "running")]

    def calls(self, action: str) -> int:
        return int(self.control.stats()["calls"].get(action, 0))

    async def until_alive(self, worker_type: str, count: int, seconds: float = 20) -> list[dict[str, Any]]:
        await until(lambda: len(self.alive(worker_type)) == count, seconds, f"{worker_type} has {count} instances")
        return self.alive(worker_type)


def name_of(prefix: str) -> str:
    """A name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def document(name: str, **changes: Any) -> dict[str, Any]:
    """A worker type of up to 10 m5.large, spread over two zones of each of two regions."""
    zones = [f"{region}{letter}" for region, letter in (("us-west-1", "b"), ("us-west-1", "c"), ("us-west-2", "a"))]
    return {
        "workerType": name,
        "provider": PROVIDER,
        "description": "for a test",
        "owner": "someone@example.org",
        "minCapacity": 0,
        "maxCapacity": 10,
        "regions": [{"region": each, "launchSpec": {"ImageId": IMAGE}} for each in REGIONS],
        "availabilityZones": [{"availabilityZone": each, "region": each[:-1]} for each in zones],
        "instanceTypes": [{"instanceType": "m5.large", "capacity": 1}],
        "scopes": [],
        **changes,
    }


async def until(ask: Callable[[], Any], seconds: float = 20, what: str = "") -> Any:
    """Ask (a function or coroutine function) until the answer is true; give it. Fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, f"still not true after {seconds} s: {what}"
        await asyncio.sleep(POLL_SECONDS)


async def update(handle: WorkflowHandle[Any, Any], name: str, value: Any) -> Any:
    """Execute an update; again where the server aborted it, as the run was just continued as new: nothing was done."""
    while True:
        try:
            return await handle.execute_update(name, value)
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise
        await asyncio.sleep(POLL_SECONDS)


async def status(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = await handle.query("status")
    return answer


async def until_status(
    handle: WorkflowHandle[Any, Any], fits: Callable[[dict[str, Any]], Any], seconds: float = 20
) -> dict[str, Any]:
    """Query `status` until it fits."""
    last: dict[str, Any] = {}
    deadline = time.monotonic() + seconds
    while not last or not fits(last):
        assert time.monotonic() < deadline, f"still not so after {seconds} s: {last}"
        last = await status(handle)
        await asyncio.sleep(POLL_SECONDS)
    return last


async def until_steady(handle: WorkflowHandle[Any, Any], actual: int, seconds: float = 20) -> dict[str, Any]:
    """Wait until the worker type is at rest with so many slots."""
    return await until_status(handle, lambda now: (now["state"], now["actual"]) == ("Steady", actual), seconds)


@dataclass(frozen=True)
class Server:
    """Where a dev server answers: gRPC and the HTTP API."""

    address: str
    http: str


@contextmanager
def temporal_server(folder: Path, namespaces: tuple[str, ...]) -> Iterator[str]:
    """A dev server of our own on free ports; its address."""
    with dev_server(folder, namespaces) as server:
        yield server.address


@contextmanager
def dev_server(folder: Path, namespaces: tuple[str, ...]) -> Iterator[Server]:
    """A dev server of our own on free ports."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        port, http = (each.getsockname()[1] for each in sockets)
    command = [str(Path(sys.executable).with_name("temporal")), "server", "start-dev", "--headless"]
    command += ["--ip", "127.0.0.1", "--log-level", "error", "--port", str(port), "--http-port", str(http)]
    for name, value in SERVER_FLAGS.items():
        command += ["--dynamic-config-value", f"{name}={value}"]
    for namespace in namespaces:
        command += ["--namespace", namespace]
    with child("temporal", command, folder):
        yield Server(f"127.0.0.1:{port}", f"http://127.0.0.1:{http}")


@contextmanager
def child(name: str, command: list[str], folder: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child process whose output goes to a log; killed at the end."""
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # takes no lock
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def die_with_parent() -> None:
    """In a child: end when the tests do, even if they are killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


async def connect(address: str, namespace: str) -> Client:
    """Connect once the server answers, with our search attributes known."""

    async def attempt() -> Client | None:
        with contextlib.suppress(RuntimeError, RPCError):
            client = await Client.connect(address, namespace=namespace, data_converter=data_converter)
            await service.register_search_attributes(client, attributes.ALL)
            return client
        return None

    client: Client = await until(attempt, 30, "the Temporal dev server answers")
    return client


@asynccontextmanager
async def workers(client: Client, endpoint: str, authority: Authority | None = None) -> AsyncIterator[None]:
    """Our workers in this process. Everything they keep is ended first, so that shutting down waits for nothing."""
    async with lasting_workers(client, endpoint, authority):
        yield
        await end_all(client)


@asynccontextmanager
async def lasting_workers(client: Client, endpoint: str, authority: Authority | None = None) -> AsyncIterator[None]:
    """Our workers in this process; what they keep goes on when they end."""
    record = ProviderRecord(
        PROVIDER,
        "aws",
        DEPLOYMENT,
        endpoint,
        REGIONS,
        settle_seconds=SETTLE_SECONDS,
        list_lag_seconds=LIST_LAG_SECONDS,
    )
    async with AsyncExitStack() as stack:
        for each in build_workers(client, {PROVIDER: record}, INVENTORY_SECONDS, authority):
            await stack.enter_async_context(each)
        await service.start_inventories(client, [PROVIDER])
        yield


async def end_all(client: Client) -> None:
    """End every workflow of the namespace."""
    async for execution in client.list_workflows("ExecutionStatus = 'Running'"):
        with contextlib.suppress(RPCError):  # ended by itself meanwhile
            await client.get_workflow_handle(execution.id).terminate()


@contextmanager
def in_process_system(loop: Loop, client: Client, authority: Authority | None = None) -> Iterator[System]:
    """Emulator and workers in this process; messages must be signed where there is an authority with keys."""
    with Ec2Emulator(settings=FAST) as emulator:
        running = workers(client, emulator.endpoint, authority)
        loop.run(running.__aenter__())
        try:
            yield System(client, emulator.control)
        finally:
            loop.run(running.__aexit__(None, None, None))
