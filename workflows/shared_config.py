"""The workflow of one shared config: a named value that conforms for ever to one schema, in revisions.

An edit is checked against the schema and against every dependent worker type before it is accepted; then one activity
tells the dependents. They read the value themselves, when they resolve.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.configs import ConfigActivities, Notification, SharedValueAdmission, SharedValueCheck
    from worker_manager import report
    from worker_manager.errors import Problem
    from worker_manager.requests import (
        HEADER_TOKEN,
        Change,
        EditValue,
        MessageInvalid,
        Restore,
        SharedConfigStart,
        Subscribe,
        did_you_mean,
    )
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
from workflows.messages import header_token, parse, readable, signature
from workflows.requests import (
    RENEW_AT_EVENTS,
    Refused,
    Request,
    check_shape,
    earlier_revision,
    received,
    refuse_conflict,
    spend_token,
)

ID_PREFIX = "shared-config:"
LONGEST_BACK_OFF_SECONDS = 60.0
# Checks of late subscribers before an edit gives way to them.
MAX_ROUNDS = 20
SIGNALS = ["apply_config", "restore", "subscribe"]


@workflow.defn(name="SharedConfig")
class SharedConfigWorkflow:
    """Keeps one shared config. Start it with `{"name": ..., "schema": ..., "value": ...}` as its one argument."""

    @workflow.init
    def __init__(self, *args: Any) -> None:
        self.state = SharedConfigState("", "")
        self.requests: list[Request] = []
        self.bad_start: Refused | None = None
        self.start: Request | None = None
        # The value being checked, in a tuple, as any JSON may be one: other shared configs are checked with it, too.
        self.candidate: tuple[Any] | tuple[()] = ()
        # Those who subscribed, anew or again, while a value is being checked.
        self.touched: list[str] = []
        try:
            self.state, self.start = _starting_state(args)
        except MessageInvalid as error:
            self.bad_start = Refused(str(error), error.problems, "ConfigInvalid")
        self.admitted = not self.bad_start and self.start is None

    @workflow.run
    async def run(self, *args: Any) -> None:
        """Run for ever. Raises ApplicationError `ConfigInvalid` for a value that is not acceptable."""
        if self.bad_start:
            raise self.bad_start.failure()
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
        """Check the first value; nobody can depend on it yet, so dependents are not asked."""
        assert self.start is not None
        try:
            admission = await self._check(self.start, self.state.values[-1].value)
        except ActivityError as error:
            raise Refused(f"could not be checked: {reason_of(error)}", kind="NotChecked").failure() from error
        try:
            self._refuse(admission)
        except Refused as refusal:
            self.bad_start = refusal
            raise refusal.failure() from refusal
        first = self.state.values[-1]
        self.state.values = [replace(first, author=admission.author.subject or first.author)]
        self.admitted = True

    async def _answer(self, request: Request) -> None:
        try:
            request.settle(await self._edit(request))
            self.state.rejected = False
        except Refused as refusal:
            self._refused(request, refusal)
        except ActivityError as error:
            self._refused(request, Refused(f"could not be checked: {reason_of(error)}; try again", kind="NotChecked"))
        finally:
            self.candidate = ()

    def _refused(self, request: Request, refusal: Refused) -> None:
        request.refuse(refusal)
        self.note_rejected(request.name, str(refusal), request.via)

    async def _edit(self, request: Request) -> dict[str, Any]:
        """Accept a new value as a new revision. Raises Refused; nothing changes then."""
        state, message = self.state, request.message
        assert isinstance(message, EditValue | Restore)
        refuse_conflict(message, state.revision)
        self._refuse_renaming(message)
        value = self._edited(message)
        about = _about(message)
        is_new = value != state.values[-1].value
        said = [name for name, text in about.items() if getattr(state, name) != text]
        if not is_new and not said:
            return {"revision": state.revision, "unchanged": True, "dependents": len(state.subscribers)}
        admission = await (self._check_with_dependents if is_new else self._check)(request, value)
        self._refuse(admission)
        for name, text in about.items():
            setattr(state, name, text)
        if is_new:
            state.revision += 1
            by = admission.author.subject or message.author
            keep_value(state, ValueRevision(state.revision, value, workflow.now(), by, message.reason))
        answer = {"revision": state.revision, "dependents": len(state.subscribers)}
        return answer if is_new or said != ["managed_by"] else {**answer, "unchanged": True}

    def _edited(self, message: EditValue | Restore) -> Any:
        if isinstance(message, Restore):
            return earlier_revision(self.state.values, message.revision).value
        return message.value

    def _refuse_renaming(self, message: EditValue | Restore) -> None:
        if isinstance(message, Restore):
            return
        state = self.state
        for member, given, mine in (("name", message.name, state.name), ("schema", message.schema_id, state.schema)):
            if given is not None and given.rstrip("#") != mine.rstrip("#"):
                text = f"stays {mine!r} for ever; got {given[:100]!r}"
                raise Refused.for_problems((Problem(f"/{member}", text, "fixed"),))

    async def _check_with_dependents(self, request: Request, value: Any) -> SharedValueAdmission:
        """Check a value and everything that depends on it, those included that subscribe meanwhile.

        A worker type subscribes before it reads the value, and shows the document it is having checked. So either it
        reads the value accepted here, or it is among those that are asked here: never neither.
        """
        self.candidate, self.touched = (value,), []
        admission = await self._check(request, value, tuple(self.state.subscribers))
        dependents, author = list(admission.dependents), admission.author
        for _ in range(MAX_ROUNDS):
            if not admission.is_clean:
                return admission
            if not self.touched:
                self.state.subscribers = dependents
                return replace(admission, author=author)
            late, self.touched = self.touched, []
            admission = await self._check(None, value, tuple(late))
            dependents = [*(each for each in dependents if each not in late), *admission.dependents]
        raise Refused("worker types keep subscribing: send it again in a moment", kind="Busy")

    async def _check(
        self, request: Request | None, value: Any, subscribers: tuple[str, ...] = ()
    ) -> SharedValueAdmission:
        """One check; `request` is None where it has been asked before who sent it."""
        signature = request.signature if request else None
        return await workflow.execute_activity_method(
            ConfigActivities.check_shared_config,
            SharedValueCheck(self.state.name, self.state.schema, value, subscribers, signature),
            task_queue=options.WORKFLOW_QUEUE,
            summary=f"check the value against its schema and {len(subscribers)} dependents",
            **options.CHECK,
        )

    def _refuse(self, admission: SharedValueAdmission) -> None:
        """Raises Refused unless the check was passed by somebody who may edit."""
        self.state.secured = admission.author.secured
        if admission.forbidden:
            raise Refused(admission.forbidden, kind="NotAuthorized")
        if admission.problems:
            raise Refused.for_problems(admission.problems, admission.breaks)
        if admission.conflicts:
            raise Refused("; ".join(admission.conflicts) + "; send it again in a moment", kind="Busy")
        spend_token(self.state.spent, admission.author)

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
        return await self._change("apply_config", EditValue, value)

    @apply_config.validator
    def check_apply_config(self, value: RawValue) -> None:
        check_shape(EditValue, value)

    @workflow.update(description='Make an earlier revision the newest again, checked like any edit: {"revision": 3}')
    async def restore(self, value: RawValue) -> Any:
        return await self._change("restore", Restore, value)

    @restore.validator
    def check_restore(self, value: RawValue) -> None:
        check_shape(Restore, value)

    async def _change(self, name: str, model: type[Change], value: RawValue) -> Any:
        info = workflow.current_update_info()
        update_id = info.id if info else ""
        if update_id in self.state.answers:
            return self.state.answers[update_id]
        request = received(name, model, value, "update")
        self.requests.append(request)
        answer = await request.outcome()
        remember_answer(self.state.answers, update_id, answer)
        return answer

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
        self.requests.append(received("apply_config", EditValue, value, "signal"))

    @workflow.signal(name="restore", description="Make an earlier revision the newest again; a refusal shows in status")
    def tell_restore(self, value: RawValue) -> None:
        self.requests.append(received("restore", Restore, value, "signal"))

    @workflow.signal(description="Be told of edits; sent by worker types")
    def subscribe(self, value: RawValue) -> None:
        subscriber = parse(Subscribe, value).subscriber
        if subscriber not in self.state.subscribers:
            self.state.subscribers.append(subscriber)
        if subscriber not in self.touched:
            self.touched.append(subscriber)

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        self.note_rejected(name, f"unknown signal{did_you_mean(name, SIGNALS)}; known: {', '.join(SIGNALS)}")

    @workflow.query(description="Value at a revision (0: the newest)")
    def value(self, *args: Any) -> Any:
        if not self.admitted:
            return self._not_yet()
        wanted = args[0] if args and isinstance(args[0], int) else 0
        found = self.state.value_at(wanted)
        answer = {"revision": found.revision, "schema": self.state.schema, "value": found.value}
        return {**answer, "candidate": {"value": self.candidate[0]}} if self.candidate and not wanted else answer

    @workflow.query(description="Name, schema and value (at a revision: 3), and what is said about it")
    def config(self, *args: Any) -> Any:
        return report.shared_config(self.state, args[0] if args else None) if self.admitted else self._not_yet()

    @workflow.query(description="Every revision that is remembered: who, when and why; kept ones can be restored")
    def revisions(self, *args: Any) -> Any:
        return report.revisions(self.state.values)

    def _not_yet(self) -> dict[str, Any]:
        """What is known of a value that has not been accepted."""
        return {"refused": True} if self.bad_start else {}

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


def _about(message: EditValue | Restore) -> dict[str, str]:
    """What a message says about the shared config besides its value, by the names of the state's members."""
    given = {"managed_by": message.managed_by}
    if isinstance(message, EditValue):
        given |= {"description": message.description, "owner": message.owner}
    return {name: text for name, text in given.items() if text is not None}


def _starting_state(args: Sequence[Any]) -> tuple[SharedConfigState, Request | None]:
    """The carried state, or a new one with the start that asks for it. Raises MessageInvalid for anything else."""
    is_continued = bool(workflow.info().continued_run_id)
    if is_continued and len(args) == 1 and isinstance(args[0], dict) and set(args[0]) == {"carried"}:
        return SHARED_CONFIG.validate_python(args[0]["carried"]), None
    if len(args) != 1:
        raise MessageInvalid('start input: expected one JSON object {"name": ..., "schema": ..., "value": ...}')
    HEADER_TOKEN.set(header_token(workflow.info().headers))
    start = parse_value(SharedConfigStart, readable(args[0]))
    if workflow.info().workflow_id != ID_PREFIX + start.name:
        why = f"the workflow id of this shared config must be {ID_PREFIX + start.name!r}"
        raise MessageInvalid(f"/name: {why}", (Problem("/name", why, "workflow-id"),))
    first = ValueRevision(1, start.value, workflow.now(), start.author, start.reason or "started")
    state = SharedConfigState(start.name, start.schema_id, 1, [first], start.description, start.owner)
    state.managed_by = start.managed_by or ""
    return state, Request("start", start, "start", signature("start", args[0], start))
