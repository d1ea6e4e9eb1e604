"""The edits of a worker type: every queued message is checked in an activity, then accepted whole or refused.

Called by the main loop alone, between two passes. The document being checked shows in the query `config`, so that
shared configs which are edited meanwhile are checked against it, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.authorizing import Author, Signature
    from activities.configs import Admission, AuthorizationCheck, ConfigActivities, WorkerTypeCheck
    from activities.demand import DemandActivities, Following
    from worker_manager.decision import Decision
    from worker_manager.documents import merge_patch
    from worker_manager.errors import Problem
    from worker_manager.requests import Change, Edit, Failed, Interrupted, MayGo, Patch, Registered, Restore, SetDemand
    from worker_manager.scopes import manage_worker_type, report_demand, report_worker
    from worker_manager.state import Revision, keep_revision
from workflows.failures import reason_of
from workflows.requests import Refused, Request, earlier_revision, refuse_conflict, spend_token
from workflows.worker_type_messages import WorkerTypeMessages, template_time

# A demand source is asked again to tell its readings, as its workflow may have ended: at rest, and when they stay away.
FOLLOW_AGAIN_SECONDS = 900.0
MISSED_AFTER_SECONDS = 60.0


class WorkerTypeEdits(WorkerTypeMessages):
    """What the main loop does with the messages that need an activity."""

    def __init__(self, args: Sequence[Any]) -> None:
        super().__init__(args)
        self.refreshed_at = 0.0
        self.followed_at = 0.0

    # --- configs ----------------------------------------------------------------------------------------------------

    async def _admit_start(self) -> None:
        """Check the first document like any edit; a bad one fails the workflow at once."""
        assert self.start is not None
        try:
            await self._adopt(self.start, self.state.document, self.state.now)
        except Refused as refusal:
            raise refusal.failure() from refusal

    async def _refresh(self) -> None:
        """Subscribe again and learn of newer shared configs: after continue-as-new and at each long timer."""
        admission = await self._check(self.state.document, self.state.now, "subscribe to shared configs", None)
        self.state.wanted_revisions = admission.revisions or self.state.wanted_revisions

    async def _adopt(self, request: Request, document: dict[str, Any], now: str) -> None:
        """Check a document against schemas and today's shared configs, then run with it. Raises Refused."""
        state, message = self.state, request.message
        assert isinstance(message, Change)
        self.candidate = (document, now)
        try:
            admission = await self._check(document, now, "check the config", request.signature)
        finally:
            self.candidate = None
        state.secured = admission.author.secured
        if admission.forbidden:
            raise Refused(admission.forbidden, kind="NotAuthorized")
        if admission.problems:
            raise Refused.for_problems(admission.problems)
        spend_token(state.spent, admission.author)
        if request.name != "start":
            state.revision += 1
        state.document, state.now = document, now
        state.provider, state.owner = admission.provider, admission.owner
        state.config_hash, state.shared_revisions = admission.config_hash, admission.revisions
        state.references = list(admission.references)
        state.managed_by = state.managed_by if message.managed_by is None else message.managed_by
        by, why = (
            admission.author.subject or message.author,
            message.reason or {"start": "started"}.get(request.name, ""),
        )
        keep_revision(state, Revision(state.revision, workflow.now(), by, why, document, now))
        self.woken = True

    async def _check(self, document: dict[str, Any], now: str, summary: str, signature: Signature | None) -> Admission:
        admission = await workflow.execute_activity_method(
            ConfigActivities.check_worker_type,
            WorkerTypeCheck(document, now, workflow.info().workflow_id, signature),
            task_queue=options.WORKFLOW_QUEUE,
            summary=summary,
            **options.CHECK,
        )
        self.refreshed_at = workflow.time()
        return admission

    async def _edit(self, request: Request) -> dict[str, Any]:
        """Apply an edit in full, as a merge patch or back to an earlier one. Raises Refused; nothing changes then."""
        state, message = self.state, request.message
        assert isinstance(message, Change)
        refuse_conflict(message, state.revision)
        document, now = self._edited(message)
        if document == state.document:
            if message.managed_by not in (None, state.managed_by):
                request.author = await self._authorize(request)
                state.managed_by = message.managed_by or ""
            return {"revision": state.revision, "unchanged": True}
        self._refuse_renaming(document)
        await self._adopt(request, document, now)
        self._log(f"config revision {state.revision} accepted" + (f": {message.reason}" if message.reason else ""))
        return {"revision": state.revision, "configHash": state.config_hash}

    def _edited(self, message: Change) -> tuple[dict[str, Any], str]:
        """The document that an edit asks for, and the time its templates see. Raises Refused."""
        if isinstance(message, Restore):
            revision = earlier_revision(self.state.revisions, message.revision)
            assert revision.document is not None
            return revision.document, revision.now
        assert isinstance(message, Edit | Patch)
        document = message.document if isinstance(message, Edit) else merge_patch(self.state.document, message.patch)
        return document, template_time()

    def _refuse_renaming(self, document: dict[str, Any]) -> None:
        for member, mine in (("workerType", self.state.name), ("provider", self.state.provider)):
            if document.get(member, mine) != mine:
                text = f"stays {mine!r} for ever; start another worker type and drain this one"
                raise Refused.for_problems((Problem(f"/{member}", text, "fixed"),))

    # --- demand -----------------------------------------------------------------------------------------------------

    async def _follow(self, demand: Mapping[str, Any], source: str, max_age_seconds: float | None) -> None:
        """Hear of the source that the config names, and of no other. Raises ActivityError; then it is still to be done.

        What is recorded before the call lets a reading in that comes before the call's answer.
        """
        state = self.state
        if source != state.demand_source:
            state.demand_left += [state.demand_source] if state.demand_source else []
            state.demand_source, state.demand_read_at, state.demand_trouble = source, None, ""
            self.followed_at = 0.0
            self._log(f"demand is read from {source}" if source else "demand is pushed")
        if max_age_seconds != state.demand_max_age_seconds:
            state.demand_max_age_seconds, self.followed_at = max_age_seconds, 0.0
        if not state.demand_left and not (source and self._is_to_follow()):
            return
        state.demand_capability = state.demand_capability or str(workflow.uuid4())
        left = tuple(each for each in state.demand_left if each != source)
        wanted = dict(demand) if source else None
        await workflow.execute_activity_method(
            DemandActivities.follow,
            Following(workflow.info().workflow_id, state.demand_capability, wanted, max_age_seconds, left),
            task_queue=options.WORKFLOW_QUEUE,
            summary=f"hear of {source}" if source else f"no longer hear of {', '.join(left)}",
            **options.CHECK,
        )
        state.demand_left, self.followed_at = [], workflow.time()

    def _is_to_follow(self) -> bool:
        state, now = self.state, workflow.time()
        read_at = state.demand_read_at.timestamp() if state.demand_read_at else 0.0
        is_missed = state.demand_max_age_seconds is not None and now - read_at > state.demand_max_age_seconds
        return now - self.followed_at > (MISSED_AFTER_SECONDS if is_missed else FOLLOW_AGAIN_SECONDS)

    # --- requests ---------------------------------------------------------------------------------------------------

    async def _answer_requests(self) -> None:
        """Settle every queued edit; those who ask whether they may go are settled by the next decision."""
        for request in [each for each in self.requests if self._is_due(each)]:
            self.requests.remove(request)
            try:
                await self._settle(request)
                self._accepted()
            except Refused as refusal:
                self._refused(request, refusal)
            except ActivityError as error:
                self._refused(
                    request, Refused(f"could not be checked: {reason_of(error)}; try again", kind="NotChecked")
                )
        if self.requests:
            self.woken = True

    def _is_due(self, request: Request) -> bool:
        return not isinstance(request.message, MayGo) or (self.state.secured and request.author is None)

    async def _settle(self, request: Request) -> None:
        """Do what one queued message asks for. Raises Refused."""
        if isinstance(request.message, Change):
            request.settle(await self._edit(request))
            return
        request.author = await self._authorize(request)
        if not self._at_once(request):
            self.requests.append(request)

    async def _authorize(self, request: Request) -> Author:
        """Who sent a message that no check of a config verifies. Raises Refused."""
        scopes: tuple[str, ...] = ()
        if isinstance(request.message, SetDemand | MayGo):
            scopes = (report_demand(self.state.name),)
        elif isinstance(request.message, Registered | Failed | Interrupted):
            scopes = (report_worker(self.state.name),)
        verdict = await workflow.execute_activity_method(
            ConfigActivities.authorize,
            AuthorizationCheck(
                workflow.info().workflow_id, request.signature, (*scopes, manage_worker_type(self.state.name))
            ),
            task_queue=options.WORKFLOW_QUEUE,
            summary=f"who sent {request.name}?",
            **options.CHECK,
        )
        self.state.secured = verdict.author.secured
        if verdict.forbidden:
            raise Refused(verdict.forbidden, kind="NotAuthorized")
        spend_token(self.state.spent, verdict.author)
        return verdict.author

    def _refused(self, request: Request, refusal: Refused) -> None:
        request.refuse(refusal)
        self.note_rejected(request.name, str(refusal), request.via)

    def _asking(self) -> list[tuple[Request, str]]:
        """Requests of workers that may be answered by the next decision, with the ids of their instances."""
        return [
            (each, each.message.instance_id)
            for each in self.requests
            if isinstance(each.message, MayGo) and not self._is_due(each)
        ]

    def _answer_asking(self, asked: Sequence[str], decision: Decision) -> None:
        going, answered = {each.instance_id for each in decision.terminations}, frozenset(asked)
        for request, instance_id in self._asking():
            if instance_id in answered:
                request.settle({"mayGo": instance_id in going})
        self.requests = [each for each in self.requests if not each.done]
