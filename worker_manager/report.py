"""What people see of a worker type: the `status` and `explain` answers and the current details of the Web UI."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from worker_manager.decision import Reason, WmState
from worker_manager.memory import MarkKind
from worker_manager.state import (
    Rejection,
    Revision,
    SharedConfigState,
    ValueRevision,
    WorkerTypeState,
    kept_revision,
)

SHOWN_EVENTS = 6


def shown_state(state: WorkerTypeState) -> WmState:
    """The state, unless the last message was refused or a shared config's value cannot be used: that comes first."""
    if state.rejected or state.config_problems:
        return WmState.CONFIG_REJECTED
    if state.state is WmState.FINISHED and not state.finishing:
        return WmState.DRAINING
    if state.trouble and state.state is not WmState.PAUSED:
        return WmState.HELD
    return state.state


def status(state: WorkerTypeState) -> dict[str, Any]:
    """The query `status`: numbers, reasons, last edit and last rejection."""
    return {
        "workerType": state.name,
        "state": shown_state(state),
        "provider": state.provider,
        "owner": state.owner,
        "minCapacity": state.document.get("minCapacity"),
        "maxCapacity": state.document.get("maxCapacity"),
        "desired": state.desired,
        "actual": state.actual,
        "demand": {"pending": state.demand.pending, "claimed": state.demand.claimed},
        "demandSource": state.demand_source or "push",
        "demandReadAt": state.demand_read_at.isoformat() if state.demand_read_at else None,
        "demandTrouble": state.demand_trouble,
        "live": state.counts.live,
        "requested": state.counts.requested,
        "stopping": state.counts.stopping,
        "instances": state.counts.instances,
        "drifted": state.counts.drifted,
        "launched": state.launched,
        "terminated": state.terminated,
        "revision": state.revision,
        "configHash": state.config_hash,
        "managedBy": state.managed_by,
        "mode": state.mode,
        "finishing": state.finishing,
        "open": not state.secured,
        "sharedConfigs": state.shared_revisions,
        "reasons": [each.text for each in state.reasons],
        "why": [_reason(each) for each in state.reasons],
        "lost": state.counts.lost,
        "draining": state.counts.draining,
        "trouble": state.trouble,
        "configProblems": state.config_problems,
        "lastEdit": _revision(state.revisions[-1]) if state.revisions else None,
        "lastRejection": _rejection(state.rejections[-1]) if state.rejections else None,
        "rejections": [_rejection(each) for each in state.rejections],
        "decidedAt": state.decided_at.isoformat() if state.decided_at else None,
    }


def config(state: WorkerTypeState) -> dict[str, Any]:
    """The query `config`: the newest revision, and what it was resolved with."""
    return {
        "document": state.document,
        "revision": state.revision,
        "now": state.now,
        "sharedConfigs": state.shared_revisions,
        "configHash": state.config_hash,
        "managedBy": state.managed_by,
        "references": [{"name": e.name, "pointer": e.pointer, "proven": e.proven} for e in state.references],
    }


def earlier_config(state: WorkerTypeState, number: Any) -> dict[str, Any]:
    """The query `config` for an earlier revision; `missing` where it is not kept."""
    found = kept_revision(state.revisions, number)
    if found is None:
        return {"revision": number, "missing": True}
    return {"document": found.document, "revision": found.revision, "now": found.now}


def revisions(entries: Iterable[Revision] | Iterable[ValueRevision]) -> list[dict[str, Any]]:
    """The query `revisions`, oldest first; kept ones can be read and restored."""
    return [{**_revision(each), "kept": each.kept} for each in entries]


def _reason(each: Reason) -> dict[str, Any]:
    """A reason for programs."""
    return {
        "kind": each.kind,
        "text": each.text,
        "slots": each.slots,
        "owner": each.owner,
        "nextStep": each.next_step,
        "until": each.until.isoformat() if each.until else None,
        "evidence": each.evidence,
    }


def decisions(state: WorkerTypeState) -> list[dict[str, Any]]:
    """The query `decisions`: the last that did or changed something, oldest first, with what they were made of."""
    return [
        {
            "at": each.at.isoformat(),
            "state": each.state,
            "demand": {"pending": each.demand.pending, "claimed": each.demand.claimed},
            "desired": each.desired,
            "actual": each.actual,
            "launched": each.launched,
            "ended": each.ended,
            "why": [_reason(reason) for reason in each.reasons],
        }
        for each in state.decisions
    ]


