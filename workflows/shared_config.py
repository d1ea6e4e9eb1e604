"""The workflow of one shared config: a named value that conforms for ever to one schema, in revisions.

An edit is checked against the schema and against every dependent worker type before it is accepted; then one activity
tells the dependents. They read the value themselves, when they resolve.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.configs import ConfigActivities, Notification, SharedValueAdmission, SharedValueCheck
    from worker_manager import report
    from worker_manager.requests import EditValue, MessageInvalid, SharedConfigStart, Subscribe, did_you_mean
    from worker_manager.requests import parse as parse_value
    from worker_manager.state import (
        SHARED_CONFIG,
        Rejection,
        SharedConfigState,
        ValueRevision,
        keep,
        keep_value,
        remember_answer,
    )
from workflows import attributes
from workflows.failures import reason_of
from workflows.messages import parse
from workflows.requests import Refused, Request

RENEW_AT_EVENTS = 500
ID_PREFIX = "shared-config:"
LONGEST_BACK_OFF_SECONDS = 60.0
SIGNALS = ["apply_config", "subscribe"]


@workflow.defn(name="SharedConfig")
class SharedConfigWorkflow:
    """Keeps one shared config. Start it with `{"name": ..., "schema": ..., "value": ...}` as its one argument."""

    @workflow.init
    def __init__(self, *args: Any) -> None:
        self.state = SharedConfigState("", "")
        self.requests: list[Request] = []
        self.bad_start = ""
        self.admitted = False
        self.checked: frozenset[str] = frozenset()
        try:
            self.state, self.admitted = _starting_state(args)
        except MessageInvalid as error:
            self.bad_start = str(error)

    @workflow.run
    async def run(self, *args: Any) -> None:
        """Run for ever. Raises ApplicationError `ConfigInvalid` for a value that is not acceptable."""
        if self.bad_start:
            raise Refused(self.bad_start, kind="ConfigInvalid").failure()
        if not self.admitted:
            await self._admit_start()
        while True:
            self.show()
            await workflow.wait_condition(lambda: bool(self.requests) or self._must_notify() or self._is_long())
            while self.requests:
                await self._answer(self.requests.pop(0))
            if self._must_notify():
                await self._notify()
            if self._is_long():
                await self._renew()

    # --- the loop ---------------------------------------------------------------------------------------------------

    async def _admit_start(self) -> None:
        try:
            admission = await self._check(self.state.values[-1].value)
        except ActivityError as error:
            raise Refused(f"could not be checked: {reason_of(error)}", kind="NotChecked").failure() from error
        if admission.problems:
            refusal = Refused.for_problems(admission.problems)
            self.bad_start = str(refusal)
            raise refusal.failure()
        self.admitted = True

    async def _answer(self, request: Request) -> None:
        try:
            request.settle(await self._edit(request))
            self.state.rejected = False
        except Refused as refusal:
            self._refused(request, refusal)
        except ActivityError as error:
            self._refused(request, Refused(f"could not be checked: {reason_of(error)}; try again", kind="NotChecked"))

    def _refused(self, request: Request, refusal: Refused) -> None:
        request.refuse(refusal)
        self.note_rejected(request.name, str(refusal), request.via)

    async def _edit(self, request: Request) -> dict[str, Any]:
        """Accept a new value as a new revision. Raises Refused; nothing changes then."""
        state, message = self.state, request.message
        assert isinstance(message, EditValue)
        if message.expected_revision not in (None, state.revision):
            text = f"expected revision {message.expected_revision}, but it is {state.revision}: look again, then edit"
            raise Refused(text, kind="RevisionConflict")
        for member, given, mine in (("name", message.name, state.name), ("schema", message.schema_id, state.schema)):
            if given is not None and given.rstrip("#") != mine.rstrip("#"):
                raise Refused(f"/{member}: stays {mine!r} for ever; got {given[:100]!r}", kind="ConfigInvalid")
        if message.value == state.values[-1].value:
            return {"revision": state.revision, "unchanged": True, "dependents": len(state.subscribers)}
        admission = await self._check(message.value)
        if admission.problems:
            raise Refused.for_problems(admission.problems)
        joined = [each for each in state.subscribers if each not in self.checked]
        state.subscribers = [*admission.dependents, *joined]
        state.revision += 1
        keep_value(state, ValueRevision(state.revision, message.value, workflow.now(), message.author, message.reason))
        return {"revision": state.revision, "dependents": len(state.subscribers)}

    async def _check(self, value: Any) -> SharedValueAdmission:
        self.checked = frozenset(self.state.subscribers)
        return await workflow.execute_activity_method(
            ConfigActivities.check_shared_config,
            SharedValueCheck(self.state.name, self.state.schema, value, tuple(self.state.subscribers)),
            task_queue=options.WORKFLOW_QUEUE,
            summary=f"check the value against its schema and {len(self.state.subscribers)} dependents",
            **options.CHECK,
        )

    def _must_notify(self) -> bool:
        return self.state.notified < self.state.revision

    async def _notify(self) -> None:
        """Tell every subscriber; one that no longer exists is dropped."""
        state, revision = self.state, self.state.revision
        try:
            gone = await workflow.execute_activity_method(
                ConfigActivities.notify_dependents,
                Notification(state.name, revision, tuple(state.subscribers)),
                task_queue=options.WORKFLOW_QUEUE,
                summary=f"tell {len(state.subscribers)} dependents of revision {revision}",
                **options.NOTIFY,
            )
        except ActivityError as error:
            state.trouble = reason_of(error)
            self.show()
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: bool(self.requests),
                    timeout=LONGEST_BACK_OFF_SECONDS,
                    timeout_summary="tell the dependents again after a failure",
                )
            return
        state.subscribers = [each for each in state.subscribers if each not in gone]
        state.notified, state.trouble = revision, ""

    async def _renew(self) -> None:
        await workflow.wait_condition(lambda: bool(self.requests) or workflow.all_handlers_finished())
        if not self.requests:
            workflow.continue_as_new({"carried": SHARED_CONFIG.dump_python(self.state, mode="json")})

    def _is_long(self) -> bool:
        return workflow.info().get_current_history_length() >= RENEW_AT_EVENTS

    # --- messages ---------------------------------------------------------------------------------------------------

    @workflow.update(
        description="Replace the value; checked against its schema and every dependent before it is accepted"
    )
    async def apply_config(self, value: RawValue) -> Any:
        info = workflow.current_update_info()
        update_id = info.id if info else ""
        if update_id in self.state.answers:
            return self.state.answers[update_id]
        request = Request("apply_config", parse(EditValue, value), "update")
        self.requests.append(request)
        answer = await request.outcome()
        remember_answer(self.state.answers, update_id, answer)
        return answer

    @apply_config.validator
    def check_apply_config(self, value: RawValue) -> None:
        if workflow.info().get_current_history_length() > 2 * RENEW_AT_EVENTS:
            raise MessageInvalid("busy with earlier messages: send it again in a moment")
        parse(EditValue, value)

    # Where the start is refused, its failure is the answer.
    @workflow.update(
        description="Answers once the first value was checked and accepted",
        unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON,
    )
    async def started(self) -> Any:
        await workflow.wait_condition(lambda: self.admitted)
        return {"revision": self.state.revision}

    @workflow.signal(name="apply_config", description="Replace the value; a refusal shows in status")
    def tell_apply_config(self, value: RawValue) -> None:
        self.requests.append(Request("apply_config", parse(EditValue, value), "signal"))

    @workflow.signal(description="Be told of edits; sent by worker types")
    def subscribe(self, value: RawValue) -> None:
        subscriber = parse(Subscribe, value).subscriber
        if subscriber not in self.state.subscribers:
            self.state.subscribers.append(subscriber)

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        self.note_rejected(name, f"unknown signal{did_you_mean(name, SIGNALS)}; known: {', '.join(SIGNALS)}")

    @workflow.query(description="Value at a revision (0: the newest)")
    def value(self, *args: Any) -> Any:
        if not self.admitted:
            return {"refused": True} if self.bad_start else {}
        wanted = args[0] if args and isinstance(args[0], int) else 0
        found = self.state.value_at(wanted)
        return {"revision": found.revision, "schema": self.state.schema, "value": found.value}

    @workflow.query(description="Name, schema, revision and current value")
    def config(self, *args: Any) -> Any:
        return {**self.value(), "name": self.state.name}

    @workflow.query(description="Revisions, dependents, last rejection")
    def status(self, *args: Any) -> Any:
        return report.shared_status(self.state)

    def note_rejected(self, name: str, why: str, via: str = "signal") -> None:
        """Record a message that was refused, where people look."""
        keep(self.state.rejections, Rejection(workflow.now(), name[:100], why[:1000], via))
        self.state.rejected = self.state.rejected or via == "signal"
        self.show()

    def show(self) -> None:
        """Bring current details and WmState up to date."""
        if self.admitted:
            workflow.set_current_details(report.shared_details(self.state))
            state = "ConfigRejected" if self.state.rejected else "Steady"
            attributes.upsert({attributes.STATE: state, attributes.OWNER: self.state.owner})


def _starting_state(args: Sequence[Any]) -> tuple[SharedConfigState, bool]:
    """The carried state, or a new one not yet admitted. Raises MessageInvalid for anything else."""
    is_continued = bool(workflow.info().continued_run_id)
    if is_continued and len(args) == 1 and isinstance(args[0], dict) and set(args[0]) == {"carried"}:
        return SHARED_CONFIG.validate_python(args[0]["carried"]), True
    if len(args) != 1:
        raise MessageInvalid('start input: expected one JSON object {"name": ..., "schema": ..., "value": ...}')
    start = parse_value(SharedConfigStart, args[0])
    if workflow.info().workflow_id != ID_PREFIX + start.name:
        raise MessageInvalid(f"/name: the workflow id of this shared config must be {ID_PREFIX + start.name!r}")
    first = ValueRevision(1, start.value, workflow.now(), start.author, start.reason or "started")
    return SharedConfigState(start.name, start.schema_id, 1, [first], start.description, start.owner), False
