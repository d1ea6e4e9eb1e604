"""Child processes of the demo: Temporal's dev server, the emulated EC2, our worker. They end when the demo does."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from ruamel.yaml import YAML

from emulators.control import Control
from emulators.process import start_ec2

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60.0
STOP_SECONDS = 8.0
PR_SET_PDEATHSIG = 1
REGIONS = ["us-east-1", "us-west-1", "us-west-2"]

# An update that is too large must be refused, not wedge its workflow; `apply` sends many at once.
SERVER_FLAGS = {
    "history.maxInFlightUpdates": "1000",
    "history.maxInFlightUpdatePayloads": "1900000",
}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the dev server listens, on 127.0.0.1: gRPC, Web UI, HTTP API."""

    grpc: int
    web: int
    http: int


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything that runs."""

    address: str
    ports: Ports
    control: Control
    logs: Path
    worker: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raise click.ClickException with the last line of its log if the worker has died."""
        if self.worker.poll() is not None:
            lines = (self.logs / "worker.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise click.ClickException(
                f"the worker ended: {lines[-1] if lines else 'without a word'} (see {self.logs})"
            )


@contextmanager
def start_stack(*, well_known_ports: bool) -> Iterator[Stack]:
    """Start server, cloud and worker; stop them at the end. Raises click.ClickException naming a log."""
    with ExitStack() as stack:
        logs = Path(tempfile.mkdtemp(prefix="wm-demo-"))
        ports = _ports(well_known=well_known_ports)
        address = f"127.0.0.1:{ports.grpc}"
        stack.enter_context(_child("temporal", _temporal(ports, logs), logs, {}))
        ec2 = stack.enter_context(start_ec2(settings={"boot_seconds": 1.0, "terminated_seconds": 20.0}))
        _wait_for(ports.grpc, logs)
        providers = logs / "providers.yml"
        _write_providers(providers, ec2.endpoint)
        settings = {"TEMPORAL_ADDRESS": address, "WM_PROVIDERS": str(providers), "WM_DEPLOYMENT": "demo"}
        worker = stack.enter_context(_child("worker", [sys.executable, "-m", "worker"], logs, settings))
        yield Stack(address, ports, ec2.control, logs, worker)
    shutil.rmtree(logs, ignore_errors=True)


def _temporal(ports: Ports, folder: Path) -> list[str]:
    binary = Path(sys.executable).with_name("temporal")
    command = [str(binary), "server", "start-dev", "--ip", "127.0.0.1", "--log-level", "warn"]
    command += ["--port", str(ports.grpc), "--ui-port", str(ports.web), "--http-port", str(ports.http)]
    command += ["--db-filename", str(folder / "temporal.db")]
    command += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"]
    for name, value in SERVER_FLAGS.items():
        command += ["--dynamic-config-value", f"{name}={value}"]
    return command


def _ports(*, well_known: bool) -> Ports:
    """The ports that every Temporal example uses, where they are wanted and free; else free ones."""
    usual = Ports(7233, 8233, 7243)
    if well_known and all(_is_free(port) for port in (usual.grpc, usual.web, usual.http)):
        return usual
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Ports(*(each.getsockname()[1] for each in sockets))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _wait_for(port: int, logs: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while _is_free(port):
        if time.monotonic() > deadline:
            raise click.ClickException(f"the Temporal dev server did not start; see {logs / 'temporal.log'}")
        time.sleep(0.05)


def _write_providers(path: Path, endpoint: str) -> None:
    record: dict[str, object] = {"name": "aws-provider", "kind": "aws", "endpoint": endpoint, "regions": REGIONS}
    # The emulator lists what it launched at once; a real cloud takes minutes.
    record |= {"settleSeconds": 10, "listLagSeconds": 5}
    with path.open("w", encoding="utf-8") as file:
        YAML().dump({"providers": [record]}, file)


@contextmanager
def _child(
    name: str, command: Sequence[str], logs: Path, settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that gets SIGTERM when we die; its output goes to a log file."""
    with (logs / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603  # our own commands
            command,
            cwd=ROOT,
            env={**_own_environment(), **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  # one call, before any thread of the child
        )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _own_environment() -> dict[str, str]:
    """The environment without what would point the children at another server, cloud or proxy."""
    foreign = ("TEMPORAL_", "AWS_", "WM_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
