"""A simulation: jobs wait, run and end once; instances are bought, taken, replaced and paid for; all of it by seed."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from activities import options
from tests.simulation.words import CALM, START, Seen, config, jobs, prices_of, world
from worker_manager.model import InstanceState, LaunchResult, Market, Outcome
from worker_manager.simulation.account import LAUNCH_SECONDS
from worker_manager.simulation.cloud import CloudSettings, SimulatedCloud, What
from worker_manager.simulation.results import Results
from worker_manager.simulation.run import Simulation
from worker_manager.simulation.trace import Row, Trace
from worker_manager.simulation.worker_type import Settings, Span
from workflows import worker_type as workflow

SPOT = CloudSettings(interruptions_per_hour={Market.SPOT: 1.0}, dry_share={Market.SPOT: 0.3}, pool_size=6)
# Every ten minutes 4 jobs of 15 minutes.
STEADY = [(600.0 * index, 4, 900.0) for index in range(144)]


def stormy(seed: int = 0) -> Results:
    """A day with interruptions and refusals."""
    spot = config(market=Market.SPOT, high=20, lifecycle={"registration_timeout_seconds": 600.0})
    return world(jobs(*STEADY), spot, cloud=replace(SPOT, seed=seed), settings=Settings(seed)).run()


def test_the_same_seed_gives_the_same_results():
    assert stormy() == stormy()


def test_another_seed_gives_others():
    assert stormy(1) != stormy(2)


def test_one_job_waits_for_an_instance_and_ends_it():
    results = world(jobs((3600.0, 1, 600.0)), config()).run().total
    assert (1, 1, 1, 0) == (results.jobs, results.finished, results.launched, results.lost)
    boot_and_agent = CALM.boot_seconds + Settings().agent_seconds
    assert boot_and_agent == results.wait_p50_seconds
    assert results.waiting_slot_hours == pytest.approx(boot_and_agent / 3600)
    assert results.work_slot_hours == pytest.approx((boot_and_agent + 600) / 3600)
    assert 1 == results.ended


def test_every_job_waits_runs_and_ends_once():
    simulation = world(jobs(*STEADY[:100]), config(market=Market.SPOT, high=20), cloud=SPOT)
    total = simulation.run().total
    assert total.interrupted > 0
    assert total.lost > 0
    assert (400, 400) == (total.jobs, total.finished)
    assert 400 == len(simulation.worker_types["w"].work.tally.waits)
    # What was lost ran in vain, so more ran than there were jobs.
    running = simulation.worker_types["w"].meters.running.hours(86400)
    assert running > 400 * 900 / 3600


class Booked(SimulatedCloud):
    """A cloud that keeps its own books of every instance."""

    def __init__(self, *args):
        super().__init__(*args)
        self.begun, self.ended, self.offering = {}, {}, {}

    def launch(self, request, now):
        result = super().launch(request, now)
        for each in result.instance_ids:
            self.begun[each], self.offering[each] = now, request.spec.offering.key
        return result

    def advance(self, now):
        changes = super().advance(now)
        self.ended |= {each.instance.instance_id: now for each in changes if each.what is What.GONE}
        return changes


def test_the_cost_is_the_sum_of_hours_times_price_of_every_instance():
    spot, dear = config("w", market=Market.SPOT, high=20), config("dear", low=2)
    cloud, span = Booked(SPOT, prices_of(spot, dear), START), Span(START, 86400.0)
    trace = jobs(*STEADY)
    total = Simulation({"w": spot, "dear": dear}, {"aws": cloud}, trace, span).run().total
    hours = {
        each: (cloud.ended.get(each, span.end) - begun).total_seconds() / 3600 for each, begun in cloud.begun.items()
    }
    assert len(cloud.begun) == total.launched > 100
    assert sum(hours.values()) == pytest.approx(total.instance_hours)
    assert sum(cloud.prices[cloud.offering[each]] * spent for each, spent in hours.items()) == pytest.approx(total.cost)


def test_instances_are_never_more_than_the_maximum():
    high, most = 7, []

    def look(_now, _name, instances, decision):
        listed = [each for each in instances if each.state is not InstanceState.GONE]
        launched = sum(each.count for each in decision.launches)
        most.append(sum(each.capacity for each in listed) + 2 * launched)

    slots = config(market=Market.SPOT, high=high, slots=2)
    numbers = world(jobs(*STEADY), slots, cloud=SPOT, settings=Settings(observers=(look,))).run().total
    assert 6 == numbers.peak_slots  # instances of two slots: a fourth would be one slot too many
    assert max(most) <= high


def test_interrupted_instances_are_replaced_and_their_work_done_elsewhere():
    """Every one is taken away after an hour on average, and still all four slots are worked on nearly all day."""
    cloud = replace(CALM, interruptions_per_hour={Market.SPOT: 1.0})
    numbers = world(jobs((0.0, 400, 300.0)), config(market=Market.SPOT, high=4), cloud=cloud).run().total
    assert 400 == numbers.finished
    assert numbers.launched >= 4 + numbers.interrupted - 3
    assert numbers.interrupted > 10


class Taking(SimulatedCloud):
    """A cloud that takes the first instance away at a given second."""

    second = 0.0

    def _foresee_interruption(self, instance, market, now):
        if instance.instance_id.endswith("000001"):
            self._enter(START + timedelta(seconds=self.second), What.INTERRUPTED, instance)


@pytest.mark.parametrize("second", [70.0, 5000.0])
def test_an_interrupted_instance_is_replaced_within_seconds_and_works_no_more(second):
    """After 70 seconds it runs, and its worker was just about to start."""
    lonely, seen = config(low=1, high=2), Seen()
    cloud = Taking(CALM, prices_of(lonely), START)
    cloud.second = second
    simulation = Simulation(
        {"w": lonely}, {"aws": cloud}, jobs((0.0, 1, 9000.0)), Span(START, 86400.0), settings=seen.settings
    )
    total = simulation.run().total
    launched_at = [(now - START).total_seconds() for now, _, _, decision in seen if decision.launches]
    assert 0 == launched_at[0]
    assert second <= launched_at[1] <= second + 2
    assert (1, 1 if second > 80 else 0, 1) == (total.interrupted, total.lost, total.finished)


def test_the_minimum_is_kept_through_interruptions():
    cloud, seen = replace(CALM, interruptions_per_hour={Market.SPOT: 0.5}), Seen()
    numbers = world(jobs(), config(low=4, market=Market.SPOT), cloud=cloud, settings=seen.settings).run().total
    assert numbers.interrupted > 20
    assert numbers.launched == pytest.approx(numbers.interrupted + 4, abs=1)
    assert 0 == numbers.ended


def test_refusals_come_from_empty_pools():
    """Two offerings of three instances: of ten jobs at once four wait, and calls are refused."""
    simulation = world(jobs((0.0, 10, 7200.0)), config(), cloud=replace(CALM, pool_size=3), days=0.05)
    numbers = simulation.run().total
    assert (6, 6) == (numbers.launched, numbers.peak_slots)
    assert numbers.refused > 0
    assert {Outcome.NO_CAPACITY} == {each.outcome for each in simulation.accounts["aws"].budgets}


def test_without_limits_nothing_is_refused():
    numbers = world(jobs(*STEADY), config(high=50)).run().total
    assert 0 == numbers.refused < numbers.calls


def test_a_place_that_refused_is_remembered_by_all_worker_types_together():
    """Ten worker types want the one instance that a dry offering does not have: far fewer calls than looks."""
    names = [f"w{index}" for index in range(10)]
    configs = [config(each, low=1, market=Market.SPOT, zones="a") for each in names]
    numbers = world(jobs(), *configs, cloud=replace(CALM, dry_share={Market.SPOT: 1.0}), days=0.25).run().total
    assert 0 == numbers.launched
    assert numbers.calls == numbers.refused
    assert 10 < numbers.calls < 250  # 6 hours, probed every two minutes at the most by all ten together


def test_an_idle_minimum_costs_nearly_no_decisions():
    numbers = world(jobs(), config(low=3)).run().total
    assert numbers.decisions < 60  # a long timer of half an hour, and the launches of the beginning


def test_a_week_of_five_worker_types_takes_few_decisions():
    names = [f"w{index}" for index in range(5)]
    trace = Trace({each: tuple(Row(3600.0 * hour, 5, 1200.0) for hour in range(24)) for each in names})
    numbers = world(trace, *(config(each) for each in names), days=7.0).run().total
    assert 5 * 7 * 24 * 5 == numbers.jobs
    # In an hour of one worker type: work comes, launches are seen, boot and are seen, five jobs end, five instances go.
    assert numbers.decisions < 12 * 5 * 7 * 24


def test_looks_are_no_closer_together_than_is_said():
    seen = Seen()
    settings = replace(seen.settings, look_seconds=120.0)
    world(jobs(*STEADY), config(high=50), settings=settings).run()
    times = [each[0] for each in seen]
    gaps = Counter((after - before).total_seconds() < 120 for before, after in pairwise(times))
    # Closer ones are those that the decision itself asked for.
    assert gaps[True] < gaps[False] / 10


def test_an_idle_instance_is_kept_as_long_as_its_config_says():
    """One job of two ends after ten minutes; its worker goes a quarter of an hour later, while the other still runs."""
    seen, trace = Seen(), jobs((0.0, 1, 600.0), (1.0, 1, 7200.0))
    world(trace, config(lifecycle={"max_idle_seconds": 900.0}), days=0.1, settings=seen.settings).run()
    first, *_ = [now for now, _, _, decision in seen if decision.terminations]
    idle_at = START + timedelta(seconds=CALM.boot_seconds + Settings().agent_seconds + 600)
    assert timedelta(seconds=900) <= first - idle_at <= timedelta(seconds=960)


def test_an_instance_whose_worker_never_starts_is_replaced_in_time():
    first = []

    def is_broken(instance):
        first.append(instance.instance_id)
        return instance.instance_id == first[0]

    settings = Settings(is_broken=is_broken)
    strict = config(lifecycle={"registration_timeout_seconds": 300.0})
    numbers = world(jobs((0.0, 1, 600.0)), strict, settings=settings).run().total
    assert (1, 2) == (numbers.finished, numbers.launched)
    assert 300 < numbers.wait_p50_seconds < 1200


def test_an_edit_in_the_middle_is_taken_up():
    """A driver replaces a config: the worker type follows without a person."""
    simulation = world(jobs(), config(low=2))

    def edit(now):
        simulation.worker_types["w"].config = config(low=5)
        simulation.worker_types["w"].wake(now)

    simulation.agenda.at(START + timedelta(hours=12), edit)
    numbers = simulation.run().total
    assert (5, 5) == (numbers.launched, numbers.peak_slots)
    assert numbers.instance_hours == pytest.approx(2 * 12 + 5 * 12, abs=0.1)


def test_a_level_is_worked_on_as_far_as_there_are_slots():
    trace = Trace({"w": (Row(0.0, 3), Row(43200.0, 20), Row(64800.0, 0))}, is_level=True)
    numbers = world(trace, config(high=10)).run().total
    assert 10 == numbers.peak_slots
    assert numbers.work_slot_hours == pytest.approx(3 * 12 + 20 * 6)
    assert numbers.waiting_slot_hours == pytest.approx(10 * 6, abs=1.5)
    assert numbers.wait_p50_seconds is None
    assert numbers.launched == numbers.ended == 10


def test_another_cloud_may_be_driven():
    """A driver brings its own cloud: here one that answers every first call of a launch with a time-out."""

    class Mute(SimulatedCloud):
        lost = True

        def launch(self, request, now):
            if self.lost:
                self.lost = False
                super().launch(request, now)
                return LaunchResult(request.launch_key, Outcome.UNKNOWN)
            return super().launch(request, now)

    lonely = config(high=1)
    span = Span(START, 86400.0)
    simulation = Simulation({"w": lonely}, {"aws": Mute(CALM, prices_of(lonely), START)}, jobs((0.0, 1, 600.0)), span)
    total = simulation.run().total
    assert (1, 1, 1, 1) == (total.calls, total.launched, total.finished, total.ended)
    assert 80.0 == total.wait_p50_seconds


def test_what_is_taken_from_other_layers_is_the_same_there():
    """The core may import neither workflows nor activities, so their numbers are written down once more."""
    from worker_manager.simulation import worker_type

    assert options.LAUNCH_DEADLINE_SECONDS + options.SETTLE_MARGIN_SECONDS == LAUNCH_SECONDS
    assert workflow.REST_SECONDS == worker_type.REST_SECONDS
