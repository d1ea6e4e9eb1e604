"""A broken image: 40 worker types get it by one edit, 10 others have a good one. `python -m bench.broken_image`.

Instances of a broken image boot, and their workers never register. Hours later a third image repairs it, or, where the
cause lies outside, the network is repaired and nobody edits anything. Virtual time, the real planner.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bench import worlds
from worker_manager import brakes
from worker_manager.decision import Decision, WmState
from worker_manager.model import Instance, InstanceState, LaunchRequest, LaunchResult
from worker_manager.policies import Brakes, Lifecycle, Policies, Rollout
from worker_manager.resolved import ResolvedConfig
from worker_manager.simulation import dice
from worker_manager.simulation.cloud import CloudSettings, SimulatedCloud
from worker_manager.simulation.results import Results
from worker_manager.simulation.run import Simulation
from worker_manager.simulation.trace import Row, Trace
from worker_manager.simulation.worker_type import Settings, Span

HOUR = timedelta(hours=1)
OLD, BROKEN, FIXED = "ami-00000000000000001", "ami-00000000000000002", "ami-00000000000000003"
LOW, HIGH = 10, 40
# Every few minutes jobs come, of a quarter of an hour: about as many at a time as the minimum has slots.
STEP_SECONDS, JOBS_A_STEP, JOB_SECONDS = 240.0, 3.0, 900.0
REGISTRATION_SECONDS = 600.0
OUT_OF_REACH = 1_000_000


class Case(StrEnum):
    """What happens: nothing; a broken image, and a good one later; a broken network, repaired later; no brake."""

    CALM = "nothing breaks"
    IMAGE = "broken image"
    NETWORK = "broken network"
    NO_BRAKE = "broken image, no brake"


class CountingCloud(SimulatedCloud):
    """Counts what was launched, by worker type and settings."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.launched: Counter[tuple[str, str]] = Counter()

    def launch(self, request: LaunchRequest, now: datetime) -> LaunchResult:
        result = super().launch(request, now)
        self.launched[request.worker_type, request.spec.settings_hash] += len(result.instance_ids)
        return result


@dataclass
class Outage:
    """One run: edits, breaks and repairs, and watches every decision."""

    case: Case
    broken_names: tuple[str, ...]
    good_names: tuple[str, ...]
    hours: int
    simulation: Simulation = field(init=False)
    is_up: bool = True
    lost: Counter[str] = field(default_factory=Counter)
    least_ready: int = OUT_OF_REACH
    renewed_at: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        policies = self._policies()
        configs = {name: config(name, OLD, policies) for name in (*self.broken_names, *self.good_names)}
        self.span = Span(worlds.START, (self.hours + 4) * 3600.0)
        self.cloud = CountingCloud(CloudSettings(0, interruptions_per_hour={}, dry_share={}), {}, worlds.START)
        settings = Settings(0, is_broken=self._is_broken, observers=(self._watch,))
        self.simulation = Simulation(configs, {"aws": self.cloud}, trace_of(configs), self.span, settings=settings)
        if self.case is not Case.CALM:
            self.simulation.agenda.at(self.breaks_at, self._break)
            self.simulation.agenda.at(self.repaired_at, self._repair)

    @property
    def breaks_at(self) -> datetime:
        return worlds.START + HOUR

    @property
    def repaired_at(self) -> datetime:
        return self.breaks_at + self.hours * HOUR

    def _policies(self) -> Policies:
        limits = Brakes(unproven_instances=OUT_OF_REACH) if self.case is Case.NO_BRAKE else Brakes()
        return Policies(Lifecycle(registration_timeout_seconds=REGISTRATION_SECONDS), Rollout(), limits)

    def _is_broken(self, instance: Instance) -> bool:
        is_theirs = instance.worker_type in self.broken_names
        is_lost = is_theirs and not self.is_up and instance.settings_hash == hash_of(BROKEN)
        self.lost[instance.worker_type] += is_lost
        return is_lost

    def _break(self, now: datetime) -> None:
        self.is_up = False
        self._edit(BROKEN, now)

    def _repair(self, now: datetime) -> None:
        if self.case is Case.NETWORK:
            self.is_up = True
        else:
            self._edit(FIXED, now)

    def _edit(self, image: str, now: datetime) -> None:
        for name in self.broken_names:
            self.simulation.worker_types[name].config = config(name, image, self._policies())
            self.simulation.worker_types[name].wake(now, urgent=True)

    def _watch(self, now: datetime, name: str, instances: tuple[Instance, ...], decision: Decision) -> None:
        if name not in self.broken_names or now < self.breaks_at:
            return
        run = self.simulation.worker_types[name]
        if now <= self.repaired_at:
            self.least_ready = min(self.least_ready, run.work.slots)
        hashes = {each.settings_hash for each in instances if each.state is not InstanceState.GONE}
        wanted = {each.settings_hash for each in run.config.launch_specs}
        if now > self.repaired_at and hashes == wanted and decision.state in (WmState.STEADY, WmState.SCALING):
            self.renewed_at.setdefault(name, now)

    def run(self) -> Results:
        with without_brakes(self.case is Case.NO_BRAKE):
            return self.simulation.run()


