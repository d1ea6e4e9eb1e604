"""What worker types of a provider know together of places that refused: shared by processes, outliving all of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.client import WorkflowHandle

from activities import offerings
from activities.offerings import SharedBudgets
from emulators.ec2 import Ec2Emulator
from tests.system.refusals import KEY, events_of, exists, handle_of, launch, may_go, refuse, result
from tests.system.support import (
    FAST,
    IMAGE,
    PROVIDER,
    System,
    connect,
    document,
    lasting_workers,
    name_of,
    status,
    until,
    until_steady,
    workers,
)
from worker_manager import budgets
from worker_manager.budgets import BackOff
from worker_manager.model import LaunchRequest, LaunchSpec, Offering, Outcome

POOL = "us-west-1b/m5.large/on-demand"
ONE_POOL = {
    "regions": [{"region": "us-west-1", "launchSpec": {"ImageId": IMAGE}}],
    "availabilityZones": [{"availabilityZone": "us-west-1b", "region": "us-west-1"}],
}
WAIT_SECONDS = 2.0


async def until_known(shared: SharedBudgets, *keys: str) -> None:
    async def are_known() -> bool:
        return set(keys) == {each.key for each in await shared.view()}

    await until(are_known, 10, f"{keys} are known")


async def until_open(shared: SharedBudgets) -> None:
    """Wait until the wait of everything known is over."""

    async def are_open() -> bool:
        return all(each.opens_at < datetime.now(UTC) for each in await shared.view())

    await until(are_open, 10, "no place is closed")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of seconds; workflows of this process read the same table."""
    rule = BackOff(WAIT_SECONDS, WAIT_SECONDS, "offering")
    monkeypatch.setitem(cast("dict[Outcome, BackOff]", budgets.BACK_OFFS), Outcome.NO_CAPACITY, rule)


# ---- one process and another


async def test_nothing_exists_as_long_as_nothing_refuses(system: System) -> None:
    provider = name_of("healthy")
    shared = SharedBudgets(system.client, provider)
    some = [launch() for _ in range(3)]
    assert [True] * 3 == await may_go(shared, *some)
    await shared.answered(some, [result(each, Outcome.LAUNCHED, 10) for each in some])
    await shared.answered(some, [result(each, Outcome.UNKNOWN) for each in some])
    assert ((), True) == (await shared.view(), shared.is_open(some[0]))
    assert not await exists(handle_of(system.client, provider))


async def test_what_one_process_was_refused_another_does_not_ask_for(system: System) -> None:
    provider = name_of("shared")
    one, other = (SharedBudgets(system.client, provider) for _ in range(2))
    assert () == await other.view()
    first, queued, elsewhere = launch(), launch(), launch("us-west-1c")
    assert [True, True] == await may_go(one, first, queued)
    telling = asyncio.create_task(one.answered([first], [result(first, Outcome.NO_CAPACITY)]))
    await asyncio.sleep(0)
    assert not one.is_open(queued), "known here before Temporal has been told"
    await telling
    await until_known(other, KEY)
    assert [False, True] == await may_go(other, launch(), elsewhere)
    assert (False, True) == (other.is_open(launch()), other.is_open(elsewhere))


async def test_a_storm_of_refusals_costs_one_message_and_a_refused_probe_two(system: System) -> None:
    provider = name_of("storm")
    one, other = (SharedBudgets(system.client, provider) for _ in range(2))
    handle = handle_of(system.client, provider)
    await refuse(one, *(launch() for _ in range(40)), outcome=Outcome.THROTTLED)
    first = await events_of(handle)
    assert (1, 6) == (first["WORKFLOW_EXECUTION_SIGNALED"], first.total()), first  # one of them is the timer
    await until_open(one)
    await until_open(other)

    rivals = [launch() for _ in range(20)]
    asked = await asyncio.gather(*(may_go((one, other)[n % 2], each) for n, each in enumerate(rivals)))
    assert 1 == asked.count([True])
    probe = rivals[asked.index([True])]
    let = await events_of(handle)
    assert 5 == let.total() - first.total(), let  # the rejected ask adds nothing
    await refuse((one, other)[asked.index([True]) % 2], probe, outcome=Outcome.THROTTLED)
    after = await events_of(handle)
    assert 2 == (await handle.query("budgets"))["budgets"][0]["refusals"]
    assert 9 == after.total() - first.total(), after


async def test_a_retry_of_a_launch_gets_the_same_permission_in_another_process(system: System) -> None:
    provider = name_of("retry")
    shared = SharedBudgets(system.client, provider)
    await refuse(shared, launch(), outcome=Outcome.THROTTLED)
    await until_open(shared)
    probe = launch()
    assert [True] == await may_go(shared, probe)
    restarted = SharedBudgets(system.client, provider)
    assert [True, False] == await may_go(restarted, probe, launch())
    assert (True, False) == (restarted.is_open(probe), restarted.is_open(launch()))
    await restarted.answered([probe], [result(probe, Outcome.LAUNCHED, 10)])
    await until_known(shared)


async def test_a_launch_not_sent_gives_its_probe_back(system: System) -> None:
    shared = SharedBudgets(system.client, name_of("unsent"))
    await refuse(shared, launch(), outcome=Outcome.THROTTLED)
    await until_open(shared)
    probe = launch()
    assert [True] == await may_go(shared, probe)
    assert [False] == await may_go(shared, launch())
    await shared.answered([probe], [result(probe, Outcome.NOT_SENT)])
    assert [True] == await may_go(SharedBudgets(system.client, shared._provider), launch())


