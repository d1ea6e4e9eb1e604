"""What tests of the command line need: `wm` at the server of the tests, and directories of documents."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML
from temporalio.client import Client

from activities.authorizing import Authority
from cli.main import cli
from emulators.ec2 import Ec2Emulator
from tests.system.support import (
    DEPLOYMENT,
    FAST,
    IMAGE,
    INVENTORY_SECONDS,
    PROVIDER,
    Loop,
    System,
    document,
    end_all,
    name_of,
)
from worker import build_workers
from worker_manager.provider import ProviderRecord

REGIONS_SCHEMA = "/schemas/common/aws-regions.json#"


def regions(image: str, *names: str) -> list[dict[str, Any]]:
    return [{"region": each, "launchSpec": {"ImageId": image}} for each in names or ("us-west-1", "us-west-2")]


def shared_config(name: str, image: str = IMAGE) -> dict[str, Any]:
    return {"name": name, "schema": REGIONS_SCHEMA, "value": regions(image)}


def reference(name: str) -> dict[str, str]:
    return {"$eval": f"context.{name}"}


@dataclass(frozen=True)
class Wm:
    """Runs `wm` at this server, in a thread, since it has an event loop of its own."""

    address: str
    namespace: str

    @property
    def where(self) -> list[str]:
        """The options that lead to it."""
        return ["--address", self.address, "-n", self.namespace]

    @property
    def process(self) -> list[str]:
        """`wm` as a command of its own; subcommand and options follow."""
        return [sys.executable, "-m", "cli.main", *self.where]

    async def __call__(self, *words: str | Path, **environment: str) -> Result:
        runner = CliRunner(env=environment)
        return await asyncio.to_thread(runner.invoke, cli, [str(each) for each in (*words, *self.where)])

    async def json(self, *words: str | Path, code: int = 0) -> Any:
        result = await self(*words, "-o", "json")
        assert code == result.exit_code, result.output
        return json.loads(result.stdout)


@dataclass(frozen=True)
class Folder:
    """A directory of documents."""

    path: Path

    def write(self, data: dict[str, Any]) -> Path:
        file = self.path / f"{data.get('workerType') or data['name']}.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8") as stream:
            YAML().dump(data, stream)
        return file


@contextmanager
def own_system(
    loop: Loop, client: Client, regions: tuple[str, ...], authority: Authority | None = None
) -> Iterator[System]:
    """A system that may use these regions, and takes edits from those whom the authority knows."""
    with Ec2Emulator(settings=FAST) as emulator:
        record = ProviderRecord(PROVIDER, "aws", DEPLOYMENT, emulator.endpoint, regions)
        running = _workers(client, record, authority)
        loop.run(running.__aenter__())
        try:
            yield System(client, emulator.control)
        finally:
            loop.run(running.__aexit__(None, None, None))


@asynccontextmanager
async def _workers(client: Client, record: ProviderRecord, authority: Authority | None) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for each in build_workers(client, {PROVIDER: record}, INVENTORY_SECONDS, authority):
            await stack.enter_async_context(each)
        yield
        await end_all(client)


@pytest.fixture
def wm(address: str, system: System) -> Wm:
    return Wm(address, system.client.namespace)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "fleet")


@pytest.fixture
def names() -> tuple[str, str, str]:
    """A shared config and two worker types that no other test has."""
    return name_of("images"), name_of("one"), name_of("two")


@pytest.fixture
def fleet(folder: Folder, names: tuple[str, str, str]) -> Folder:
    """Two worker types that follow a shared config."""
    shared, *types = names
    folder.write(shared_config(shared))
    for each in types:
        folder.write(document(each, regions=reference(shared)))
    return folder


async def events(system: System, *ids: str) -> list[int]:
    described = [await system.client.get_workflow_handle(each).describe() for each in ids]
    return [each.history_length for each in described]


def changes(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {each["name"]: each["change"] for each in rows}
