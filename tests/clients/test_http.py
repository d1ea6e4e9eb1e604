"""curl alone drives the whole system, through the HTTP API of the Temporal server: `examples/clients/http/edit.sh`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import NAMESPACE, Outside
from tests.system.support import ROOT, name_of

SCRIPT = ROOT / "examples" / "clients" / "http" / "edit.sh"
MISSING = [each for each in ("sh", "curl", "base64") if not shutil.which(each)]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


def run(outside: Outside, folder: Path, name: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return outside.run_client(["sh", str(SCRIPT), name], folder, **settings)


def answers(stdout: str) -> list[tuple[str, Any]]:
    """Title and JSON of everything that the script printed."""
    parts = re.findall(r"^# (.*)\n((?:  .*\n)+)", stdout, re.MULTILINE)
    return [(title, next(iter(json.loads(f"{{{text.rstrip().rstrip(',')}}}").values()))) for title, text in parts]


def test_the_script_starts_edits_and_prints_what_is_refused_and_where(outside: Outside, tmp_path: Path) -> None:
    name = name_of("http")
    config, worker = f"shared-config:{name}-regions", f"worker-type:{name}"
    done = run(outside, tmp_path, name)
    assert (0, "") == (done.returncode, done.stderr)
    said = answers(done.stdout)

    assert [
        (f"{config}: started", {"success": [{"revision": 1}]}),
        (f"{worker}: started", {"success": [{"revision": 1}]}),
        (f"{worker}: set_demand", {"success": [{"pending": 2, "claimed": 0}]}),
        (f"{config}: apply_config", {"success": [{"revision": 2, "dependents": 1}]}),
    ] == said[:4]
    assert [f"{config}: apply_config is refused"] * 2 + [f"{worker}: status"] == [title for title, _ in said[4:]]
    no_image_id, no_image = (details_of(answer) for _, answer in said[4:6])
    assert [("/value/0/launchSpec/ImageId", "pattern")] == places(no_image_id)
    assert "breaks" not in no_image_id
    assert ([("/regions", "image-missing")], [name]) == (places(no_image), no_image["breaks"])
    assert f"would break {worker}: " in no_image["problems"][0]["message"]
    assert name == said[6][1][0]["workerType"]
    outside.check_edited(name)


def details_of(outcome: dict[str, Any]) -> dict[str, Any]:
    info = outcome["failure"]["applicationFailureInfo"]
    assert "ConfigInvalid" == info["type"]
    (details,) = info["details"]
    return details


def places(details: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["pointer"], each["rule"]) for each in details["problems"]]


def test_a_second_run_says_that_the_workflow_is_running(outside: Outside, tmp_path: Path) -> None:
    name = name_of("again")
    assert 0 == run(outside, tmp_path, name).returncode
    again = run(outside, tmp_path, name)

    assert (1, "") == (again.returncode, again.stdout)
    assert f"shared-config:{name}-regions: not started: Workflow execution is already running" in again.stderr


def test_a_refused_start_is_told_with_its_reason(outside: Outside, tmp_path: Path) -> None:
    name = name_of("_begins-with-no-letter")
    done = run(outside, tmp_path, name)

    assert 1 == done.returncode
    assert f"edit.sh: worker-type:{name}: the start was refused: /workerType: " in done.stderr


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        pytest.param({"TEMPORAL_HTTP": "http://127.0.0.1:1"}, "do the server at http://127.0.0.1:1/", id="no server"),
        pytest.param({"TEMPORAL_NAMESPACE": "nowhere"}, "not started: Namespace nowhere is not found", id="namespace"),
    ],
)
def test_a_step_without_the_expected_answer_ends_the_script(
    outside: Outside, tmp_path: Path, settings: dict[str, str], why: str
) -> None:
    done = run(outside, tmp_path, name_of("lost"), **settings)
    assert (1, "") == (done.returncode, done.stdout)
    assert why in done.stderr


def test_a_name_that_would_need_escaping_is_refused_before_anything_is_sent(outside: Outside, tmp_path: Path) -> None:
    done = run(outside, tmp_path, 'a"b')
    assert (1, "") == (done.returncode, done.stdout)
    assert "edit.sh: name 'a\"b': letters, digits" in done.stderr


def test_the_server_makes_null_of_an_empty_list_in_a_bare_payload(outside: Outside, tmp_path: Path) -> None:
    """The reason why the script sends its payloads in full; once this fails, it may send them bare."""
    name = name_of("bare")
    document = {"workerType": name, "provider": "aws-provider", "scopes": []}
    start = {"workflowType": {"name": "WorkerType"}, "taskQueue": {"name": "nobody-listens"}, "input": [document]}
    url = f"{outside.server.http}/api/v1/namespaces/{NAMESPACE}/workflows/worker-type:{name}"
    done = outside.run_client(["curl", "--silent", "--fail", "--data", json.dumps(start), url], tmp_path)
    assert 0 == done.returncode

    first = outside.ask(anext(outside.system.client.get_workflow_handle(f"worker-type:{name}").fetch_history_events()))
    (payload,) = first.workflow_execution_started_event_attributes.input.payloads
    assert {**document, "scopes": None} == json.loads(payload.data)
