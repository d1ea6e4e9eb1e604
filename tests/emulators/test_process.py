"""The emulator as a process of its own: how it starts, what it says, how it ends."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emulators.process import start_ec2

ROOT = Path(__file__).resolve().parents[2]


def start(*options):
    command = [sys.executable, "-m", "emulators.ec2", *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_helper_starts_one_and_stops_it():
    since = time.monotonic()
    with start_ec2(settings={"boot_seconds": 7.0, "rate_limits": True}, seed=3) as running:
        assert time.monotonic() - since < 10
        assert running.control.settings()["boot_seconds"] == 7.0
        assert running.control.settings()["rate_limits"]["RunInstances"] == {"burst": 5, "per_second": 2}
        pid = running.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionError):
        running.control.stats()


def test_the_helper_tells_when_it_cannot_start():
    with pytest.raises(RuntimeError, match="ended"), start_ec2(settings={"speed": 0}):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_on_a_signal(tmp_path, number):
    port_file = tmp_path / "ec2.json"
    with start("--port-file", str(port_file), "--speed", "10", "--boot-seconds", "2") as child:
        ready = json.loads(child.stdout.readline())
        assert ready["endpoint"].startswith("http://127.0.0.1:")
        assert json.loads(port_file.read_text()) == ready
        assert [each.name for each in tmp_path.iterdir()] == ["ec2.json"]
        child.send_signal(number)
        _, errors = child.communicate(timeout=10)
    assert (child.returncode, errors) == (0, "")


def test_it_stops_when_its_parent_ends():
    """The parent is killed, so that nothing but the emulator itself can end it; its end closes its standard output."""
    parent_code = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-m', 'emulators.ec2', '--parent-pid', str(os.getpid())])\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent_code], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert b"endpoint" in parent.stdout.readline()
        parent.kill()
        readable, _, _ = select.select([parent.stdout], [], [], 10)
        assert readable
        assert parent.stdout.read() == b""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--speed", "0"], "speed must be a number"),
        (["--settings", "{"], "cannot start"),
        (["--settings", "[]"], "--settings must be a JSON object"),
        (["--settings", '{"bot": 1}'], "unknown member 'bot'"),
    ],
)
def test_wrong_options_end_it_with_2_and_a_reason(options, words):
    with start(*options) as child:
        _, errors = child.communicate(timeout=20)
    assert child.returncode == 2
    assert words in errors
    assert len(errors.splitlines()) == 1


def test_a_taken_port_ends_it_with_2_and_a_reason(emulator):
    with start("--port", emulator.endpoint.rpartition(":")[2]) as child:
        _, errors = child.communicate(timeout=20)
    assert child.returncode == 2
    assert "ec2 emulator cannot start" in errors
