"""Tests of the whole system. A test may be `async def`: it then runs in the event loop of the workers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.system.support import Loop, System, connect, in_process_system, temporal_server

# One a module, so that no test meets the workflows of another module.
NAMESPACES = (
    "chaos",
    "command-line",
    "command-line-fleet",
    "command-line-looks",
    "command-line-signed",
    "corpus",
    "demand",
    "demand-signed",
    "edits",
    "launching",
    "many-dependents",
    "messages",
    "offerings",
    "offerings-messages",
    "offerings-restart",
    "offerings-signed",
    "instances",
    "races",
    "scopes",
    "securing",
    "shared-config",
    "worker-type",
)
SLOWEST_TEST_SECONDS = 110


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    loop = pyfuncitem._request.getfixturevalue("loop")
    names = inspect.signature(pyfuncitem.obj).parameters
    most = 8 * SLOWEST_TEST_SECONDS if pyfuncitem.config.getoption("--long") else SLOWEST_TEST_SECONDS
    loop.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}), most)
    return True


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with temporal_server(tmp_path_factory.mktemp("temporal"), NAMESPACES) as address:
        yield address


@pytest.fixture(scope="module")
def client(loop: Loop, address: str, request: pytest.FixtureRequest) -> Client:
    """Connected to the namespace of the module: `test_worker_type.py` has `worker-type`."""
    namespace = Path(request.path).stem.removeprefix("test_").replace("_", "-")
    return loop.run(connect(address, namespace))


@pytest.fixture(scope="module")
def system(loop: Loop, client: Client) -> Iterator[System]:
    """The whole system in this process, all but the Temporal server."""
    with in_process_system(loop, client) as system:
        yield system
