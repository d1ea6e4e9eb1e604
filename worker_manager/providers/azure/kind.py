"""What is particular to Azure in a worker type: which offerings it has, and what is checked of it. No SDK here.

Rules about a single level of launch settings are in the schemas; those about what the levels add up to are in `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from worker_manager.errors import ConfigInvalid, Problem
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
from worker_manager.providers.azure.rules import broken_rules
from worker_manager.providers.azure.terms import family, image, regular

# Raw, before base64: the REST reference's limit of `osProfile.customData`.
MAX_CUSTOM_DATA_BYTES = 65_535
MAX_OFFERINGS = 1000
# What an image is named for that holds in every location without one of its own.
ANY_LOCATION = "any"
_LONGEST_LAUNCH_KEY = "x" * 64


class AzureKind:
    """The kind `azure`: virtual machines, bought by location, availability zone and VM size."""

    name = "azure"

    def check(self, document: dict[str, Any], record: ProviderRecord | None) -> Sequence[Problem]:
        problems = [
            *_location_problems(document, record),
            *capacity_problems(document, "vmSizes", "VM size"),
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
            *caps_of(document["locations"], "location", "region"),
            *caps_of(document["vmSizes"], "vmSize", "instance_type"),
        ]

    def open(self, record: ProviderRecord) -> Provider:
        message = (
            "this version checks and renders configs of kind 'azure', but has no launcher for it: "
            f"do not enable the provider {record.name!r} where instances are launched"
        )
        raise ConfigInvalid([Problem("/kind", message, "no-launcher")])


KIND: ProviderKind = AzureKind()


def _specs(document: dict[str, Any]) -> Iterator[tuple[int, LaunchSpec]]:
    """Every launch spec with the index of its location, by location, VM size and zone in document order."""
    return with_fallbacks(document, _wanted(document), regular)


def _wanted(document: dict[str, Any]) -> Iterator[tuple[int, LaunchSpec]]:
    common = _common_layer(document)
    for index, location in enumerate(document["locations"]):
        image_layer = _image_layer(document, location["location"])
        for vm_size in document["vmSizes"]:
            layers = (common, image_layer, location, vm_size)
            for zone in location.get("zones", ("",)):
                yield index, launch_spec(document, _offering(location, zone, vm_size, layers), layers, image)


def _offering(
    location: Mapping[str, Any], zone: str, vm_size: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]
) -> Offering:
    priorities = [layer["launchSpec"]["priority"] for layer in layers if "priority" in layer.get("launchSpec", {})]
    market = Market.SPOT if priorities[-1:] == ["Spot"] else Market.ON_DEMAND
    size = vm_size["vmSize"]
    return Offering(location["location"], zone, size, market, *slots_and_worth(vm_size), family(size))


def _common_layer(document: dict[str, Any]) -> dict[str, Any]:
    """The worker type's own settings; its `tags` become tags of the virtual machine, unless `launchSpec` has others."""
    if not document.get("tags"):
        return document
    settings = document.get("launchSpec", {})
    return document | {"launchSpec": settings | {"tags": document["tags"] | settings.get("tags", {})}}


def _image_layer(document: dict[str, Any], location: str) -> dict[str, Any]:
    """The settings that the image of a location brings; none where `images` has no entry for it."""
    entries = {entry["location"]: entry for entry in document.get("images", ())}
    entry = entries.get(location) or entries.get(ANY_LOCATION)
    if entry is None:
        return {}
    plan = {"plan": entry["plan"]} if "plan" in entry else {}
    return {"launchSpec": {"storageProfile": {"imageReference": entry["imageReference"]}, **plan}}


def _location_problems(document: dict[str, Any], record: ProviderRecord | None) -> Iterator[Problem]:
    for index, entry in enumerate(document["locations"]):
        location = entry["location"]
        if record is not None and record.regions and location not in record.regions:
            allowed = ", ".join(record.regions)
            message = f"the provider {record.name!r} does not use the location {location!r}, but: {allowed}"
            yield Problem(f"/locations/{index}/location", message, "region-not-allowed")


def _count_problems(document: dict[str, Any]) -> Iterator[Problem]:
    places = sum(len(entry.get("zones", ("",))) for entry in document["locations"])
    count = places * len(document["vmSizes"])
    if count > MAX_OFFERINGS:
        message = f"makes {count} offerings of location, zone and VM size, more than {MAX_OFFERINGS}; name fewer"
        yield Problem("/vmSizes", message, "too-many-offerings")


def _merged_problems(document: dict[str, Any], specs: Sequence[tuple[int, LaunchSpec]]) -> Iterator[Problem]:
    """Problems of the merged settings, each once per location, as seen on the first offering that has it."""
    for index, spec in specs:
        pointer, where = f"/locations/{index}", f"instances in {spec.offering.region!r}"
        for rule, message in broken_rules(spec.settings):
            yield Problem(pointer, f"in the launchSpec of {where}, {message}", rule)
        text = user_data_text(document["workerType"], document["provider"], spec, _LONGEST_LAUNCH_KEY)
        if len(text.encode()) > MAX_CUSTOM_DATA_BYTES:
            message = f"the user data of {where} has more bytes than Azure's limit of {MAX_CUSTOM_DATA_BYTES}"
            yield Problem(pointer, f"{message}; shorten it", "user-data-too-large")
