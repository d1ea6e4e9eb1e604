"""A cloud to plan against: what a simulation needs of one, and one that is made of chance and arithmetic alone.

Knows instances, pools, prices; knows nothing of demand, of decisions, or of what workers do on the instances.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from worker_manager.model import Instance, InstanceState, LaunchRequest, LaunchResult, Market, Offering, Outcome
from worker_manager.simulation import dice

# Terminated instances stay in listings for a while, as they do in the clouds.
GONE_IS_LISTED = timedelta(minutes=3)


class What(StrEnum):
    """What became of an instance; LISTED is that a listing shows it anew, the others are facts of the cloud."""

    LISTED = "listed"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Change:
    """Something became of an instance of a worker type."""

    worker_type: str
    instance: Instance
    what: What


class Cloud(Protocol):
    """One account of a cloud, as a simulation drives it. Nothing in it happens but in `advance`."""

    @property
    def prices(self) -> Mapping[str, float]:
        """Price of one instance an hour, by offering key."""

    def launch(self, request: LaunchRequest, now: datetime) -> LaunchResult:
        """As `Provider.launch`."""

    def list(self, worker_type: str, now: datetime) -> tuple[Instance, ...]:
        """What a listing shows now of this worker type."""

    def terminate(self, ids: Sequence[str], now: datetime) -> None:
        """Begin to end these; what is gone already is done."""

    def next_event(self, now: datetime) -> datetime | None:
        """When something changes by itself, None for never."""

    def advance(self, now: datetime) -> Sequence[Change]:
        """Let everything happen that happens until now, and tell it in order."""


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """How a simulated cloud behaves.

    Attributes:
        boot_seconds: median from launch to running; `boot_spread` of the logarithm, 0 for none.
        stop_seconds: from the termination until the instance is gone, and is paid for no longer.
        list_lag_seconds: how far listings lag behind.
        interruptions_per_hour: of one instance, by market.
        pool_size: instances of an offering that can be had at all, None for any number.
        dry_share: share of the time for which an offering has none to give, by market; `dry_seconds` at a time.
    """

    seed: int = 0
    boot_seconds: float = 60.0
    boot_spread: float = 0.3
    stop_seconds: float = 30.0
    list_lag_seconds: float = 5.0
    interruptions_per_hour: Mapping[Market, float] = field(default_factory=lambda: {Market.SPOT: 0.02})
    pool_size: int | None = None
    dry_share: Mapping[Market, float] = field(default_factory=lambda: {Market.SPOT: 0.05})
    dry_seconds: float = 1800.0


@dataclass(slots=True)
class _Machine:
    """An instance as it is, which is what listings show a little later."""

    instance: Instance
    offering_key: str


class SimulatedCloud:
    """Boots, interrupts and refuses by chance."""

    def __init__(self, settings: CloudSettings, prices: Mapping[str, float], start: datetime) -> None:
        self.settings = settings
        self.prices = prices
        self._start = start
        self._machines: dict[str, _Machine] = {}
        self._launched: Counter[str] = Counter()
        self._used: Counter[str] = Counter()
        self._listed: defaultdict[str, dict[str, Instance]] = defaultdict(dict)
        self._gone: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        self._listings: dict[str, tuple[Instance, ...]] = {}
        self._events: list[tuple[datetime, int, What, Instance]] = []
        self._entered = 0

    def launch(self, request: LaunchRequest, now: datetime) -> LaunchResult:
        offering = request.spec.offering
        free = self.free(offering, now)
        count = request.count if free is None else min(request.count, free)
        if count == 0:
            message = (
                f"no capacity of {offering.instance_type} ({offering.market}) in {offering.zone or offering.region}"
            )
            return LaunchResult(request.launch_key, Outcome.NO_CAPACITY, (), message, "InsufficientInstanceCapacity")
        ids = tuple(self._start_one(request, now) for _ in range(count))
        return LaunchResult(request.launch_key, Outcome.LAUNCHED, ids)

    def free(self, offering: Offering, now: datetime) -> int | None:
        """Instances that the offering has left to give, None for any number."""
        settings = self.settings
        dry = settings.dry_share.get(offering.market, 0.0)
        if dry and settings.dry_seconds:
            period = int((now - self._start).total_seconds() // settings.dry_seconds)
            if dice.uniform(settings.seed, "dry", offering.key, period) < dry:
                return 0
        return None if settings.pool_size is None else max(0, settings.pool_size - self._used[offering.key])

    def list(self, worker_type: str, now: datetime) -> tuple[Instance, ...]:
        gone, listed = self._gone[worker_type], self._listed[worker_type]
        for instance_id in [each for each, at in gone.items() if at + GONE_IS_LISTED <= now]:
            del gone[instance_id], listed[instance_id]
            self._listings.pop(worker_type, None)
        if worker_type not in self._listings:
            self._listings[worker_type] = tuple(listed.values())
        return self._listings[worker_type]

    def terminate(self, ids: Sequence[str], now: datetime) -> None:
        for each in ids:
            if each in self._machines:
                self._stop(self._machines[each], now)

    def next_event(self, now: datetime) -> datetime | None:
        return self._events[0][0] if self._events else None

    def advance(self, now: datetime) -> Sequence[Change]:
        changes = []
        while self._events and self._events[0][0] <= now:
            at, _, what, instance = heapq.heappop(self._events)
            change = self._show(instance, at) if what is What.LISTED else self._happen(what, instance.instance_id, at)
            if change:
                changes.append(change)
        return changes

    def _start_one(self, request: LaunchRequest, now: datetime) -> str:
        offering, settings = request.spec.offering, self.settings
        self._launched[request.worker_type] += 1
        instance = Instance(
            instance_id=f"i-{request.worker_type}-{self._launched[request.worker_type]:06}",
            worker_type=request.worker_type,
            launch_key=request.launch_key,
            settings_hash=request.spec.settings_hash,
            capacity=offering.capacity,
            state=InstanceState.PENDING,
            region=offering.region,
            zone=offering.zone or f"{offering.region}a",
            instance_type=offering.instance_type,
            launched_at=now,
            raw_state="pending",
        )
        self._machines[instance.instance_id] = _Machine(instance, offering.key)
        self._used[offering.key] += 1
        self._enter(now + timedelta(seconds=settings.list_lag_seconds), What.LISTED, instance)
        chance = dice.uniform(settings.seed, "boot", instance.instance_id)
        boot = dice.lognormal(chance, settings.boot_seconds, settings.boot_spread)
        self._enter(now + timedelta(seconds=boot), What.RUNNING, instance)
        self._foresee_interruption(instance, offering.market, now)
        return instance.instance_id

    def _foresee_interruption(self, instance: Instance, market: Market, now: datetime) -> None:
        rate = self.settings.interruptions_per_hour.get(market, 0.0)
        if rate > 0:
            chance = dice.uniform(self.settings.seed, "interruption", instance.instance_id)
            self._enter(now + timedelta(hours=dice.exponential(chance, 1 / rate)), What.INTERRUPTED, instance)

    def _happen(self, what: What, instance_id: str, at: datetime) -> Change | None:
        machine = self._machines.get(instance_id)
        if machine is None:
            return None
        state = machine.instance.state
        if what is What.GONE:
            self._used[machine.offering_key] -= 1
            del self._machines[instance_id]
            self._become(machine, InstanceState.GONE, at)
        elif state is InstanceState.STOPPING:
            return None
        elif what is What.RUNNING:
            self._become(machine, InstanceState.RUNNING, at)
        else:
            self._stop(machine, at)
        return Change(machine.instance.worker_type, machine.instance, what)

    def _stop(self, machine: _Machine, at: datetime) -> None:
        if machine.instance.state is not InstanceState.STOPPING:
            self._become(machine, InstanceState.STOPPING, at)
            self._enter(at + timedelta(seconds=self.settings.stop_seconds), What.GONE, machine.instance)

    def _become(self, machine: _Machine, state: InstanceState, at: datetime) -> None:
        machine.instance = replace(machine.instance, state=state, raw_state=str(state))
        self._enter(at + timedelta(seconds=self.settings.list_lag_seconds), What.LISTED, machine.instance)

    def _show(self, instance: Instance, at: datetime) -> Change:
        worker_type = instance.worker_type
        self._listed[worker_type][instance.instance_id] = instance
        self._listings.pop(worker_type, None)
        if instance.state is InstanceState.GONE:
            self._gone[worker_type][instance.instance_id] = at
        return Change(worker_type, instance, What.LISTED)

    def _enter(self, at: datetime, what: What, instance: Instance) -> None:
        self._entered += 1
        heapq.heappush(self._events, (at, self._entered, what, instance))
