"""A real fleet, as code: checked, applied, applied again, changed by one image."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from cli.stack import REGIONS
from cli.surveying import Directory
from tests.system import command_line
from tests.system.command_line import Wm
from tests.system.support import ROOT, Loop, System

wm = command_line.wm

IMAGES = "aws_regions_dw_hvm_builder_current"


@pytest.fixture(scope="module")
def system(loop: Loop, client: Client) -> Iterator[System]:
    with command_line.own_system(loop, client, tuple(REGIONS)) as own:
        yield own


async def messages(system: System, fleet: Path) -> int:
    """How often anybody was told anything, in all histories; that instances came or went is no message of ours."""
    ids = [each.id for each in Directory.load(fleet).by_key]
    histories = [await system.client.get_workflow_handle(each).fetch_history() for each in ids]
    return sum(_is_message(each) for history in histories for each in history.events)


def _is_message(event: HistoryEvent) -> bool:
    told = event.workflow_execution_signaled_event_attributes.signal_name
    return told not in ("", "wake") or event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED


def counts(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(each["change"] for each in rows)


@pytest.mark.slow
async def test_a_fleet_is_applied_once_and_then_only_what_changes(system: System, wm: Wm, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet-2019"
    shutil.copytree(ROOT / "examples" / "fleet-2019", fleet)
    verdicts = await wm.json("check", fleet)
    assert {"proven"} == {each["verdict"] for each in verdicts}
    assert {"created": 48} == counts(await wm.json("apply", fleet))
    before = await messages(system, fleet)
    assert {"unchanged": 48} == counts(await wm.json("apply", fleet))
    assert before == await messages(system, fleet)

    path = next(each for each in fleet.rglob("*.yml") if f"name: {IMAGES}\n" in each.read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    old = next(each for each in text.split() if each.startswith("ami-"))
    path.write_text(text.replace(old, "ami-0123456789abcdef0"), encoding="utf-8")
    rows = await wm.json("diff", fleet, code=2)
    follow = {each["name"] for each in rows if "configHash" in each}
    assert 0 < len(follow) == sum(each["sharedConfig"] == IMAGES for each in verdicts)
    assert {"updated": 1, "unchanged": 47} == counts(await wm.json("apply", fleet))
