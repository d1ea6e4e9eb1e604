"""The hook for pre-commit runs what it says, on the folders its user names."""

import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def hook():
    (only,) = YAML(typ="safe", pure=True).load(ROOT / ".pre-commit-hooks.yaml")
    return only


def test_the_hook_starts_a_command_that_the_project_installs(hook):
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert ("python", "wm") == (hook["language"], hook["entry"].split()[0])
    assert "wm" in scripts


def test_the_hook_runs_for_every_file_that_may_be_a_config(hook):
    names = ["fleet/a.yml", "fleet/b/c.yaml", "d.json", "e.py", "yml"]
    assert ["fleet/a.yml", "fleet/b/c.yaml", "d.json"] == [name for name in names if re.search(hook["files"], name)]


def test_the_hook_checks_the_folders_in_its_arguments_as_a_whole(hook, wm, write, worker_type_text, tmp_path):
    """A worker type alone would fail: its shared config is in another file."""
    assert hook["pass_filenames"] is False
    command = hook["entry"].split()[1:]
    assert 0 == wm(*command, ROOT / "examples" / "plan").exit_code
    write("a.yml", worker_type_text.replace("maxCapacity: 5", "maxCapacity: five"))
    assert 1 == wm(*command, tmp_path).exit_code


def test_the_hook_without_arguments_says_that_they_are_missing(hook, wm):
    result = wm(*hook["entry"].split()[1:])
    assert 0 != result.exit_code
    assert "PATHS" in result.stderr
