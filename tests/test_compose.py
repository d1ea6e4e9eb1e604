"""The container files hold together, as far as can be known without a Docker daemon.

What the engine itself would check is checked when a compose binary is there; pulls and builds are not tried. The
namespace script runs for real, twice, against a Temporal dev server.
"""

import os
import re
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
SCRIPTS = sorted((ROOT / "deploy").glob("*.sh"))
PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.-]+)?$")


def dockerfile(instruction: str) -> list[list[str]]:
    """Arguments of every such instruction of the Dockerfile, options left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line.startswith(instruction + " ")]
    return [[word for word in line[1:] if not word.startswith("--")] for line in lines]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_to_a_version(name: str) -> None:
    assert PINNED.match(SERVICES[name]["image"])


def test_base_images_are_pinned_to_a_version() -> None:
    images = [argument.partition("=")[2] for (argument,) in dockerfile("ARG")]
    assert images
    assert [] == [image for image in images if not PINNED.match(image)]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_localhost_alone(name: str) -> None:
    """Neither Temporal nor its UI asks who is there."""
    assert [] == [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")]


def test_temporal_and_its_ui_can_be_reached() -> None:
    ports = {port.rpartition(":")[2] for service in SERVICES.values() for port in service.get("ports", [])}
    assert {"7233", "7243", "8080"} <= ports


@pytest.mark.parametrize("name", SERVICES)
def test_dependencies_exist_and_can_be_met(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        condition = wanted["condition"]
        assert condition in {"service_healthy", "service_completed_successfully"}
        if condition == "service_healthy":
            assert "healthcheck" in SERVICES[other], f"{name} waits for the health of {other}, which has no check"
        else:
            assert SERVICES[other]["restart"].startswith("on-failure"), f"{other} would be started again after success"


@pytest.mark.parametrize("name", SERVICES)
def test_mounts_exist(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        assert (ROOT / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"], source


def test_the_worker_is_confined_and_has_time_to_stop() -> None:
    worker = SERVICES["worker"]
    assert (True, True, ["ALL"]) == (worker["read_only"], worker["init"], worker["cap_drop"])
    assert int(worker["stop_grace_period"].removesuffix("s")) > 30


def test_the_worker_is_told_all_its_settings() -> None:
    expected = {
        "TEMPORAL_ADDRESS",
        "TEMPORAL_NAMESPACE",
        "WM_DEPLOYMENT",
        "WM_LOG_FORMAT",
        "WM_METRICS",
        "WM_PROVIDERS",
    }
    assert expected <= set(SERVICES["worker"]["environment"])


def test_the_server_is_given_the_flags_we_count_on() -> None:
    flags = YAML(typ="safe").load((ROOT / "deploy" / "dynamic-config.yml").read_text(encoding="utf-8"))
    expected = {
        "history.maxInFlightUpdates": [{"value": 1000}],
        "history.maxInFlightUpdatePayloads": [{"value": 1900000}],
    }
    assert expected == flags
    mount = SERVICES["temporal"]["volumes"][0].split(":")
    assert ["./deploy/dynamic-config.yml", SERVICES["temporal"]["environment"]["DYNAMIC_CONFIG_FILE_PATH"]] == mount[:2]


def test_the_image_is_built_from_what_the_wheel_ships() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    copied = {source for words in dockerfile("COPY") for source in words[:-1] if not source.startswith("/")}
    assert {*wheel["wheel"]["only-include"], "LICENSE", "README.md", "pyproject.toml", "uv.lock"} == copied
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied == {line[1:].rstrip("/") for line in allowed if line.startswith("!")}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_posix_shell(script: Path) -> None:
    done = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)


def _works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def compose_command() -> list[str] | None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and _works([*command, "version"]):
            return command
    return None


def test_compose_itself_accepts_the_file() -> None:
    command = compose_command()
    if command is None:
        pytest.skip("no docker compose here: the file is checked by its structure alone")
    done = subprocess.run(
        [*command, "--profile", "metrics", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


@pytest.fixture(scope="module")
def temporal() -> Iterator[str]:
    """Address of a Temporal dev server; the script under test waits for it, so nothing here does."""
    binary = shutil.which("temporal")
    assert binary, "the bundled Temporal CLI is missing: run the tests by `./wm test`"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--headless", "--ip", "127.0.0.1", "--port", str(port), "--log-level", "never"]
    with subprocess.Popen([binary, "server", "start-dev", *options], stdout=subprocess.DEVNULL) as server:
        yield f"127.0.0.1:{port}"
        server.terminate()


def set_up(address: str, namespace: str) -> subprocess.CompletedProcess[str]:
    settings = {"TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": namespace, "PATH": os.environ["PATH"]}
    command = ["sh", str(ROOT / "deploy" / "setup-namespace.sh")]
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=90, check=False)


def run_temporal(address: str, namespace: str, *arguments: str) -> str:
    command = ["temporal", "operator", *arguments, "--address", address, "--namespace", namespace]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


def test_the_namespace_script_can_be_repeated(temporal: str) -> None:
    for _ in range(2):
        done = set_up(temporal, "fresh")
        assert (0, "setup-namespace: namespace 'fresh' is ready\n", "") == (done.returncode, done.stdout, done.stderr)
    listed = run_temporal(temporal, "fresh", "search-attribute", "list")
    expected = {
        "WmActual": "Int",
        "WmDesired": "Int",
        "WmOwner": "Keyword",
        "WmProvider": "Keyword",
        "WmSharedConfigs": "KeywordList",
        "WmState": "Keyword",
    }
    assert expected == dict(line.split() for line in listed.splitlines() if line.strip().startswith("Wm"))


def test_the_namespace_script_says_when_an_attribute_has_another_type(temporal: str) -> None:
    assert set_up(temporal, "default").returncode == 0
    run_temporal(temporal, "default", "search-attribute", "remove", "--name", "WmState", "--yes")
    run_temporal(temporal, "default", "search-attribute", "create", "--name", "WmState", "--type", "Int")
    done = set_up(temporal, "default")
    assert done.returncode == 1
    assert "WmState already exists and has different type Int" in done.stderr
