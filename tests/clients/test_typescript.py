"""The TypeScript SDK drives the whole system, refusals typed: `examples/clients/typescript`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Outside
from tests.system.support import ROOT, name_of

SOURCE = ROOT / "examples" / "clients" / "typescript"
OLDEST_NODE = 20
INSTALL_SECONDS = 100
SHORT_RETRIES = ("--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000")
# What npm says when it cannot reach its registry: nothing is wrong with us then.
OFFLINE = re.compile(r"\b(EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b")


def why_not() -> str:
    """Why these tests cannot run here; "" if they can."""
    missing = [each for each in ("node", "npm") if not shutil.which(each)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    major = int(version.removeprefix("v").partition(".")[0])
    return "" if major >= OLDEST_NODE else f"Node {version} is older than {OLDEST_NODE}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with the locked packages installed and the client compiled."""
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("typescript") / "client"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules", "build"))
    install = node(folder, "npm", "ci", "--ignore-scripts", "--prefer-offline", *SHORT_RETRIES)
    if install.returncode and OFFLINE.search(install.stderr):
        pytest.skip("npm cannot reach its registry")
    assert 0 == install.returncode, install.stderr
    build = node(folder, "npm", "run", "build")
    assert 0 == build.returncode, build.stdout
    return folder


def node(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_SECONDS,
        stdin=subprocess.DEVNULL,
    )


def run(outside: Outside, project: Path, name: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return outside.run_client(["node", "build/client.js", name], project, **settings)


@pytest.mark.slow
def test_the_client_starts_edits_and_prints_typed_refusals(outside: Outside, project: Path) -> None:
    name = name_of("typescript")
    done = run(outside, project, name)
    assert (0, "") == (done.returncode, done.stderr)
    lines = iter(done.stdout.splitlines())

    assert f"started shared-config:{name}-regions and worker-type:{name}" == next(lines)
    assert "demand: 2 pending, 0 claimed" == next(lines)
    assert 'edit "new image" is accepted: revision 2, dependents 1' == next(lines)
    assert 'edit "a name is no image id" is refused:' == next(lines)
    assert next(lines).startswith("  /value/0/launchSpec/ImageId [pattern] ")
    assert 'edit "no image" is refused:' == next(lines)
    assert next(lines).startswith(f"  /regions [image-missing] would break worker-type:{name}: ")
    assert f"  breaks: {name}" == next(lines)
    assert re.fullmatch(r"status: (Scaling|Steady), \d of 2 slots", next(lines))
    assert [] == list(lines)
    outside.check_edited(name)


@pytest.mark.slow
def test_a_refused_start_is_told_with_its_reason(outside: Outside, project: Path) -> None:
    name = name_of("_begins-with-no-letter")
    done = run(outside, project, name)

    assert (1, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("the start is refused:\n  /workerType [pattern] ")


@pytest.mark.slow
def test_a_second_run_says_that_the_workflow_is_running(outside: Outside, project: Path) -> None:
    name = name_of("again")
    assert 0 == run(outside, project, name).returncode
    again = run(outside, project, name)

    assert (1, "") == (again.returncode, again.stdout)
    assert "WorkflowExecutionAlreadyStartedError" in again.stderr


WRONG = """\
import type { Demand, Edit, Reference, Region } from './messages.js';
export const misspelt: Edit<Region[]> = { vlaue: [] };
export const wrongType: Demand = { pending: '2', claimed: 0 };
export const noReference: Reference = { $eval: 'my-regions' };
"""


@pytest.mark.slow
def test_the_compiler_refuses_messages_that_the_workflow_would_refuse(project: Path) -> None:
    wrong = project / "wrong.ts"
    wrong.write_text(WRONG, encoding="utf-8")
    compiled = node(project, "npm", "exec", "--no", "--", "tsc", "--noEmit")
    wrong.unlink()

    errors = {
        int(line): text for line, text in re.findall(r"^wrong\.ts\((\d),.*?: (.*)$", compiled.stdout, re.MULTILINE)
    }
    assert [2, 3, 4] == list(errors)
    assert "'vlaue' does not exist" in errors[2]
    assert "'string' is not assignable to type 'number'" in errors[3]
    assert "not assignable to type '`context.${string}`'" in errors[4]


def test_the_lock_pins_everything_and_names_no_registry() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}
    wanted = json.loads((SOURCE / "package.json").read_text(encoding="utf-8"))

    assert [] == [name for name, each in packages.items() if "resolved" in each or "integrity" not in each]
    assert wanted["dependencies"] | wanted["devDependencies"] == {
        name: packages[f"node_modules/{name}"]["version"]
        for name in [*wanted["dependencies"], *wanted["devDependencies"]]
    }
