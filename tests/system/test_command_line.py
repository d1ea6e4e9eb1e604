"""Config as code against a running system: `apply`, `check`, `diff`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from cli import sending
from cli.applying import Applier, Change, Edits
from cli.documents import Kind
from cli.naming import Key
from cli.running import Reader
from cli.sending import Message, Refused, Sender
from cli.surveying import Directory, survey
from tests.system import command_line
from tests.system.command_line import Folder, Wm, changes, events, reference, regions, shared_config
from tests.system.support import IMAGE, NEW_IMAGE, System, document, name_of, until, until_status, until_steady

wm, folder, names, fleet = command_line.wm, command_line.folder, command_line.names, command_line.fleet


# --- apply ----------------------------------------------------------------------------------------------------------


async def test_a_second_apply_changes_nothing_and_adds_no_event(system: System, wm: Wm, fleet: Folder, names) -> None:
    shared, one, two = names
    ids = [f"shared-config:{shared}", f"worker-type:{one}", f"worker-type:{two}"]
    dry = await wm.json("apply", fleet.path, "--dry-run")
    assert dict.fromkeys(names, "created") == changes(dry)
    assert 1 == (await wm("status", one)).exit_code

    assert dict.fromkeys(names, "created") == changes(await wm.json("apply", fleet.path))
    for each in (one, two):
        await until_steady(system.client.get_workflow_handle(f"worker-type:{each}"), 0)
    before = await events(system, *ids)
    assert dict.fromkeys(names, "unchanged") == changes(await wm.json("apply", fleet.path))
    assert before == await events(system, *ids)


async def test_an_edited_file_is_one_new_revision_that_says_who_and_why(wm: Wm, fleet: Folder, names) -> None:
    shared, one, _ = names
    await wm.json("apply", fleet.path)
    fleet.write(document(one, regions=reference(shared), maxCapacity=7))
    done = await wm("apply", fleet.path, "--reason", "more work", "-o", "json", WM_AUTHOR="fleet-owner@example.org")
    rows = json.loads(done.stdout)

    assert {**dict.fromkeys(names, "unchanged"), one: "updated"} == changes(rows)
    *_, last = await wm.json("history", one)
    assert (2, "more work", "fleet-owner@example.org") == (last["revision"], last["reason"], last["author"])
    edited = shared_config(shared) | {"description": "only the text changes"}
    fleet.write(edited)
    assert {**dict.fromkeys(names, "unchanged"), shared: "updated"} == changes(await wm.json("apply", fleet.path))
    assert dict.fromkeys(names, "unchanged") == changes(await wm.json("apply", fleet.path))


async def test_what_is_wrong_with_the_files_stops_everything_before_anything_is_sent(
    wm: Wm, fleet: Folder, names
) -> None:
    shared, one, two = names
    path = fleet.write(document(one, regions=reference(shared), maxCapacity="five"))
    result = await wm("apply", fleet.path)
    assert 1 == result.exit_code
    assert f"{path}:6:14: error: must be a whole number, not 'five'" in result.stdout
    assert "nothing was sent" in result.stderr
    assert 1 == (await wm("status", two, f"shared-config:{shared}")).exit_code


async def test_what_only_the_system_knows_is_wrong_is_told_at_its_place_and_hinders_nothing_else(
    wm: Wm, fleet: Folder, names
) -> None:
    """The account may use two regions; which ones only its worker processes know."""
    _, one, two = names
    zones = [{"availabilityZone": "eu-west-1a", "region": "eu-west-1"}]
    path = fleet.write(document(one, regions=regions(IMAGE, "eu-west-1"), availabilityZones=zones))
    result = await wm("apply", fleet.path)
    assert 1 == result.exit_code
    assert [f"rejected   worker type {one}", f"created    worker type {two}"] == result.stdout.splitlines()[1:4:2]
    assert f"  {path}:8:11: error: " in result.stdout
    assert "1 rejected" in result.stdout.splitlines()[-1]
    (row,) = [each for each in await wm.json("apply", fleet.path, code=1) if each["name"] == one]
    assert [(str(path), "/regions/0/region")] == [(each["file"], each["pointer"]) for each in row["problems"]]


async def test_documents_that_are_acceptable_only_together_are_applied_together(wm: Wm, fleet: Folder, names) -> None:
    """A region leaves the shared config, which the worker type's zones still need; the same directory drops these."""
    shared, one, two = names
    await wm.json("apply", fleet.path)
    fleet.write({**shared_config(shared), "value": regions(IMAGE, "us-west-2")})
    zones = [{"availabilityZone": "us-west-2a", "region": "us-west-2"}]
    for each in (one, two):
        fleet.write(document(each, regions=reference(shared), availabilityZones=zones))
    assert dict.fromkeys(names, "updated") == changes(await wm.json("apply", fleet.path))


