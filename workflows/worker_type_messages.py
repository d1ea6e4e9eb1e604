"""Everything that can be said to and asked of a worker type. Handlers parse, change state or queue a request; no more.

Every change is an update, which answers, and a signal of the same name and payload, whose refusal is shown in `status`,
in the current details and in WmState.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from worker_manager import report
    from worker_manager.decision import WmState
    from worker_manager.errors import Problem
    from worker_manager.memory import Mode
    from worker_manager.model import Demand
    from worker_manager.requests import (
        HEADER_TOKEN,
        DemandRead,
        Drain,
        Edit,
        InstanceMessage,
        MayGo,
        Message,
        MessageInvalid,
        Patch,
        Pause,
        Restore,
        Resume,
        SetDemand,
        SharedConfigChanged,
        did_you_mean,
    )
    from worker_manager.requests import parse as parse_value
    from worker_manager.state import WORKER_TYPE, Event, Rejection, WorkerTypeState, keep, remember_answer
from workflows import attributes
from workflows.messages import NOTHING, header_token, parse, readable, signature
from workflows.requests import Refused, Request, check_shape, received
from workflows.worker_type_instances import INSTANCE_MODELS, InstanceMessages

ID_PREFIX = "worker-type:"

MODELS: dict[str, type[Message]] = {
    "apply_config": Edit,
    **INSTANCE_MODELS,
    "drain": Drain,
    "may_go": MayGo,
    "patch_config": Patch,
    "pause": Pause,
    "restore": Restore,
    "resume": Resume,
    "set_demand": SetDemand,
}
SIGNALS = [*MODELS, "wake", "shared_config_changed", "demand_read"]
QUERIES = ["config", "decisions", "explain", "instances", "revisions", "status"]
# Names of shared configs that a worker type hears of; more than any document may refer to.
MAX_HEARD_OF = 1000


class WorkerTypeMessages(InstanceMessages):
    """State and handlers of the WorkerType workflow."""

    def __init__(self, args: Sequence[Any]) -> None:
        self.state = WorkerTypeState("", {}, "")
        self.woken = True
        self.requests: list[Request] = []
        # Shared configs told of since the last decision was asked for.
        self.heard_of: set[str] = set()
        self.bad_start: Refused | None = None
        self.start: Request | None = None
        # The document being checked: shared configs that are being edited meanwhile are checked against it, too.
        self.candidate: tuple[dict[str, Any], str] | None = None
        try:
            self.state, self.start = _starting_state(args)
        except MessageInvalid as error:
            self.bad_start = Refused(str(error), error.problems, "ConfigInvalid")

    # --- updates and their signal twins -----------------------------------------------------------------------------

    @workflow.update(description='Report work in slots: {"pending": 10, "claimed": 4}; a bare number is all pending')
    async def set_demand(self, value: RawValue) -> Any:
        return await self._answer("set_demand", value)

    @set_demand.validator
    def check_set_demand(self, value: RawValue) -> None:
        check_shape(SetDemand, value)

    @workflow.signal(name="set_demand", description='Report work in slots: {"pending": 10, "claimed": 4}')
    def tell_set_demand(self, value: RawValue) -> None:
        self._tell("set_demand", value)

    @workflow.update(description="Replace the worker type document; checked before it is accepted")
    async def apply_config(self, value: RawValue) -> Any:
        return await self._answer("apply_config", value)

    @apply_config.validator
    def check_apply_config(self, value: RawValue) -> None:
        check_shape(Edit, value)

    @workflow.signal(name="apply_config", description="Replace the worker type document; a refusal shows in status")
    def tell_apply_config(self, value: RawValue) -> None:
        self._tell("apply_config", value)

    @workflow.update(description='Merge into the worker type document: {"maxCapacity": 12}')
    async def patch_config(self, value: RawValue) -> Any:
        return await self._answer("patch_config", value)

    @patch_config.validator
    def check_patch_config(self, value: RawValue) -> None:
        check_shape(Patch, value)

    @workflow.signal(name="patch_config", description='Merge into the worker type document: {"maxCapacity": 12}')
    def tell_patch_config(self, value: RawValue) -> None:
        self._tell("patch_config", value)

    @workflow.update(description='Make an earlier revision the newest again: {"revision": 3, "reason": "bad image"}')
    async def restore(self, value: RawValue) -> Any:
        return await self._answer("restore", value)

    @restore.validator
    def check_restore(self, value: RawValue) -> None:
        check_shape(Restore, value)

    @workflow.signal(name="restore", description='Make an earlier revision the newest again: {"revision": 3}')
    def tell_restore(self, value: RawValue) -> None:
        self._tell("restore", value)

    @workflow.update(description='Launch and end nothing until resumed: {"reason": "budget"} or "budget"')
    async def pause(self, value: RawValue = NOTHING) -> Any:
        return await self._answer("pause", value)

    @pause.validator
    def check_pause(self, value: RawValue = NOTHING) -> None:
        check_shape(Pause, value)

    @workflow.signal(name="pause", description='Launch and end nothing until resumed: "budget"')
    def tell_pause(self, value: RawValue = NOTHING) -> None:
        self._tell("pause", value)

    @workflow.update(description="Go on after pause or drain")
    async def resume(self, value: RawValue = NOTHING) -> Any:
        return await self._answer("resume", value)

    @resume.validator
    def check_resume(self, value: RawValue = NOTHING) -> None:
        check_shape(Resume, value)

    @workflow.signal(name="resume", description="Go on after pause or drain")
    def tell_resume(self, value: RawValue = NOTHING) -> None:
        self._tell("resume", value)

    @workflow.update(description='Launch nothing and end what is idle; {"force": true} ends everything now')
    async def drain(self, value: RawValue = NOTHING) -> Any:
        return await self._answer("drain", value)

    @drain.validator
    def check_drain(self, value: RawValue = NOTHING) -> None:
        check_shape(Drain, value)

    @workflow.signal(
        name="drain", description='Launch nothing and end what is idle; {"force": true} ends everything now'
    )
    def tell_drain(self, value: RawValue = NOTHING) -> None:
        self._tell("drain", value)

    @workflow.update(description='An idle worker asks whether its instance may go: {"instanceId": "i-..."}')
    async def may_go(self, value: RawValue) -> Any:
        return await self._answer("may_go", value)

    @may_go.validator
    def check_may_go(self, value: RawValue) -> None:
        check_shape(MayGo, value)

    @workflow.signal(name="may_go", description='An idle worker offers its instance: {"instanceId": "i-..."}')
    def tell_may_go(self, value: RawValue) -> None:
        self._tell("may_go", value)

    # Where the start is refused, its failure is the answer.
    @workflow.update(
        description="Answers once the first document was checked and accepted",
        unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON,
    )
    async def started(self) -> Any:
        await workflow.wait_condition(lambda: bool(self.state.config_hash))
        return {"revision": self.state.revision}

    # --- signals without a twin: they say "look again", or that a name is wrong --------------------------------------

    @workflow.signal(description="Look again")
    def wake(self, value: RawValue = NOTHING) -> None:
        self.woken = True

    @workflow.signal(description="A shared config has a new revision; sent by it")
    def shared_config_changed(self, value: RawValue) -> None:
        change = parse(SharedConfigChanged, value)
        wanted = self.state.wanted_revisions
        # Also one not referred to yet: it may be told of while the document that refers to it is being checked.
        if change.revision <= self.state.shared_revisions.get(change.name, 0) or len(wanted) >= MAX_HEARD_OF:
            return
        if change.revision > wanted.get(change.name, 0):
            wanted[change.name] = change.revision
            self._log(f"shared config {change.name} is at revision {change.revision}")
        self.heard_of.add(change.name)  # even what seems old: a lie about a later revision may have come before it
        self.woken = True

    @workflow.signal(description="A reading of the demand source; sent by whatever reads it")
    def demand_read(self, value: RawValue) -> None:
        read, state, now = parse(DemandRead, value), self.state, workflow.now()
        # It carries no signature. Only who was given the capability may say what the source said.
        if (read.source, read.capability) != (state.demand_source, state.demand_capability):
            return
        at = min(read.read_at, now)  # a clock that is ahead must not outdo the readings of one that is not
        if state.demand_read_at is not None and at < state.demand_read_at:
            return
        before = (state.demand.pending, state.demand.claimed, state.demand.reported_at is None, state.demand_trouble)
        state.demand_read_at, state.demand_trouble = at, read.error
        if read.pending is not None:
            state.demand = Demand(read.pending, read.claimed, at, read.waiting_only)
        after = (state.demand.pending, state.demand.claimed, state.demand.reported_at is None, state.demand_trouble)
        self.woken = self.woken or before != after

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        self.note_rejected(name, f"unknown signal{did_you_mean(name, SIGNALS)}; known: {', '.join(SIGNALS)}")

    # --- queries ----------------------------------------------------------------------------------------------------

    @workflow.query(description="Numbers, reasons, last edit and last rejection")
    def status(self, *args: Any) -> Any:
        return report.status(self.state)

    @workflow.query(description="The document as it was written (at a revision: 3), and what it was resolved with")
    def config(self, *args: Any) -> Any:
        if args and args[0] not in (None, 0, self.state.revision):
            return report.earlier_config(self.state, args[0])
        answer = report.config(self.state)
        if self.candidate is not None:
            answer["candidate"] = {"document": self.candidate[0], "now": self.candidate[1]}
        return answer

    @workflow.query(description="Every revision that is remembered: who, when and why; kept ones can be restored")
    def revisions(self, *args: Any) -> Any:
        return report.revisions(self.state.revisions)

    @workflow.query(description='Why there is as much capacity as there is, in sentences; of one instance: "i-..."')
    def explain(self, *args: Any) -> Any:
        if args and isinstance(args[0], str):
            return report.explain_instance(self.state, args[0])
        return report.explain(self.state)

    @workflow.query(description="The last decisions that did or changed something, with what they were made of")
    def decisions(self, *args: Any) -> Any:
        return report.decisions(self.state)

    @workflow.query(description="Instances by place, intents not yet seen, instances ended lately")
    def instances(self, *args: Any) -> Any:
        return report.instances(self.state)

    # --- what handlers do ---------------------------------------------------------------------------------------------

    async def _answer(self, name: str, value: RawValue) -> Any:
        info = workflow.current_update_info()
        update_id = info.id if info else ""
        if update_id in self.state.answers:
            return self.state.answers[update_id]
        answer = await self._take(received(name, MODELS[name], value, "update"))
        remember_answer(self.state.answers, update_id, answer)
        return answer

    def _tell(self, name: str, value: RawValue) -> None:
        request = received(name, MODELS[name], value, "signal")
        if not self._at_once(request):
            self.requests.append(request)

    async def _take(self, request: Request) -> Any:
        try:
            if not self._at_once(request):
                self.requests.append(request)
        except Refused as refusal:
            self.note_rejected(request.name, str(refusal), request.via)
            raise refusal.failure() from refusal
        return await request.outcome()

    def _at_once(self, request: Request) -> bool:
        """Settle what needs no activity; True if it did. Where messages must be signed, it must be known by whom.

        Raises Refused.
        """
        if self.state.secured and request.author is None:
            return False
        match request.message:
            case InstanceMessage():
                request.settle(self._note_reports(request.message))
            case SetDemand():
                request.settle(self._set_demand(request.message))
            case Pause():
                request.settle(self._enter(Mode.PAUSED, request.message.reason))
            case Resume():
                request.settle(self._enter(Mode.RUN, request.message.reason))
            case Drain():
                request.settle(self._enter(Mode.DRAINING, request.message.reason, force=request.message.force))
            case _:
                return False
        return True

    def _set_demand(self, message: SetDemand) -> dict[str, Any]:
        if source := self.state.demand_source:
            text = f"demand is read from {source}; set `demand: {{source: push}}` to push it"
            raise Refused(text, (Problem("/demand/source", text, "demand-source"),), "ConfigInvalid")
        before = self.state.demand
        self.state.demand = Demand(message.pending, message.claimed, workflow.now(), message.waiting_only)
        is_new = (before.pending, before.claimed) != (message.pending, message.claimed)
        self.woken = self.woken or is_new or before.reported_at is None
        self._accepted()
        return {"pending": message.pending, "claimed": message.claimed}

    def _enter(self, mode: Mode, reason: str, *, force: bool = False) -> dict[str, Any]:
        state = self.state
        if state.finishing and mode is not Mode.DRAINING:
            return {"mode": str(state.mode), "unchanged": True}
        if state.mode is not mode:
            state.mode_since = workflow.now()
            self._log(f"{mode}" + (f": {reason}" if reason else ""))
        state.mode, state.mode_reason, state.force = mode, reason, force
        self._accepted()
        self.woken = True
        return {"mode": str(mode)}

    def finish(self) -> None:
        """Cancelled: drain, then end the workflow."""
        self.state.finishing = True
        self._enter(Mode.DRAINING, "cancelled: drains, then finishes")

    # --- showing ----------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Bring current details and search attributes up to date; an event only if an attribute changed."""
        state = self.state
        if not state.config_hash:
            return
        workflow.set_current_details(report.details(state))
        attributes.upsert(
            {
                attributes.STATE: str(report.shown_state(state)),
                attributes.PROVIDER: state.provider,
                attributes.OWNER: state.owner,
                attributes.ACTUAL: state.actual,
                attributes.DESIRED: state.desired,
                attributes.SHARED_CONFIGS: sorted(state.shared_revisions),
            }
        )

    def note_rejected(self, name: str, why: str, via: str = "signal") -> None:
        """Record a message that was refused, where people look: status, current details and, for a signal, WmState."""
        keep(self.state.rejections, Rejection(workflow.now(), name[:100], why[:1000], via))
        self.state.rejected = self.state.rejected or via == "signal"
        self.show()

    def _accepted(self) -> None:
        if self.state.rejected:
            self.state.rejected = False
            self.show()

    def _log(self, text: str) -> None:
        keep(self.state.events, Event(workflow.now(), text[:500]))


