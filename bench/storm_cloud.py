"""The EC2 emulator on virtual time, and two rules of what to ask a place that refused: for bench/storm.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from bench import worlds
from emulators.control import Control
from worker_manager import budgets
from worker_manager.budgets import Answered, Budget
from worker_manager.decision import Fleet
from worker_manager.model import InstanceState, LaunchRequest, LaunchResult, Market, Outcome
from worker_manager.prices import prices_by_offering
from worker_manager.provider import ProviderRecord
from worker_manager.providers.aws.provider import AwsProvider
from worker_manager.simulation.account import Account, Answer
from worker_manager.simulation.clock import Agenda
from worker_manager.simulation.cloud import Change, CloudSettings, SimulatedCloud, What

INTERRUPTIONS_PER_HOUR = 2.2
FILTER = timedelta(minutes=3)
# From sending until the answer is known, and until a launch that was not sent is told so (activities/fleet.py).
ANSWERED_AFTER, TOLD_AFTER = timedelta(seconds=1.5), timedelta(seconds=1)


# --- the cloud --------------------------------------------------------------------------------------------------------


class EmulatedCloud(SimulatedCloud):
    """Boots by the virtual clock what the emulator has launched; each end and interruption is one of the emulator's."""

    def __init__(self, provider: AwsProvider, control: Control, seed: int, specs: Sequence) -> None:
        rates = {Market.SPOT: INTERRUPTIONS_PER_HOUR}
        settings = CloudSettings(seed, boot_seconds=45.0, interruptions_per_hour=rates, dry_share={})
        super().__init__(settings, prices_by_offering(specs, provider.prices()), worlds.START)
        self.provider, self._control = provider, control
        self.ids: dict[str, str] = {}
        self.refused: Counter[str] = Counter()
        self.is_over = False

    def launch(self, request: LaunchRequest, now: datetime) -> LaunchResult:
        result = self.provider.launch(request, timeout_seconds=60)
        if result.outcome is not Outcome.LAUNCHED:
            self.refused[request.spec.offering.key] += 1
            return result
        made = super().launch(replace(request, count=len(result.instance_ids)), now)
        self.ids |= zip(made.instance_ids, result.instance_ids, strict=True)
        return made

    def terminate(self, ids: Sequence[str], now: datetime) -> None:
        self.provider.terminate([(worlds.REGION, self.ids[each]) for each in ids], timeout_seconds=60)
        super().terminate(ids, now)

    def advance(self, now: datetime) -> Sequence[Change]:
        changes = super().advance(now)
        taken = [self.ids[each.instance.instance_id] for each in changes if each.what is What.INTERRUPTED]
        if taken:
            self._control.preempt(ids=taken)
        return changes

    def _happen(self, what: What, instance_id: str, at: datetime) -> Change | None:
        return None if what is What.INTERRUPTED and self.is_over else super()._happen(what, instance_id, at)

    def check(self) -> None:
        """The emulator must have the very instances that the books have."""
        alive = {InstanceState.PENDING, InstanceState.RUNNING}
        listed = {each.instance_id for each in self.provider.list_instances() if each.state in alive}
        booked = {self.ids[name] for name, each in self._machines.items() if each.instance.state in alive}
        assert listed == booked, f"{len(listed)} instances are listed, {len(booked)} are booked"


# --- what stands between worker types and the cloud -------------------------------------------------------------------


class Queue(Account):
    """Sends launches, at once or paced; their answers become known a little later."""

    calls_per_second = 0.0
    agenda: Agenda
    wake_all: Callable[[datetime], None]

    def __init__(self, cloud: SimulatedCloud, record: ProviderRecord) -> None:
        super().__init__(cloud, record)
        self._next_turn = worlds.START

    def may_ask(self, request: LaunchRequest, now: datetime) -> bool:
        """Whether a launch may be queued."""
        raise NotImplementedError

    def may_send(self, request: LaunchRequest, now: datetime) -> bool:
        """Whether it still may be sent when it is its turn."""
        raise NotImplementedError

    def learn(self, request: LaunchRequest, result: LaunchResult, now: datetime) -> None:
        """Remember how it ended."""
        raise NotImplementedError

    def launch(self, requests: Sequence[LaunchRequest], now: datetime, answered: Answer) -> None:
        for each in requests:
            if self.may_ask(each, now):
                self.agenda.at(self._turn(now), partial(self._send, each, answered))
            else:
                self._refuse(each, answered, now)

    def _turn(self, now: datetime) -> datetime:
        if not self.calls_per_second:
            return now
        turn = max(now, self._next_turn)
        self._next_turn = turn + timedelta(seconds=1 / self.calls_per_second)
        return turn

    def _send(self, request: LaunchRequest, answered: Answer, now: datetime) -> None:
        if not self.may_send(request, now):
            self._refuse(request, answered, now)
        else:
            result = self.cloud.launch(request, now)
            self.agenda.at(now + ANSWERED_AFTER, partial(self._hear, request, result, answered))

    def _hear(self, request: LaunchRequest, result: LaunchResult, answered: Answer, now: datetime) -> None:
        self.learn(request, result, now)
        answered((request,), (result,), now)

    def _refuse(self, request: LaunchRequest, answered: Answer, now: datetime) -> None:
        result = LaunchResult(request.launch_key, Outcome.NOT_SENT, message="the place was closed meanwhile")
        self.agenda.at(now + TOLD_AFTER, partial(answered, (request,), (result,)))


class Ours(Queue):
    """Budgets, shared by all."""

    def may_ask(self, request: LaunchRequest, now: datetime) -> bool:
        place, until = budgets.place_of(request.spec), now + timedelta(seconds=self.settle_seconds)
        key, count = request.launch_key, request.count
        self.budgets, may = budgets.let_through(self.budgets, key, place, count, now=now, until=until)
        return may

    def may_send(self, request: LaunchRequest, now: datetime) -> bool:
        keys = budgets.keys_of(budgets.place_of(request.spec))
        return all(each.lets(request.launch_key, request.count, now) for each in self.budgets if each.key in keys)

    def learn(self, request: LaunchRequest, result: LaunchResult, now: datetime) -> None:
        place, launched = budgets.place_of(request.spec), len(result.instance_ids)
        answer = Answered(request.launch_key, place, result.outcome, request.count, launched, result.message)
        self.budgets = budgets.answered(self.budgets, [answer], now)


class Filter(Queue):
    """An offering that refused is closed to everyone for three minutes, then open to everyone."""

    def may_ask(self, request: LaunchRequest, now: datetime) -> bool:
        return all(each.key != request.spec.offering.key or each.opens_at <= now for each in self.budgets)

    may_send = may_ask

    def fleet(self, worker_type: str, now: datetime) -> Fleet:
        self.budgets = tuple(each for each in self.budgets if each.opens_at > now)
        return super().fleet(worker_type, now)

    def learn(self, request: LaunchRequest, result: LaunchResult, now: datetime) -> None:
        if len(result.instance_ids) == request.count or not self.may_ask(request, now):
            return
        opens_at = now + FILTER
        closed = Budget(request.spec.offering.key, Outcome.NO_CAPACITY, budgets.OPEN, 1, now, now, opens_at)
        self.budgets = (*(each for each in self.budgets if each.key != closed.key), closed)
        if not self.calls_per_second:  # one loop looks at all that waits, and sees the cache expire
            self.agenda.at(opens_at, self.wake_all)
