"""Small worlds: configs without documents, and simulations of them."""

import datetime as dt
from dataclasses import replace

from worker_manager.model import LaunchSpec, Market, Offering
from worker_manager.policies import Lifecycle, Policies
from worker_manager.resolved import ResolvedConfig
from worker_manager.simulation.cloud import CloudSettings, SimulatedCloud
from worker_manager.simulation.run import Simulation
from worker_manager.simulation.trace import DAY, Row, Trace
from worker_manager.simulation.worker_type import Settings, Span

START = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
CALM = CloudSettings(boot_spread=0.0, interruptions_per_hour={}, dry_share={})


def config(name="w", low=0, high=10, *, market=Market.ON_DEMAND, slots=1, zones="ab", lifecycle=None, settings="new"):
    """A worker type with an offering in every zone."""
    specs = tuple(
        LaunchSpec(Offering("us-west-1", f"us-west-1{zone}", "m5.large", market, slots), {}, {}, settings)
        for zone in zones
    )
    base = ResolvedConfig(name, "aws", {}, low, high, 1.0, specs, f"hash of {settings}")
    return replace(base, policies=Policies(Lifecycle(**(lifecycle or {}))))


def prices_of(*configs):
    return {
        spec.offering.key: 0.1 if spec.offering.market is Market.ON_DEMAND else 0.03
        for each in configs
        for spec in each.launch_specs
    }


def jobs(*rows, name="w", days=1):
    """Rows of (at, jobs, seconds of each)."""
    return Trace({name: tuple(Row(*each) for each in rows)}, days=days)


def world(trace, *configs, days=1.0, cloud=CALM, settings=None):
    """A simulation of the configs with that work."""
    clouds = {"aws": SimulatedCloud(cloud, prices_of(*configs), START)}
    span = Span(START, days * DAY)
    return Simulation(
        {each.worker_type: each for each in configs}, clouds, trace, span, settings=settings or Settings()
    )


class Seen(list):
    """Every decision of a simulation, as (time, worker type, instances, decision)."""

    def __call__(self, *decision):
        self.append(decision)

    @property
    def settings(self):
        """Settings of a simulation that shows its decisions here."""
        return Settings(observers=(self,))
