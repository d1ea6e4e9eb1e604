"""Edits that do not go together, sent at the same time: never may both be accepted, in whatever order they arrive.

Each race is run in rounds by several pairs of workflows side by side. After each round the combination that stands must
be valid, by the very function that checks edits, and its worker type must run with it without trouble.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from tests.system.support import IMAGE, System, document, name_of, until, until_status
from worker_manager.config import SharedValue, resolve
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind

REGIONS_SCHEMA = "/schemas/common/aws-regions.json#"
TYPES_SCHEMA = "/schemas/common/aws-instance-types.json#"
PAIRS = 8
GOOD = [
    {"region": "us-west-1", "launchSpec": {"ImageId": IMAGE}},
    {"region": "us-west-2", "launchSpec": {"ImageId": IMAGE}},
]
NO_IMAGE = [{"region": "us-west-1"}, {"region": "us-west-2"}]
NETWORK = {"launchSpec": {"ImageId": IMAGE, "SubnetId": "subnet-12345678"}}
BY_NAME = {"launchSpec": {"SecurityGroups": ["workers"]}}
Edit = tuple[WorkflowHandle[Any, Any], str, Any]
Round = Callable[[], Awaitable[tuple[Edit, Edit]]]


async def outcome(edit: Edit, *, late: float) -> str:
    """`accepted`, or the kind of refusal. `late` moves one against the other, so that every order occurs."""
    handle, update, value = edit
    await asyncio.sleep(late)
    try:
        await handle.execute_update(update, value)
    except WorkflowUpdateFailedError as error:
        return str(cast("ApplicationError", error.cause).type)
    except RPCError as error:  # the run was just being continued as new: nothing was done
        assert error.status is RPCStatusCode.FAILED_PRECONDITION, error  # noqa: PT017  # any other is a failure
        return "not ready"
    return "accepted"


async def bring(handle: WorkflowHandle[Any, Any], edit: dict[str, Any]) -> None:
    """Have a good edit accepted, also where the one before is still being checked."""

    async def is_accepted() -> bool:
        return await outcome((handle, "apply_config", edit), late=0.0) == "accepted"

    await until(is_accepted, 20, "a good edit is accepted")


async def is_valid(client: Client, worker_type: WorkflowHandle[Any, Any], names: list[str]) -> bool:
    """Whether what stands can be resolved, read anew."""
    config = await worker_type.query("config")
    shared = {}
    for name in names:
        found = await client.get_workflow_handle(f"shared-config:{name}").query("value")
        shared[name] = SharedValue(found["revision"], found["value"], found["schema"])
    try:
        resolve(config["document"], shared, now=config["now"], kind=kind("aws"))
    except ConfigInvalid:
        return False
    return True


async def both(one: Edit, other: Edit, number: int) -> tuple[str, str]:
    """Their outcomes: strictly in order in the first two rounds of seven, else at once, but for some milliseconds."""
    match number % 7:
        case 0:
            first = await outcome(one, late=0.0)
            return first, await outcome(other, late=0.0)
        case 1:
            first = await outcome(other, late=0.0)
            return await outcome(one, late=0.0), first
        case step:
            late = (step - 4) * 0.005
            return await asyncio.gather(outcome(one, late=max(0.0, late)), outcome(other, late=max(0.0, -late)))


async def race(
    system: System, worker_type: WorkflowHandle[Any, Any], names: list[str], prepare: Round, rounds: int
) -> Counter[tuple[str, str]]:
    """Rounds of two edits at once, and now and then of one after the other; gives how often each pair came out."""
    seen: Counter[tuple[str, str]] = Counter()
    for number in range(rounds):
        one, other = await prepare()
        results = await both(one, other, number)
        assert await is_valid(system.client, worker_type, names), (number, results)
        await until_status(worker_type, lambda now: not now["configProblems"] and not now["trouble"])
        seen[results[0], results[1]] += 1
    return seen


async def side_by_side(one_pair: Callable[[int], Awaitable[Counter[tuple[str, str]]]]) -> Counter[tuple[str, str]]:
    """All pairs at once, added up."""
    found = await asyncio.gather(*(one_pair(number) for number in range(PAIRS)))
    return sum(found, Counter())


@pytest.mark.slow
async def test_a_shared_edit_and_a_new_reference_never_both_pass(system: System, is_long: bool) -> None:
    """A worker type begins to use a shared config whose new value it could not use; 200 rounds with `--long`."""
    rounds = 25 if is_long else 5

    async def pair(number: int) -> Counter[tuple[str, str]]:
        shared = name_of("race")
        plain = document(name_of(f"race-{number}"), regions=GOOD)
        using = plain | {"regions": {"$eval": f"context.{shared}"}}
        config = await system.start_shared(shared, GOOD, REGIONS_SCHEMA)
        handle = await system.start(plain)

        async def prepare() -> tuple[Edit, Edit]:
            await bring(handle, {"document": plain})
            await bring(config, {"value": GOOD})
            return (config, "apply_config", {"value": NO_IMAGE}), (handle, "apply_config", {"document": using})

        return await race(system, handle, [shared], prepare, rounds)

    seen = await side_by_side(pair)
    assert rounds * PAIRS == seen.total()
    assert 0 == seen["accepted", "accepted"]
    assert {"accepted"} < {each[0] for each in seen}
    assert {"accepted"} < {each[1] for each in seen}


@pytest.mark.slow
async def test_a_shared_edit_and_an_edit_of_a_dependent_never_both_pass(system: System, is_long: bool) -> None:
    """The worker type uses the shared config all the time; its edit makes it need what the new value lacks."""

    async def pair(number: int) -> Counter[tuple[str, str]]:
        shared = name_of("race")
        own = document(name_of(f"race-{number}"), regions={"$eval": f"context.{shared}"}, launchSpec={"ImageId": IMAGE})
        needing = {name: value for name, value in own.items() if name != "launchSpec"}
        config = await system.start_shared(shared, GOOD, REGIONS_SCHEMA)
        handle = await system.start(own)

        async def prepare() -> tuple[Edit, Edit]:
            await bring(config, {"value": GOOD})
            await bring(handle, {"document": own})
            return (config, "apply_config", {"value": NO_IMAGE}), (handle, "apply_config", {"document": needing})

        return await race(system, handle, [shared], prepare, 25 if is_long else 4)

    seen = await side_by_side(pair)
    assert 0 == seen["accepted", "accepted"]
    assert {"accepted"} < {each[0] for each in seen}


@pytest.mark.slow
async def test_edits_of_two_shared_configs_that_do_not_go_together_never_both_pass(
    system: System, is_long: bool
) -> None:
    """Each is fine with the other's value of today: subnets in the regions, security groups by name in the types."""

    async def pair(number: int) -> Counter[tuple[str, str]]:
        places, sizes = name_of("places"), name_of("sizes")
        changes = {"regions": {"$eval": f"context.{places}"}, "instanceTypes": {"$eval": f"context.{sizes}"}}
        plain = [{"instanceType": "m5.large"}]
        config = await system.start_shared(places, GOOD, REGIONS_SCHEMA)
        other = await system.start_shared(sizes, plain, TYPES_SCHEMA)
        handle = await system.start(document(name_of(f"race-{number}"), **changes))

        async def prepare() -> tuple[Edit, Edit]:
            await bring(config, {"value": GOOD})
            await bring(other, {"value": plain})
            with_subnets = [{"region": each, **NETWORK} for each in ("us-west-1", "us-west-2")]
            with_groups = [{"instanceType": "m5.large", **BY_NAME}]
            return (config, "apply_config", {"value": with_subnets}), (other, "apply_config", {"value": with_groups})

        return await race(system, handle, [places, sizes], prepare, 25 if is_long else 4)

    seen = await side_by_side(pair)
    assert 0 == seen["accepted", "accepted"]
    assert {"Busy", "ConfigInvalid"} & {outcome for each in seen for outcome in each}


@pytest.mark.slow
async def test_a_shared_edit_and_the_start_of_a_worker_type_never_both_pass(system: System, is_long: bool) -> None:
    async def one(number: int) -> tuple[bool, bool]:
        shared = name_of("race")
        config = await system.start_shared(shared, GOOD, REGIONS_SCHEMA)
        using = document(name_of(f"starts-{number}"), regions={"$eval": f"context.{shared}"})

        async def start() -> bool:
            handle = await system.start_raw("WorkerType", using, id=f"worker-type:{using['workerType']}")
            try:
                await handle.execute_update("started")
            except Exception:  # noqa: BLE001  # the update is refused, or finds the workflow ended: not started
                return False
            return True

        edit = outcome((config, "apply_config", {"value": NO_IMAGE}), late=number % 5 * 0.01)
        edited, started = await asyncio.gather(edit, start())
        return edited == "accepted", started

    results = [
        pair
        for _ in range(20 if is_long else 2)
        for pair in await asyncio.gather(*(one(number) for number in range(10)))
    ]
    assert (True, True) not in results
    assert {True, False} == {started for _, started in results}
