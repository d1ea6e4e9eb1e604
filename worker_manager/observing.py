"""Sorts out a listing: who is up, who still boots, who failed, who is leaving, and what that teaches. Decides nothing.

An instance is *up* when its worker has registered, or where no report is expected (`registrationTimeout` is not given)
when the cloud runs it. Whoever was launched and is not up yet is remembered in `Memory.boots`; an instance that is not
remembered there and runs is up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from worker_manager import brakes, explain
from worker_manager.brakes import Outcomes
from worker_manager.capacity import Supply
from worker_manager.decision import Counts, Fleet, Reason
from worker_manager.memory import EARLY_REPORT, MOST_EARLY, Boot, Mark, MarkKind, Memory, Report, ReportKind, settle
from worker_manager.model import Instance, InstanceState
from worker_manager.resolved import ResolvedConfig

_MARKED_BY = {
    ReportKind.FAILED: MarkKind.FAILED,
    ReportKind.INTERRUPTED: MarkKind.INTERRUPTED,
    ReportKind.HOLD: MarkKind.HOLD,
    ReportKind.QUARANTINE: MarkKind.QUARANTINE,
}
_OF_NO_USE = {MarkKind.FAILED, MarkKind.INTERRUPTED, MarkKind.QUARANTINE}
_KEPT = {MarkKind.HOLD, MarkKind.QUARANTINE}
_RUNS = {InstanceState.RUNNING, InstanceState.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Failure:
    """An instance to end now, because it did not come up or its worker gave up."""

    instance: Instance
    why: str


@dataclass(frozen=True, slots=True)
class View:
    """The listing sorted out.

    Attributes:
        up: usable now, in listing order. booting: on their way. Neither has what is of no use to us.
        present: all that take room, whatever they are doing.
        failures: to end now. stopped: the same, as they are never started again.
        of_no_use: still there and not to be ended, but interrupted, in quarantine, or held and stopped.
        drifted_ids, expired_ids: of usable instances, those to be replaced, and why.
        looks: moments at which time alone changes what is seen here. up_by: when all that boot are up or have failed.
    """

    memory: Memory
    up: tuple[Instance, ...]
    booting: tuple[Instance, ...]
    failures: tuple[Failure, ...]
    stopped: tuple[Instance, ...]
    supply: Supply
    counts: Counts
    drifted_ids: frozenset[str]
    expired_ids: frozenset[str]
    reasons: tuple[Reason, ...]
    of_no_use: tuple[Instance, ...] = ()
    present: tuple[Instance, ...] = ()
    looks: tuple[datetime, ...] = ()
    up_by: datetime | None = None

    @property
    def usable(self) -> tuple[Instance, ...]:
        return (*self.up, *self.booting)

    def marked(self, kind: MarkKind) -> frozenset[str]:
        """Ids of the instances with this mark."""
        return frozenset(each.instance_id for each in self.memory.marks if each.kind is kind)


def observe(config: ResolvedConfig, fleet: Fleet, memory: Memory, now: datetime) -> View:
    """Compare the listing with what is remembered."""
    present = tuple(each for each in fleet.instances if each.state is not InstanceState.GONE)
    memory, said = _fold_reports(memory, {each.instance_id: each for each in present}, now)
    listed_ids = frozenset(each.instance_id for each in fleet.instances)
    unseen = settle(memory.intents, listed_ids, Counter(each.launch_key for each in fleet.instances), now)
    memory = replace(memory, intents=unseen.intents)
    started = _start(config, fleet, memory, said, now)
    # Marked, so that they stay failures until they are gone, should their end take several attempts.
    memory = replace(memory, marks=(*memory.marks, *started.timed_out))
    groups = _sort(present, memory, started)
    memory = _learn(config, memory, started, groups.up, now)
    supply = groups.supply(unseen.capacity)
    drifted_ids, expired_ids = _outdated(config, groups.usable, now)
    unknown = [each for each in groups.usable if each.state is InstanceState.UNKNOWN]
    return View(
        memory=memory,
        up=groups.up,
        booting=groups.booting,
        failures=groups.failures,
        stopped=groups.stopped,
        supply=supply,
        counts=_counts(groups.usable, supply, len(drifted_ids), len(unknown), memory),
        drifted_ids=drifted_ids,
        expired_ids=expired_ids,
        reasons=(
            *explain.observed(len(drifted_ids), len(expired_ids), unknown, unseen.lost_keys),
            *explain.special(groups.marks.values()),
            *explain.ended_early(started.ended_early),
        ),
        of_no_use=groups.of_no_use,
        present=present,
        looks=(*started.looks, *_expiries(config, groups.up, now)),
        up_by=max(started.looks, default=None),
    )


@dataclass(frozen=True, slots=True)
class _Groups:
    """The instances that exist, sorted; `lost` are still there, but of no use to us. `marks` are of those not ended."""

    present: tuple[Instance, ...]
    up: tuple[Instance, ...]
    booting: tuple[Instance, ...]
    lost: tuple[Instance, ...]
    stopped: tuple[Instance, ...]
    marks: Mapping[str, Mark]

    @property
    def usable(self) -> tuple[Instance, ...]:
        return (*self.up, *self.booting)

    @property
    def failures(self) -> tuple[Failure, ...]:
        return tuple(Failure(each, self.marks[each.instance_id].why) for each in self.lost if self._has_failed(each))

    @property
    def of_no_use(self) -> tuple[Instance, ...]:
        return tuple(each for each in self.lost if not self._has_failed(each))

    def supply(self, unseen: int) -> Supply:
        """Slots, with those of intents that no listing shows."""
        live, booting, lost = slots(self.up), slots(self.booting), slots(self.lost)
        return Supply(live, booting + unseen, slots(self.present) - live - booting - lost, lost)

    def _has_failed(self, instance: Instance) -> bool:
        return self.marks[instance.instance_id].kind is MarkKind.FAILED


def _sort(present: tuple[Instance, ...], memory: Memory, started: _Started) -> _Groups:
    """Sort by state and mark; what we ended is only there."""
    ended_ids = {each.instance_id for each in memory.ended}
    known = [each for each in present if each.instance_id not in ended_ids]
    marked = {each.instance_id: each for each in memory.marks}
    marks = {each.instance_id: marked[each.instance_id] for each in known if each.instance_id in marked}
    no_use = {name for name, each in marks.items() if each.kind in _OF_NO_USE}
    kept = {name for name, each in marks.items() if each.kind in _KEPT}
    up, booting, lost, stopped = [], [], [], []
    for each in known:
        is_kept_stopped = each.state is InstanceState.STOPPED and each.instance_id in kept
        runs, pends = each.state in _RUNS, each.state is InstanceState.PENDING
        if (each.instance_id in no_use and (runs or pends)) or is_kept_stopped:
            lost.append(each)
        elif pends or (runs and each.instance_id in started.booting_ids):
            booting.append(each)
        elif runs:
            up.append(each)
        elif each.state is InstanceState.STOPPED:
            stopped.append(each)
    return _Groups(present, tuple(up), tuple(booting), tuple(lost), tuple(stopped), marks)


def slots(instances: Iterable[Instance]) -> int:
    """Slots of all of them."""
    return sum(each.capacity for each in instances)


@dataclass(frozen=True, slots=True)
class _Said:
    """Ids of instances whose workers reported now that they registered, and that they gave up."""

    registered: frozenset[str]
    gave_up: frozenset[str]


def _fold_reports(memory: Memory, present: Mapping[str, Instance], now: datetime) -> tuple[Memory, _Said]:
    """Turn reports into marks. What no listing shows yet, or not yet as running, is kept for a while.

    Marks of what is gone are dropped, and so is what we remember of instances that we ended long ago.
    """
    marks = {each.instance_id: each for each in memory.marks if each.instance_id in present}
    early: dict[tuple[ReportKind, str], Report] = {}
    for each in memory.reports:
        if _is_early(each, present):
            if now - each.at < EARLY_REPORT:
                early.pop((each.kind, each.instance_id), None)  # the last one of its kind, in their order
                early[each.kind, each.instance_id] = each
        elif each.kind is ReportKind.RELEASE:
            marks.pop(each.instance_id, None)
        elif each.kind in _MARKED_BY:
            marks[each.instance_id] = _marked(each, marks.get(each.instance_id))
    folded = replace(
        memory,
        reports=tuple(early.values())[-MOST_EARLY:],
        marks=tuple(marks.values()),
        ended=tuple(each for each in memory.ended if each.until > now),
        idle_since={name: since for name, since in memory.idle_since.items() if name in present},
        warming={name: since for name, since in memory.warming.items() if name in present},
    )
    ids = {kind: frozenset(each.instance_id for each in memory.reports if each.kind is kind) for kind in ReportKind}
    return folded, _Said(ids[ReportKind.REGISTERED], ids[ReportKind.FAILED] & present.keys())


def _is_early(report: Report, present: Mapping[str, Instance]) -> bool:
    """Whether the listing lags behind what it is about."""
    instance = present.get(report.instance_id)
    is_pending = instance is not None and instance.state is InstanceState.PENDING
    return instance is None or (report.kind is ReportKind.REGISTERED and is_pending)


def _marked(report: Report, before: Mark | None) -> Mark:
    """What a report makes of an instance. One that a person keeps is not ended for its failure, but replaced."""
    kind, why = _MARKED_BY[report.kind], report.reason
    if kind is MarkKind.FAILED:
        why = f"its worker reported a failure: {report.reason}"[:300].rstrip(": ")
        if before is not None and before.kind in _KEPT:
            kind = MarkKind.QUARANTINE
    return Mark(report.instance_id, kind, report.at, why)


@dataclass(slots=True)
class _Started:
    """How far the launches have come: who still boots, who came up or failed lately, who is out of time."""

    boots: list[Boot] = field(default_factory=list)
    booting_ids: set[str] = field(default_factory=set)
    came_up: dict[str, str] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)
    ended_early: list[str] = field(default_factory=list)
    timed_out: list[Mark] = field(default_factory=list)
    looks: list[datetime] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Follower:
    """Follows every instance that is not up yet, one by one.

    `excused`: instances whose end is no failure of their settings: we ended them, or somebody said why they end.
    `held`: those that a person keeps, whatever the time.
    `standing`: launches whose instances may be unlisted still.
    """

    config: ResolvedConfig
    by_id: Mapping[str, Instance]
    said: _Said
    excused: frozenset[str]
    held: frozenset[str]
    standing: frozenset[str]
    now: datetime
    found: _Started = field(default_factory=_Started)

    def follow(self, boot: Boot) -> None:
        """Sort the instances of one launch into the findings."""
        waiting = dict.fromkeys(each for each in boot.instance_ids if self._still_waits(boot, each))
        running = {
            each: boot.running_since.get(each, self.now)
            for each in boot.instance_ids
            if each not in waiting and self._still_boots(boot, each)
        }
        self.found.booting_ids.update(running)
        if waiting or running:
            self.found.boots.append(replace(boot, waiting=tuple(waiting), running_since=running))

    def _still_waits(self, boot: Boot, instance_id: str) -> bool:
        """Whether it does not run yet and has time left."""
        instance = self.by_id.get(instance_id)
        if instance is None:
            return boot.launch_key in self.standing and instance_id not in self.excused
        if instance.state is not InstanceState.PENDING or instance_id in self.excused:
            return False
        limit = self.config.policies.lifecycle.launch_timeout_seconds
        why = f"not running {limit:g} s after its launch (launchTimeout)"
        return self._has_time(boot, instance, instance.launched_at, limit, why)

    def _still_boots(self, boot: Boot, instance_id: str) -> bool:
        """Whether it runs, must register, has not, and has time left."""
        instance = self.by_id.get(instance_id)
        if instance_id in self.said.gave_up:
            self.found.failed.append((boot.settings_hash, "its worker reported a failure"))
        if instance_id in self.excused or (instance is not None and instance.state is InstanceState.PENDING):
            return False
        if instance is None or instance.state not in _RUNS:
            self.found.failed.append((boot.settings_hash, "ended before it was up"))
            self.found.ended_early.append(instance_id)
            return False
        limit = self.config.policies.lifecycle.registration_timeout_seconds
        if limit is None or instance_id in self.said.registered:
            self.found.came_up[instance_id] = boot.settings_hash
            return False
        if instance.state is InstanceState.UNKNOWN:  # kept whatever the time
            return True
        why = f"its worker did not register within {limit:g} s of its boot (registrationTimeout)"
        return self._has_time(boot, instance, boot.running_since.get(instance_id, self.now), limit, why)

    def _has_time(self, boot: Boot, instance: Instance, since: datetime, limit: float, why: str) -> bool:
        if instance.instance_id in self.held:
            return True
        deadline = since + timedelta(seconds=limit)
        if deadline > self.now:
            self.found.looks.append(deadline)
            return True
        self.found.timed_out.append(Mark(instance.instance_id, MarkKind.FAILED, self.now, why))
        self.found.failed.append((boot.settings_hash, why))
        return False


def _start(config: ResolvedConfig, fleet: Fleet, memory: Memory, said: _Said, now: datetime) -> _Started:
    """Follow all that were launched and are not up yet."""
    follower = _Follower(
        config,
        by_id={each.instance_id: each for each in fleet.instances},
        said=said,
        excused=frozenset(
            (
                *(each.instance_id for each in memory.ended),
                *(each.instance_id for each in memory.marks if each.kind in _OF_NO_USE),
            )
        ),
        held=frozenset(each.instance_id for each in memory.marks if each.kind is MarkKind.HOLD),
        standing=frozenset(each.launch_key for each in memory.intents),
        now=now,
    )
    for boot in (*memory.boots, *_adopted(fleet.instances, memory)):
        follower.follow(boot)
    return follower.found


def _adopted(listed: Sequence[Instance], memory: Memory) -> Iterator[Boot]:
    """Instances that are not up yet and in no boot: of launches whose answer we never had."""
    followed = {name for each in memory.boots for name in each.instance_ids}
    followed |= {each.instance_id for each in memory.ended}
    unanswered = {each.launch_key: each for each in memory.intents if not each.instance_ids}
    found: dict[str, list[Instance]] = defaultdict(list)
    for each in listed:
        is_new = each.state is InstanceState.PENDING or each.launch_key in unanswered
        if is_new and each.state is not InstanceState.GONE and each.instance_id not in followed:
            found[each.launch_key].append(each)
    for key, instances in found.items():
        place = unanswered[key].place if key in unanswered else ""
        yield Boot(key, instances[0].settings_hash, place, tuple(each.instance_id for each in instances))


def _learn(config: ResolvedConfig, memory: Memory, started: _Started, up: Sequence[Instance], now: datetime) -> Memory:
    """What came up proves its settings and releases brakes; what failed trips them."""
    hashes = frozenset(each.settings_hash for each in config.launch_specs)
    outcomes = Outcomes(tuple(started.came_up.values()), tuple(started.failed))
    kept = brakes.for_hashes(memory.brakes, hashes, memory.config_hash, config.config_hash)
    still = tuple(each for each in outcomes.failed if each[0] in hashes)
    outcomes = replace(outcomes, failed=still)
    proven = {*memory.proven, *started.came_up.values(), *(each.settings_hash for each in up)} & hashes
    warming = {**memory.warming, **dict.fromkeys(started.came_up, now)}
    ready = config.policies.rollout.min_ready_seconds if config.policies.rollout else 0.0
    return replace(
        memory,
        boots=tuple(started.boots),
        brakes=brakes.fold(kept, outcomes, config.policies.brakes.unproven_instances, now),
        proven=tuple(sorted(proven)),
        warming={name: since for name, since in warming.items() if (now - since).total_seconds() < ready},
    )


def _outdated(
    config: ResolvedConfig, usable: Sequence[Instance], now: datetime
) -> tuple[frozenset[str], frozenset[str]]:
    """Ids of instances with other settings than any of today's, and of those past their maximum lifetime."""
    hashes = {each.settings_hash for each in config.launch_specs}
    drifted = frozenset(each.instance_id for each in usable if each.settings_hash not in hashes)
    limit = config.policies.lifecycle.max_lifetime_seconds
    if limit is None:
        return drifted, frozenset()
    born_before = now - timedelta(seconds=limit)
    return drifted, frozenset(each.instance_id for each in usable if each.launched_at <= born_before)


def _expiries(config: ResolvedConfig, up: Sequence[Instance], now: datetime) -> tuple[datetime, ...]:
    """When the next instance passes its maximum lifetime."""
    limit = config.policies.lifecycle.max_lifetime_seconds
    if limit is None:
        return ()
    coming = (each.launched_at + timedelta(seconds=limit) for each in up)
    first = min((each for each in coming if each > now), default=None)
    return () if first is None else (first,)


def _counts(usable: Sequence[Instance], supply: Supply, drifted: int, unknown: int, memory: Memory) -> Counts:
    by_place = Counter(f"{each.region} {each.instance_type}" for each in usable)
    return Counts(
        live=supply.live,
        requested=supply.requested,
        stopping=supply.stopping,
        instances=len(usable),
        drifted=drifted,
        unknown=unknown,
        by_place=dict(sorted(by_place.items())),
        lost=supply.lost,
        draining=sum(each.kind is MarkKind.DRAIN for each in memory.marks),
    )