_MARKED = {
    MarkKind.FAILED: "has failed, and is ended,",
    MarkKind.INTERRUPTED: "is interrupted by the cloud",
    MarkKind.HOLD: "is held",
    MarkKind.QUARANTINE: "is in quarantine",
    MarkKind.DRAIN: "drains",
}


def explain_instance(state: WorkerTypeState, instance_id: str) -> list[str]:
    """The query `explain` of one instance: why it was launched, how it is marked, why it was ended."""
    found = [each for each in state.happenings if instance_id in each.instance_ids]
    told = [
        f"{instance_id} was {each.what} at {each.at:%Y-%m-%d %H:%M:%S} UTC in {each.where}: {each.why}"
        for each in found
    ]
    memory = state.memory
    told += [
        f"{instance_id} {_MARKED[each.kind]} since {each.since:%Y-%m-%d %H:%M:%S} UTC"
        + (f": {each.why}" if each.why else "")
        for each in memory.marks
        if each.instance_id == instance_id
    ]
    told += [f"{instance_id} is not up yet" for each in memory.boots if instance_id in each.instance_ids]
    return told or [f"nothing is remembered of {instance_id!r}: it was launched and ended too long ago, or is not ours"]


def explain(state: WorkerTypeState) -> list[str]:
    """The query `explain`: sentences, most important first."""
    work = f"{state.demand.pending} pending"
    if state.demand.claimed is not None:
        work += f" and {state.demand.claimed} running"
    nothing = "its demand source was not read yet" if state.demand_source else "no demand was ever reported"
    source = nothing if state.demand.reported_at is None else f"the work is {work}"
    sentences = [f"{state.name} is {shown_state(state)}: {state.actual} of {state.desired} slots, {source}."]
    if state.trouble:
        sentences.append(f"trouble: {state.trouble}")
    if state.demand_trouble:
        sentences.append(f"the demand cannot be read: {state.demand_trouble}")
    sentences += [f"config: {each}" for each in state.config_problems]
    sentences += [each.text for each in state.reasons]
    if state.rejected:
        last = state.rejections[-1]
        sentences.append(f"the last message ({last.message}) was refused: {last.why}")
    return sentences if len(sentences) > 1 else [*sentences, _at_rest(state)]


def _at_rest(state: WorkerTypeState) -> str:
    """Why nothing is wrong, unless nothing is known yet, or what is said of the work cannot be."""
    if state.decided_at is None:
        return (
            "nothing was decided yet: it has just started, or its start was refused (the workflow's result says why)."
        )
    beyond = (state.demand.claimed or 0) - state.counts.live
    if beyond > 0:
        return f"nothing is launched for work said to be running, but no instance is live for {beyond} slots of it."
    return "nothing to do: there is as much capacity as the work and minCapacity ask for."


def instances(state: WorkerTypeState) -> dict[str, Any]:
    """The query `instances`: counts by place of the last listing, and what a listing cannot show."""
    return {
        "byPlace": state.counts.by_place,
        "intents": [
            {
                "launchKey": each.launch_key,
                "offering": each.offering_key,
                "count": each.count,
                "instanceIds": list(each.instance_ids),
                "settlesAt": each.settle_after.isoformat(),
            }
            for each in state.memory.intents
        ],
        "ended": [each.instance_id for each in state.memory.ended],
        "asOf": state.decided_at.isoformat() if state.decided_at else None,
    }


def details(state: WorkerTypeState) -> str:
    """Markdown for the Web UI. Tables have no padding there, so the numbers are fenced text."""
    bounds = f"min {state.document.get('minCapacity')}, max {state.document.get('maxCapacity')}"
    places = "\n".join(f"  {count:4d} x {place}" for place, count in state.counts.by_place.items())
    counts = state.counts
    drifted = f"   drifted {counts.drifted}" if counts.drifted else ""
    parts = [
        f"### {state.name}: {shown_state(state)}, {state.actual} of {state.desired} slots",
        "```",
        f"live {counts.live}   requested {counts.requested}   stopping {counts.stopping}{drifted}   ({bounds})",
        f"demand: {_demand(state)}",
        *([places] if places else []),
        "```",
        "**Now**",
        "",
        *(f"- {each}" for each in explain(state)[1:]),
        "",
        "**Lately**",
        "",
        *(f"- {_moment(state, each.at)} {each.text}" for each in reversed(state.events[-SHOWN_EVENTS:])),
        "",
        f"**Last edit**: {_last_edit(state)}",
        "",
        f"**Last rejection**: {_last_rejection(state)}",
        "",
        f"**Shared configs**: {_shared(state)}; settings `{state.config_hash}`",
        "",
        f"**In all**: launched {state.launched}, terminated {state.terminated}",
        "",
        f"**Owner**: {state.owner or 'none given'}; provider {state.provider}",
    ]
    return "\n".join(parts)


