"""Resolves worker type documents for activities: reads shared values, renders guarded, keeps what was resolved."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from activities.shared_values import SharedValues
from worker_manager.config import SharedValue, collect_references, provider_name
from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.guarded import resolve_guarded
from worker_manager.kinds import kind, kind_of_provider
from worker_manager.proofs import Proof, proofs
from worker_manager.provider import ProviderRecord
from worker_manager.resolved import ResolvedConfig
from worker_manager.templates import did_you_mean

KEPT_CONFIGS = 5000


class Resolver:
    """From a document and revisions to a ResolvedConfig. One per process, used from its event loop."""

    def __init__(self, values: SharedValues, records: Mapping[str, ProviderRecord]) -> None:
        self.values = values
        self.records = records
        self._kept: OrderedDict[str, ResolvedConfig] = OrderedDict()

    async def resolve(self, document: dict[str, Any], now: str, revisions: Mapping[str, int]) -> ResolvedConfig:
        """Resolve at these revisions (0 or absent: the newest). Raises ConfigInvalid with every problem found."""
        names = {each.name for each in collect_references(document)}
        shared = await self.values.read({name: revisions.get(name, 0) for name in sorted(names)})
        known = await self.values.known_names() if names - shared.keys() else []
        return await self.resolve_with(document, now, shared, known)

    async def resolve_with(
        self, document: dict[str, Any], now: str, shared: Mapping[str, SharedValue], known_names: Sequence[str] = ()
    ) -> ResolvedConfig:
        """Resolve with these very values; `known_names` are for "did you mean". Raises ConfigInvalid."""
        record = self._record(document)
        key = _key(document, now, shared)
        if key not in self._kept:
            resolved = await asyncio.to_thread(
                resolve_guarded,
                document,
                shared,
                now=now,
                kind=kind(kind_of_provider(record.name, self.records)),
                record=record,
                known_names=known_names,
            )
            self._kept[key] = resolved
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_CONFIGS:
            self._kept.popitem(last=False)
        return self._kept[key]

    async def proofs(self, document: dict[str, Any], revisions: Mapping[str, int]) -> tuple[Proof, ...]:
        """Of every reference of a document that was resolved at these revisions, whether any future value fits."""
        shared = await self.values.read(revisions)
        schemas = {name: each.schema for name, each in shared.items()}
        return proofs(document, kind_of_provider(self._record(document).name, self.records), schemas)

    def _record(self, document: dict[str, Any]) -> ProviderRecord:
        name = provider_name(document)
        if name in self.records:
            return self.records[name]
        known = ", ".join(sorted(self.records))
        hint = did_you_mean(name, self.records)
        text = f"the provider {name[:80]!r} is not configured here{hint}; providers.yml has: {known or 'none'}"
        raise ConfigInvalid([Problem("/provider", text, "unknown-provider")])


def _key(document: dict[str, Any], now: str, shared: Mapping[str, SharedValue]) -> str:
    """A pinned value may be replaced by a newer one of the same name, so its content counts, not its revision alone."""
    values = {name: [each.revision, each.schema, each.value] for name, each in shared.items()}
    text = json.dumps([document, now, values], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
