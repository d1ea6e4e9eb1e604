"""How much capacity there should be: the formulas, in slots, nothing else.

P pending and C claimed work, L live and usable, R requested (intents and booting), S stopping, r the scaling ratio.
R is deducted exactly once and outside the ratio; deducting it as idle too is the defect that under-provisions
(P 100, R 40 must still ask for 60), and folding it into the ratio adds half of the rest at every pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from worker_manager.model import Demand


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the config allows: slots, and 0 < scaling_ratio <= 1."""

    min_capacity: int
    max_capacity: int
    scaling_ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Supply:
    """What there is, in slots.

    Attributes:
        live: usable now. requested: intents and booting. stopping: on its way out, and fills the minimum until gone.
        lost: still there but of no use, so replaced at once: interrupted, failed, in quarantine. It only takes room.
    """

    live: int = 0
    requested: int = 0
    stopping: int = 0
    lost: int = 0

    @property
    def actual(self) -> int:
        """What the cloud lists and will go on listing, plus intents not yet seen."""
        return self.live + self.requested

    @property
    def everything(self) -> int:
        """All that takes room below the maximum."""
        return self.live + self.requested + self.stopping + self.lost


def needed(bounds: Bounds, supply: Supply, demand: Demand) -> float:
    """Slots of pending work, times the ratio, that no idle live slot can take, and those of running work that is lost.

    More work claimed than is live runs elsewhere, save what runs on slots that are lost: these are replaced at once.
    """
    idle = max(0, supply.live - demand.running)
    displaced = min(supply.lost, max(0, demand.running - supply.live))
    return bounds.scaling_ratio * max(0, demand.pending - idle) + displaced


def desired_capacity(bounds: Bounds, supply: Supply, demand: Demand) -> float:
    """Live, stopping and needed slots, held between minimum and maximum; the maximum has to hold what is lost, too."""
    room = max(0, bounds.max_capacity - supply.lost)
    wanted = supply.live + supply.stopping + needed(bounds, supply, demand)
    return max(min(bounds.min_capacity, room), min(room, wanted))


def launch_capacity(bounds: Bounds, supply: Supply, demand: Demand) -> int:
    """Slots to launch now: desired less everything that exists, was asked for, or still holds a place."""
    existing = supply.live + supply.requested + supply.stopping
    return math.ceil(max(0, desired_capacity(bounds, supply, demand) - existing))


def scale_in_target(bounds: Bounds, demand: Demand) -> int:
    """Slots to keep when shrinking: the work there is, held between minimum and maximum, whatever the ratio.

    The ratio slows growth. Applied here it would end slots that scaling up asks for again, or that run claimed work.
    """
    return max(bounds.min_capacity, min(bounds.max_capacity, demand.pending + demand.running))
