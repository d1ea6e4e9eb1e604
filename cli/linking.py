"""Links into Temporal's Web UI. It keeps columns and saved views in the browser; a link can add a view to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from cli.documents import Kind
from cli.naming import SEARCHES, WORKFLOW_TYPES

DEV_SERVER_UI_OFFSET = 1000  # `temporal server start-dev` serves its UI at the port of its gRPC and 1000 more
CLOUD_UI = "https://cloud.temporal.io"
_TYPES = ", ".join(f"'{each}'" for each in WORKFLOW_TYPES.values())
_RUNNING = f"WorkflowType IN ({_TYPES}) AND ExecutionStatus = 'Running'"

VIEWS = {
    "Worker types": SEARCHES[Kind.WORKER_TYPE],
    "Needs a look": f"{_RUNNING} AND WmState IN ('ConfigRejected', 'Held')",
    "Paused or draining": f"{SEARCHES[Kind.WORKER_TYPE]} AND WmState IN ('Paused', 'Draining')",
    "Shared configs": SEARCHES[Kind.SHARED_CONFIG],
    "Refused at the start": f"WorkflowType IN ({_TYPES}) AND ExecutionStatus = 'Failed'",
}


def ui_of(target: dict[str, Any]) -> str:
    """Where the UI of a server probably is: Temporal Cloud's, or that of a dev server."""
    host, _, port = str(target["target_host"]).rpartition(":")
    if host.endswith(("tmprl.cloud", "api.temporal.io")):
        return CLOUD_UI
    return f"http://{host}:{int(port) + DEV_SERVER_UI_OFFSET}" if port.isdecimal() else f"http://{host or port}"


def links(ui: str, namespace: str) -> dict[str, str]:
    """A link for each view, by its name."""
    base = f"{ui.rstrip('/')}/namespaces/{quote(namespace, safe='')}/workflows"
    return {name: f"{base}?query={quote(query, safe='')}&savedQuery={quote(name)}" for name, query in VIEWS.items()}
