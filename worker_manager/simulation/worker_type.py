"""One worker type of a simulation: wait, decide, execute, record, as its workflow does, and what is measured meanwhile.

What to do is decided in plan.py alone; when to look, and what is kept between two looks, is workflows/worker_type.py's
way. A look sees the demand and the idle workers as they are at that moment: workers ask when they become idle, and
again at every look, and when they have been kept for `maxIdle`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from worker_manager.decision import Decision
from worker_manager.memory import MarkKind, Memory, Report, ReportKind
from worker_manager.model import Demand, Instance, InstanceState, LaunchRequest, LaunchResult, Outcome
from worker_manager.plan import decide
from worker_manager.resolved import ResolvedConfig
from worker_manager.simulation import dice
from worker_manager.simulation.account import Account
from worker_manager.simulation.clock import Agenda, Rank
from worker_manager.simulation.cloud import Change, What
from worker_manager.simulation.results import Gauge, Meters
from worker_manager.simulation.trace import Trace
from worker_manager.simulation.workers import follow

# Called after every decision with the time, the worker type, what its listing showed, and the decision.
Observer = Callable[[datetime, str, tuple[Instance, ...], Decision], None]

REST_SECONDS = 1800.0  # the workflow's long timer, a tenth more or less
# A listing that shows what was just asked for is no news: it is seen by the next look.
ANNOUNCED = {InstanceState.PENDING, InstanceState.STOPPING}
URGENT_SECONDS = 1.0  # the time that a pass takes at least


@dataclass(frozen=True, slots=True)
class Span:
    """When a simulation begins, how long it lasts, and in stretches of which length its course is told."""

    start: datetime
    seconds: float
    stretch_seconds: float = 3600.0

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def second(self, moment: datetime) -> float:
        """Seconds since the beginning."""
        return (moment - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Settings:
    """How the system around the planner behaves.

    Attributes:
        look_seconds: demand is read, and a change of instances acted upon, at most so often.
        agent_seconds: from when an instance runs until its worker takes work.
        is_broken: of which running instances the worker never starts.
        observers: called after every decision.
    """

    seed: int = 0
    look_seconds: float = 30.0
    agent_seconds: float = 20.0
    is_broken: Callable[[Instance], bool] = lambda _: False
    observers: tuple[Observer, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bought:
    """What an instance costs and gives."""

    slots: int
    price: float


class WorkerTypeRun:
    """Runs one worker type. `config` and `memory` may be replaced, as edits and orders do; then `wake` it."""

    def __init__(
        self,
        config: ResolvedConfig,
        account: Account,
        agenda: Agenda,
        span: Span,
        *,
        trace: Trace,
        settings: Settings,
        peak: Gauge,
    ) -> None:
        self.config = config
        self.name = config.worker_type
        self.memory = Memory()
        self.meters = Meters.of(span.seconds, span.stretch_seconds)
        self._account, self._agenda, self._span, self._settings, self._peak = account, agenda, span, settings, peak
        self._bought: dict[str, _Bought] = {}
        self._asked: dict[str, _Bought] = {}
        self._leaving: set[str] = set()
        self._looked_at = span.start - timedelta(days=1)
        self._due: datetime | None = None
        self._reports: list[Report] = []
        self._launches = 0
        self.work = follow(trace, self.name, agenda, span.start, self._work_changed)

    # --- wait ---

    def wake(self, now: datetime, *, urgent: bool = False) -> None:
        """Look soon: at once, or when a look is due again."""
        rest = URGENT_SECONDS if urgent else self._settings.look_seconds
        self._look_at(max(now, self._looked_at + timedelta(seconds=rest)))

    def _look_at(self, moment: datetime) -> None:
        if self._due is None or moment < self._due:
            self._due = moment
            self._agenda.at(moment, self._look, Rank.LOOK)

    def _look(self, now: datetime) -> None:
        if self._due != now:
            return  # there was an earlier one
        self._due, self._looked_at = None, now
        self._pass(now)

    # --- decide, execute, record ---

    def _pass(self, now: datetime) -> None:
        fleet = self._account.fleet(self.name, now)
        demand = Demand(self.work.waiting, self.work.running, now)
        idle = self.work.idle()
        memory = replace(self.memory, asking=idle, reports=(*self.memory.reports, *self._reports))
        self._reports.clear()
        decision = decide(self.config, fleet, demand, memory, now)
        self.memory = decision.memory
        self.meters.decisions += 1
        self.work.drain(frozenset(each.instance_id for each in self.memory.marks if each.kind is MarkKind.DRAIN), now)
        requests = self._intend(decision, now)
        self._look_at(now + timedelta(seconds=self._seconds_to_next_look(decision)))
        self._ask_again(idle, now)
        self._launch(requests, now)
        self._terminate(decision, now)
        for observer in self._settings.observers:
            observer(now, self.name, fleet.instances, decision)

    def _intend(self, decision: Decision, now: datetime) -> tuple[LaunchRequest, ...]:
        """Give every launch its key and record it as an intent, before any call."""
        intents, requests = [], []
        for launch in decision.launches:
            self._launches += 1
            key = f"{self.name}-{self._launches:06}"
            intents.append(launch.intent(key, now))
            requests.append(LaunchRequest(key, self.name, launch.spec, launch.count))
        if intents:
            self.memory = replace(self.memory, intents=(*self.memory.intents, *intents))
        return tuple(requests)

    def _launch(self, requests: tuple[LaunchRequest, ...], now: datetime) -> None:
        if requests:
            self._account.launch(requests, now, self._answered)

    def _answered(self, requests: Sequence[LaunchRequest], results: Sequence[LaunchResult], now: datetime) -> None:
        self.memory = replace(self.memory, results=(*self.memory.results, *results))
        for request, result in zip(requests, results, strict=True):
            self._count(request, result)
        if any(_fell_short(*each) for each in zip(requests, results, strict=True)):
            self.wake(now, urgent=True)
        self._measure_fleet(now)

    def _terminate(self, decision: Decision, now: datetime) -> None:
        if not decision.terminations:
            return
        ids = [each.instance_id for each in decision.terminations]
        self._account.cloud.terminate(ids, now)
        for each in ids:
            self._stop_working(each, now)
        ended = {each for each in ids if each in self._bought} - self._leaving
        self._leaving |= ended
        self.meters.ended += len(ended)

    def _ask_again(self, idle: tuple[str, ...], now: datetime) -> None:
        """Idle workers that must stay for now ask again when they have been kept as long as the config says."""
        patience = timedelta(seconds=self.config.policies.lifecycle.max_idle_seconds)
        since = self.memory.idle_since
        kept_until = [since[each] + patience for each in idle if each in since]
        soonest = min((each for each in kept_until if each > now), default=None)
        if soonest is not None:
            self._look_at(soonest)

    def _seconds_to_next_look(self, decision: Decision) -> float:
        """The earliest of: what the decision asks for, its launches settling, the long timer."""
        asked = [decision.next_check_seconds] if decision.next_check_seconds else []
        seconds = min([REST_SECONDS, *(each.settle_seconds for each in decision.launches), *asked])
        if seconds < 0.9 * REST_SECONDS:
            return seconds
        chance = dice.uniform(self._settings.seed, "rest", self.name, self.meters.decisions)
        return min(REST_SECONDS * (0.9 + 0.2 * chance), *asked, math.inf)

    # --- what happens meanwhile ---

    def hear(self, change: Change, now: datetime) -> None:
        """Something became of an instance."""
        instance = change.instance
        match change.what:
            case What.RUNNING:
                self._adopt(instance, now)
                ready = now + timedelta(seconds=self._settings.agent_seconds)
                self._agenda.at(ready, partial(self._start_working, instance))
            case What.INTERRUPTED:
                self.meters.interrupted += 1
                self._leaving.add(instance.instance_id)
                self._stop_working(instance.instance_id, now)
                self.report(ReportKind.INTERRUPTED, instance.instance_id, now, "taken away by the cloud")
            case What.GONE:
                self._bought.pop(instance.instance_id, None)
                self._leaving.discard(instance.instance_id)
                self._stop_working(instance.instance_id, now)
                self._measure_fleet(now)
            case What.LISTED if instance.state not in ANNOUNCED:
                self.wake(now)

    def _start_working(self, instance: Instance, now: datetime) -> None:
        instance_id = instance.instance_id
        if instance_id not in self._bought or instance_id in self._leaving or self._settings.is_broken(instance):
            return
        self.work.join(instance_id, instance.capacity, now)
        if self.config.policies.lifecycle.registration_timeout_seconds is not None:
            self.report(ReportKind.REGISTERED, instance_id, now)
        self._work_changed(now)

    def report(self, kind: ReportKind, instance_id: str, now: datetime, reason: str = "") -> None:
        """What a worker or an operator says of an instance; bad news is acted upon at once."""
        self._reports.append(Report(kind, instance_id, now, reason))
        self.wake(now, urgent=kind is not ReportKind.REGISTERED)

    def _stop_working(self, instance_id: str, now: datetime) -> None:
        self.work.leave(instance_id, now)
        self._measure_work(now)

    def _work_changed(self, now: datetime) -> None:
        self._measure_work(now)
        self.wake(now)

    # --- what is measured ---

    def _count(self, request: LaunchRequest, result: LaunchResult) -> None:
        offering = request.spec.offering
        bought = _Bought(offering.capacity, self._account.cloud.prices.get(offering.key, 0.0))
        if result.outcome is Outcome.UNKNOWN:
            self._asked[request.launch_key] = bought
        self._bought.update(dict.fromkeys(result.instance_ids, bought))
        self.meters.launched += len(result.instance_ids)
        self.meters.calls += result.outcome is not Outcome.NOT_SENT
        self.meters.refused += not result.instance_ids and result.outcome is not Outcome.NOT_SENT

    def _adopt(self, instance: Instance, now: datetime) -> None:
        """What a launch without an answer brought counts from when it runs."""
        if instance.instance_id not in self._bought and instance.launch_key in self._asked:
            self._bought[instance.instance_id] = self._asked[instance.launch_key]
            self.meters.launched += 1
            self._measure_fleet(now)

    def _measure_fleet(self, now: datetime) -> None:
        at = self._span.second(now)
        slots = sum(each.slots for each in self._bought.values())
        self._peak.add(slots - self.meters.capacity.value, at)
        self.meters.capacity.set(slots, at)
        self.meters.machines.set(len(self._bought), at)
        self.meters.spending.set(math.fsum(each.price for each in self._bought.values()), at)

    def _measure_work(self, now: datetime) -> None:
        at = self._span.second(now)
        meters, work = self.meters, self.work
        meters.work.set(work.waiting + work.running, at)
        meters.waiting.set(work.waiting, at)
        meters.running.set(work.running, at)
        meters.ready.set(work.slots, at)


def _fell_short(request: LaunchRequest, result: LaunchResult) -> bool:
    """True if another decision now can do better; one without an answer must settle first."""
    return result.outcome is not Outcome.UNKNOWN and len(result.instance_ids) < request.count
