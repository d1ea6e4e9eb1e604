"""Chance, told by names: the same seed and names give the same number, whatever else was drawn before.

So two simulations with one seed differ by what they decide alone: the third instance of a worker type boots as long
in both.
"""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist

_NORMAL = NormalDist()


def uniform(seed: int, *names: str | int) -> float:
    """A number between 0 and 1, neither of them."""
    words = "\0".join(map(str, (seed, *names))).encode()
    drawn = int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big")
    return ((drawn >> 11) + 0.5) / (1 << 53)


def exponential(chance: float, mean: float) -> float:
    """How long something takes that happens at any moment with equal probability."""
    return -mean * math.log(chance)


def lognormal(chance: float, median: float, spread: float) -> float:
    """A duration around a median, with a long tail; `spread` 0 is the median itself."""
    return median * math.exp(spread * _NORMAL.inv_cdf(chance))


def count(chance: float, mean: float) -> int:
    """How many of many unlikely things happen (Poisson)."""
    if mean > 100:
        return max(0, round(mean + math.sqrt(mean) * _NORMAL.inv_cdf(chance)))
    number, probability = 0, math.exp(-mean)
    below = probability
    while below < chance and number < 1000:
        number += 1
        probability *= mean / number
        below += probability
    return number