async def test_the_memory_goes_on_in_new_runs(system: System) -> None:
    provider = name_of("long")
    shared, handle = SharedBudgets(system.client, provider), handle_of(system.client, provider)
    await refuse(shared, launch())
    first = (await handle.describe()).run_id
    told = {"launchKey": "k", "place": f"{KEY}|", "count": 1, "launched": 0, "outcome": "no-capacity"}

    async def runs_anew() -> bool:
        await asyncio.gather(*(handle.signal("answered", {"answers": [told]}) for _ in range(50)))
        return (await handle.describe()).run_id != first

    await until(runs_anew, 30, "its history was long enough")
    (budget,) = (await handle.query("budgets"))["budgets"]
    assert (KEY, 1) == (budget["key"], budget["refusals"])


async def test_it_completes_when_everything_is_forgotten(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "FORGOTTEN_AFTER", timedelta(seconds=1))
    provider = name_of("forgotten")
    shared, handle = SharedBudgets(system.client, provider), handle_of(system.client, provider)
    await refuse(shared, launch(), outcome=Outcome.THROTTLED)
    assert await exists(handle)
    await handle.result()
    events = await events_of(handle)
    assert (1, 1, 11) == (events["TIMER_STARTED"], events["TIMER_FIRED"], events.total()), events
    await until_known(shared)
    await refuse(shared, launch(), outcome=Outcome.THROTTLED)
    assert await exists(handle), "the next refusal starts it again"


async def test_a_temporal_that_cannot_be_asked_costs_only_knowledge(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker serves the namespace's queue: nobody answers."""
    monkeypatch.setattr(offerings, "ASK_SECONDS", 0.3)
    unserved = await connect(address, "default")
    shared = SharedBudgets(unserved, name_of("unserved"))
    await refuse(shared, launch(), outcome=Outcome.THROTTLED)
    elsewhere = LaunchRequest("key", "some-type", LaunchSpec(Offering("us-east-1", "", "m5.large"), {}, {}, "hash"), 1)
    assert (1, [False, True]) == (len(await shared.view()), await may_go(shared, launch(), elsewhere))
    await until_open(shared)
    assert [False, True] == await may_go(shared, launch(), elsewhere)
    gone = SharedBudgets(unserved, name_of("gone"))
    await refuse(gone, launch())
    await handle_of(unserved, gone._provider).terminate()
    await until_known(gone)


# ---- the whole system


async def sees(system: System) -> list[dict[str, Any]]:
    """What is remembered of the provider, for people."""
    handle = handle_of(system.client, PROVIDER)
    return list((await handle.query("budgets"))["budgets"]) if await exists(handle) else []


async def decide_again(handle: WorkflowHandle[Any, Any]) -> None:
    """Have a worker type look again, so that its process has just seen what is remembered."""
    decided = (await status(handle))["decidedAt"]

    async def has_decided() -> bool:
        await handle.signal("wake")
        return bool((await status(handle))["decidedAt"] != decided)

    await until(has_decided, 20, "it decides again")


async def test_two_worker_types_share_what_they_know_of_a_dry_pool(quick: None, system: System) -> None:
    system.control.set_capacity({POOL: 0})
    names = [name_of("dry"), name_of("dry")]
    handles = [await system.start(document(each, **ONE_POOL)) for each in names]
    before = system.calls("RunInstances")
    for handle in handles:
        await handle.execute_update("set_demand", {"pending": 5})
    await until(lambda: sees(system), 10, "the refusal is remembered")
    asked = system.calls("RunInstances") - before
    assert asked <= len(names)

    async def has_waited() -> bool:
        return (await sees(system))[0]["refusals"] >= 4

    await until(has_waited, 30, "three probes were refused")
    (budget,) = await sees(system)
    assert (KEY, budget["refusals"] - 1) == (budget["key"], system.calls("RunInstances") - before - asked)
    assert [0, 0] == [len(system.alive(each)) for each in names]

    system.control.set_capacity({POOL: None})
    for handle in handles:
        await until_steady(handle, 5, 30)
    assert [5, 5] == [len(system.alive(each)) for each in names]
    system.control.set_capacity({POOL: None})
    for handle in handles:
        await handle.execute_update("drain", {"force": True})
    await handle_of(system.client, PROVIDER).terminate()


async def test_forgetting_opens_at_once_and_has_worker_types_try(system: System) -> None:
    system.control.set_capacity({POOL: 0})
    handle = await system.start(document(name := name_of("raised"), **ONE_POOL))
    await handle.execute_update("set_demand", {"pending": 5})
    await until(lambda: sees(system), 10, "the refusal is remembered")
    system.control.set_capacity({POOL: None})
    remembering = handle_of(system.client, PROVIDER)
    details = await remembering.query("__temporal_workflow_metadata")
    assert f"`{KEY}`: no-capacity since" in details.current_details
    await decide_again(handle)
    assert {"forgotten": [KEY]} == await remembering.execute_update("forget", {"key": KEY, "reason": "there is more"})
    await system.until_alive(name, 5, 10)  # the wait would have been 15 seconds
    await remembering.result()
    await handle.execute_update("drain", {"force": True})


async def test_a_place_stays_closed_when_all_worker_processes_restart(address: str) -> None:
    client = await connect(address, "offerings-restart")
    with Ec2Emulator(settings=FAST) as emulator:
        system = System(client, emulator.control)
        system.control.set_capacity({POOL: 0})
        async with lasting_workers(client, emulator.endpoint):
            handle = await system.start(document(name_of("restart"), **ONE_POOL))
            await handle.execute_update("set_demand", {"pending": 5})
            await until(lambda: sees(system), 10, "the refusal is remembered")
        before = system.calls("RunInstances")
        async with workers(client, emulator.endpoint):
            known = await sees(system)
            await decide_again(handle)
            assert (1, KEY, before) == (len(known), known[0]["key"], system.calls("RunInstances"))
            assert known == await sees(system)
