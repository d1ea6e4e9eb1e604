"""A capacity storm: 40 worker types, and the cheapest offering is dry for 90 minutes. `python -m bench.storm`.

The same planner and the same storm with two rules of what to ask a place that refused: ours (worker_manager.budgets),
and a filter that leaves it alone for three minutes and then is open to everyone, as Karpenter's has it. Launches,
terminations and interruptions are real calls to the EC2 emulator, which counts; time is virtual.

Two ways of sending, the same for both rules: *at once*, as a provider without `launchCallsPerSecond` does, and *paced*,
2 calls a second one after the other. Whoever has not been sent when a refusal becomes known is not sent.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bench import worlds
from bench.storm_cloud import FILTER, EmulatedCloud, Filter, Ours, Queue
from emulators.control import Control
from emulators.ec2 import Ec2Emulator
from worker_manager.model import Cap, Market
from worker_manager.provider import ProviderRecord
from worker_manager.providers.aws.provider import AwsProvider
from worker_manager.resolved import ResolvedConfig
from worker_manager.simulation import dice
from worker_manager.simulation.run import Simulation
from worker_manager.simulation.trace import Row, Trace
from worker_manager.simulation.worker_type import Settings, Span

CALM, AFTER = timedelta(minutes=15), timedelta(minutes=20)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
DRY = worlds.spec("a", "m5.large", Market.SPOT)
LIMITED = (worlds.spec("b", "m5.large", Market.SPOT), worlds.spec("c", "m5.large", Market.SPOT))
PLENTY = tuple(worlds.spec(zone, name, Market.SPOT) for name in ("c5.large", "r5.large") for zone in "abc")
# Of what is plenty a worker type may have so many, so that the rest of its work needs the dry offering.
CAPS = (Cap(4, instance_type="c5.large"), Cap(4, instance_type="r5.large"))
LIMITED_SIZE = 36
# Slots of work of a worker type before the storm, and how many more in the end.
WORK, GROWTH = 12, 12
NO_CAPACITY = "InsufficientInstanceCapacity"
CLOUD = {"boot_seconds": 0.0, "boot_jitter": 0.0, "shutdown_seconds": 0.0, "terminated_seconds": 1.0}


# --- the storm --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """What one storm came to; times in seconds, from the recovery on."""

    calls: int
    refused: int
    dry_share: float
    peak_a_minute: int
    launched: int
    to_full_seconds: float
    missed_hours: float


@dataclass
class Storm:
    """One storm, with one rule: enters what happens into the agenda, and reads the emulator's counts."""

    simulation: Simulation
    cloud: EmulatedCloud
    control: Control
    storm: timedelta
    full_at: datetime | None = None

    def enter(self) -> None:
        begin, agenda = worlds.START + CALM, self.simulation.agenda
        self.samples: list[tuple[int, int]] = []
        self.refused_before: Counter[str] = Counter()
        self.missed = [0.0, 0.0]
        agenda.at(begin, self._begin)
        for minute in range(1, int(self.storm / MINUTE)):
            agenda.at(begin + minute * MINUTE, self._sample)
        agenda.at(begin + self.storm, self._recover)

    def _begin(self, now: datetime) -> None:
        self.control.set_capacity({pool(DRY): 0, **{pool(each): LIMITED_SIZE for each in LIMITED}})
        self.refused_before = self.cloud.refused.copy()
        self.missed[0] = self._waited(now)
        self._sample(now)

    def _sample(self, now: datetime) -> None:
        stats = self.control.stats()
        self.samples.append((stats["calls"]["RunInstances"], stats["errors"].get(NO_CAPACITY, 0)))

    def _recover(self, now: datetime) -> None:
        self._sample(now)
        self.missed[1] = self._waited(now)
        self.refused = self.cloud.refused - self.refused_before
        self.cloud.is_over = True
        self.control.set_capacity({pool(DRY): None})
        self._watch(now)

    def _watch(self, now: datetime) -> None:
        if any(each.work.waiting for each in self.simulation.worker_types.values()):
            self.simulation.agenda.at(now + SECOND, self._watch)
        else:
            self.full_at = now

    def _waited(self, now: datetime) -> float:
        at = self.simulation.span.second(now)
        return sum(each.meters.waiting.hours(at) for each in self.simulation.worker_types.values())

    def measured(self) -> Measured:
        (calls, refused), (all_calls, all_refused) = self.samples[0], self.samples[-1]
        assert all_refused - refused == self.refused.total(), "the emulator counts other refusals than we do"
        assert self.full_at is not None, "the fleet was not full again in time"
        minutes = zip(self.samples, self.samples[1:], strict=False)
        recovered = worlds.START + CALM + self.storm
        return Measured(
            calls=all_calls - calls,
            refused=all_refused - refused,
            dry_share=self.refused[DRY.offering.key] / max(1, self.refused.total()),
            peak_a_minute=max(after - before for (_, before), (_, after) in minutes),
            launched=sum(each.meters.launched for each in self.simulation.worker_types.values()),
            to_full_seconds=(self.full_at - recovered).total_seconds(),
            missed_hours=self.missed[1] - self.missed[0],
        )


