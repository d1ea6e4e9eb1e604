"""A rollout of 500 instances, 5 % at a time: never above its ceiling, never below its floor, and how near the ideal.

`python -m bench.rollout` plays it on virtual time, `python -m bench.rollout --real` on a Temporal dev server and the
EC2 emulator (bench/rollout_real.py). The ideal is

    waves x (boot + registration + minReady + drain + end + listing lags)

as each wave of replacements must be ready before as many old ones go, and these must be gone before the next.
"""

from __future__ import annotations

import argparse
import asyncio
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bench import worlds
from worker_manager.decision import Decision
from worker_manager.model import Instance, InstanceState, LaunchRequest, LaunchResult
from worker_manager.policies import Lifecycle, Policies, Rollout, Share
from worker_manager.provider import ProviderRecord
from worker_manager.resolved import ResolvedConfig
from worker_manager.simulation.cloud import Change, CloudSettings, SimulatedCloud
from worker_manager.simulation.run import Simulation
from worker_manager.simulation.trace import Row, Trace
from worker_manager.simulation.worker_type import Settings, Span

OLD, NEW = "ami-00000000000000001", "ami-00000000000000002"
NAME = "rollout"
BEGINS = timedelta(hours=1)
CLOUD = CloudSettings(boot_seconds=60.0, boot_spread=0.0, list_lag_seconds=5.0, interruptions_per_hour={}, dry_share={})
REGISTRATION_SECONDS, MIN_READY_SECONDS = 20.0, 30.0
LOOK_SECONDS = 1.0
BUSY_SHARE = 0.97


@dataclass(frozen=True)
class Case:
    """One rollout: its budget in percent, and for how long a worker is busy (0: there is always an idle one)."""

    title: str
    surge: int = 5
    unavailable: int = 0
    job_seconds: float = 0.0
    boot_spread: float = 0.0

    def ideal_seconds(self, count: int) -> float:
        """A wave of `surge` waits for replacements, then for its old ones; one of `unavailable` the other way round."""
        at_once = math.ceil(count * (self.surge + self.unavailable) / 100)
        # A look sees what a listing shows: replacements that run, and old ones that are gone.
        lags = 2 * CLOUD.list_lag_seconds
        ready = CLOUD.boot_seconds + REGISTRATION_SECONDS + MIN_READY_SECONDS
        # Any old one that has finished its work may go, so a wave takes until as many have.
        drain = self.job_seconds * at_once / (BUSY_SHARE * count)
        return math.ceil(count / at_once) * (ready + drain + CLOUD.stop_seconds + lags)


CASES = (
    Case("surge 5 %"),
    Case("surge 5 %, boots vary", boot_spread=0.3),
    Case("unavailable 5 %", surge=0, unavailable=5),
    Case("surge 5 %, jobs of 5 min", job_seconds=300.0),
)


class WatchedCloud(SimulatedCloud):
    """Keeps, at every event, how many instances exist at most."""

    def __init__(self, settings: CloudSettings) -> None:
        super().__init__(settings, {}, worlds.START)
        self.most = 0
        self.events = 0

    def launch(self, request: LaunchRequest, now: datetime) -> LaunchResult:
        result = super().launch(request, now)
        self.most = max(self.most, len(self._machines))
        return result

    def advance(self, now: datetime) -> list[Change]:
        changes = list(super().advance(now))
        self.events += len(changes)
        return changes