async def test_a_concurrent_edit_is_looked_at_again(system: System, wm: Wm, fleet: Folder, names) -> None:
    shared, one, two = names
    await wm.json("apply", fleet.path)
    fleet.write(shared_config(shared, NEW_IMAGE))
    for each in (one, two):
        fleet.write(document(each, regions=reference(shared), maxCapacity=7))
    seen = await survey(Reader(system.client), Directory.load(fleet.path))
    for each, capacity in ((one, 7), (two, 9)):  # somebody else makes the very same edit, and another one
        handle = system.client.get_workflow_handle(f"worker-type:{each}")
        await handle.execute_update("patch_config", {"maxCapacity": capacity})

    applied = await Applier(Sender(system.client), Edits("mine")).apply(seen.outlook)
    expected = {shared: (Change.UPDATED, 2), one: (Change.UNCHANGED, 2), two: (Change.UPDATED, 3)}
    assert expected == {each.name: (each.change, each.revision) for each in applied}


async def test_two_who_apply_at_once_both_succeed(system: System, wm: Wm, fleet: Folder, names) -> None:
    seen = await survey(Reader(system.client), Directory.load(fleet.path))
    appliers = [Applier(Sender(system.client), Edits(each)) for each in ("one", "other")]
    both = await asyncio.gather(*(each.apply(seen.outlook) for each in appliers))
    for results in zip(*both, strict=True):
        assert {Change.CREATED, Change.UNCHANGED} == {each.change for each in results}
        assert [1, 1] == [each.revision for each in results]


async def test_one_that_drains_to_its_end_is_not_taken_for_what_is_wanted(
    system: System, wm: Wm, folder, names
) -> None:
    _, one, _ = names
    folder.write(document(one))
    await wm.json("apply", folder.path)
    handle = system.client.get_workflow_handle(f"worker-type:{one}")
    await handle.execute_update("set_demand", {"pending": 1, "claimed": 0})
    await until_steady(handle, 1)
    await handle.execute_update("set_demand", {"pending": 0, "claimed": 1})
    await handle.cancel()
    await until_status(handle, lambda now: now["finishing"])
    result = await wm("apply", folder.path)
    assert (1, True) == (result.exit_code, "it drains and finishes, as it was cancelled" in result.stdout)
    await handle.execute_update("drain", {"force": True})
    await handle.result()
    assert {one: "created"} == changes(await wm.json("apply", folder.path))


@workflow.defn(name="WorkerType")
class BusyWorkerType:
    """Refuses what it is told until it has been told often enough."""

    def __init__(self) -> None:
        self.told = 0

    @workflow.run
    async def run(self, often: int) -> None:
        await workflow.wait_condition(lambda: self.told > often)

    @workflow.update
    async def apply_config(self, _: RawValue) -> dict[str, int]:
        self.told += 1
        if self.told < 4:
            raise ApplicationError("send it again", type="Busy" if self.told % 2 else "NotChecked")
        return {"revision": self.told}

    @workflow.update
    async def patch_config(self, _: RawValue) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def restore(self, _: RawValue) -> None:
        raise ApplicationError("never", {"problems": []}, type="NotAuthorized")


