"""The aws provider's promises on an emulated EC2: twice is once, a lost answer leaks nothing, gone is gone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from emulators.ec2 import Ec2Emulator
from worker_manager.errors import CredentialsRejected
from worker_manager.model import InstanceState, LaunchRequest, LaunchSpec, Market, Offering, Outcome
from worker_manager.provider import ProviderRecord
from worker_manager.providers.aws.provider import AwsProvider

WEST, EAST = "us-west-1", "us-east-1"
SETTINGS = {"boot_seconds": 0.01, "shutdown_seconds": 0.01}


@pytest.fixture(scope="module")
def server() -> Iterator[Ec2Emulator]:
    with Ec2Emulator(settings=SETTINGS) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def provider(server: Ec2Emulator) -> AwsProvider:
    """Shared by all tests, since the SDK takes long to build its clients; it remembers nothing of instances."""
    return AwsProvider(ProviderRecord("aws-provider", "aws", "d1", server.endpoint, (WEST, EAST)))


@pytest.fixture
def ec2(server: Ec2Emulator) -> Ec2Emulator:
    server.control.reset()
    return server


def request(count: int, key: str = "key-1", region: str = WEST, zone: str = "") -> LaunchRequest:
    spec = LaunchSpec(Offering(region, zone, "m5.large", capacity=2), {"ImageId": "ami-0123456789abcdef0"}, {}, "v1-a")
    return LaunchRequest(key, "ci-linux", spec, count)


def ask_until_gone(provider: AwsProvider) -> None:
    """List until every instance has ended, as long as a test may take."""
    while {one.state for one in provider.list_instances()} != {InstanceState.GONE}:
        pass


def test_what_is_launched_is_listed_with_all_its_tags_and_ended(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    west = provider.launch(request(2, zone="us-west-1b"), timeout_seconds=20)
    east = provider.launch(request(1, "key-2", EAST), timeout_seconds=20)
    instances = provider.list_instances()

    assert {one.instance_id for one in instances} == {*west.instance_ids, *east.instance_ids}
    assert {(one.region, one.launch_key) for one in instances} == {(WEST, "key-1"), (EAST, "key-2")}
    assert {one.zone for one in instances if one.region == WEST} == {"us-west-1b"}
    assert {(one.worker_type, one.settings_hash, one.capacity) for one in instances} == {("ci-linux", "v1-a", 2)}
    assert {one.state for one in instances} <= {InstanceState.PENDING, InstanceState.RUNNING}

    ended = [(one.region, one.instance_id) for one in instances]
    provider.terminate(ended, timeout_seconds=20)
    provider.terminate([*ended, (WEST, "i-0123456789abcdef0")], timeout_seconds=20)
    assert {one.state for one in provider.list_instances()} <= {InstanceState.STOPPING, InstanceState.GONE}


def test_the_same_request_twice_launches_nothing_more(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    first, second = (provider.launch(request(3), timeout_seconds=20) for _ in range(2))

    assert first == second
    assert len(first.instance_ids) == len(provider.list_instances()) == 3


def test_the_same_request_many_times_at_once_launches_nothing_more(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    with ThreadPoolExecutor(8) as threads:
        results = set(threads.map(lambda _: provider.launch(request(3), timeout_seconds=20), range(16)))

    assert len(results) == 1
    assert len(provider.list_instances()) == 3


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 500, "code": "InternalError"}])
def test_a_lost_answer_is_unknown_and_the_repeat_finds_what_was_launched(
    ec2: Ec2Emulator, provider: AwsProvider, fault: dict[str, object]
) -> None:
    ec2.control.add_fault("RunInstances", times=1, after=True, **fault)
    lost = provider.launch(request(2), timeout_seconds=20)
    assert (lost.outcome, lost.instance_ids) == (Outcome.UNKNOWN, ())

    found = provider.launch(request(2), timeout_seconds=20)
    assert found.outcome is Outcome.LAUNCHED
    assert sorted(found.instance_ids) == sorted(one.instance_id for one in provider.list_instances())
    assert len(found.instance_ids) == 2


def test_fewer_than_asked_is_a_success_and_none_is_no_capacity(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    ec2.control.set_capacity({"us-west-1b/m5.large/on-demand": 2})
    some = provider.launch(request(5, "key-1", zone="us-west-1b"), timeout_seconds=20)
    none = provider.launch(request(5, "key-2", zone="us-west-1b"), timeout_seconds=20)

    assert (some.outcome, len(some.instance_ids)) == (Outcome.LAUNCHED, 2)
    assert (none.outcome, none.code) == (Outcome.NO_CAPACITY, "InsufficientInstanceCapacity")
    assert ec2.control.stats()["calls"]["RunInstances"] == 2


def test_one_key_with_two_sets_of_parameters_is_refused(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    provider.launch(request(1), timeout_seconds=20)
    other = provider.launch(request(2), timeout_seconds=20)

    assert (other.outcome, other.code) == (Outcome.REJECTED, "IdempotentParameterMismatch")
    assert len(provider.list_instances()) == 1


def test_a_key_whose_instances_have_ended_is_unknown_not_a_new_launch(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    launched = provider.launch(request(1), timeout_seconds=20)
    provider.terminate([(WEST, one) for one in launched.instance_ids], timeout_seconds=20)
    ask_until_gone(provider)
    again = provider.launch(request(1), timeout_seconds=20)

    assert (again.outcome, again.code) == (Outcome.UNKNOWN, "IdempotentInstanceTerminated")
    assert len(provider.list_instances()) == 1


def test_a_region_that_cannot_be_listed_fails_the_listing_and_is_named(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    provider.launch(request(1), timeout_seconds=20)
    ec2.control.add_fault("DescribeInstances", match={"region": EAST}, status=403, code="UnauthorizedOperation")

    with pytest.raises(CredentialsRejected, match="listing of instances in 'us-east-1' failed"):
        provider.list_instances()


def test_more_instances_than_a_page_holds_are_all_listed(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    ids = [
        one
        for number in range(11)
        for one in provider.launch(request(100, f"key-{number}"), timeout_seconds=30).instance_ids
    ]

    assert sorted(one.instance_id for one in provider.list_instances()) == sorted(ids)
    assert ec2.control.stats()["calls"]["DescribeInstances"] == 3
    assert len(ids) == 1100


def test_another_deployment_sees_nothing_of_ours(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    provider.launch(request(1), timeout_seconds=20)

    assert AwsProvider(replace(provider.record, deployment="d2")).list_instances() == ()
    assert AwsProvider(replace(provider.record, deployment="*")).list_instances() == ()


def test_spot_prices_of_every_region_are_known_and_follow_the_market(ec2: Ec2Emulator, provider: AwsProvider) -> None:
    ec2.control.set_prices({"us-west-1*/m5.large/spot": 0.25, "us-west-1b/m5.large/spot": 0.75})
    prices = provider.prices()

    zones = {"us-west-1a": 0.25, "us-west-1b": 0.75, "": pytest.approx((0.25 + 0.75 + 0.25) / 3)}
    assert zones == {zone: prices.of(Offering(WEST, zone, "m5.large", Market.SPOT)) for zone in zones}
    assert prices.of(Offering(EAST, "us-east-1a", "c5.4xlarge", Market.SPOT)) is not None
    assert prices.of(Offering(WEST, "us-west-1a", "m5.large", Market.ON_DEMAND)) is None
