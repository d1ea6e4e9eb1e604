"""The command line in a system that takes signed edits alone: every command signs, with the scopes that it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import Client

from activities.authorizing import Authority
from tests.system import command_line
from tests.system.command_line import Folder, Wm, reference, regions
from tests.system.support import IMAGE, REGIONS, Loop, System, document
from worker_manager.tokens import Keyring, VerificationKey

wm, folder, names, fleet = command_line.wm, command_line.folder, command_line.names, command_line.fleet

SCOPE = "queue:claim-work:sample"


@pytest.fixture(scope="module")
def keys() -> dict[str, Ed25519PrivateKey]:
    """A key that may give everything, and one that may not have a worker type run with a scope."""
    return {"all": Ed25519PrivateKey.generate(), "some": Ed25519PrivateKey.generate()}


@pytest.fixture(scope="module")
def system(loop: Loop, client: Client, keys: dict[str, Ed25519PrivateKey]) -> Iterator[System]:
    scopes = {"all": ("worker-manager:*", "queue:*"), "some": ("worker-manager:*",)}
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ring = Keyring(
        tuple(
            VerificationKey(each, key.public_key().public_bytes(encoding, form).decode(), "owner", scopes[each])
            for each, key in keys.items()
        )
    )
    with command_line.own_system(loop, client, REGIONS, Authority(ring)) as own:
        yield own


def signing(keys: dict[str, Ed25519PrivateKey], name: str, folder: Path) -> dict[str, str]:
    """The environment of somebody who has this key."""
    path = folder / f"{name}.pem"
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(keys[name].private_bytes(serialization.Encoding.PEM, form, none))
    return {"WM_SIGNING_KEY": str(path), "WM_SIGNING_KEY_ID": name}


async def test_apply_and_restore_sign_with_the_scopes_that_they_need(wm: Wm, fleet: Folder, names, keys, tmp_path):
    """Among them the scopes that workers get from a shared config, which no worker type document shows."""
    shared, one, two = names
    entry, other = regions(IMAGE)
    config = {
        "name": shared,
        "schema": "/schemas/common/aws-regions.json#",
        "value": [{**entry, "scopes": [SCOPE]}, other],
    }
    fleet.write(config)
    owner, helper = signing(keys, "all", tmp_path), signing(keys, "some", tmp_path)

    unsigned = await wm("apply", fleet.path)
    assert (1, 3) == (unsigned.exit_code, unsigned.stdout.count("start must be signed"))
    refused = await wm("apply", fleet.path, **helper)
    assert (1, True) == (refused.exit_code, SCOPE in refused.stdout)
    applied = await wm("apply", fleet.path, "-o", "text", **owner)
    assert 0 == applied.exit_code, applied.output

    fleet.write({**config, "value": regions(IMAGE)})
    fleet.write(document(one, regions=reference(shared), maxCapacity=7))
    assert 0 == (await wm("apply", fleet.path, **helper)).exit_code
    assert [2] == [each["revision"] for each in await wm.json("status", one)]
    again = await wm("restore", shared, "1", **helper)
    assert (1, True) == (again.exit_code, SCOPE in again.stderr)
    assert 0 == (await wm("restore", shared, "1", **owner)).exit_code
    restored = await wm("restore", one, "1", **owner)
    assert 0 == restored.exit_code, restored.output
    assert "the system is open" not in (await wm("status", two)).stderr


async def test_neither_lines_nor_answers_hold_a_token(
    system: System, wm: Wm, folder: Folder, names, keys, tmp_path
) -> None:
    _, one, _ = names
    folder.write(document(one))
    owner = signing(keys, "all", tmp_path)
    lines = await wm("apply", folder.path, "--show-command", **owner)
    assert (0, False) == (lines.exit_code, "authorization" in lines.stdout)
    assert 0 == (await wm("apply", folder.path, **owner)).exit_code
    handle = system.client.get_workflow_handle(f"worker-type:{one}")
    shown = await wm("history", one, "--diff", "-o", "json")
    assert "eyJ" not in shown.output + json.dumps(await handle.query("status"))
