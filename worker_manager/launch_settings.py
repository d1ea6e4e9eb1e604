"""Merges launch settings, hashes what an instance would notice of them, and tells it. Knows no cloud and no schema.

Part of the contract of a provider kind: every kind merges and hashes in the same way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from worker_manager.errors import Problem
from worker_manager.model import LaunchSpec, Offering

HASH_VERSION = "v1"
_HASH_CHARACTERS = 16


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge objects deeply; later layers win, and lists are replaced as wholes. The layers are left as they are."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(value, Mapping):
                merged[key] = merge(below, value) if isinstance(below, Mapping) else merge(value)
            else:
                merged[key] = value
    return merged


def unite(*layers: Iterable[str]) -> list[str]:
    """All texts of all layers, sorted, each once."""
    return sorted({text for layer in layers for text in layer})


def launch_spec(document: Mapping[str, Any], offering: Offering, layers: Sequence[Mapping[str, Any]]) -> LaunchSpec:
    """The launch spec of one offering.

    Args:
        document: the rendered worker type document.
        offering: what is bought; its zone, market and utility do not enter the hash, as no instance notices them
            (a zone's or market's settings do).
        layers: objects with `launchSpec`, `userData`, `secrets` and `scopes`, weakest first.

    Returns: a spec whose `user_data` has the members `data` (merged), `secrets` (references) and `scopes` (united).
    """
    settings = merge(*(layer.get("launchSpec", {}) for layer in layers))
    user_data = {
        "data": merge(*(layer.get("userData", {}) for layer in layers)),
        "secrets": merge(*(layer.get("secrets", {}) for layer in layers)),
        "scopes": unite(*(layer.get("scopes", ()) for layer in layers)),
    }
    noticed = {
        "workerType": document["workerType"],
        "provider": document["provider"],
        "region": offering.region,
        "instanceType": offering.instance_type,
        "capacity": offering.capacity,
        "settings": settings,
        "userData": user_data,
    }
    return LaunchSpec(offering, settings, user_data, fingerprint(noticed))


def user_data_text(worker_type: str, provider: str, spec: LaunchSpec, launch_key: str) -> str:
    """What an instance finds as its user data, in every cloud alike: one JSON object."""
    offering = spec.offering
    members = {
        "workerType": worker_type,
        "provider": provider,
        "region": offering.region,
        "availabilityZone": offering.zone,
        "instanceType": offering.instance_type,
        "capacity": offering.capacity,
        "launchKey": launch_key,
        **spec.user_data,
    }
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def capacity_problems(document: Mapping[str, Any], member: str, what: str) -> Iterator[Problem]:
    """A problem if even the smallest entry of `member`, a list of such `what` as machine types, exceeds maxCapacity."""
    limit, smallest = document["maxCapacity"], min(entry.get("capacity", 1) for entry in document[member])
    if 0 < limit < smallest:
        message = f"every {what} has more slots than maxCapacity {limit} (the smallest has {smallest})"
        yield Problem(f"/{member}", f"{message}, so none can ever be launched", "capacity-too-large")


def config_hash(specs: Iterable[LaunchSpec]) -> str:
    """Hash of a whole config: changes exactly when the set of its settings hashes does."""
    return fingerprint(sorted({spec.settings_hash for spec in specs}))


def fingerprint(value: Any) -> str:
    """`v1-` and 16 hexadecimal digits of the SHA-256 over canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f"{HASH_VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:_HASH_CHARACTERS]}"
