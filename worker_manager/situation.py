"""All that one decision is made of, in one value: config, listing, demand, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker_manager import capacity
from worker_manager.capacity import Bounds
from worker_manager.decision import Fleet
from worker_manager.memory import Memory
from worker_manager.model import Demand
from worker_manager.observing import View, slots
from worker_manager.resolved import ResolvedConfig
from worker_manager.schedule import ScheduledBounds, bounds_at


@dataclass(frozen=True, slots=True)
class Situation:
    """All that one decision is made of, sorted out. `target` is the capacity that the work and the bounds ask for."""

    config: ResolvedConfig
    fleet: Fleet
    view: View
    demand: Demand
    bounds: Bounds
    scheduled: ScheduledBounds
    target: int
    is_stale: bool
    now: datetime

    @property
    def memory(self) -> Memory:
        return self.view.memory


def situate(config: ResolvedConfig, fleet: Fleet, view: View, demand: Demand, now: datetime) -> Situation:
    """Apply schedule, age of the demand and the capacity formulas to what was observed."""
    demand = demand.with_all_busy(view.supply.live)
    scheduled = bounds_at(config.min_capacity, config.max_capacity, config.policies.schedule, now)
    bounds = Bounds(scheduled.min_capacity, scheduled.max_capacity, config.scaling_ratio)
    limit, reported_at = config.demand_max_age_seconds, demand.reported_at
    is_stale = limit is not None and reported_at is not None and (now - reported_at).total_seconds() >= limit
    target = capacity.scale_in_target(bounds, demand)
    if is_stale:  # what there is stays, whatever the old reading said
        target = max(bounds.min_capacity, min(bounds.max_capacity, slots(view.usable)))
    return Situation(config, fleet, view, demand, bounds, scheduled, target, is_stale, now)
