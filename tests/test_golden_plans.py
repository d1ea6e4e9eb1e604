"""What the planner answers in every situation of `plan_cases`, as text: a change of a plan is a change of a file.

`python -m tests.test_golden_plans` writes the files anew; read their difference before keeping it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from tests.plan_cases import SITUATIONS, Situation
from worker_manager.decision import Decision
from worker_manager.memory import Intent, Memory, Mode, Refusal
from worker_manager.model import Demand, Instance, Offering
from worker_manager.plan import decide

PLANS = Path(__file__).parent / "plans"


def render(situation: Situation) -> str:
    """One situation and its decision, a fact a line."""
    decision = decide(situation.config, situation.fleet, situation.demand, situation.memory, situation.now)
    return "\n".join([situation.about, "", *_given(situation), "", *_decided(decision), ""])


def _given(situation: Situation) -> Iterator[str]:
    config = situation.config
    ratio = f", scalingRatio {config.scaling_ratio}" if config.scaling_ratio < 1 else ""
    yield f"at {situation.now:%Y-%m-%d %H:%M:%S} UTC"
    yield f"config: {config.min_capacity} to {config.max_capacity} slots, scaleIn {config.scale_in}{ratio}"
    yield from (
        f"offers {_offering(spec.offering)}, {_slots(spec.offering.capacity)} each" for spec in config.launch_specs
    )
    yield from _instances(situation.fleet.instances)
    yield f"work: {_work(situation.demand)}"
    yield from _memory(situation.memory)
    yield from (
        f"answer to {each.launch_key}: {each.outcome} {' '.join(each.instance_ids)}{each.message}".rstrip()
        for each in situation.memory.results
    )
    yield from (f"asks to go: {each}" for each in situation.memory.asking)


def _decided(decision: Decision) -> Iterator[str]:
    yield f"state {decision.state}"
    yield f"desired {decision.desired}, actual {decision.actual} (slots)"
    counts = decision.counts
    yield (
        f"counts: live {counts.live}, requested {counts.requested}, stopping {counts.stopping} (slots); "
        f"{counts.instances} usable, {counts.drifted} drifted, {counts.unknown} unknown (instances)"
    )
    for each in decision.launches:
        slots = _slots(each.count * each.spec.offering.capacity)
        yield f"launch {each.count} x {_offering(each.spec.offering)} ({slots}), settled in {each.settle_seconds:g} s"
    yield from (f"end {each.instance_id} in {each.region}: {each.why}" for each in decision.terminations)
    yield from (f"why [{each.kind}] {each.text}" for each in decision.reasons)
    seconds = decision.next_check_seconds
    yield "next look: when something happens" if seconds is None else f"next look: in {seconds:g} s"
    yield from (f"then {line}" for line in _memory(decision.memory))


def _memory(memory: Memory) -> Iterator[str]:
    if memory.mode is not Mode.RUN:
        since = f" since {memory.mode_since:%H:%M:%S}" if memory.mode_since else ""
        yield f"mode {memory.mode}{since}{', forced' if memory.force else ''}"
    yield from map(_intent, memory.intents)
    yield from map(_refusal, memory.refusals)
    yield from (f"ended {each.instance_id}, may be listed until {each.until:%H:%M:%S}" for each in memory.ended)
    if memory.surplus_since:
        yield f"surplus since {memory.surplus_since:%H:%M:%S}"


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


def _work(demand: Demand) -> str:
    if demand.reported_at is None:
        return "never reported"
    return f"{demand.pending} pending, {'unknown how much is' if demand.claimed is None else demand.claimed} claimed"


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
