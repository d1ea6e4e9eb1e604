"""A worker type keeps its capacity, whatever happens: on a real Temporal server and an emulated EC2."""

from __future__ import annotations

from tests.system.support import System, document, name_of, until_steady


async def test_demand_is_served_up_to_the_maximum_and_no_further(system: System) -> None:
    name = name_of("demand")
    handle = await system.start(document(name, maxCapacity=6))

    assert {"pending": 4, "claimed": 0} == await handle.execute_update("set_demand", {"pending": 4, "claimed": 0})
    await until_steady(handle, 4)
    await handle.execute_update("set_demand", {"pending": 50, "claimed": 4})
    now = await until_steady(handle, 6)

    assert (6, 6) == (now["desired"], len(system.alive(name)))
    assert 6 == system.control.stats()["max_alive_by_worker_type"][name]
    assert any("at maxCapacity 6" in each for each in now["reasons"])
