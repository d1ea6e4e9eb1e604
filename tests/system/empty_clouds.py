"""Workers for configs of all kinds: the clouds are empty, for only what is said of configs matters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.worker import Worker

from activities import options
from activities.configs import ConfigActivities
from activities.demand import DemandActivities
from activities.fleet import FleetActivities
from activities.offerings import SharedBudgets
from activities.resolving import Resolver
from activities.shared_values import SharedValues
from tests.corpus.cases import PROVIDERS
from tests.system.support import DEPLOYMENT, end_all
from worker import config_worker
from worker_manager.model import Instance, LaunchRequest, LaunchResult, Outcome
from worker_manager.provider import Prices, ProviderRecord


@dataclass(frozen=True)
class EmptyCloud:
    """A cloud with nothing in it, and no room for anything."""

    record: ProviderRecord

    def launch(
        self, request: LaunchRequest, *, timeout_seconds: float, still_wanted: Callable[[], bool] | None = None
    ) -> LaunchResult:
        return LaunchResult(request.launch_key, Outcome.QUOTA, message="there is no room")

    def list_instances(self) -> Sequence[Instance]:
        return ()

    def terminate(self, instances: Sequence[tuple[str, str]], *, timeout_seconds: float) -> None:
        return None

    def prices(self) -> Prices:
        return Prices()


@asynccontextmanager
async def workers(client: Client) -> AsyncIterator[None]:
    records = {
        name: ProviderRecord(name, each["kind"], DEPLOYMENT, regions=tuple(each.get("regions", ())))
        for name, each in PROVIDERS.items()
    }
    resolver = Resolver(SharedValues(client), records)
    async with AsyncExitStack() as stack:
        configs = ConfigActivities(client, resolver)
        await stack.enter_async_context(config_worker(client, configs, DemandActivities(client)))
        for record in records.values():
            fleet = FleetActivities(EmptyCloud(record), resolver, SharedBudgets(client, record.name))
            queue = options.provider_queue(record.name)
            await stack.enter_async_context(Worker(client, task_queue=queue, activities=fleet.all()))
        yield
        await end_all(client)