def shared_config(state: SharedConfigState, number: Any) -> dict[str, Any]:
    """The query `config` of a shared config, at a revision or the newest; `missing` where it is not kept."""
    found = kept_revision(state.values, number or state.revision)
    if found is None:
        return {"revision": number, "missing": True}
    return {
        "name": state.name,
        "schema": state.schema,
        "revision": found.revision,
        "value": found.value,
        "description": state.description,
        "owner": state.owner,
        "managedBy": state.managed_by,
    }


def shared_status(state: SharedConfigState) -> dict[str, Any]:
    """The query `status` of a shared config."""
    return {
        "name": state.name,
        "schema": state.schema,
        "revision": state.revision,
        "notified": state.notified,
        "dependents": state.subscribers,
        "trouble": state.trouble,
        "managedBy": state.managed_by,
        "open": not state.secured,
        "revisions": [_revision(each) for each in state.values],
        "lastRejection": _rejection(state.rejections[-1]) if state.rejections else None,
        "rejections": [_rejection(each) for each in state.rejections],
    }


def shared_details(state: SharedConfigState) -> str:
    """Markdown of a shared config for the Web UI."""
    told = "all told" if state.notified == state.revision else f"telling them of revision {state.revision}"
    last = state.rejections[-1] if state.rejections else None
    rejected = f"{last.at:%Y-%m-%d %H:%M:%S} UTC, {last.via} `{last.message}`: {last.why}" if last else "none"
    names = ", ".join(each.partition(":")[2] for each in state.subscribers[:30])
    more = f" and {len(state.subscribers) - 30} more" if len(state.subscribers) > 30 else ""
    lines = [
        f"### {state.name}: revision {state.revision}, {len(state.subscribers)} dependents, {told}",
        f"schema `{state.schema}`",
        "",
        *(
            f"- {each.revision}: {each.at:%Y-%m-%d %H:%M:%S} UTC {each.author} {each.reason}"
            for each in state.values[::-1]
        ),
        "",
        *([f"**Trouble**: {state.trouble}", ""] if state.trouble else []),
        f"**Last rejection**: {rejected}",
        "",
        f"**Dependents**: {names or 'none'}{more}",
    ]
    return "\n".join(lines)


def _demand(state: WorkerTypeState) -> str:
    if state.demand.reported_at is None:
        return "none reported yet (send set_demand)"
    claimed = "unknown" if state.demand.claimed is None else state.demand.claimed
    return (
        f"pending {state.demand.pending}, running {claimed} (reported {_moment(state, state.demand.reported_at)} UTC)"
    )


def _moment(state: WorkerTypeState, at: datetime) -> str:
    """The time, and the date if it is not that of the last decision."""
    is_today = state.decided_at is not None and at.date() == state.decided_at.date()
    return f"{at:%H:%M:%S}" if is_today else f"{at:%Y-%m-%d %H:%M:%S}"


def _shared(state: WorkerTypeState) -> str:
    return ", ".join(f"{name} @ {revision}" for name, revision in sorted(state.shared_revisions.items())) or "none"


def _last_edit(state: WorkerTypeState) -> str:
    last = state.revisions[-1]
    by = f" by {last.author}" if last.author else ""
    why = f": {last.reason}" if last.reason else ""
    return f"revision {last.revision} at {last.at:%Y-%m-%d %H:%M:%S} UTC{by}{why}"


def _last_rejection(state: WorkerTypeState) -> str:
    if not state.rejections:
        return "none"
    last = state.rejections[-1]
    return f"{last.at:%Y-%m-%d %H:%M:%S} UTC, {last.via} `{last.message}`: {last.why}"


def _revision(each: Revision | ValueRevision) -> dict[str, Any]:
    return {"revision": each.revision, "at": each.at.isoformat(), "author": each.author, "reason": each.reason}


def _rejection(each: Rejection) -> dict[str, Any]:
    return {"at": each.at.isoformat(), "via": each.via, "message": each.message, "why": each.why}
