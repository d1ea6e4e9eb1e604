"""Every workflow that a worker of the queue `worker-manager` runs."""

from __future__ import annotations

from workflows.demand import DemandWorkflow
from workflows.inventory import InventoryWorkflow
from workflows.offerings import OfferingsWorkflow
from workflows.shared_config import SharedConfigWorkflow
from workflows.unknown import UnknownWorkflow
from workflows.worker_type import WorkerTypeWorkflow

WORKFLOWS = [
    WorkerTypeWorkflow,
    SharedConfigWorkflow,
    InventoryWorkflow,
    OfferingsWorkflow,
    DemandWorkflow,
    UnknownWorkflow,
]

# Pure or heavy modules: loaded once per process instead of once per workflow (4 ms and 28 KB each).
PASSED_THROUGH = (
    "activities",
    "worker_manager",
    "schemas",
    "jsone",
    "jsonschema",
    "ruamel",
    "referencing",
    "rpds",
    "attrs",
)
