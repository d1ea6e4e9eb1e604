"""One system for the clients in other languages: they reach it from outside, we look at what became of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system.support import Loop, Server, System, connect, dev_server, in_process_system, status, until_status

NAMESPACE = "clients"
CLIENT_SECONDS = 60
IMAGE = "ami-0123456789abcdef0"


@dataclass(frozen=True)
class Outside:
    """What a client in another language has: addresses and a namespace. And what we have, to look at the effect."""

    server: Server
    loop: Loop
    system: System

    def run_client(self, command: list[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a client to its end, with the settings its documentation names and without the user's own."""
        own = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
        own |= {"TEMPORAL_NAMESPACE": NAMESPACE, "TEMPORAL_ADDRESS": self.server.address}
        own |= {"TEMPORAL_CONFIG_FILE": str(folder / "none.toml"), "TEMPORAL_HTTP": self.server.http, **settings}
        return subprocess.run(
            command,
            cwd=folder,
            env=own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=CLIENT_SECONDS,
        )

    def ask(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run(work)

    def check_edited(self, name: str) -> None:
        """The example's good edit holds everywhere, and its bad ones nowhere."""
        config = self.system.client.get_workflow_handle(f"shared-config:{name}-regions")
        worker = self.system.client.get_workflow_handle(f"worker-type:{name}")
        current = self.ask(config.query("value"))
        assert (2, [{"region": "us-west-1", "launchSpec": {"ImageId": IMAGE}}]) == (
            current["revision"],
            current["value"],
        )
        assert ["started", "new image"] == [each["reason"] for each in self.ask(status(config))["revisions"]]

        now = self.ask(until_status(worker, lambda now: now["sharedConfigs"] == {f"{name}-regions": 2}))
        assert {"pending": 2, "claimed": 0} == {each: now["demand"][each] for each in ("pending", "claimed")}
        assert [] == self.ask(worker.query("config"))["document"]["scopes"]
        self.ask(self.system.until_alive(name, 2))


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    loop = Loop()
    with dev_server(tmp_path_factory.mktemp("temporal"), (NAMESPACE,)) as server:
        client = loop.run(connect(server.address, NAMESPACE))
        with in_process_system(loop, client) as system:
            yield Outside(server, loop, system)
    loop.stop()
