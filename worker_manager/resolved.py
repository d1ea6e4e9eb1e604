"""What a worker type document comes to once every reference and expression is replaced and everything is checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from worker_manager.model import Cap, LaunchSpec
from worker_manager.policies import Policies


@dataclass(frozen=True, slots=True)
class ResolvedConfig:
    """A worker type document, rendered and checked, and the launches it allows.

    Attributes:
        worker_type: its name.
        provider: name of the provider.
        document: the rendered document, exactly as validated.
        min_capacity, max_capacity: slots, before any schedule.
        scaling_ratio: 0 < r <= 1.
        launch_specs: one per offering, in document order.
        config_hash: changes exactly when some launch spec's settings change.
        policies: what the document says of lifecycle, rollout, brakes, spot and schedule.
        caps: slots never exceeded in a region or of an instance type.
        demand: where the demand comes from: `{"source": "push"}`, or a source that is read with its settings.
        demand_max_age_seconds: age beyond which a reading is stale, None for never.
        shared_revisions: revision of every shared config it was made of.
    """

    worker_type: str
    provider: str
    document: dict[str, Any]
    min_capacity: int
    max_capacity: int
    scaling_ratio: float
    launch_specs: tuple[LaunchSpec, ...]
    config_hash: str
    policies: Policies = field(default_factory=Policies)
    caps: tuple[Cap, ...] = ()
    demand: dict[str, Any] = field(default_factory=lambda: {"source": "push"})
    demand_max_age_seconds: float | None = None
    shared_revisions: dict[str, int] = field(default_factory=dict)
