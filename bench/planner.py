"""How long one decision takes, by size of the fleet: `python -m bench.planner [INSTANCES ...]`.

The inputs are the same at every run: nothing is drawn by lot, and `NOW` is fixed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from worker_manager.brakes import WHOLE
from worker_manager.budgets import Budget
from worker_manager.decision import Fleet
from worker_manager.memory import Boot, Brake, Intent, Mark, MarkKind, Memory, Mode, Report, ReportKind
from worker_manager.model import (
    Cap,
    Demand,
    Instance,
    InstanceState,
    LaunchResult,
    LaunchSpec,
    Offering,
    Outcome,
)
from worker_manager.plan import decide
from worker_manager.policies import Brakes, Rollout
from worker_manager.resolved import ResolvedConfig

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SOON, EARLIER = NOW + timedelta(minutes=1), NOW - timedelta(minutes=10)
SIZES = (100, 1_000, 5_000, 20_000)
PASSES = 15
GOAL_INSTANCES, GOAL_MS = 5_000, 50

# A fleet's usual choice (3 regions, 4 zones each, 4 types) and a very wide one.
FEW_TYPES, MANY_TYPES = 4, 50
# Of every hundred instances so many boot, so many run with settings since edited.
BOOTING, DRIFTED = 2, 1
# Paces that keep nothing back, so that as much is decided as there is to decide.
FREE = Brakes(launches_per_minute=1_000_000, terminations_per_minute=1_000_000)


@dataclass(frozen=True, slots=True)
class Case:
    """One decision's input."""

    config: ResolvedConfig
    fleet: Fleet
    demand: Demand
    memory: Memory

    def decide(self):
        return decide(self.config, self.fleet, self.demand, self.memory, NOW)


def steady(size: int, types: int = FEW_TYPES, text: type[str] = str) -> Case:
    """As much work as slots; every other situation is this one, changed."""
    specs = _specs(types)
    config = ResolvedConfig("bench", "aws", {}, 0, 4 * size, 1.0, specs, "c1")
    instances = tuple(_instance(index, specs[index % len(specs)].offering, text) for index in range(size))
    return Case(config, Fleet(instances, 30.0, 60.0), Demand(0, size, NOW), Memory(config_hash="c1"))


