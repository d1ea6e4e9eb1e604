"""Decides whether the scopes that somebody holds cover those that a message needs. Knows no tokens and no documents.

A held scope covers itself; one that ends in `*` covers everything that begins with what stands before it. A `*` at any
other place is a character like others.
"""

from __future__ import annotations

from collections.abc import Iterable

_PREFIX = "worker-manager:"


def covers(held: Iterable[str], wanted: str) -> bool:
    """True if one of the held scopes covers `wanted`; a wanted pattern is covered only by one at least as wide."""
    return any(_covers(each, wanted) for each in held)


def missing(held: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """The wanted scopes that are not covered, sorted, each once."""
    everything = tuple(held)
    return tuple(sorted({each for each in wanted if not covers(everything, each)}))


def manage_worker_type(name: str) -> str:
    """The scope to start, edit, pause and drain a worker type."""
    return f"{_PREFIX}manage-worker-type:{name}"


def manage_shared_config(name: str) -> str:
    """The scope to create and edit a shared config."""
    return f"{_PREFIX}manage-shared-config:{name}"


def use_provider(name: str) -> str:
    """The scope to have a worker type make its instances with a provider."""
    return f"{_PREFIX}provider:{name}"


def report_demand(name: str) -> str:
    """The scope to report demand to a worker type, and to ask it whether a worker may go; managing it will do too."""
    return f"{_PREFIX}report-demand:{name}"


def report_worker(name: str) -> str:
    """The scope to tell a worker type that workers registered, failed or are interrupted; managing it will do too."""
    return f"{_PREFIX}report-worker:{name}"


def _covers(held: str, wanted: str) -> bool:
    if not held.endswith("*"):
        return held == wanted
    # Without its own star: `a**` is the prefix `a*`, which is narrower than the pattern `a*` although it looks alike.
    return wanted.removesuffix("*").startswith(held[:-1])
