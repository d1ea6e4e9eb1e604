"""The numbers of a simulation: sums over time, percentiles, and chance that is the same for the same names."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_manager.model import Market, Offering
from worker_manager.provider import Price, Prices
from worker_manager.simulation import dice
from worker_manager.simulation.prices import PriceList
from worker_manager.simulation.results import Gauge, percentiles


def test_a_gauge_knows_its_mean_in_every_stretch_and_its_highest():
    gauge = Gauge(300.0, 100.0)
    gauge.set(4, 50.0)
    gauge.add(-2, 150.0)
    gauge.set(0, 250.0)
    assert gauge.hours(300.0) == pytest.approx((4 * 100 + 2 * 100) / 3600)
    assert [2.0, 3.0, 1.0] == gauge.means()
    assert 4 == gauge.highest


@given(st.lists(st.tuples(st.floats(0, 1000), st.integers(0, 9)), max_size=20))
def test_stretches_lose_nothing(changes):
    changes = sorted(changes, key=lambda each: each[0])
    gauge, expected, value, since = Gauge(1000.0, 70.0), 0.0, 0, 0.0
    for at, new in [*changes, (1000.0, 0)]:
        expected += value * (at - since)
        value, since = new, at
        gauge.set(new, at)
    assert gauge.hours(1000.0) == pytest.approx(expected / 3600, abs=1e-9)
    assert sum(gauge.means()) * 70 == pytest.approx(expected, abs=1e-6)


def test_gauges_add_up():
    one, other = Gauge(200.0, 100.0), Gauge(200.0, 100.0)
    one.set(1, 0.0)
    other.set(2, 100.0)
    one.absorb(other, 200.0)
    assert [1.0, 3.0] == one.means()


def test_percentiles_are_values_that_occurred():
    assert [50, 95, 99] == percentiles(range(1, 101), (50, 95, 99))
    assert [7, 7] == percentiles([7], (50, 99))
    assert [None] == percentiles([], (50,))


def test_chance_depends_on_names_and_seed_alone():
    assert dice.uniform(1, "boot", "i-1") == dice.uniform(1, "boot", "i-1")
    drawn = {dice.uniform(seed, name, number) for seed in (1, 2) for name in ("a", "b") for number in range(50)}
    assert 200 == len(drawn)
    assert all(0 < each < 1 for each in drawn)


def test_chance_is_spread_as_it_should_be():
    chances = [dice.uniform(3, index) for index in range(4000)]
    assert statistics.mean(chances) == pytest.approx(0.5, abs=0.02)
    assert statistics.mean(dice.exponential(each, 50) for each in chances) == pytest.approx(50, rel=0.05)
    assert statistics.median(dice.lognormal(each, 60, 0.3) for each in chances) == pytest.approx(60, rel=0.05)
    for mean in (0.3, 5, 250):
        assert statistics.mean(dice.count(each, mean) for each in chances) == pytest.approx(mean, rel=0.06)


def test_prices_are_those_known_or_by_worth_and_market():
    known, spot = Offering("r", "ra", "known"), Offering("r", "ra", "other", Market.SPOT, utility=4)
    dear = Offering("r", "rb", "other", utility=2)
    prices = PriceList(Prices.told_by([Price("known", Market.ON_DEMAND, 7.0)]), 0.1, 0.03)
    assert {known.key: 7.0, spot.key: pytest.approx(0.12), dear.key: 0.2} == prices.prices([known, spot, dear])
