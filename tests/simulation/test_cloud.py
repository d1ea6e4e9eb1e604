"""The simulated cloud: boots, lists late, interrupts and refuses by chance, and ends what it is told to end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.simulation.words import CALM, START, config, prices_of
from worker_manager.model import InstanceState, LaunchRequest, Market, Outcome
from worker_manager.simulation.cloud import GONE_IS_LISTED, SimulatedCloud, What

LAG = timedelta(seconds=CALM.list_lag_seconds)
BOOT = timedelta(seconds=CALM.boot_seconds)


def cloud_of(settings, market=Market.ON_DEMAND):
    """A cloud, and a function that launches so many instances there."""
    mine = config(market=market)
    cloud = SimulatedCloud(settings, prices_of(mine), START)

    def launch(count, now=START):
        return cloud.launch(LaunchRequest("k", "w", mine.launch_specs[0], count), now)

    return cloud, launch


def states(cloud, now):
    return [each.state for each in cloud.list("w", now)]


def whats(cloud, until):
    return [each.what for each in cloud.advance(until)]


def test_an_instance_is_listed_late_and_then_runs():
    cloud, launch = cloud_of(CALM)
    (instance_id,) = launch(1).instance_ids
    assert ([], START + LAG) == (states(cloud, START), cloud.next_event(START))
    assert [What.LISTED] == whats(cloud, START + LAG)
    assert [InstanceState.PENDING] == states(cloud, START + LAG)
    assert [What.RUNNING] == whats(cloud, START + BOOT)
    assert [InstanceState.PENDING] == states(cloud, START + BOOT)
    assert [What.LISTED] == whats(cloud, START + BOOT + LAG)
    (instance,) = cloud.list("w", START + BOOT + LAG)
    assert (InstanceState.RUNNING, instance_id, "k", "new") == (
        instance.state,
        instance.instance_id,
        instance.launch_key,
        instance.settings_hash,
    )
    assert cloud.next_event(START) is None


def test_what_is_ended_stops_is_gone_and_leaves_the_listing():
    cloud, launch = cloud_of(CALM)
    ids = launch(2).instance_ids
    now = START + timedelta(hours=1)
    whats(cloud, now)
    cloud.terminate([ids[0], "i-of-nobody"], now)
    cloud.terminate([ids[0]], now)
    assert [What.LISTED] == whats(cloud, now + LAG)
    assert [InstanceState.STOPPING, InstanceState.RUNNING] == states(cloud, now + LAG)
    gone = now + timedelta(seconds=CALM.stop_seconds)
    assert [What.GONE, What.LISTED] == whats(cloud, gone + LAG)
    assert [InstanceState.GONE, InstanceState.RUNNING] == states(cloud, gone + LAG)
    assert [InstanceState.RUNNING] == states(cloud, gone + LAG + GONE_IS_LISTED)


def test_an_instance_ended_while_it_boots_never_runs():
    cloud, launch = cloud_of(CALM)
    cloud.terminate(launch(1).instance_ids, START)
    assert What.RUNNING not in whats(cloud, START + timedelta(hours=1))


def test_a_pool_gives_what_it_has_and_gets_back_what_is_gone():
    cloud, launch = cloud_of(replace(CALM, pool_size=3))
    first = launch(5)
    assert (Outcome.LAUNCHED, 3) == (first.outcome, len(first.instance_ids))
    refused = launch(1)
    assert (Outcome.NO_CAPACITY, "no capacity of m5.large (onDemand) in us-west-1a") == (
        refused.outcome,
        refused.message,
    )
    cloud.terminate(first.instance_ids[:2], START)
    cloud.advance(START + timedelta(seconds=CALM.stop_seconds))
    assert 2 == len(launch(5).instance_ids)


def test_spot_is_interrupted_at_its_rate_and_nothing_else_is():
    settings = replace(CALM, interruptions_per_hour={Market.SPOT: 0.1})
    for market, taken in ((Market.SPOT, 63), (Market.ON_DEMAND, 0)):
        cloud, launch = cloud_of(settings, market)
        launch(100)
        changes = whats(cloud, START + timedelta(hours=10))
        assert taken == pytest.approx(changes.count(What.INTERRUPTED), abs=12 if taken else 0)  # 1 − 1/e of them
        assert changes.count(What.INTERRUPTED) == changes.count(What.GONE)


def test_an_offering_is_dry_for_its_share_of_the_time():
    _, launch = cloud_of(replace(CALM, dry_share={Market.SPOT: 0.25}), Market.SPOT)
    outcomes = [launch(1, START + timedelta(minutes=30 * index)).outcome for index in range(800)]
    assert outcomes.count(Outcome.NO_CAPACITY) == pytest.approx(200, abs=40)
    assert outcomes[0] is launch(1, START + timedelta(minutes=29)).outcome