async def test_what_is_sent_too_early_is_sent_again_but_a_refusal_is_one(system: System, monkeypatch) -> None:
    key = Key(Kind.WORKER_TYPE, name_of("busy"))
    runner = UnsandboxedWorkflowRunner()
    async with Worker(system.client, task_queue="busy", workflows=[BusyWorkerType], workflow_runner=runner):
        handle = await system.client.start_workflow("WorkerType", 5, id=key.id, task_queue="busy")
        assert {"revision": 4} == await Sender(system.client).send(Message(key, "apply_config", {}))
        with pytest.raises(Refused, match="never") as refused:
            await Sender(system.client).send(Message(key, "restore", {}))
        assert "NotAuthorized" == refused.value.kind
        monkeypatch.setattr(sending, "ANSWERED_WITHIN_SECONDS", 0.5)
        with pytest.raises(Refused, match="no answer within a minute"):
            await Sender(system.client).send(Message(key, "patch_config", {}))
        await handle.terminate()


async def test_prune_ends_what_this_directory_manages_and_nothing_else(system: System, wm: Wm, fleet, names, tmp_path):
    shared, one, two = names
    other = Folder(tmp_path / "other")
    foreign = name_of("foreign")
    other.write(document(foreign))
    await wm.json("apply", other.path)
    await wm.json("apply", fleet.path, "--managed-by", f"team-{one}")
    for each in (shared, two):
        (fleet.path / f"{each}.yml").unlink()
    fleet.write(document(one))
    words = ["--prune", "--managed-by", f"team-{one}"]
    shown = await wm("diff", fleet.path, *words)
    assert (2, True) == (shown.exit_code, f"pruned     worker type {two}" in shown.stdout)

    result = await wm("apply", fleet.path, *words)
    assert 0 == result.exit_code, result.output
    assert {f"updated    worker type {one}", f"pruned     worker type {two}: drains, then finishes"} < {
        *result.stdout.splitlines()
    }
    assert f"shared configs are never deleted; no longer in the directory: {shared}" in result.stderr
    await system.client.get_workflow_handle(f"worker-type:{two}").result()
    assert 0 == (await wm("status", foreign, one, f"shared-config:{shared}")).exit_code
    assert {one: "unchanged"} == changes(await wm.json("apply", fleet.path, *words))


async def test_nothing_is_pruned_while_its_successor_is_rejected(wm: Wm, folder: Folder, names) -> None:
    _, one, two = names
    folder.write(document(one))
    await wm.json("apply", folder.path)
    (folder.path / f"{one}.yml").unlink()
    zones = [{"availabilityZone": "eu-west-1a", "region": "eu-west-1"}]
    folder.write(document(two, regions=regions(IMAGE, "eu-west-1"), availabilityZones=zones))
    result = await wm("apply", folder.path, "--prune")
    assert (1, True) == (result.exit_code, "nothing is pruned while something is rejected" in result.stderr)
    assert [False] == [each["finishing"] for each in await wm.json("status", one)]


async def test_a_name_in_the_directorys_marker_file_manages_it(wm: Wm, folder: Folder, names) -> None:
    _, one, two = names
    for each in (one, two):
        folder.write(document(each))
    (folder.path / "managed.yml").write_text(f"managedBy: team-{one}\n", encoding="utf-8")
    await wm.json("apply", folder.path)
    assert {f"team-{one}"} == {each["managedBy"] for each in await wm.json("status", one, two)}
    (folder.path / f"{two}.yml").unlink()
    assert {one: "unchanged", two: "pruned"} == changes(await wm.json("apply", folder.path, "--prune"))


# --- check and diff -------------------------------------------------------------------------------------------------


