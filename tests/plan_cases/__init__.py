"""Situations of a worker type as values.

A situation is all that `plan.decide` is given; what it answers is written down in `tests/plans/NAME.txt`.
"""

from __future__ import annotations

from tests.plan_cases import leaving, placing, replacing, scaling, starting
from tests.plan_cases.situation import DOUBLE, EAST, QUAD, A, B, Situation

__all__ = ["DOUBLE", "EAST", "QUAD", "SITUATIONS", "A", "B", "Situation"]

SITUATIONS: dict[str, Situation] = (
    scaling.SITUATIONS | placing.SITUATIONS | starting.SITUATIONS | leaving.SITUATIONS | replacing.SITUATIONS
)
