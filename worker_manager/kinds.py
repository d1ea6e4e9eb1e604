"""Finds provider kinds by name and loads them when asked. Knows no cloud and imports none before its kind is needed.

A kind is the attribute `KIND` of `worker_manager/providers/<name>/kind.py`, or of the module that another package's
entry point `<name>` of the group `worker_manager.providers` names.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from worker_manager import providers
from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.provider import ProviderKind, ProviderRecord
from worker_manager.templates import did_you_mean

ENTRY_POINT_GROUP = "worker_manager.providers"


@cache
def kind_names() -> tuple[str, ...]:
    """Names of all kinds that can be loaded, sorted; nothing is imported."""
    return tuple(sorted({*_folders(), *_entry_points()}))


@cache
def kind(name: str) -> ProviderKind:
    """The kind of this name, loaded on first use; imports no SDK. Raises ConfigInvalid if there is none."""
    if name in _folders():
        return cast("ProviderKind", importlib.import_module(f"{providers.__name__}.{name}.kind").KIND)
    if name in _entry_points():
        return cast("ProviderKind", _entry_points()[name].load().KIND)
    known = ", ".join(kind_names())
    message = f"there is no provider kind {name[:80]!r}{did_you_mean(name, kind_names())}; there are: {known}"
    raise ConfigInvalid([Problem("/kind", message, "unknown-provider-kind")])


def kind_of_provider(provider_name: str, records: Mapping[str, ProviderRecord]) -> str:
    """Name of the kind of a provider: its record's, or else by convention (`aws` and `aws-provider` are of kind `aws`).

    Raises ConfigInvalid if there is no record and the name follows no convention.
    """
    if provider_name in records:
        return records[provider_name].kind
    by_convention = provider_name.partition("-")[0]
    if by_convention in kind_names():
        return by_convention
    known = [*records, *(f"{name}-provider" for name in kind_names())]
    message = (
        f"the provider {provider_name[:80]!r} is not configured{did_you_mean(provider_name, known)}; "
        "add it to providers.yml, or begin its name with its kind"
    )
    raise ConfigInvalid([Problem("/provider", message, "unknown-provider")])


@cache
def _folders() -> frozenset[str]:
    return frozenset(module.name for module in pkgutil.iter_modules(providers.__path__) if module.ispkg)


@cache
def _entry_points() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
