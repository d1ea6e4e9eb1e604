"""Where messages must be signed, a source is read all the same, and nobody else can tell a reading."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from temporalio.client import Client

from tests.demand.serving import endpoint
from tests.system.support import Loop, System, in_process_system, name_of, until_status
from tests.system.test_scopes import AUTHORITY, refusal_of, signed, start
from worker_manager.demand.contract import source_id


@pytest.fixture(scope="module")
def system(loop: Loop, client: Client) -> Iterator[System]:
    with in_process_system(loop, client, AUTHORITY) as system:
        yield system


async def test_a_reading_needs_no_signature_but_the_capability(system: System) -> None:
    with endpoint() as server:
        server.answer({"pending": 1, "claimed": 1})
        demand = {"source": "http", "url": server.url, "interval": "1s"}
        handle = await start(system, name_of("signed"), demand=demand)
        now = await until_status(handle, lambda now: now["demand"]["pending"] == 1)
        assert not now["open"]
        forged = {"source": source_id(demand), "readAt": "2100-01-01T00:00:00Z", "pending": 9}
        for capability in ("", "0" * 36):
            await handle.signal("demand_read", {**forged, "capability": capability})
            await handle.signal("demand_read", signed(handle.id, "demand_read", {**forged, "capability": capability}))
        assert "must be signed" in await refusal_of(handle, "set_demand", {"pending": 9})
        server.answer({"pending": 2, "claimed": 1})
        now = await until_status(handle, lambda now: now["demand"]["pending"] != 1)
        assert {"pending": 2, "claimed": 1} == now["demand"]
