"""Verification keys that are given to a running system hold at once, for worker types that have long been at rest."""

from __future__ import annotations

from temporalio.client import Client

from activities import service
from activities.authorizing import Authority
from emulators.ec2 import Ec2Emulator
from tests.system.support import FAST, System, document, end_all, lasting_workers, name_of, until_status, until_steady
from worker_manager.tokens import Keyring

SECURED = Authority(Keyring(()))


async def test_workers_with_keys_tell_open_worker_types_and_only_those(client: Client) -> None:
    with Ec2Emulator(settings=FAST) as emulator:
        system = System(client, emulator.control)
        async with lasting_workers(client, emulator.endpoint):
            handle = await system.start(document(name_of("open")))
            await until_steady(handle, 0)
            await handle.signal("pause", "while it is open")
            await until_status(handle, lambda now: (now["mode"], now["open"]) == ("paused", True))
        async with lasting_workers(client, emulator.endpoint, SECURED):
            await service.secure_all(client)
            await until_status(handle, lambda now: not now["open"])
            await handle.signal("resume")
            now = await until_status(handle, lambda now: now["lastRejection"])
            assert ("paused", "resume must be signed") == (now["mode"], now["lastRejection"]["why"].partition(":")[0])

            before = (await handle.describe()).history_length
            await service.secure_all(client)
            assert before == (await handle.describe()).history_length
            await end_all(client)
