"""Looking at a running system and going back: `status`, `watch`, `history`, `restore`; the lines that do the same."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from cli.main import cli
from tests.system import command_line
from tests.system.command_line import Folder, Wm, changes, events, reference, shared_config
from tests.system.support import NEW_IMAGE, ROOT, System, document, name_of, until, until_steady

wm, folder, names, fleet = command_line.wm, command_line.folder, command_line.names, command_line.fleet


# --- looking --------------------------------------------------------------------------------------------------------


async def test_status_shows_worker_types_and_shared_configs(wm: Wm, fleet: Folder, names) -> None:
    shared, one, _ = names
    await wm.json("apply", fleet.path, "--reason", "first of all", "--author", "fleet-owner@example.org")
    result = await wm("status", one, f"shared-config:{shared}")
    assert 0 == result.exit_code, result.output
    assert f"{shared[:27]}" in result.stdout
    assert "fleet-owner@example.org: first of all" in result.stdout
    assert "the system is open: edits need no scopes" in result.stderr
    everything = await wm.json("status", "--shared")
    assert {one, shared} <= {each.get("workerType") or each["name"] for each in everything}
    assert [shared] == [each["name"] for each in await wm.json("status", shared)]
    missing = await wm("status", one, "nobody")
    assert (1, True) == (missing.exit_code, "nothing called 'nobody' runs" in missing.stderr)


async def test_explain_says_why_and_only_for_worker_types(wm: Wm, folder: Folder) -> None:
    name = name_of("why")
    folder.write(document(name))
    await wm.json("apply", folder.path)
    for words in ([name], [f"worker-type:{name}"]):
        assert (await wm("explain", *words)).stdout.startswith(f"{name} is ")
    assert "no worker type 'nobody' runs" in (await wm("explain", "nobody")).stderr
    assert 2 == (await wm("explain", "shared-config:images")).exit_code


async def test_watch_prints_a_line_for_every_change_and_adds_no_event(system: System, wm: Wm, folder: Folder) -> None:
    name = name_of("watched")
    folder.write(document(name))
    await wm.json("apply", folder.path)
    handle = system.client.get_workflow_handle(f"worker-type:{name}")
    await until_steady(handle, 0)
    before = await events(system, handle.id)
    looks = await wm("watch", name, "--every", "0.1", "--count", "5")
    assert (0, 1) == (looks.exit_code, len(looks.stdout.splitlines()))
    assert before == await events(system, handle.id)

    command = [*wm.process, "watch", name, "-o", "jsonl", "--every", "0.1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as watching:  # noqa: ASYNC220  # at once
        assert watching.stdout is not None
        assert 0 == json.loads(await asyncio.to_thread(watching.stdout.readline))["desired"]
        await handle.execute_update("set_demand", 2)
        lines = watching.stdout

        def shows_two() -> bool:
            return bool(json.loads(lines.readline())["actual"] == 2)

        await until(lambda: asyncio.to_thread(shows_two))
        watching.send_signal(signal.SIGINT)
        assert 0 == await asyncio.to_thread(watching.wait, 20)


# --- revisions ------------------------------------------------------------------------------------------------------


async def test_earlier_revisions_are_told_compared_and_restored(wm: Wm, fleet: Folder, names) -> None:
    shared, one, _ = names
    await wm.json("apply", fleet.path)
    fleet.write(document(one, regions=reference(shared), maxCapacity=7))
    fleet.write(shared_config(shared, NEW_IMAGE))
    await wm.json("apply", fleet.path, "--reason", "new image")
    told = (await wm("history", one, "--diff")).stdout
    assert "  ~ /maxCapacity  10 -> 7" in told
    rows = await wm.json("history", f"shared-config:{shared}", "--diff")
    assert [(1, None), (2, "new image")] == [
        (each["revision"], each["reason"] if i else None) for i, each in enumerate(rows)
    ]
    assert ["/value/0/launchSpec/ImageId", "/value/1/launchSpec/ImageId"] == [
        each["pointer"] for each in rows[1]["differences"]
    ]
    printed = await wm("history", one, "--revision", "1")
    assert document(one, regions=reference(shared)) == YAML(typ="safe").load(printed.stdout)

    restored = await wm("restore", shared, "1", "--reason", "the new one does not boot")
    assert f"shared-config:{shared} has a new revision 3, a copy of revision 1" == restored.stdout.strip()
    assert shared_config(shared) == await wm.json("history", shared, "--revision", "3")
    assert "is as it was in revision 1" in (await wm("restore", shared, "1")).stdout
    refused = await wm("restore", shared, "9")
    assert (1, True) == (refused.exit_code, "does not keep a revision 9" in refused.stderr)


async def test_a_revision_that_does_not_fit_any_more_is_not_restored(wm: Wm, fleet: Folder, names) -> None:
    shared, one, _ = names
    fleet.write(document(one))
    fleet.write({**shared_config(shared), "value": [{"region": "us-west-1"}, {"region": "us-west-2"}]})
    (fleet.path / f"{names[2]}.yml").unlink()
    await wm.json("apply", fleet.path)
    fleet.write(shared_config(shared))
    fleet.write(document(one, regions=reference(shared)))
    await wm.json("apply", fleet.path)
    result = await wm("restore", f"shared-config:{shared}", "1")
    assert 1 == result.exit_code
    assert f"would break worker-type:{one}" in result.stderr


# --- the bare Temporal CLI, the Web UI, completion ------------------------------------------------------------------


async def shell(lines: str) -> str:
    """What a POSIX shell prints of these lines."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = await asyncio.to_thread(
        subprocess.run, ["sh", "-e"], input=lines, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert 0 == done.returncode, done.stderr
    return str(done.stdout)


