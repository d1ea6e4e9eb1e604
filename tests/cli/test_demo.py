"""The demo as a stranger runs it: a real Temporal server, the real SDK, an emulated cloud, numbers that are facts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.demo import demo_documents
from cli.documents import Kind

ROOT = Path(__file__).resolve().parent.parent.parent
WM = Path(sys.executable).with_name("wm")
MEMBERS = {
    "workerTypes",
    "sharedConfigs",
    "desired",
    "actual",
    "launched",
    "terminated",
    "leaked",
    "doubled",
    "edit",
    "replaced",
    "seconds",
}


def is_mine(pid: int, marker: str) -> bool:
    """Whether a process carries the marker in its environment: it descends from the demo that was started with it."""
    try:
        return marker.encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def descendants(marker: str) -> list[int]:
    """Processes left over of a demo."""
    pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    return [pid for pid in pids if pid != os.getpid() and is_mine(pid, marker)]


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Look again and again; fail when the time is up."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not reached in time"
        time.sleep(0.05)


def start(marker: str, folder: Path) -> subprocess.Popen[str]:
    """Start `wm demo --once -o json`, marked in its environment, its temporary files in `folder`."""
    environment = {**os.environ, "DEMO_TEST_MARKER": marker, "TMPDIR": str(folder)}
    return subprocess.Popen(
        [WM, "demo", "--once", "-o", "json"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_plans_own_github_worker_takes_the_place_of_the_fleets():
    documents = demo_documents()
    kinds = [each.kind for each in documents]
    assert (30, 19) == (kinds.count(Kind.WORKER_TYPE), kinds.count(Kind.SHARED_CONFIG))
    (github,) = (each for each in documents if each.name == "github-worker")
    assert "plan" in github.path.parts


@pytest.mark.slow
@pytest.mark.timeout(170)
def test_the_demo_keeps_what_it_promises(tmp_path):
    marker = f"keeps-{os.getpid()}"
    with start(marker, tmp_path) as demo:
        out, err = demo.communicate(timeout=160)
    assert 0 == demo.returncode, err
    result = json.loads(out.splitlines()[-1])
    assert set(result) == MEMBERS
    assert (30, 19) == (result["workerTypes"], result["sharedConfigs"])
    assert result["desired"] == result["actual"] > 0
    assert (0, 0) == (result["leaked"], result["doubled"])
    assert result["launched"] - result["terminated"] > 0
    assert {"sharedConfig", "revision", "dependents", "secondsToAll"} == set(result["edit"])
    assert 2 == result["edit"]["revision"]
    assert result["edit"]["dependents"] > 0
    assert 10 == result["replaced"]["killed"]
    assert result["seconds"] <= 60
    assert [] == descendants(marker)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running_however_the_demo_ends(number, tmp_path):
    """Ended as soon as its server, its cloud and its worker run."""
    marker = f"ends-{number}-{os.getpid()}"
    with start(marker, tmp_path) as demo:
        wait_until(lambda: len(descendants(marker)) >= 4 or demo.poll() is not None)
        demo.send_signal(number)
        demo.communicate(timeout=40)
    wait_until(lambda: descendants(marker) == [])
    assert 0 != demo.returncode
