"""Folders of config files, and the command line run in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import cli

WORKER_TYPE = """\
workerType: sample
provider: aws-provider
minCapacity: 0
maxCapacity: 5
description: a sample
owner: fleet-owner@example.org
scopes: []
regions:
- region: us-west-2
  launchSpec:
    ImageId: ami-0dedc5db10ec003af
instanceTypes:
- instanceType: m5.large
  capacity: 1
  utility: 1
"""
SHARED_CONFIG = """\
name: images
schema: /schemas/common/aws-regions.json#
value:
- region: us-west-2
  launchSpec:
    ImageId: ami-0dedc5db10ec003af
"""

Write = Callable[[str, str], Path]
Run = Callable[..., Result]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file into the test's folder."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def wm() -> Run:
    """Run `wm` with these words; the result has `exit_code`, `stdout` and `stderr`."""

    def run(*words: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(each) for each in words], prog_name="wm")

    return run


@pytest.fixture
def worker_type_text() -> str:
    """A worker type document without problems, as its author wrote it."""
    return WORKER_TYPE


@pytest.fixture
def shared_config_text() -> str:
    """A shared config without problems."""
    return SHARED_CONFIG
