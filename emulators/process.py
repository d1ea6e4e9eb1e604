"""Starts an emulated cloud as a child process: for demo and benchmarks, which measure a manager alone."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulators.control import Control

READY_SECONDS = 30.0
STOP_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Running:
    """An emulator in a child process."""

    endpoint: str
    control: Control
    pid: int


@contextmanager
def start_ec2(*, port: int = 0, seed: int = 0, settings: Mapping[str, Any] | None = None) -> Iterator[Running]:
    """Start an EC2 emulator, wait until it answers, and stop it at the end of the block.

    Args:
        port: 0 for a free one.
        seed: of ids, jitter and random choices.
        settings: as `POST /_emu/settings` takes them.

    Raises:
        RuntimeError: it ended, or was not ready in time; its messages went to our stderr.
    """
    command = [sys.executable, "-m", "emulators.ec2", "--port", str(port), "--seed", str(seed)]
    command += ["--settings", json.dumps(dict(settings or {})), "--parent-pid", str(os.getpid())]
    child = subprocess.Popen(  # noqa: S603  # our own module, arguments made here
        command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        endpoint = _ready_line(child)
        yield Running(endpoint, Control(endpoint), child.pid)
    finally:
        _stop(child)


def _ready_line(child: subprocess.Popen[bytes]) -> str:
    """Give the endpoint that the child announces. Raises RuntimeError."""
    assert child.stdout is not None
    deadline, line = time.monotonic() + READY_SECONDS, b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(child.stdout.fileno(), 4096) if readable else b""
        if not chunk:
            why = "ended" if readable else f"was not ready within {READY_SECONDS:g} s"
            raise RuntimeError(f"the ec2 emulator (process {child.pid}) {why}; see its messages above")
        line += chunk
    return str(json.loads(line)["endpoint"])


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
