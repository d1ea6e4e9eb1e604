"""Composition root: settings -> providers -> Temporal workers. Run as many processes as the load needs."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities import demand, offerings, options, service
from activities.authorizing import Authority
from activities.configs import ConfigActivities
from activities.fleet import FleetActivities
from activities.inventory import InventoryActivities
from activities.resolving import Resolver
from activities.shared_values import SharedValues
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind
from worker_manager.provider import ProviderRecord
from worker_manager.settings import load_providers
from workflows import attributes
from workflows.guard import Guard
from workflows.registry import PASSED_THROUGH, WORKFLOWS

GRACEFUL_SHUTDOWN = timedelta(seconds=20)


def config_worker(client: Client, configs: ConfigActivities, sources: demand.DemandActivities) -> Worker:
    """The worker for workflows and the checks of their configs."""
    runner = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
    return Worker(
        client,
        task_queue=options.WORKFLOW_QUEUE,
        workflows=WORKFLOWS,
        activities=[*configs.all(), sources.follow],
        workflow_runner=runner,
        interceptors=[Guard()],
        max_cached_workflows=5000,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=3),
        graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
    )


def build_workers(
    client: Client,
    records: Mapping[str, ProviderRecord],
    inventory_seconds: float,
    authority: Authority | None = None,
    demand_hosts: str = "",
) -> list[Worker]:
    """One for workflows and checks, one for reading demand, one per provider for its calls. Raises ConfigInvalid."""
    resolver, authority = Resolver(SharedValues(client), records), authority or Authority()
    configs, sources = ConfigActivities(client, resolver, authority), demand.DemandActivities(client, demand_hosts)
    workers = [config_worker(client, configs, sources), sources.worker(GRACEFUL_SHUTDOWN)]
    for record in records.values():
        provider, budgets = kind(record.kind).open(record), offerings.SharedBudgets(client, record.name)
        fleet = FleetActivities(provider, resolver, budgets, secured=authority.is_secured)
        workers.append(
            Worker(
                client,
                task_queue=options.provider_queue(record.name),
                activities=[*fleet.all(), InventoryActivities(client, fleet, inventory_seconds).watch],
                max_task_queue_activities_per_second=record.calls_per_second or None,
                graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
            )
        )
    return workers


async def run() -> None:
    """Serve until SIGTERM or SIGINT, then let running activities finish. Raises ConfigInvalid for a wrong setting."""
    settings = service.read_settings(os.environ)
    service.set_up_logs(settings)
    records = load_providers(Path(settings.providers), settings.deployment)
    client = await service.connect(settings)
    await service.register_search_attributes(client, attributes.ALL)
    authority = service.read_authority(settings)
    workers = build_workers(client, records, settings.inventory_seconds, authority, settings.demand_hosts)
    await service.start_inventories(client, records)
    await service.serve(client, workers, authority)


def main() -> None:
    """Console entry point: a wrong setting ends the start with one clear line and exit code 1."""
    try:
        asyncio.run(run())
    except ConfigInvalid as error:
        sys.exit(f"worker-manager: {error.problems[0].message}")


if __name__ == "__main__":
    main()
