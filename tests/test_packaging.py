"""What is shipped is what was meant: the wheel's files, its entry points, and the script that starts it all."""

import os
import shutil
import stat
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SHIPPED: list[str] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache"}


def files_under(path: Path) -> set[str]:
    found = {path} if path.is_file() else {each for each in path.rglob("*") if each.is_file()}
    return {each.relative_to(ROOT).as_posix() for each in found if not LEFT_OUT & set(each.parts)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built by the build backend in this process: no network, no other environment."""
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_shipped_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    expected = set().union(*(files_under(ROOT / name) for name in SHIPPED))
    assert expected == {name for name in wheel.namelist() if ".dist-info/" not in name}


def test_every_package_is_shipped() -> None:
    """Hatchling left alone ships `worker_manager/` only; a new package must be named."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench", "docs"}
    assert packages | {"worker.py"} == set(SHIPPED)


def test_the_wheel_says_how_to_start_it(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    lines = wheel.read(name).decode().replace(" ", "").splitlines()
    for script, target in PYPROJECT["project"]["scripts"].items():
        assert f"{script}={target}" in lines
        module = target.partition(":")[0].replace(".", "/") + ".py"
        assert module in wheel.namelist(), f"the command {script!r} starts {module}, which is not shipped"


def test_imports_are_checked_in_every_package() -> None:
    assert set(SHIPPED) - {"worker.py"} == set(PYPROJECT["tool"]["importlinter"]["root_packages"])


def test_types_are_checked_in_everything_shipped() -> None:
    assert set(SHIPPED) == set(PYPROJECT["tool"]["mypy"]["files"])


# Tools the bootstrap script itself needs. Python and uv are given or withheld by each test.
POSIX_TOOLS = ("sh", "dirname", "readlink", "tail")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A made-up checkout under a path with a space, holding the script alone, and `bin`, all that is on PATH."""
    root = tmp_path / "a checkout"
    root.mkdir()
    shutil.copy2(ROOT / "wm", root / "wm")
    (root / "bin").mkdir()
    for tool in POSIX_TOOLS:
        (root / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return root


def give(checkout: Path, name: str, script: str) -> None:
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def run_wm(checkout: Path, *arguments: str, script: Path | None = None) -> subprocess.CompletedProcess[str]:
    foreign = {"VIRTUAL_ENV": "/elsewhere", "PYTHONPATH": "/elsewhere", "UV_PROJECT_ENVIRONMENT": "/elsewhere"}
    return subprocess.run(
        [str(script or checkout / "wm"), *arguments],
        cwd=checkout.parent,
        env={"PATH": str(checkout / "bin"), **foreign},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Stands for uv: prints where it was run, what it was given and what of the foreign environment reached it.
ECHO_UV = """
case $1 in --version) echo "uv 0.13.9 (a build)"; exit ;; esac
echo "in $(pwd -P)"; for word; do echo "<$word>"; done
echo "foreign:${VIRTUAL_ENV-}${PYTHONPATH-}${UV_PROJECT_ENVIRONMENT-}"
"""


@pytest.mark.parametrize(
    ("arguments", "command", "folder"),
    [
        (["demo", "--once"], ["wm", "demo", "--once"], "cwd"),
        ([], ["wm"], "cwd"),
        (["temporal", "wm", "status", "a b"], ["temporal", "wm", "status", "a b"], "cwd"),
        (["test", "-k", "a or b"], ["pytest", "-k", "a or b"], "root"),
    ],
)
def test_wm_runs_the_right_command(checkout: Path, arguments: list[str], command: list[str], folder: str) -> None:
    give(checkout, "uv", ECHO_UV)
    done = run_wm(checkout, *arguments)
    words = ["run", "--quiet", "--frozen", "--project", str(checkout), "--", *command]
    where = {"cwd": checkout.parent, "root": checkout}[folder]
    assert [f"in {where}", *(f"<{word}>" for word in words), "foreign:"] == done.stdout.splitlines()
    assert done.returncode == 0


def test_wm_finds_its_checkout_through_relative_and_absolute_symlinks(checkout: Path) -> None:
    give(checkout, "uv", ECHO_UV)
    (checkout / "relative").symlink_to("wm")
    outer = checkout.parent / "outer link"
    outer.symlink_to(checkout / "relative")
    assert f"<{checkout}>" in run_wm(checkout, "demo", script=outer).stdout.splitlines()


def test_wm_is_quiet_once_installed(checkout: Path) -> None:
    give(checkout, "uv", ECHO_UV)
    assert 1 == run_wm(checkout).stderr.count("\n")
    installed = checkout / ".venv" / "bin" / "wm"
    installed.parent.mkdir(parents=True)
    installed.touch(mode=0o755)
    assert "" == run_wm(checkout).stderr


def test_wm_passes_the_exit_code_on(checkout: Path) -> None:
    give(checkout, "uv", 'case $1 in --version) echo "uv 1.0.0" ;; *) exit 7 ;; esac')
    assert 7 == run_wm(checkout, "validate").returncode


@pytest.mark.parametrize(
    ("bin_files", "message"),
    [
        ({}, "no Python 3.11 or newer on PATH"),
        ({"python3": "exit 1"}, "no Python 3.11 or newer on PATH"),
        ({"uv": "echo uv 0.9.30", "python3": "exit 1"}, "no Python 3.11 or newer on PATH"),
        ({"python3": 'case "$*" in *venv*) exit 1 ;; esac'}, "install Python's venv and pip"),
    ],
    ids=["no python", "old python", "old uv and old python", "no venv"],
)
def test_wm_says_in_one_line_what_is_missing(checkout: Path, bin_files: dict[str, str], message: str) -> None:
    for name, script in bin_files.items():
        give(checkout, name, script)
    done = run_wm(checkout, "demo")
    assert 1 == done.returncode
    *_, last = done.stderr.splitlines()
    assert last.startswith("wm: ")
    assert message in last


def test_wm_agrees_with_the_project_about_the_oldest_uv() -> None:
    """`wm` refuses by a pattern what pyproject.toml refuses by version: 0.0 to 0.9."""
    assert ">=0.10" == PYPROJECT["tool"]["uv"]["required-version"]
    assert "'uv 0.'[0-9].*" in (ROOT / "wm").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", ["wm", ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    shell = "sh" if script == "wm" else "bash"
    done = subprocess.run([shell, "-n", ROOT / script], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