async def test_the_lines_of_show_command_do_the_same_thing(wm: Wm, fleet: Folder, names) -> None:
    shared, one, two = names
    fleet.write({**shared_config(shared), "description": 'it\'s "quoted", $HOME, `date` and \\ in ümlauts'})
    created = (await wm("apply", fleet.path, "--show-command", "--reason", "by hand")).stdout
    assert 3 == len(created.splitlines())
    assert 1 == (await wm("status", one)).exit_code
    await shell(created)
    assert dict.fromkeys(names, "unchanged") == changes(await wm.json("apply", fleet.path))

    # More than one argument of a command may hold.
    secrets = {f"SECRET_{each}": f"ssm:{'x' * 2000}" for each in range(60)}
    types = {"name": name_of("types"), "schema": "/schemas/common/aws-instance-types.json"}
    fleet.write({**types, "value": [{"instanceType": "m5.large", "capacity": 1, "secrets": secrets}]})
    fleet.write(document(one, regions=reference(shared), maxCapacity=7))
    (fleet.path / f"{two}.yml").unlink()
    changed = (await wm("apply", fleet.path, "--prune", "--show-command")).stdout
    commands = [each.split()[2] for each in changed.splitlines() if each.startswith("temporal ")]
    assert ["start", "update", "cancel"] == commands
    await shell(changed)
    assert {"unchanged"} == {*changes(await wm.json("apply", fleet.path, "--prune")).values()}

    asked = (await wm("history", one, "--show-command")).stdout
    (told,) = json.loads(await shell(f"{asked.strip()} -o json"))["queryResult"]
    rows = await wm.json("history", one)
    assert [each["revision"] for each in rows] == [each["revision"] for each in told]
    await shell((await wm("restore", one, "1", "--show-command")).stdout)
    assert 3 == (await wm.json("history", one))[-1]["revision"]


@pytest.mark.parametrize(
    "words", [["status"], ["status", "{one}"], ["explain", "{one}"], ["watch"], ["check", "."], ["diff", "."]]
)
async def test_every_online_command_shows_lines_that_run(wm: Wm, fleet: Folder, names, words: list[str]) -> None:
    _, one, _ = names
    await wm.json("apply", fleet.path)
    given = [each.format(one=one) if each != "." else str(fleet.path) for each in words]
    shown = await wm(*given, "--show-command")
    assert 0 == shown.exit_code, shown.output
    assert all(each.startswith("temporal workflow ") for each in shown.stdout.splitlines())
    assert one in await until(lambda: shell(shown.stdout))


async def test_names_are_completed_from_the_running_system(wm: Wm, fleet: Folder, names) -> None:
    shared, one, _ = names
    await wm.json("apply", fleet.path)

    async def completed(*words: str) -> list[str]:
        command = [sys.executable, "-m", "cli.main", "__complete", *wm.where, *words]
        done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=True)
        return str(done.stdout).splitlines()

    async def completes(command: str, start: str, whole: str) -> bool:
        return [whole, ":4"] == await completed(command, start)

    # Visibility lags, and on a busy machine a second may be too short.
    await until(lambda: completes("status", one[:6], one), 40)
    await until(lambda: completes("history", f"shared-config:{shared[:9]}", f"shared-config:{shared}"), 40)


async def test_a_namespace_that_does_not_exist_is_one_clear_line(wm: Wm) -> None:
    result = await wm("status", "-n", "nowhere")
    assert 0 == result.exit_code  # the fixture's own -n comes last
    runner = CliRunner()
    words = ["status", "--address", wm.address, "-n", "nowhere"]
    result = await asyncio.to_thread(runner.invoke, cli, words)
    assert (1, 1) == (result.exit_code, len(result.stderr.splitlines()))
    assert "Namespace nowhere is not found" in result.stderr