async def test_check_holds_the_files_against_what_runs(wm: Wm, fleet: Folder, folder: Folder, names, tmp_path) -> None:
    shared, one, _ = names
    await wm.json("apply", fleet.path)
    changed, new = Folder(tmp_path / "changed"), name_of("new")
    changed.write(document(new, regions=reference(shared)))
    alone = await wm("check", changed.path, "--offline")
    assert (1, True) == (alone.exit_code, "the directory alone" in alone.stderr)
    assert f"there is no shared config '{shared}'" in alone.stdout
    result = await wm("check", changed.path)
    assert 0 == result.exit_code, result.output
    assert f"  /regions: {shared}: proven" in result.stdout
    assert f"{wm.address}, {wm.namespace}: 1 shared configs and 0 dependent worker types" in result.stderr

    # The schema does not ask for an image, as it may come from elsewhere; in the running worker types it does not.
    changed.write({**shared_config(shared), "value": [{"region": "us-west-1"}, {"region": "us-west-2"}]})
    broken = await wm.json("check", changed.path, code=1)
    theirs = [each["id"] for each in broken if each["verdict"] == "would break"]
    assert {f"worker-type:{each}" for each in names[1:]} == set(theirs)
    assert new not in str([each for each in broken if each["verdict"] == "would break"])
    lines = (await wm("check", changed.path)).stdout.splitlines()
    assert [f"would break worker-type:{one}: /regions"] == [
        each[: len(f"would break worker-type:{one}: /regions")] for each in lines if f"worker-type:{one}:" in each
    ][:1]


async def test_check_finds_what_can_never_change_and_misspelt_names_of_what_runs(wm: Wm, fleet: Folder, names) -> None:
    shared, _, two = names
    await wm.json("apply", fleet.path)
    fleet.write({"name": shared, "schema": "/schemas/common/aws-availability-zones.json#", "value": []})
    assert "has '/schemas/common/aws-regions.json#' for ever" in (await wm("check", fleet.path)).stdout
    (fleet.path / f"{shared}.yml").unlink()
    path = fleet.write(document(two, regions=reference(f"{shared}x")))
    result = await wm("check", fleet.path)
    assert [f"{path}:8:10: error: there is no shared config '{shared}x'; did you mean '{shared}'?"] == [
        each for each in result.stdout.splitlines() if "error" in each
    ]


async def test_diff_says_what_changes_and_which_worker_types_follow(wm: Wm, fleet: Folder, names, tmp_path) -> None:
    shared, one, two = names
    await wm.json("apply", fleet.path)
    same = await wm("diff", fleet.path)
    assert (0, "3 unchanged; 0 worker types change hash") == (same.exit_code, same.stdout.strip())
    changed = Folder(tmp_path / "changed")
    changed.write(shared_config(shared, NEW_IMAGE))
    secrets = {"token": "ssm:sensitive-name"}
    changed.write(document(one, regions=reference(shared), maxCapacity=7, secrets=secrets))
    result = await wm("diff", changed.path)
    assert 2 == result.exit_code
    assert f'~ /value/0/launchSpec/ImageId\n      "{IMAGE}" -> "{NEW_IMAGE}"' in result.stdout.replace("  ~", "~") or (
        f'  ~ /value/0/launchSpec/ImageId  "{IMAGE}" -> "{NEW_IMAGE}"' in result.stdout
    )
    assert "  ~ /maxCapacity  10 -> 7" in result.stdout
    assert "  + /secrets  (not shown)" in result.stdout
    assert "sensitive-name" not in result.output
    assert "2 worker types change hash" in result.stdout
    rows = await wm.json("diff", changed.path, code=2)
    assert "sensitive-name" not in str(rows)
    (other,) = [each for each in rows if each["name"] == two]
    assert "affected" == other["change"]
    assert other["configHash"]["old"] != other["configHash"]["new"]
    ids = await wm("diff", changed.path, "--ids-only")
    assert [f"shared-config:{shared}", f"worker-type:{one}"] == ids.stdout.split()

    await wm.json("apply", changed.path)
    (follows,) = await until(lambda: asyncio.ensure_future(_hash_of(wm, two, other["configHash"]["new"])))
    assert two == follows["workerType"]


async def _hash_of(wm: Wm, name: str, wanted: str) -> list[dict[str, Any]]:
    return [each for each in await wm.json("status", name) if each["configHash"] == wanted]