@dataclass
class Watch:
    """One rollout: edits, and watches what is ready at every decision."""

    case: Case
    count: int
    simulation: Simulation = field(init=False)
    least_ready: int = 1_000_000
    ended_at: datetime | None = None
    samples: int = 0

    def __post_init__(self) -> None:
        longest = BEGINS.total_seconds() + 3 * self.case.ideal_seconds(self.count)
        settings = CloudSettings(
            boot_seconds=CLOUD.boot_seconds,
            boot_spread=self.case.boot_spread,
            list_lag_seconds=CLOUD.list_lag_seconds,
            interruptions_per_hour={},
            dry_share={},
        )
        self.cloud = WatchedCloud(settings)
        self.simulation = Simulation(
            {NAME: self.config(OLD)},
            {"aws": self.cloud},
            self._trace(),
            Span(worlds.START, longest),
            settings=Settings(look_seconds=LOOK_SECONDS, agent_seconds=REGISTRATION_SECONDS, observers=(self._watch,)),
            records={"aws": ProviderRecord("aws", "aws", list_lag_seconds=CLOUD.list_lag_seconds)},
        )
        self.simulation.agenda.at(worlds.START + BEGINS, self._edit)

    def config(self, image: str) -> ResolvedConfig:
        budget = Rollout(Share(percent=self.case.surge), Share(percent=self.case.unavailable), MIN_READY_SECONDS)
        policies = Policies(Lifecycle(registration_timeout_seconds=600.0), budget)
        specs = (worlds.spec(zone, "m5.large", image=image) for zone in "abc")
        return worlds.config(NAME, specs, self.count, 2 * self.count, policies)

    def _trace(self) -> Trace:
        """As much work as may be relied on at any moment; or jobs that keep nearly all instances busy."""
        seconds = self.case.job_seconds
        if not seconds:
            work = self.count - math.ceil(self.count * self.case.unavailable / 100)
            return Trace({NAME: (Row(0.0, work),)}, is_level=True)
        step = 10.0
        jobs = math.floor(BUSY_SHARE * self.count * step / seconds)
        return Trace({NAME: tuple(Row(step * each, jobs, seconds) for each in range(8640))})

    def _edit(self, now: datetime) -> None:
        run = self.simulation.worker_types[NAME]
        assert run.work.slots >= self.count, f"only {run.work.slots} of {self.count} came up in time"
        run.config = self.config(NEW)
        self.cloud.most = 0
        run.wake(now, urgent=True)

    def _watch(self, now: datetime, _: str, instances: tuple[Instance, ...], decision: Decision) -> None:
        if now < worlds.START + BEGINS or self.ended_at is not None:
            return
        run = self.simulation.worker_types[NAME]
        self.samples += 1
        self.least_ready = min(self.least_ready, run.work.slots)
        there = [each for each in instances if each.state is not InstanceState.GONE]
        if {each.settings_hash for each in there} == {run.config.launch_specs[0].settings_hash}:
            self.ended_at = now


@dataclass(frozen=True)
class Measured:
    """What one rollout came to."""

    seconds: float
    ideal_seconds: float
    most: int
    least_ready: int
    samples: int

    @property
    def of_ideal(self) -> float:
        return self.seconds / self.ideal_seconds


def measure(case: Case, count: int) -> Measured:
    watch = Watch(case, count)
    watch.simulation.run()
    assert watch.ended_at is not None, f"{case.title}: not every instance was replaced in time"
    seconds = (watch.ended_at - worlds.START - BEGINS).total_seconds()
    return Measured(seconds, case.ideal_seconds(count), watch.cloud.most, watch.least_ready, watch.samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--real", action="store_true")
    given = parser.parse_args()
    (show_real if given.real else show_cases)(given.instances)


def show_cases(count: int) -> None:
    head = ("", "seconds", "ideal", "of ideal", "most", "ceiling", "least ready", "floor", "samples")
    rows = []
    for case in CASES:
        found = measure(case, count)
        ceiling, floor = (
            count + sign * math.ceil(count * by / 100) for sign, by in ((1, case.surge), (-1, case.unavailable))
        )
        numbers = (f"{found.seconds:,.0f}", f"{found.ideal_seconds:,.0f}", f"{found.of_ideal:.0%}")
        rows.append((case.title, *numbers, found.most, ceiling, found.least_ready, floor, found.samples))
    worlds.show(head, rows)


def show_real(count: int) -> None:
    from bench import rollout_real as real

    found = asyncio.run(real.measure(count, "5%"))
    ideal = math.ceil(count / math.ceil(count / 20)) * (real.BOOT_SECONDS + real.SHUTDOWN_SECONDS)
    worlds.show(
        ("", "seconds", "ideal", "of ideal", "most", "least ready", "samples", "events an instance"),
        [
            (
                "surge 5 %, real",
                f"{found.seconds:,.0f}",
                f"{ideal:,.0f}",
                f"{found.seconds / ideal:.0%}",
                found.most_alive,
                found.least_ready,
                found.samples,
                f"{found.events / count:.1f}",
            )
        ],
    )


if __name__ == "__main__":
    main()
