"""Many passes over a small world: launches are answered, boot, register, fail, ask and die; what must hold at each.

The world is values and a seed; nothing waits. What it does not do to a fleet, the planner has no excuse for missing.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan_cases import DOUBLE, EAST, A, B
from tests.plan_words import GONE, LAG, NOW, PENDING, RUNNING, SETTLE, config, spec
from worker_manager.brakes import MINUTE, WHOLE
from worker_manager.capacity import scale_in_target
from worker_manager.decision import Decision, Fleet, PlannedLaunch
from worker_manager.memory import Intent, Mark, MarkKind, Memory, Report, ReportKind
from worker_manager.model import Demand, Instance, LaunchResult, LaunchSpec, Outcome
from worker_manager.plan import decide
from worker_manager.policies import Brakes, Rollout, Share
from worker_manager.resolved import ResolvedConfig

PASSES = 30
STEP = dt.timedelta(seconds=40)
REGISTRATION = 300.0


@dataclass(frozen=True, slots=True)
class Chances:
    """How often something goes wrong, of one."""

    refused: float = 0.0
    unanswered: float = 0.0
    broken: float = 0.0
    dies: float = 0.0
    reports: float = 0.0

    @property
    def are_none(self) -> bool:
        return self == Chances()


@dataclass(slots=True)
class World:
    """A cloud, its workers and its work, moved on by one step at a time."""

    settings: ResolvedConfig
    work: int
    chances: Chances
    dice: random.Random
    now: dt.datetime = NOW
    instances: dict[str, Instance] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    memory: Memory = field(default_factory=lambda: Memory(config_hash="c1"))
    last: Demand = field(default_factory=Demand)

    def decide(self) -> Decision:
        """What the planner says now."""
        self.last = self._demand()
        self.memory = replace(self.memory, asking=self._idle())
        listing = Fleet(tuple(self.instances.values()), LAG, SETTLE)
        return decide(self.settings, listing, self.last, self.memory, self.now)

    def carry_out(self, decision: Decision) -> None:
        """End what is to end, launch what is to be launched, and let time pass."""
        for each in decision.terminations:
            self._end(each.instance_id)
        answers = [self._launched(each, number) for number, each in enumerate(decision.launches)]
        results = tuple(answer for _, answer in answers if answer is not None)
        intents = (*decision.memory.intents, *(intent for intent, _ in answers))
        self.memory = replace(decision.memory, intents=intents, results=results)
        self.now += STEP
        self._pass()

    def _demand(self) -> Demand:
        running = min(self.work, slots(self.instances[each] for each in self._up()))
        return Demand(self.work - running, running, self.now)

    def _up(self) -> list[str]:
        return [
            name
            for name, each in self.instances.items()
            if each.state is RUNNING and name not in self.silent and name not in self._told(ReportKind.FAILED)
        ]

    def _idle(self) -> tuple[str, ...]:
        """The youngest have no work: what an old one runs, it goes on running."""
        taken, idle = 0, []
        for name in self._up():
            if taken >= self.work:
                idle.append(name)
            taken += self.instances[name].capacity
        return tuple(idle)

    def _told(self, kind: ReportKind) -> set[str]:
        return {each.instance_id for each in self.memory.reports if each.kind is kind}

    def _end(self, name: str) -> None:
        self.instances[name] = replace(self.instances[name], state=GONE)

    def _launched(self, launch: PlannedLaunch, number: int) -> tuple[Intent, LaunchResult | None]:
        key = f"{self.now:%H%M%S}-{number}"
        asked = launch.intent(key, self.now)
        if self.dice.random() < self.chances.refused:
            return asked, LaunchResult(key, Outcome.NO_CAPACITY, (), "dry")
        names = tuple(f"i-{key}-{index}" for index in range(launch.count))
        for name in names:
            self.instances[name] = self._booting(name, key, launch.spec)
        if self.dice.random() < self.chances.unanswered:
            return asked, None
        return asked, LaunchResult(key, Outcome.LAUNCHED, names)

    def _booting(self, name: str, key: str, one: LaunchSpec) -> Instance:
        if self.dice.random() < self.chances.broken:
            self.silent.add(name)
        place = one.offering
        return Instance(
            name,
            "w",
            key,
            one.settings_hash,
            place.capacity,
            PENDING,
            place.region,
            place.zone,
            place.instance_type,
            self.now,
        )

    def _pass(self) -> None:
        """What is gone leaves the listing, what boots runs, who runs registers, and some die or report."""
        self.instances = {name: each for name, each in self.instances.items() if each.state is not GONE}
        reports = []
        for name, each in list(self.instances.items()):
            if each.state is PENDING:
                self.instances[name] = replace(each, state=RUNNING)
            elif self.dice.random() < self.chances.dies:
                self._end(name)
            elif name not in self.silent:
                reports.append(Report(ReportKind.REGISTERED, name, self.now))
            if self.dice.random() < self.chances.reports:
                kind = self.dice.choice(
                    [ReportKind.FAILED, ReportKind.INTERRUPTED, ReportKind.QUARANTINE, ReportKind.HOLD]
                )
                reports.append(Report(kind, name, self.now))
        self.memory = replace(self.memory, reports=(*self.memory.reports, *reports))


# --- what holds at every pass -----------------------------------------------------------------------------------------


def slots(instances) -> int:
    return sum(each.capacity for each in instances)


def launched(decision: Decision) -> int:
    return sum(each.count * each.spec.offering.capacity for each in decision.launches)


def everything(decision: Decision) -> int:
    return decision.actual + decision.counts.stopping + decision.counts.lost


def check(world: World, before: Memory, decision: Decision) -> None:
    """All that must hold of one decision, whatever happened before."""
    count = sum(each.count for each in decision.launches)
    assert not count or everything(decision) + launched(decision) <= decision.bounds.max_capacity
    limits = world.settings.policies.brakes
    recent = [each for each in decision.memory.moved if world.now - each.at < MINUTE]
    assert sum(each.launched for each in recent) <= limits.launches_per_minute
    assert sum(each.ended for each in recent) <= limits.terminations_per_minute
    _check_brakes(decision, count)
    _check_ends(world, before, decision)
    waiting = max(0, decision.demand.pending - max(0, decision.counts.live - decision.demand.running))
    assert sum(each.slots for each in decision.reasons) >= waiting
    assert all(each.owner for each in decision.reasons if each.slots)
    if not decision.launches:
        missing = decision.bounds.min_capacity - everything(decision)
        assert missing <= 0 or any(each.slots and each.owner for each in decision.reasons)


def _check_brakes(decision: Decision, count: int) -> None:
    memory = decision.memory
    tripped = {each.key: each for each in memory.brakes if each.opens_at is not None}
    if WHOLE in tripped:
        assert count <= (1 if tripped[WHOLE].opens_at <= decision.at else 0)
    for each in decision.launches:
        if each.spec.settings_hash in tripped:
            assert each.count <= (1 if tripped[each.spec.settings_hash].opens_at <= decision.at else 0)


def _check_ends(world: World, before: Memory, decision: Decision) -> None:
    ended = [each.instance_id for each in decision.terminations]
    assert len(ended) == len(set(ended))
    assert not set(ended) & {each.instance_id for each in before.ended if each.until > world.now}
    marks = {each.instance_id: each for each in (*before.marks, *decision.memory.marks)}
    for each in decision.terminations:
        assert world.instances[each.instance_id].state is not GONE
        assert _may_end(world, before, marks.get(each.instance_id), each.instance_id, each.why), each
    old = [world.instances[each.instance_id] for each in decision.terminations if "out of date" in each.why]
    hashes = {each.settings_hash for each in world.settings.launch_specs}
    assert all(each.settings_hash not in hashes for each in old)
    rollout = world.settings.policies.rollout
    booting = {name for each in decision.memory.boots for name in each.instance_ids}
    was_up = [each for each in old if each.state is RUNNING and each.instance_id not in booting]
    if rollout and was_up:
        target = scale_in_target(decision.bounds, decision.demand)
        assert decision.counts.live - slots(was_up) >= target - rollout.max_unavailable.of(target)


def _may_end(world: World, before: Memory, mark: Mark | None, name: str, why: str) -> bool:
    """Idle (it asks, or no work runs at all), failed, or a drain whose time is over; never what a person keeps."""
    if mark is not None and mark.kind in (MarkKind.HOLD, MarkKind.QUARANTINE):
        return False
    is_failed = mark is not None and mark.kind is MarkKind.FAILED
    return is_failed or name in before.asking or world.last.claimed == 0 or "drainTimeout" in why


def course(world: World, passes: int = PASSES) -> Iterator[Decision]:
    """So many decisions, each checked and carried out."""
    for _ in range(passes):
        decision = world.decide()
        check(world, world.memory, decision)
        yield decision
        world.carry_out(decision)


# --- worlds -----------------------------------------------------------------------------------------------------------

SPECS = [(A,), (A, B, EAST), (A, DOUBLE), (DOUBLE,)]
TENTH, NO_SURGE = Rollout(Share(percent=10)), Rollout(Share(), Share(slots=2))
# A course is hundreds of decisions; how long it takes says nothing of whether they are right.
PATIENT = settings(deadline=None, max_examples=50)
BAD = Chances(refused=0.3, unanswered=0.2, broken=0.1, dies=0.05, reports=0.02)


def settings_of(dice: random.Random, *, registers: bool, rollout: Rollout | None = None) -> ResolvedConfig:
    low = dice.randint(0, 4)
    return config(
        low,
        low + dice.randint(0, 40),
        *dice.choice(SPECS),
        ratio=dice.choice([1.0, 1.0, 0.5]),
        rollout=rollout,
        lifecycle={
            "registration_timeout_seconds": REGISTRATION if registers else None,
            "scale_in": dice.choice(["whenIdle", "oldestFirst"]),
            "drain_timeout_seconds": 600.0,
        },
    )


@PATIENT
@given(st.integers(0, 2**32), st.booleans())
def test_whatever_goes_wrong_everything_holds_at_every_pass(seed, registers):
    dice = random.Random(seed)
    world = World(settings_of(dice, registers=registers, rollout=dice.choice([None, TENTH, NO_SURGE])), 0, BAD, dice)
    for number, _ in enumerate(course(world)):
        if number % 7 == 0:
            world.work = dice.choice([0, 1, 5, 20, 60])
        if number == 15:
            edited = tuple(replace(each, settings_hash="edited") for each in world.settings.launch_specs)
            world.settings = replace(world.settings, launch_specs=edited, config_hash="c2")


@PATIENT
@given(st.integers(0, 2**32), st.booleans())
def test_where_nothing_fails_the_work_is_served_and_the_rest_goes(seed, registers):
    dice = random.Random(seed)
    world = World(settings_of(dice, registers=registers), dice.choice([1, 5, 20, 60]), Chances(), dice)
    world.settings = replace(world.settings, scaling_ratio=1.0)
    *_, first = course(world)
    _check_at_rest(world, first)
    world.work = dice.choice([0, 2, 10])
    *_, second = course(world)
    _check_at_rest(world, second)


def _check_at_rest(world: World, decision: Decision) -> None:
    assert () == (*decision.launches, *decision.terminations)
    target = scale_in_target(decision.bounds, Demand(world.work, 0, world.now))
    largest = max(each.offering.capacity for each in world.settings.launch_specs)
    assert target - largest < decision.counts.live < target + largest
    assert 0 == decision.counts.requested


@PATIENT
@given(st.integers(0, 2**32), st.sampled_from([TENTH, NO_SURGE, Rollout(Share(percent=50), Share(percent=10))]))
def test_a_rollout_ends_and_the_work_is_served_all_the_while(seed, policy):
    """Each old one has something to do until it drains, then asks: as it takes no new work."""
    dice = random.Random(seed)
    world = World(config(2, 100, A, B, rollout=policy, lifecycle={"drain_timeout_seconds": 120.0}), 20, Chances(), dice)
    list(course(world, 6))
    edited = tuple(replace(each, settings_hash="edited") for each in world.settings.launch_specs)
    world.settings = replace(world.settings, launch_specs=edited, config_hash="c2")
    decisions = list(course(world, 160))
    assert {"edited"} == {each.settings_hash for each in world.instances.values()}
    assert () == (*decisions[-1].launches, *decisions[-1].terminations)
    assert min(each.counts.live for each in decisions) >= 20 - policy.max_unavailable.of(20)
    assert max(everything(each) + launched(each) for each in decisions) <= 20 + policy.max_surge.of(20)


@PATIENT
@given(st.integers(0, 2**32), st.integers(1, 10), st.sampled_from([5, 40, 100]))
def test_a_broken_image_costs_no_more_than_its_budget_and_single_probes(seed, budget, work):
    dice = random.Random(seed)
    document = config(
        0, 200, A, B, lifecycle={"registration_timeout_seconds": REGISTRATION}, brakes=Brakes(unproven_instances=budget)
    )
    world = World(document, work, Chances(broken=1.0), dice)
    counts = [sum(each.count for each in decision.launches) for decision in course(world, 60)]
    lost = sum(counts)
    probes = [count for count in counts if count][1:]
    assert lost - len(probes) <= budget
    assert all(count <= max(1, budget) for count in counts)
    assert lost <= budget + 8, "single probes wait twice as long each time"


@pytest.mark.parametrize("work", [5, 40])
def test_a_mended_image_recovers_without_a_person(work):
    document = config(0, 200, A, lifecycle={"registration_timeout_seconds": REGISTRATION})
    world = World(document, work, Chances(broken=1.0), random.Random(7))
    list(course(world, 30))
    mended = (spec(settings="mended"),)
    world.chances = Chances()
    world.settings = replace(document, launch_specs=mended, config_hash="c2")
    *_, last = course(world, 12)
    assert (work, 0) == (last.counts.live, last.counts.requested)
