"""Which launches are sent: of many for a dry place only the first, and whatever an earlier attempt may have sent."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import options
from activities.fleet import FleetActivities, LaunchBatch
from activities.offerings import SharedBudgets
from activities.resolving import Resolver
from activities.shared_values import SharedValues
from tests.system.support import DEPLOYMENT, IMAGE, PROVIDER, System, document, name_of
from worker_manager.config import resolve
from worker_manager.kinds import kind
from worker_manager.model import LaunchRequest, LaunchResult, LaunchSpec, Outcome
from worker_manager.provider import ProviderRecord

POOL, OTHER_POOL = "us-west-1b/m5.large/on-demand", "us-west-1c/m5.large/on-demand"
RATE = 4.0


@pytest.fixture
def cloud(system: System) -> Iterator[System]:
    """The emulated cloud, without faults and with room for all when the test is over."""
    yield system
    system.control.clear_faults()
    system.control.set_capacity({"*": None})


@pytest.fixture
def fleet(cloud: System) -> FleetActivities:
    """The activities of a process of its own, whose provider nobody else has."""
    return process(cloud, name_of("provider"))


def process(system: System, provider: str) -> FleetActivities:
    endpoint, regions = system.control.endpoint, ("us-west-1",)
    record = ProviderRecord(provider, "aws", DEPLOYMENT, endpoint, regions, launch_calls_per_second=RATE)
    resolver = Resolver(SharedValues(system.client), {provider: record})
    return FleetActivities(kind("aws").open(record), resolver, SharedBudgets(system.client, provider))


def spec(zone: str = "us-west-1b") -> LaunchSpec:
    about = {
        "regions": [{"region": "us-west-1", "launchSpec": {"ImageId": IMAGE}}],
        "availabilityZones": [{"availabilityZone": zone, "region": "us-west-1"}],
    }
    resolved = resolve(document("launching", **about), {}, now="2026-01-01T00:00:00.000Z", kind=kind("aws"))
    return resolved.launch_specs[0]


def requests(count: int, zone: str = "us-west-1b") -> tuple[LaunchRequest, ...]:
    return tuple(LaunchRequest(str(uuid.uuid4()), name_of("launching"), spec(zone), 2) for _ in range(count))


async def launch(fleet: FleetActivities, *some: LaunchRequest, attempt: int = 1) -> list[LaunchResult]:
    """One attempt of a launch activity; its results in the order of the requests."""
    environment = ActivityEnvironment()
    environment.info = replace(
        environment.info,
        attempt=attempt,
        started_time=datetime.now(UTC),
        start_to_close_timeout=timedelta(seconds=options.LAUNCH_ATTEMPT_SECONDS),
    )
    answered: Any = await environment.run(fleet.launch, LaunchBatch(some))
    results = {each.launch_key: each for each in answered}
    return [results[each.launch_key] for each in some]


async def test_of_many_launches_queued_for_a_dry_place_only_the_first_are_sent(
    fleet: FleetActivities, cloud: System
) -> None:
    cloud.control.set_capacity({POOL: 0})
    before = cloud.calls("RunInstances")
    results = await launch(fleet, *requests(16), *requests(1, "us-west-1c"))
    outcomes = [each.outcome for each in results]
    sent = outcomes.count(Outcome.NO_CAPACITY)
    assert {Outcome.NO_CAPACITY, Outcome.NOT_SENT} == set(outcomes[:-1])
    assert 1 <= sent <= RATE, "those that had their turn at the same time"
    assert (Outcome.LAUNCHED, sent + 1) == (outcomes[-1], cloud.calls("RunInstances") - before)

    results = await launch(fleet, *requests(5))
    assert ([Outcome.NOT_SENT] * 5, sent + 1) == (
        [each.outcome for each in results],
        cloud.calls("RunInstances") - before,
    )


async def test_a_part_of_what_was_asked_closes_the_place_to_more(fleet: FleetActivities, cloud: System) -> None:
    cloud.control.set_capacity({POOL: 1})
    first, second = [await launch(fleet, *requests(1)) for _ in range(2)]
    assert [(Outcome.LAUNCHED, 1), (Outcome.NOT_SENT, 0)] == [
        (each.outcome, len(each.instance_ids)) for each in (*first, *second)
    ]
    (budget,) = await fleet.budgets.view()
    assert (Outcome.NO_CAPACITY, 1) == (budget.outcome, budget.allowed)


async def test_a_repeat_is_sent_wherever_it_was_not_let_through_meanwhile(
    fleet: FleetActivities, cloud: System
) -> None:
    """An earlier attempt may have launched it: what it answers decides, not what is known of the place."""
    (request,) = requests(1)
    cloud.control.add_fault("RunInstances", after=True, drop=True, times=1)
    with pytest.raises(ApplicationError, match="without a definite answer"):
        await launch(fleet, request)
    cloud.control.set_capacity({POOL: 0})
    assert [Outcome.NO_CAPACITY] == [each.outcome for each in await launch(fleet, *requests(1))]

    (result,) = await launch(process(cloud, fleet.provider.record.name), request, attempt=2)
    assert (Outcome.LAUNCHED, 2) == (result.outcome, len(result.instance_ids))


async def test_a_throttled_launch_was_not_sent_unless_it_is_a_repeat(fleet: FleetActivities, cloud: System) -> None:
    (request, later) = requests(2)
    cloud.control.add_fault("RunInstances", code="RequestLimitExceeded", status=503, times=2)
    (result,) = await launch(fleet, request)
    assert Outcome.THROTTLED == result.outcome
    (other,) = await launch(fleet, *requests(1, "us-west-1c"))
    assert Outcome.NOT_SENT == other.outcome, "the whole region waits"
    (repeated,) = await launch(fleet, later, attempt=options.LAUNCH_ATTEMPTS)
    assert (Outcome.UNKNOWN, "RequestLimitExceeded") == (repeated.outcome, repeated.code)


async def test_a_rejected_launch_tells_other_worker_types_nothing(fleet: FleetActivities, cloud: System) -> None:
    cloud.control.add_fault("RunInstances", code="InvalidParameterValue", status=400, times=1)
    first, second = [await launch(fleet, *requests(1)) for _ in range(2)]
    assert [Outcome.REJECTED, Outcome.LAUNCHED] == [each.outcome for each in (*first, *second)]


async def test_the_whole_system_has_no_offerings_workflow_of_its_own_without_refusals(cloud: System) -> None:
    handle = await cloud.start(document(name := name_of("healthy")))
    await handle.execute_update("set_demand", {"pending": 4})
    await cloud.until_alive(name, 4)
    found = [each.id async for each in cloud.client.list_workflows("WorkflowType = 'Offerings'")]
    assert f"offerings:{PROVIDER}" not in found
    await handle.execute_update("drain", {"force": True})