def pool(spec) -> str:
    """As the emulator's control API names it."""
    return f"{spec.offering.zone}/{spec.offering.instance_type}/spot"


def worker_types(count: int) -> dict[str, ResolvedConfig]:
    """Every fourth may also have what is limited."""
    return {
        name: worlds.config(
            name,
            (DRY, *PLENTY, *([LIMITED[index // 4 % 2]] if index % 4 == 0 else [])),
            low=0,
            high=2 * (WORK + GROWTH),
            caps=CAPS,
        )
        for index, name in enumerate(worlds.names("storm", count))
    }


def trace_of(names: Sequence[str], storm: timedelta, seed: int) -> Trace:
    """Every worker type gets one more slot of work now and then, at moments of its own."""
    step, begin = storm.total_seconds() / GROWTH, CALM.total_seconds()
    rows = {
        name: (
            Row(0.0, WORK),
            *(
                Row(begin + step * (index + dice.uniform(seed, name, "growth", index)), WORK + index + 1)
                for index in range(GROWTH)
            ),
        )
        for name in names
    }
    return Trace(rows, is_level=True)


def run(rule: type[Queue], calls_per_second: float, *, count: int, storm: timedelta, seed: int) -> Measured:
    """One storm on an emulator of its own."""
    with Ec2Emulator(settings=CLOUD, seed=seed) as emulator:
        prices = {pool(each): 0.03 for each in (*PLENTY, *LIMITED)}
        emulator.control.set_prices({pool(DRY): 0.02, **prices})
        record = ProviderRecord("aws", "aws", "storm", emulator.endpoint, (worlds.REGION,), list_lag_seconds=30.0)
        configs = worker_types(count)
        cloud = EmulatedCloud(AwsProvider(record), emulator.control, seed, (DRY, *PLENTY, *LIMITED))
        simulation = Simulation(
            configs,
            {"aws": cloud},
            trace_of(tuple(configs), storm, seed),
            Span(worlds.START, (CALM + storm + AFTER).total_seconds()),
            settings=Settings(seed, look_seconds=5.0),
            records={"aws": record},
            account_of=rule,
        )
        queue = simulation.accounts["aws"]
        assert isinstance(queue, Queue)
        queue.agenda, queue.calls_per_second = simulation.agenda, calls_per_second
        queue.wake_all = partial(wake_all, simulation)
        watched = Storm(simulation, cloud, emulator.control, storm)
        watched.enter()
        simulation.run()
        cloud.check()
        return watched.measured()


def wake_all(simulation: Simulation, now: datetime) -> None:
    for each in simulation.worker_types.values():
        each.wake(now, urgent=True)


RULES: Mapping[str, type[Queue]] = {"ours": Ours, "3-minute filter": Filter}
SENDING = {"at once": 0.0, "2 calls/s": 2.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker-types", type=int, default=40)
    parser.add_argument("--minutes", type=int, default=90)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    rows = []
    # The recovery falls on another moment between two looks of the filter each time, as it favours one or the other.
    storms = [timedelta(minutes=given.minutes) + FILTER * each / given.seeds for each in range(given.seeds)]
    for sending, rate in SENDING.items():
        for name, rule in RULES.items():
            found = [
                run(rule, rate, count=given.worker_types, storm=storm, seed=seed) for seed, storm in enumerate(storms)
            ]
            rows.append((f"{name}, {sending}", *row(found)))
    worlds.show(HEAD, rows)
    print(f"\nseconds to full after storms of {SHORT / MINUTE:.0f} min, by the moment at which they end, at once\n")
    worlds.show(("", "mean", "worst", "each"), (moments(name, given.worker_types) for name in RULES))


def moments(name: str, count: int) -> tuple[str, ...]:
    """The same short storm with ends all over the filter's period: a single one tells more of luck than of the rule."""
    storms = (SHORT + FILTER * each / MOMENTS for each in range(MOMENTS))
    full = [run(RULES[name], 0.0, count=count, storm=each, seed=0).to_full_seconds for each in storms]
    return name, f"{statistics.mean(full):.0f}", f"{max(full):.0f}", " ".join(f"{each:.0f}" for each in full)


SHORT, MOMENTS = timedelta(minutes=24), 9
HEAD = ("", "calls", "refused", "of the dry", "peak/min", "to full s (worst)", "missed h")


def row(found: Sequence[Measured]) -> tuple[str, ...]:
    """Means of all seeds."""

    def mean(member: str) -> float:
        return statistics.mean(getattr(each, member) for each in found)

    return (
        f"{mean('calls'):,.0f}",
        f"{mean('refused'):,.0f}",
        f"{mean('dry_share'):.0%}",
        f"{max(each.peak_a_minute for each in found)}",
        f"{mean('to_full_seconds'):.0f} ({max(each.to_full_seconds for each in found):.0f})",
        f"{mean('missed_hours'):,.0f}",
    )


if __name__ == "__main__":
    main()