def template_time() -> str:
    """The time that templates see, in the one form json-e takes."""
    now: datetime = workflow.now()
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"


def _starting_state(args: Sequence[Any]) -> tuple[WorkerTypeState, Request | None]:
    """The carried state, or a new one with the start that asks for it. Raises MessageInvalid for anything else."""
    if len(args) != 1 or not isinstance(readable(args[0]), dict):
        raise MessageInvalid("start input: expected one JSON object, the worker type document")
    if set(args[0]) == {"carried"} and workflow.info().continued_run_id:
        return WORKER_TYPE.validate_python(args[0]["carried"]), None
    HEADER_TOKEN.set(header_token(workflow.info().headers))
    message = parse_value(Edit, args[0])
    name = message.document.get("workerType")
    if not isinstance(name, str) or workflow.info().workflow_id != ID_PREFIX + name:
        wanted = f"{ID_PREFIX}{name}" if isinstance(name, str) else f"{ID_PREFIX}NAME"
        why = f"names the worker type; its workflow id must be {wanted[:200]!r}"
        raise MessageInvalid(f"/workerType: {why}", (Problem("/workerType", why, "workflow-id"),))
    state = WorkerTypeState(name, message.document, template_time(), state=WmState.SCALING)
    return state, Request("start", message, "start", signature("start", args[0], message))
