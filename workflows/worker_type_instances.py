"""What is said of single instances: by their workers (registered, failed, interrupted), and by operators.

These hold, quarantine and release. Each is remembered, and folded in by the next decision.
"""

from __future__ import annotations

import json
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from worker_manager.memory import Mark, Report, ReportKind
    from worker_manager.requests import (
        Failed,
        Hold,
        InstanceMessage,
        Interrupted,
        Message,
        Quarantine,
        Registered,
        Release,
    )
    from worker_manager.state import WorkerTypeState
from workflows.requests import Refused, check_shape

REPORTS: dict[type[InstanceMessage], ReportKind] = {
    Registered: ReportKind.REGISTERED,
    Failed: ReportKind.FAILED,
    Interrupted: ReportKind.INTERRUPTED,
    Hold: ReportKind.HOLD,
    Quarantine: ReportKind.QUARANTINE,
    Release: ReportKind.RELEASE,
}
INSTANCE_MODELS: dict[str, type[Message]] = {str(kind): model for model, kind in REPORTS.items()}
# Reports, and the marks they leave, travel to the next decision in one payload, of which the server takes 2 MB and
# beyond which the workflow could not go on; 5,000 usual ones fit.
MAX_REPORTED_BYTES, BYTES_A_REPORT = 700_000, 100


class InstanceMessages:
    """Handlers of messages about single instances; a part of the WorkerType workflow."""

    state: WorkerTypeState
    woken: bool
    # None where it must be counted anew.
    reported_bytes: int | None = None

    async def _answer(self, name: str, value: RawValue) -> Any:
        raise NotImplementedError

    def _tell(self, name: str, value: RawValue) -> None:
        raise NotImplementedError

    @workflow.update(description='A worker has started and takes work: {"instanceId": "i-..."}, or several instanceIds')
    async def registered(self, value: RawValue) -> Any:
        return await self._answer("registered", value)

    @registered.validator
    def check_registered(self, value: RawValue) -> None:
        check_shape(Registered, value)

    @workflow.signal(name="registered", description='A worker has started and takes work: {"instanceId": "i-..."}')
    def tell_registered(self, value: RawValue) -> None:
        self._tell("registered", value)

    @workflow.update(description='A worker gives up; its instance is ended and replaced: {"instanceId": "i-..."}')
    async def failed(self, value: RawValue) -> Any:
        return await self._answer("failed", value)

    @failed.validator
    def check_failed(self, value: RawValue) -> None:
        check_shape(Failed, value)

    @workflow.signal(name="failed", description='A worker gives up; its instance is ended: {"instanceId": "i-..."}')
    def tell_failed(self, value: RawValue) -> None:
        self._tell("failed", value)

    @workflow.update(description='The cloud takes an instance away; it is replaced at once: {"instanceId": "i-..."}')
    async def interrupted(self, value: RawValue) -> Any:
        return await self._answer("interrupted", value)

    @interrupted.validator
    def check_interrupted(self, value: RawValue) -> None:
        check_shape(Interrupted, value)

    @workflow.signal(name="interrupted", description='The cloud takes an instance away: {"instanceId": "i-..."}')
    def tell_interrupted(self, value: RawValue) -> None:
        self._tell("interrupted", value)

    @workflow.update(description='Neither end nor replace an instance until released: {"instanceId": "i-..."}')
    async def hold(self, value: RawValue) -> Any:
        return await self._answer("hold", value)

    @hold.validator
    def check_hold(self, value: RawValue) -> None:
        check_shape(Hold, value)

    @workflow.signal(name="hold", description='Neither end nor replace an instance: {"instanceId": "i-..."}')
    def tell_hold(self, value: RawValue) -> None:
        self._tell("hold", value)

    @workflow.update(description='Keep an instance, but do not count on it, until released: {"instanceId": "i-..."}')
    async def quarantine(self, value: RawValue) -> Any:
        return await self._answer("quarantine", value)

    @quarantine.validator
    def check_quarantine(self, value: RawValue) -> None:
        check_shape(Quarantine, value)

    @workflow.signal(name="quarantine", description='Keep an instance, but do not count on it: {"instanceId": "i-..."}')
    def tell_quarantine(self, value: RawValue) -> None:
        self._tell("quarantine", value)

    @workflow.update(description='Undo hold or quarantine: {"instanceId": "i-..."}')
    async def release(self, value: RawValue) -> Any:
        return await self._answer("release", value)

    @release.validator
    def check_release(self, value: RawValue) -> None:
        check_shape(Release, value)

    @workflow.signal(name="release", description='Undo hold or quarantine: {"instanceId": "i-..."}')
    def tell_release(self, value: RawValue) -> None:
        self._tell("release", value)

    def _note_reports(self, message: InstanceMessage) -> dict[str, Any]:
        """Remember what was said of instances for the next decision. Raises Refused if there is too much already."""
        kind, now = REPORTS[type(message)], workflow.now()
        reports = [Report(kind, each, now, message.reason[:200]) for each in message.ids]
        state = self.state
        if self.reported_bytes is None:
            self.reported_bytes = _bytes(*state.reports, *state.memory.reports, *state.memory.marks)
        more = _bytes(*reports)
        if self.reported_bytes + more > MAX_REPORTED_BYTES:
            raise Refused("too many reports at once: send it again in a moment", kind="Busy")
        self.reported_bytes += more
        state.reports += reports
        self.woken = True
        return {"instances": len(message.ids)}


def _bytes(*said: Report | Mark) -> int:
    """As JSON, in which one character may take many bytes."""
    texts = ([each.instance_id, each.reason if isinstance(each, Report) else each.why] for each in said)
    return sum(BYTES_A_REPORT + len(json.dumps(each)) for each in texts)
