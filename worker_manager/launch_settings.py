"""Merges launch settings, hashes what an instance would notice of them, and tells it. Knows no cloud and no schema.

Part of the contract of a provider kind: every kind merges and hashes in the same way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from worker_manager.errors import Problem
from worker_manager.model import Cap, LaunchSpec, Market, Offering

HASH_VERSION = "v1"
_HASH_CHARACTERS = 16

Settings = Mapping[str, Any]
# What a kind keeps with a launch spec to tell where its settings come from.
Where = TypeVar("Where")


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


def launch_spec(
    document: Mapping[str, Any],
    offering: Offering,
    layers: Sequence[Mapping[str, Any]],
    image_of: Callable[[Settings], str] = lambda _: "",
) -> LaunchSpec:
    """The launch spec of one offering.

    Args:
        document: the rendered worker type document.
        offering: what is bought; its zone, market and utility do not enter the hash, as no instance notices them
            (a zone's or market's settings do).
        layers: objects with `launchSpec`, `userData`, `secrets` and `scopes`, weakest first.
        image_of: tells the image of merged settings, "" where they name none.

    Returns: a spec whose `user_data` has the members `data` (merged), `secrets` (references) and `scopes` (united).
    """
    settings = merge(*(layer.get("launchSpec", {}) for layer in layers))
    user_data = {
        "data": merge(*(layer.get("userData", {}) for layer in layers)),
        "secrets": merge(*(layer.get("secrets", {}) for layer in layers)),
        "scopes": unite(*(layer.get("scopes", ()) for layer in layers)),
    }
    return _hashed(document, LaunchSpec(offering, settings, user_data, "", image_of(settings)))


def with_fallbacks(
    document: Mapping[str, Any],
    specs: Iterable[tuple[Where, LaunchSpec]],
    regular: Callable[[LaunchSpec], dict[str, Any]],
) -> Iterator[tuple[Where, LaunchSpec]]:
    """The launch specs, and after all of them what stands in for each spot one, if the document's `spot` wants that.

    `regular` gives the settings of a spot launch spec without what only spot instances have.
    """
    found = list(specs)
    yield from found
    if _has_fallback(document):
        for where, spec in found:
            if spec.offering.market is Market.SPOT:
                offering = replace(spec.offering, market=Market.ON_DEMAND)
                twin = replace(spec, offering=offering, settings=regular(spec), is_fallback=True)
                yield where, _hashed(document, twin)


def fallback_problems(document: Mapping[str, Any], specs: Sequence[LaunchSpec], limit: int) -> Iterator[Problem]:
    """What is wrong with a wish for a fallback: nothing to fall back from, or more than `limit` offerings with it."""
    if not _has_fallback(document):
        return
    if not any(spec.offering.market is Market.SPOT for spec in specs):
        message = "there are no spot instances to fall back from: ask for them in a launchSpec, or take `spot` out"
        yield Problem("/spot", message, "spot-without-spot")
    if len(specs) > limit:
        message = f"with the fallback there are {len(specs)} offerings, more than {limit}; name fewer"
        yield Problem("/spot", message, "too-many-offerings")


def _has_fallback(document: Mapping[str, Any]) -> bool:
    return bool(document.get("spot", {}).get("fallback") == "onDemand")


def _hashed(document: Mapping[str, Any], spec: LaunchSpec) -> LaunchSpec:
    offering = spec.offering
    noticed = {
        "workerType": document["workerType"],
        "provider": document["provider"],
        "region": offering.region,
        "instanceType": offering.instance_type,
        "capacity": offering.capacity,
        "settings": spec.settings,
        "userData": spec.user_data,
    }
    return replace(spec, settings_hash=fingerprint(noticed))


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


def slots_and_worth(entry: Mapping[str, Any]) -> tuple[int, float]:
    """Capacity and utility of an instance type's entry: an instance is worth its slots, unless the entry says more."""
    capacity = entry.get("capacity", 1)
    return capacity, float(entry.get("utility", capacity))


def caps_of(entries: Iterable[Mapping[str, Any]], name: str, member: str) -> Iterator[Cap]:
    """The caps that list entries state: `name` is the entry's own name, `member` which member of Cap it is."""
    return (Cap(entry["maxCapacity"], **{member: entry[name]}) for entry in entries if "maxCapacity" in entry)


def config_hash(specs: Iterable[LaunchSpec]) -> str:
    """Hash of a whole config: changes exactly when the set of its settings hashes does."""
    return fingerprint(sorted({spec.settings_hash for spec in specs}))


def fingerprint(value: Any) -> str:
    """`v1-` and 16 hexadecimal digits of the SHA-256 over canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f"{HASH_VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:_HASH_CHARACTERS]}"
