"""Nothing a person or program sends may fail a workflow task or a workflow: the interceptor that holds this.

An exception out of a signal handler fails the workflow or wedges it for ever; out of an update handler likewise, unless
it is an ApplicationError. Cancellation is not an Exception and passes.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from worker_manager.requests import HEADER_TOKEN, MessageInvalid
from workflows.messages import header_token
from workflows.requests import Refused


class Guard(Interceptor):
    """Worker interceptor that puts MessageGuard around every workflow."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """The inbound interceptor of each workflow instance."""
        return MessageGuard


class MessageGuard(WorkflowInboundInterceptor):
    """Records what a signal handler raises, turns what an update handler raises into a rejection."""

    async def handle_signal(self, input: HandleSignalInput) -> None:
        """Let nothing leave a signal handler: the rejection is shown by the workflow instead."""
        HEADER_TOKEN.set(header_token(input.headers))
        try:
            await self.next.handle_signal(input)
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not leave a signal handler
            note = getattr(workflow.instance(), "note_rejected", None)
            if note is None:
                workflow.logger.warning("signal %s rejected: %s", input.signal, error)
            else:
                note(input.signal, _explain(input.signal, error))

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        """A rejection says what to do, also where the number of arguments was wrong."""
        try:
            self.next.handle_update_validator(input)
        except MessageInvalid as error:
            raise Refused(str(error), error.problems, "MessageInvalid").failure() from error
        except TypeError as error:
            raise ApplicationError(_explain(input.update, error), type="MessageInvalid", non_retryable=True) from error

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        """Let only ApplicationError leave an update handler."""
        HEADER_TOKEN.set(header_token(input.headers))
        try:
            return await self.next.handle_update_handler(input)
        except ApplicationError:
            raise
        except Exception as error:
            raise ApplicationError(_explain(input.update, error), type="HandlerFailed", non_retryable=True) from error


def _explain(name: str, error: Exception) -> str:
    if isinstance(error, TypeError) and "argument" in str(error):
        return f"{name} takes one JSON argument: put everything into one value"
    return str(error) or type(error).__name__
