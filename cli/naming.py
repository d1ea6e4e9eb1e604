"""How worker types and shared configs are named: in workflow ids, and by people on the command line."""

from __future__ import annotations

from typing import NamedTuple

from cli.documents import Kind

WORKFLOW_TYPES = {Kind.SHARED_CONFIG: "SharedConfig", Kind.WORKER_TYPE: "WorkerType"}
ID_PREFIXES = {Kind.SHARED_CONFIG: "shared-config:", Kind.WORKER_TYPE: "worker-type:"}
SEARCHES = {kind: f"WorkflowType = '{each}' AND ExecutionStatus = 'Running'" for kind, each in WORKFLOW_TYPES.items()}


class Key(NamedTuple):
    """Names one worker type or shared config; they are different things under the same name."""

    kind: Kind
    name: str

    @property
    def id(self) -> str:
        """Its workflow id, which is also how people write it."""
        return ID_PREFIXES[self.kind] + self.name

    def __str__(self) -> str:
        return self.id


def keys_of(text: str) -> list[Key]:
    """What a name may mean, most likely first: with a prefix one thing, else a worker type or a shared config."""
    for kind, prefix in ID_PREFIXES.items():
        if text.startswith(prefix):
            return [Key(kind, text.removeprefix(prefix))]
    return [Key(Kind.WORKER_TYPE, text), Key(Kind.SHARED_CONFIG, text)]