@contextmanager
def without_brakes(is_off: bool) -> Iterator[None]:  # noqa: FBT001
    """Put the one threshold that no document can change out of reach."""
    before = brakes.FAILURES_OF_ONE_HASH
    brakes.FAILURES_OF_ONE_HASH = OUT_OF_REACH if is_off else before
    try:
        yield
    finally:
        brakes.FAILURES_OF_ONE_HASH = before


def hash_of(image: str) -> str:
    return worlds.spec("a", "m5.large", image=image).settings_hash


def config(name: str, image: str, policies: Policies) -> ResolvedConfig:
    specs = (worlds.spec(zone, "m5.large", image=image) for zone in "abc")
    return worlds.config(name, specs, LOW, HIGH, policies)


def trace_of(names) -> Trace:
    return Trace({name: tuple(_rows(name)) for name in names})


def _rows(name: str) -> Iterator[Row]:
    for step in range(int(86_400 / STEP_SECONDS)):
        count = dice.count(dice.uniform(0, name, "jobs", step), JOBS_A_STEP)
        if count:
            at = STEP_SECONDS * (step + dice.uniform(0, name, "offset", step))
            yield Row(at, count, dice.lognormal(dice.uniform(0, name, "seconds", step), JOB_SECONDS, 0.3))


def most_lost(hours: float) -> int:
    """What the brake allows a worker type to lose: its budget, and one probe for every wait."""
    probes, spent = 0, 0.0
    while True:
        spent += min(brakes.LONGEST_SECONDS, brakes.FIRST_SECONDS * 2**probes)
        if spent > hours * 3600:
            return Brakes().unproven_instances + probes
        probes += 1


@dataclass(frozen=True)
class Measured:
    """What one run came to; the good worker types' numbers are to be compared with those of a calm run."""

    lost: tuple[int, ...]
    least_ready: int
    renewed: int
    slowest_renewal: timedelta | None
    results: Results
    good: dict[str, object]


def measure(case: Case, *, broken: int = 40, good: int = 10, hours: int = 6) -> Measured:
    outage = Outage(case, worlds.names("broken", broken), worlds.names("good", good), hours)
    results = outage.run()
    renewed = outage.renewed_at.values()
    return Measured(
        lost=tuple(outage.lost[name] for name in outage.broken_names),
        least_ready=outage.least_ready,
        renewed=len(renewed),
        slowest_renewal=max(renewed) - outage.repaired_at if renewed else None,
        results=results,
        good={name: results.worker_types[name] for name in outage.good_names},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=6)
    hours = parser.parse_args().hours
    found = {case: measure(case, hours=hours) for case in Case}
    calm = found[Case.CALM]
    rows = [
        (
            case,
            max(each.lost),
            f"{statistics.mean(each.lost):.1f}",
            sum(each.lost),
            each.least_ready if case is not Case.CALM else "-",
            f"{each.renewed} of {len(each.lost)}" if case is not Case.CALM else "-",
            str(each.slowest_renewal).split(".")[0] if each.slowest_renewal and case is not Case.CALM else "-",
            "as calm" if each.good == calm.good else "DIFFER",
        )
        for case, each in found.items()
    ]
    head = ("", "most lost", "mean", "all", "least ready", "renewed", "slowest after", "the good ones")
    worlds.show(head, rows)
    print(f"\nallowed a worker type in {hours} h: {most_lost(hours)} lost; its minimum: {LOW} ready")


if __name__ == "__main__":
    main()
