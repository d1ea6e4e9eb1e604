"""The workflow of one provider's inventory: keeps one long activity watching, which adds no history while it looks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, CancelledError

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.inventory import InventoryActivities
    from worker_manager.requests import InventoryStart, MessageInvalid, parse
from workflows.failures import reason_of
from workflows.requests import Refused

ID_PREFIX = "inventory:"
AGAIN_AFTER_FAILURE = timedelta(seconds=10)


@workflow.defn(name="Inventory")
class InventoryWorkflow:
    """Watches one provider. Start it with `{"provider": NAME}` as its one argument; worker processes do that."""

    @workflow.init
    def __init__(self, *args: Any) -> None:
        self.bad_start = ""
        self.provider = ""
        self.trouble = ""
        try:
            self.provider = parse(InventoryStart, args[0] if len(args) == 1 else list(args)).provider
        except MessageInvalid as error:
            self.bad_start = str(error)

    @workflow.run
    async def run(self, *args: Any) -> None:
        """Watch for a day at most, then continue as new. Raises ApplicationError `ConfigInvalid` for bad input."""
        if self.bad_start:
            raise Refused(self.bad_start, kind="ConfigInvalid").failure()
        wait: timedelta | None = None
        try:
            await workflow.execute_activity_method(
                InventoryActivities.watch,
                self.provider,
                task_queue=options.provider_queue(self.provider),
                summary=f"watch all instances of {self.provider}",
                **options.WATCH,
            )
        except ActivityError as error:
            if isinstance(error.cause, CancelledError):
                raise
            self.trouble = reason_of(error)
            wait = AGAIN_AFTER_FAILURE
        workflow.continue_as_new({"provider": self.provider}, backoff_start_interval=wait)

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:
        workflow.logger.warning("inventory:%s takes no signals; got %s", self.provider, name[:100])

    @workflow.query(description="Which provider is watched")
    def status(self, *args: Any) -> Any:
        return {"provider": self.provider, "trouble": self.trouble}
