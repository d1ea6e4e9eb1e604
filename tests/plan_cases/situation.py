"""What one decision is made of, and the offerings that situations share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tests.plan_words import NOW, fleet, remembering, spec, work
from worker_manager.budgets import Budgets
from worker_manager.decision import Decision, Fleet
from worker_manager.memory import Memory
from worker_manager.model import Demand
from worker_manager.plan import decide
from worker_manager.resolved import ResolvedConfig


@dataclass(frozen=True, slots=True)
class Situation:
    """What one decision is made of; `about` says what to look for in its plan."""

    about: str
    config: ResolvedConfig
    fleet: Fleet = field(default_factory=fleet)
    demand: Demand = field(default_factory=work)
    memory: Memory = field(default_factory=remembering)
    budgets: Budgets = ()
    prices: Mapping[str, float] = field(default_factory=dict)
    now: dt.datetime = NOW

    def decide(self) -> Decision:
        """What the planner says to it."""
        known = replace(self.fleet, budgets=self.budgets, prices=self.prices)
        return decide(self.config, known, self.demand, self.memory, self.now)


A, B, C = spec("us-west-1a"), spec("us-west-1b"), spec("us-west-1c")
EAST = spec("us-east-1a")
DOUBLE, QUAD = spec(instance_type="m5.xlarge", slots=2), spec(instance_type="m5.2xlarge", slots=4)
KEY_A, KEY_B = A.offering.key, B.offering.key
