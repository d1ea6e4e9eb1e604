"""The command line itself: starts fast, takes global options on both sides, says in one line what went wrong."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.applying import ID_PREFIXES, WORKFLOW_TYPES
from cli.documents import Kind
from workflows.shared_config import ID_PREFIX as SHARED_CONFIG_PREFIX
from workflows.shared_config import SharedConfigWorkflow
from workflows.worker_type import WorkerTypeWorkflow
from workflows.worker_type_messages import ID_PREFIX as WORKER_TYPE_PREFIX

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPTS = Path(sys.executable).parent
HEAVY = {
    "boto3",
    "jsone",
    "jsonschema",
    "moto",
    "pydantic",
    "rich",
    "ruamel",
    "temporalio",
    "worker_manager",
    "workflows",
}


@pytest.fixture
def closed_address() -> str:
    """An address of this machine at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


def run(*words: str, script: str = "wm", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed script, with no Temporal settings but those given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "WM_"))}
    settings = {"TEMPORAL_CONFIG_FILE": os.devnull, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [str(SCRIPTS / script), *words],
        env={**inherited, **settings, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "words", [["--help"], ["-h"], ["validate", "--help"], ["status", "--help"], ["demo", "--help"]]
)
def test_help_imports_nothing_heavy(words):
    """Completion and help run often: Temporal alone would take longer than all of it."""
    script = (
        "import sys; from click.testing import CliRunner; from cli.main import cli\n"
        f"result = CliRunner().invoke(cli, {words!r}); assert result.exit_code == 0, result.output\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert set() == HEAVY & set(done.stdout.split())


def test_help_names_every_command(wm):
    result = wm("--help")
    assert 0 == result.exit_code
    assert [] == [
        each for each in ("apply", "demo", "explain", "render", "status", "validate") if each not in result.stdout
    ]


@pytest.mark.parametrize(
    "place",
    [
        lambda path: ["-o", "json", "validate", path],
        lambda path: ["validate", "-o", "json", path],
        lambda path: ["validate", path, "-o", "json"],
        lambda path: ["validate", path, "--output=json"],
        lambda path: ["-o", "text", "validate", path, "-o", "json"],
        lambda path: [
            "--color",
            "never",
            "--no-json-shorthand-payloads",
            "--log-level",
            "info",
            "-o",
            "json",
            "validate",
            path,
        ],
        lambda path: ["--command-timeout", "5s", "--time-format", "iso", "validate", path, "-o", "json"],
        lambda path: ["validate", path, "-o", "json", "--command-timeout", "5s", "--client-connect-timeout", "1s"],
    ],
)
def test_global_options_stand_before_or_after_the_command(place, write, wm, worker_type_text):
    """The Temporal CLI moves its own root flags to the front of what it hands on; the one typed last wins."""
    path = write("a.yml", worker_type_text)
    result = wm(*place(str(path)))
    assert (0, []) == (result.exit_code, json.loads(result.stdout)), result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--env", "prod"], "use --profile"),
        (["--config-file", "nowhere.toml"], "does not exist"),
        (["--profile", "nope"], "nope"),
    ],
)
def test_a_wrong_connection_option_is_one_clear_line(options, message, wm):
    """Were it ignored, the command would speak to another server than was meant."""
    result = wm("status", *options)
    assert result.exit_code != 0
    assert message in result.output + result.stderr


@pytest.mark.parametrize("command", [["status"], ["explain", "sample"]])
def test_the_address_stands_before_or_after_the_command(command, closed_address):
    """And no server there is one clear line."""
    for words in (["--address", closed_address, *command], [*command, "--address", closed_address]):
        done = run(*words)
        assert (1, "") == (done.returncode, done.stdout)
        assert [f"Error: no Temporal server at {closed_address}; start one (./wm demo), or give --address"] == (
            done.stderr.splitlines()
        )


def test_the_address_comes_from_the_option_then_the_environment_then_the_profile(tmp_path, closed_address):
    file = tmp_path / "temporal.toml"
    file.write_text(f'[profile.ours]\naddress = "{closed_address}"\n', encoding="utf-8")
    options = ["--config-file", str(file), "--profile", "ours"]
    assert closed_address in run("status", *options).stderr
    assert closed_address in run(*options, "status").stderr
    assert "127.0.0.1:2;" in run("status", *options, TEMPORAL_ADDRESS="127.0.0.1:2").stderr
    assert "127.0.0.1:1;" in run("status", *options, "--address", "127.0.0.1:1", TEMPORAL_ADDRESS="127.0.0.1:2").stderr


def test_the_temporal_cli_runs_us_as_its_extension(write, worker_type_text):
    path = write("a.yml", worker_type_text.replace("maxCapacity: 5", "maxCapacity: five"))
    done = run("wm", "validate", str(path), "-o", "json", script="temporal")
    assert 1 == done.returncode
    assert [4] == [each["line"] for each in json.loads(done.stdout)]


def test_the_temporal_cli_passes_help_on():
    assert "Usage: wm validate" in run("help", "validate", script="temporal-wm").stdout


@pytest.mark.parametrize("words", [["nope"], ["validate"], ["validate", "/no/such/file.yml"], ["status", "--nope"]])
def test_wrong_usage_is_an_error_and_not_a_traceback(words):
    done = run(*words)
    assert 0 != done.returncode
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_apply_sends_nothing_if_a_file_cannot_be_read(write, wm, worker_type_text, tmp_path, closed_address):
    write("good.yml", worker_type_text)
    write("bad.yml", "a: [")
    result = wm("apply", tmp_path, "--address", closed_address)
    assert 1 == result.exit_code
    assert "bad.yml:1:" in result.output
    assert "no Temporal server" not in result.output


def test_apply_uses_the_ids_and_types_of_the_workflows():
    assert {Kind.SHARED_CONFIG: SHARED_CONFIG_PREFIX, Kind.WORKER_TYPE: WORKER_TYPE_PREFIX} == ID_PREFIXES
    classes = {Kind.SHARED_CONFIG: SharedConfigWorkflow, Kind.WORKER_TYPE: WorkerTypeWorkflow}
    names = {kind: getattr(each, "__temporal_workflow_definition").name for kind, each in classes.items()}
    assert names == WORKFLOW_TYPES
