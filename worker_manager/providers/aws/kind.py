"""What is particular to AWS in a worker type: which offerings it has, and which rules no schema can state. No SDK here.

Rules about a single level of launch settings are in the schemas, those about what the levels add up to in `rules`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from worker_manager.errors import Problem
from worker_manager.launch_settings import (
    capacity_problems,
    caps_of,
    fallback_problems,
    launch_spec,
    slots_and_worth,
    user_data_text,
    with_fallbacks,
)
from worker_manager.model import Cap, LaunchSpec, Market, Offering
from worker_manager.provider import Provider, ProviderKind, ProviderRecord
from worker_manager.providers.aws.rules import settings_findings
from worker_manager.providers.aws.tags import with_tags
from worker_manager.providers.aws.terms import family, image, regular

# Raw, before base64: EC2 user guide, "instance user data".
MAX_USER_DATA_BYTES = 16 * 1024
MAX_OFFERINGS = 1000
# EC2's client tokens have at most 64 characters.
_LONGEST_LAUNCH_KEY = "x" * 64

# The levels that one launch spec is made of, by JSON pointer.
Levels = dict[str, dict[str, Any]]


class AwsKind:
    """The kind `aws`: EC2 instances, bought by region, availability zone and instance type."""

    name = "aws"

    def check(self, document: dict[str, Any], record: ProviderRecord | None) -> Sequence[Problem]:
        problems = [
            *_region_problems(document, record),
            *capacity_problems(document, "instanceTypes", "instance type"),
            *_count_problems(document),
        ]
        if problems:
            return problems
        specs = list(_specs(document))
        wrong = [*fallback_problems(document, [spec for _, spec in specs], MAX_OFFERINGS)]
        return wrong or list(dict.fromkeys(_merged_problems(document, specs)))

    def launch_specs(self, document: dict[str, Any]) -> Sequence[LaunchSpec]:
        return [spec for _, spec in _specs(document)]

    def caps(self, document: dict[str, Any]) -> Sequence[Cap]:
        return [
            *caps_of(document["regions"], "region", "region"),
            *caps_of(document["instanceTypes"], "instanceType", "instance_type"),
        ]

    def open(self, record: ProviderRecord) -> Provider:
        # imports the SDK, which nobody but an enabled provider needs
        from worker_manager.providers.aws.provider import AwsProvider

        return AwsProvider(record)


KIND: ProviderKind = AwsKind()


def _specs(document: dict[str, Any]) -> Iterator[tuple[Levels, LaunchSpec]]:
    """Every launch spec with its levels by pointer, by region, instance type and zone in document order."""
    return with_fallbacks(document, _wanted(document), regular)


def _wanted(document: dict[str, Any]) -> Iterator[tuple[Levels, LaunchSpec]]:
    for region_index, region in enumerate(document["regions"]):
        for type_index, instance_type in enumerate(document["instanceTypes"]):
            for zone_place, zone in _zones(document, region["region"]).items():
                places = ("", f"/regions/{region_index}", f"/instanceTypes/{type_index}", zone_place)
                layers = (document, region, instance_type, zone)
                tagged = with_tags(layers, document.get("tags", {}))
                spec = launch_spec(document, _offering(*layers), tagged, image)
                yield dict(zip(places, layers, strict=True)), spec


def _offering(
    document: dict[str, Any], region: dict[str, Any], instance_type: dict[str, Any], zone: dict[str, Any]
) -> Offering:
    market = Market.ON_DEMAND
    for layer in (document, region, instance_type, zone):
        options = layer.get("launchSpec", {}).get("InstanceMarketOptions", {})
        market = Market.SPOT if options.get("MarketType") == "spot" else market
    name, zone_name = instance_type["instanceType"], zone.get("availabilityZone", "")
    return Offering(region["region"], zone_name, name, market, *slots_and_worth(instance_type), family(name))


def _zones(document: dict[str, Any], region: str) -> dict[str, dict[str, Any]]:
    """The zones of a region by pointer; one without a name, which EC2 chooses, where the document names no zones."""
    if "availabilityZones" not in document:
        return {"/availabilityZones": {}}
    zones = enumerate(document["availabilityZones"])
    return {f"/availabilityZones/{index}": zone for index, zone in zones if zone["region"] == region}


def _region_problems(document: dict[str, Any], record: ProviderRecord | None) -> Iterator[Problem]:
    for index, entry in enumerate(document["regions"]):
        region, pointer = entry["region"], f"/regions/{index}/region"
        if record is not None and record.regions and region not in record.regions:
            allowed = ", ".join(record.regions)
            message = f"the provider {record.name!r} does not use the region {region!r}, but: {allowed}"
            yield Problem(pointer, message, "region-not-allowed")
        if not _zones(document, region):
            message = f"none of the availabilityZones lies in {region!r}: add one, or remove the region"
            yield Problem(pointer, message, "region-without-zone")


def _count_problems(document: dict[str, Any]) -> Iterator[Problem]:
    zones = sum(len(_zones(document, entry["region"])) for entry in document["regions"])
    count = zones * len(document["instanceTypes"])
    if count > MAX_OFFERINGS:
        message = f"makes {count} offerings of region, zone and instance type, more than {MAX_OFFERINGS}; name fewer"
        yield Problem("/instanceTypes", message, "too-many-offerings")


def _merged_problems(document: dict[str, Any], specs: Sequence[tuple[Levels, LaunchSpec]]) -> Iterator[Problem]:
    """Problems of the merged settings, each once per region, as seen on the first offering that has it."""
    for layers, spec in specs:
        region = list(layers)[1]
        for message, rule in settings_findings(spec):
            yield Problem("/tags" if rule == "too-many-tags" else region, message, rule)
        text = user_data_text(document["workerType"], document["provider"], spec, _LONGEST_LAUNCH_KEY)
        if len(text.encode()) > MAX_USER_DATA_BYTES:
            pointer = next((place + "/userData" for place in layers if _too_large(layers[place])), region)
            message = f"the user data of instances in {spec.offering.region!r} has more bytes than EC2's limit of"
            yield Problem(pointer, f"{message} {MAX_USER_DATA_BYTES}; shorten it", "user-data-too-large")


def _too_large(layer: dict[str, Any]) -> bool:
    """True if the level's user data alone is too much, whatever the others add."""
    return len(json.dumps(layer.get("userData", {}), ensure_ascii=False).encode()) > MAX_USER_DATA_BYTES
