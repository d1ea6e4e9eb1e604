"""What the planner answers in every situation of `plan_cases`, as text: a change of a plan is a change of a file.

`python -m tests.test_golden_plans` writes the files anew; read their difference before keeping it.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from tests.plan_cases import SITUATIONS, Situation
from worker_manager.budgets import Budget
from worker_manager.decision import Counts, Decision, Reason
from worker_manager.memory import Boot, Brake, Intent, Memory, Mode, Refusal
from worker_manager.model import Demand, Instance, LaunchSpec, Offering
from worker_manager.policies import Brakes, Share
from worker_manager.resolved import ResolvedConfig

PLANS = Path(__file__).parent / "plans"


def render(situation: Situation) -> str:
    """One situation and its decision, a fact a line."""
    decision = situation.decide()
    return "\n".join([situation.about, "", *_given(situation), "", *_decided(decision), ""])


def _given(situation: Situation) -> Iterator[str]:
    config = situation.config
    ratio = f", scalingRatio {config.scaling_ratio}" if config.scaling_ratio < 1 else ""
    yield f"at {situation.now:%Y-%m-%d %H:%M:%S} UTC"
    policy = config.policies.lifecycle.scale_in
    yield f"config: {config.min_capacity} to {config.max_capacity} slots, scaleIn {policy}{ratio}"
    yield from _policies(config)
    yield from (
        f"offers {_offering(spec.offering)}, {_slots(spec.offering.capacity)} each{_price(spec, situation.prices)}"
        for spec in config.launch_specs
    )
    yield from _instances(situation.fleet.instances)
    yield f"work: {_work(situation.demand, situation.now)}"
    yield from _memory(situation.memory)
    yield from map(_budget, situation.budgets)
    yield from (
        f"answer to {each.launch_key}: {each.outcome} {' '.join(each.instance_ids)}{each.message}".rstrip()
        for each in situation.memory.results
    )
    yield from (f"{each.instance_id} says {each.kind} {each.reason}".rstrip() for each in situation.memory.reports)
    yield from (f"asks to go: {each}" for each in situation.memory.asking)


def _policies(config: ResolvedConfig) -> Iterator[str]:
    """Those that are not as they are without being stated."""
    policies = config.policies
    times, brakes, rollout = policies.lifecycle, policies.brakes, policies.rollout
    named = {
        "registrationTimeout": times.registration_timeout_seconds,
        "maxLifetime": times.max_lifetime_seconds,
        "maxIdle": times.max_idle_seconds,
        "demandMaxAge": config.demand_max_age_seconds,
    }
    yield from (f"{name} {seconds:g} s" for name, seconds in named.items() if seconds)
    if rollout:
        flags = ", pause" * rollout.pause + ", onlyIdle" * rollout.only_idle
        ready = f", minReadySeconds {rollout.min_ready_seconds:g}" if rollout.min_ready_seconds else ""
        surge, unavailable = _share(rollout.max_surge), _share(rollout.max_unavailable)
        yield f"rollout: maxSurge {surge}, maxUnavailable {unavailable}{ready}{flags}"
    if brakes != Brakes():
        yield (
            f"brakes: unprovenInstances {brakes.unproven_instances}, launchesPerMinute {brakes.launches_per_minute}, "
            f"terminationsPerMinute {brakes.terminations_per_minute}"
        )
    for entry in policies.schedule:
        bounds = f"{entry.min_capacity}, {entry.max_capacity}".replace("None", "-")
        yield f"schedule: {entry.cron} in {entry.time_zone} for {entry.duration_seconds:g} s: {bounds} slots"
    for outcome, seconds in policies.spot.fallback_after_seconds.items():
        yield f"spot falls back after {seconds:g} s of {outcome}"
    yield from (f"no more than {_slots(cap.slots)} in {cap.region}{cap.zone}{cap.instance_type}" for cap in config.caps)


def _share(share: Share) -> str:
    return f"{share.percent} %" if share.percent else str(share.slots)


def _price(spec: LaunchSpec, prices: Mapping[str, float]) -> str:
    offering = spec.offering
    utility = f", utility {offering.utility:g}" if offering.utility != 1 else ""
    price = f", {prices[offering.key]:g} an hour" if offering.key in prices else ""
    return f"{utility}{price}{', as a fallback' if spec.is_fallback else ''}"


def _decided(decision: Decision) -> Iterator[str]:
    yield f"state {decision.state}"
    yield f"desired {decision.desired}, actual {decision.actual} (slots)"
    counts = decision.counts
    yield (
        f"counts: live {counts.live}, requested {counts.requested}, stopping {counts.stopping} (slots); "
        f"{counts.instances} usable, {counts.drifted} drifted, {counts.unknown} unknown{_more(counts)} (instances)"
    )
    for each in decision.launches:
        slots = _slots(each.count * each.spec.offering.capacity)
        yield f"launch {each.count} x {_offering(each.spec.offering)} ({slots}), settled in {each.settle_seconds:g} s"
    yield from (f"end {each.instance_id} in {each.region}: {each.why}" for each in decision.terminations)
    yield from map(_reason, decision.reasons)
    seconds = decision.next_check_seconds
    yield "next look: when something happens" if seconds is None else f"next look: in {seconds:g} s"
    yield from (f"then {line}" for line in _memory(decision.memory))
    yield from (f"then kept: {each.instance_id} says {each.kind}" for each in decision.memory.reports)


def _memory(memory: Memory) -> Iterator[str]:
    if memory.mode is not Mode.RUN:
        since = f" since {memory.mode_since:%H:%M:%S}" if memory.mode_since else ""
        yield f"mode {memory.mode}{since}{', forced' if memory.force else ''}"
    yield from map(_intent, memory.intents)
    yield from map(_refusal, memory.refusals)
    yield from (f"ended {each.instance_id}, may be listed until {each.until:%H:%M:%S}" for each in memory.ended)
    yield from map(_boot, memory.boots)
    if memory.proven:
        yield f"proven: {', '.join(memory.proven)}"
    yield from (f"brake {each.key or 'of all'}: {each.failures} failures{_trips(each)}" for each in memory.brakes)
    yield from (f"{each.instance_id} is marked {each.kind}, since {each.since:%H:%M:%S}" for each in memory.marks)
    yield from (f"{each} is up since {since:%H:%M:%S}, not ready" for each, since in memory.warming.items())
    yield from (f"{each} is idle since {since:%H:%M:%S}" for each, since in memory.idle_since.items())
    yield from (f"at {each.at:%H:%M:%S} {each.launched} launched, {each.ended} ended" for each in memory.moved)
    if memory.surplus_since:
        yield f"surplus since {memory.surplus_since:%H:%M:%S}"
    if memory.no_work_since:
        yield f"no work since {memory.no_work_since:%H:%M:%S}"


def _boot(boot: Boot) -> str:
    running = ", ".join(f"{each} runs since {since:%H:%M:%S}" for each, since in boot.running_since.items())
    waiting = f"{', '.join(boot.waiting)} not running yet" if boot.waiting else ""
    return f"boots from {boot.launch_key}: {', '.join(filter(None, (waiting, running)))}"


def _more(counts: Counts) -> str:
    lost = f", {_slots(counts.lost)} of no use" if counts.lost else ""
    return f", {counts.draining} draining{lost}" if counts.draining else lost


def _reason(reason: Reason) -> str:
    slots = f", {_slots(reason.slots)}" if reason.slots else ""
    owner = f", owner {reason.owner}" if reason.owner else ""
    until = f", until {reason.until:%Y-%m-%d %H:%M:%S}" if reason.until else ""
    return f"why [{reason.kind}{slots}{owner}{until}] {reason.text}"


def _budget(budget: Budget) -> str:
    probe = f", probed by {budget.probe}" if budget.probe else ""
    return (
        f"all know of {budget.key}: {budget.refusals} x {budget.outcome}, opens at {budget.opens_at:%H:%M:%S} "
        f"for {budget.allowed}{probe}"
    )


def _trips(brake: Brake) -> str:
    return f", opens at {brake.opens_at:%H:%M:%S}" if brake.opens_at else ""


def _intent(intent: Intent) -> str:
    ids = f" ({', '.join(intent.instance_ids)})" if intent.instance_ids else ""
    what = f"{intent.count} x {intent.offering_key}, {_slots(intent.capacity)} each{ids}"
    return f"intent {intent.launch_key}: {what}, settles {intent.settle_after:%H:%M:%S}"


def _refusal(refusal: Refusal) -> str:
    return (
        f"refusal {refusal.key}: {refusal.failures} x {refusal.outcome}, blocked until {refusal.blocked_until:%H:%M:%S}"
    )


def _instances(instances: Sequence[Instance]) -> Iterator[str]:
    """Neighbours that are alike in one line."""

    def alike(each: Instance) -> tuple[str, ...]:
        slots, settings = _slots(each.capacity), f"settings {each.settings_hash}"
        return (
            each.raw_state,
            each.instance_type,
            each.zone or each.region,
            slots,
            settings,
            f"from {each.launch_key}",
        )

    for (state, kind, place, *rest), group in groupby(instances, key=alike):
        ids = [each.instance_id for each in group]
        names = ids[0] if len(ids) == 1 else f"{ids[0]} to {ids[-1]}"
        yield f"has {len(ids)} x {kind} in {place}, {state}: {names} ({', '.join(rest)})"


def _offering(offering: Offering) -> str:
    market = "" if offering.market == "onDemand" else f" {offering.market}"
    return f"{offering.instance_type}{market} in {offering.zone or offering.region + ' (any zone)'}"


def _work(demand: Demand, now: dt.datetime) -> str:
    if demand.reported_at is None:
        return "never reported"
    age = (now - demand.reported_at).total_seconds()
    claimed = "unknown how much is" if demand.claimed is None else demand.claimed
    return f"{demand.pending} pending, {claimed} claimed{f', read {age:g} s ago' if age else ''}"


def _slots(count: int) -> str:
    return f"{count} slot{'' if count == 1 else 's'}"


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_plan_is_the_one_written_down(name):
    assert (PLANS / f"{name}.txt").read_text("utf-8") == render(SITUATIONS[name])


def test_every_plan_has_its_situation():
    assert set(SITUATIONS) == {each.stem for each in PLANS.iterdir()}


def write(names: Iterable[str]) -> None:
    """Write the plans anew and drop those whose situation is gone."""
    PLANS.mkdir(exist_ok=True)
    for stale in PLANS.glob("*.txt"):
        if stale.stem not in SITUATIONS:
            stale.unlink()
    for name in names:
        (PLANS / f"{name}.txt").write_text(render(SITUATIONS[name]), "utf-8")


if __name__ == "__main__":
    write(SITUATIONS)
    sys.stdout.write(f"{len(SITUATIONS)} plans in {PLANS}\n")