def growing(size: int, text: type[str] = str) -> Case:
    """A fifth more work than slots."""
    return replace(steady(size, text=text), demand=Demand(size // 5, size, NOW))


def shrinking(size: int, text: type[str] = str) -> Case:
    """A fifth less work than slots, and the workers of the last fifth of the listing ask whether they may go."""
    case = steady(size, text=text)
    asking = tuple(text(_instance_id(index)) for index in range(size - size // 5, size))
    return replace(case, demand=Demand(0, size - size // 5, NOW), memory=replace(case.memory, asking=asking))


def draining(size: int, text: type[str] = str) -> Case:
    """As shrinking, but all are to go."""
    case = shrinking(size, text)
    return replace(case, memory=replace(case.memory, mode=Mode.DRAINING, mode_since=NOW))


def many_intents(size: int, text: type[str] = str) -> Case:
    """A launch under way for every fourth instance; half of them are answered now, with one instance each."""
    case = steady(size, text=text)
    intents = _intents(case, size // 4, text)
    results = tuple(
        LaunchResult(text(each.launch_key), Outcome.LAUNCHED, (text(f"i-new-{index}"),))
        for index, each in enumerate(intents[::2])
    )
    return replace(case, memory=replace(case.memory, intents=intents, results=results))


def many_refusals(size: int, text: type[str] = str) -> Case:
    """600 offerings, half of which have refused before; a launch for every fourth instance is refused now."""
    case = steady(size, MANY_TYPES, text)
    intents = _intents(case, size // 4, text)
    results = tuple(LaunchResult(text(each.launch_key), Outcome.NO_CAPACITY, message="dry") for each in intents)
    # By turns still closed, and open for a probe.
    budgets = tuple(
        Budget(each.offering.key, Outcome.NO_CAPACITY, 1, 3, EARLIER, EARLIER, SOON if index % 2 else NOW, "dry")
        for index, each in enumerate(case.config.launch_specs[::2])
    )
    memory = replace(case.memory, intents=intents, results=results)
    fleet = replace(case.fleet, budgets=budgets)
    return replace(case, fleet=fleet, demand=Demand(size // 5, size, NOW), memory=memory)


def many_boots(size: int, text: type[str] = str) -> Case:
    """Of every fourth instance the worker has not registered; half of these register now, the rest is out of time."""
    case = steady(size, text=text)
    names = [text(_instance_id(index)) for index in range(0, size, 4)]
    boots = tuple(
        Boot(text(f"k-{index}"), "h", "", (), {name: NOW - timedelta(minutes=20)}) for index, name in enumerate(names)
    )
    reports = tuple(Report(ReportKind.REGISTERED, text(name), NOW) for name in names[::2])
    lifecycle = replace(case.config.policies.lifecycle, registration_timeout_seconds=600.0)
    return replace(
        case,
        config=replace(case.config, policies=replace(case.config.policies, lifecycle=lifecycle)),
        memory=replace(case.memory, boots=boots, reports=reports, proven=("h",)),
    )


def rolling_out(size: int, text: type[str] = str) -> Case:
    """All settings have been edited; a tenth of the instances has been replaced, and a tenth drains."""
    case = steady(size, text=text)
    edited = tuple(replace(each, settings_hash="edited") for each in case.config.launch_specs)
    instances = tuple(
        replace(each, settings_hash="edited") if index % 10 == 0 else each
        for index, each in enumerate(case.fleet.instances)
    )
    drains = _marks(size, MarkKind.DRAIN, 1, text)
    return replace(
        case,
        config=replace(
            case.config, launch_specs=edited, policies=replace(case.config.policies, rollout=Rollout(), brakes=FREE)
        ),
        fleet=replace(case.fleet, instances=instances),
        demand=Demand(0, size - size // 20, NOW),
        memory=replace(case.memory, marks=drains, asking=tuple(text(each.instance_id) for each in drains[::2])),
    )


def many_marks(size: int, text: type[str] = str) -> Case:
    """Half the work, so that the oldest drain; a tenth each is held, failed and in quarantine; a tenth fails now."""
    case = shrinking(size, text)
    lifecycle = replace(case.config.policies.lifecycle, scale_in="oldestFirst", scale_in_cooldown_seconds=0.0)
    kinds = (MarkKind.DRAIN, MarkKind.HOLD, MarkKind.FAILED, MarkKind.QUARANTINE)
    marks = tuple(mark for residue, kind in enumerate(kinds) for mark in _marks(size, kind, residue, text))
    reports = tuple(
        Report(ReportKind.FAILED, text(_instance_id(index)), NOW, "disk full") for index in range(5, size, 10)
    )
    return replace(
        case,
        config=replace(case.config, policies=replace(case.config.policies, lifecycle=lifecycle, brakes=FREE)),
        demand=Demand(0, size // 2, NOW),
        memory=replace(case.memory, marks=marks, reports=reports, surplus_since=EARLIER),
    )


def braked(size: int, text: type[str] = str, types: int = MANY_TYPES) -> Case:
    """600 offerings of settings of their own, half of which do not come up; a fifth more work; a cap of each type."""
    case = steady(size, types, text)
    specs = tuple(replace(each, settings_hash=f"h-{index}") for index, each in enumerate(case.config.launch_specs))
    brakes = tuple(Brake(each.settings_hash, 3, EARLIER, "no worker", SOON, 1) for each in specs[::2])
    caps = tuple(Cap(10 * size, instance_type=f"type-{number}.large") for number in range(types))
    config = replace(case.config, launch_specs=specs, caps=caps, policies=replace(case.config.policies, brakes=FREE))
    memory = replace(case.memory, brakes=(*brakes, Brake(WHOLE, 3, EARLIER)))
    return replace(case, config=config, demand=Demand(size // 5, size, NOW), memory=memory)


SITUATIONS: dict[str, Callable[..., Case]] = {
    "steady": steady,
    "growing": growing,
    "shrinking": shrinking,
    "draining": draining,
    "many intents": many_intents,
    "many refusals": many_refusals,
    "many boots": many_boots,
    "rollout": rolling_out,
    "many marks": many_marks,
    "braked": braked,
}


def _specs(types: int) -> tuple[LaunchSpec, ...]:
    return tuple(
        LaunchSpec(Offering(region, f"{region}{zone}", f"type-{number}.large"), {}, {}, "h")
        for number in range(types)
        for region in ("us-east-1", "us-west-2", "eu-central-1")
        for zone in "abcd"
    )


def _marks(size: int, kind: MarkKind, residue: int, text: type[str]) -> tuple[Mark, ...]:
    """Every tenth instance of the listing, from the one at `residue` on."""
    return tuple(Mark(text(_instance_id(index)), kind, EARLIER, "told") for index in range(residue, size, 10))


def _instance_id(index: int) -> str:
    return f"i-{index:06}"


def _instance(index: int, offering: Offering, text: type[str]) -> Instance:
    boots = index % 100 >= 100 - BOOTING
    return Instance(
        instance_id=text(_instance_id(index)),
        worker_type="bench",
        launch_key=text(f"k-{index // 4}"),
        settings_hash="old" if index % 100 < DRIFTED else "h",
        capacity=offering.capacity,
        state=InstanceState.PENDING if boots else InstanceState.RUNNING,
        region=offering.region,
        zone=offering.zone,
        instance_type=offering.instance_type,
        # Neither in the order of the listing nor against it; 7919 is prime.
        launched_at=NOW - timedelta(seconds=60 + index * 7919 % (600 if boots else 86_400)),
    )


def _intents(case: Case, count: int, text: type[str]) -> tuple[Intent, ...]:
    specs = case.config.launch_specs
    return tuple(
        Intent(text(f"new-{index}"), specs[index % len(specs)].offering.key, 1, 1, NOW, SOON, (), "h")
        for index in range(count)
    )


def measure(case: Case, passes: int) -> list[float]:
    """Milliseconds of each pass, after one that warms up."""
    case.decide()
    taken = []
    for _ in range(passes):
        start = time.perf_counter()
        case.decide()
        taken.append((time.perf_counter() - start) * 1000)
    return taken


def report(sizes: Sequence[int], passes: int = PASSES) -> float:
    """Print the table; milliseconds of the slowest situation at the size the goal is about, 0 if not measured."""
    slowest = 0.0
    print(f"{'situation':<14}{'instances':>10}{'min ms':>9}{'median ms':>11}{'µs/instance':>13}")
    for name, situation in SITUATIONS.items():
        for size in sizes:
            taken = measure(situation(size), passes)
            least, median = min(taken), statistics.median(taken)
            print(f"{name:<14}{size:>10,}{least:>9.2f}{median:>11.2f}{least * 1000 / size:>13.2f}")
            if size == GOAL_INSTANCES:
                slowest = max(slowest, median)
    return slowest


def main(arguments: Sequence[str]) -> None:
    slowest = report([int(each) for each in arguments] or SIZES)
    if slowest:
        print(f"\nslowest median at {GOAL_INSTANCES:,} instances: {slowest:.1f} ms (goal: under {GOAL_MS} ms)")


if __name__ == "__main__":
    main(sys.argv[1:])
