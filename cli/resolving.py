"""Resolves worker types with the values that documents would bring about: theirs first, then those that run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cli.checking import known_providers, resolve_document, shared_values
from cli.documents import Document, Finding, Kind
from cli.running import Snapshot
from worker_manager.config import SharedValue, collect_references, provider_name
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind_of_provider
from worker_manager.proofs import Proof, proofs
from worker_manager.resolved import ResolvedConfig


class Resolver:
    """Knows the shared values and the providers; `findings` is where problems of providers.yml go."""

    def __init__(
        self, documents: Sequence[Document], snapshot: Snapshot, known_names: Iterable[str], findings: list[Finding]
    ) -> None:
        running = {
            key.name: SharedValue(each.revision, each.data["value"], each.data["schema"])
            for key, each in snapshot.items()
            if key.kind is Kind.SHARED_CONFIG
        }
        self._values = running | shared_values(documents)
        self._schemas = {name: each.schema for name, each in self._values.items()}
        self._known_names = tuple(known_names)
        self._records = known_providers(documents, findings)

    def resolve(self, document: Any, now: str) -> ResolvedConfig:
        """What a worker type document comes to. Raises ConfigInvalid."""
        return resolve_document(document, self._values, self._records, now=now, known_names=self._known_names)

    def proofs(self, document: Any) -> tuple[Proof, ...]:
        """Of every reference of an acceptable document, whether any future value fits."""
        return proofs(document, kind_of_provider(provider_name(document), self._records), self._schemas)

    def knows_provider(self, document: Any) -> bool:
        """False if what kind the document's provider is of is known to the running system alone."""
        try:
            kind_of_provider(provider_name(document), self._records)
        except ConfigInvalid:
            return False
        return True


def scopes_of_workers(config: ResolvedConfig) -> tuple[str, ...]:
    """What workers of this type hold, those scopes included that come from shared configs."""
    return tuple(sorted({scope for spec in config.launch_specs for scope in spec.user_data["scopes"]}))


def refers(document: Any, names: Iterable[str]) -> bool:
    """True if a worker type document refers to any of these shared configs."""
    return not {each.name for each in collect_references(document)}.isdisjoint(names)
