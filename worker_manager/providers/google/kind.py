"""What is particular to Compute Engine in a worker type: which offerings it has, and which rules no schema can state.

Rules about a single level of launch settings are in the schemas; the rules here are about what the levels add up to. No
SDK here, and no call is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from worker_manager.errors import ConfigInvalid, Problem
from worker_manager.launch_settings import capacity_problems, caps_of, fallback_problems
from worker_manager.model import Cap, LaunchSpec
from worker_manager.provider import Provider, ProviderKind, ProviderRecord
from worker_manager.providers.google.rules import merged_problems
from worker_manager.providers.google.settings import all_specs, chosen_image, images_by_architecture, region_of

MAX_OFFERINGS = 1000

_CUSTOM_MEMORY = re.compile(r"custom-[a-z0-9]+-([0-9]+)")
# Compute Engine documentation, "Create a VM with a custom machine type".
_MEMORY_STEP_MIB = 256


class GoogleKind:
    """The kind `google`: Compute Engine instances, bought by zone and machine type."""

    name = "google"

    def check(self, document: dict[str, Any], record: ProviderRecord | None) -> Sequence[Problem]:
        problems = [
            *_region_problems(document, record),
            *_machine_type_problems(document),
            *capacity_problems(document, "machineTypes", "machine type"),
            *_count_problems(document),
            *_image_problems(document),
        ]
        if problems:
            return problems
        specs = list(all_specs(document))
        wrong = [*fallback_problems(document, [spec for _, spec in specs], MAX_OFFERINGS)]
        return wrong or list(merged_problems(document, specs))

    def launch_specs(self, document: dict[str, Any]) -> Sequence[LaunchSpec]:
        return [spec for _, spec in all_specs(document)]

    def caps(self, document: dict[str, Any]) -> Sequence[Cap]:
        return [
            *caps_of(document["zones"], "zone", "zone"),
            *caps_of(document["machineTypes"], "machineType", "instance_type"),
        ]

    def open(self, record: ProviderRecord) -> Provider:
        message = (
            f"this version checks and renders configs of kind 'google' but has no launcher for it: "
            f"remove the provider {record.name!r}, and validate its configs offline"
        )
        raise ConfigInvalid([Problem("/kind", message, "no-launcher")])


KIND: ProviderKind = GoogleKind()


def _region_problems(document: dict[str, Any], record: ProviderRecord | None) -> Iterator[Problem]:
    if record is None or not record.regions:
        return
    for index, entry in enumerate(document["zones"]):
        region = region_of(entry["zone"])
        if region not in record.regions:
            allowed = ", ".join(record.regions)
            message = f"the provider {record.name!r} does not use the region {region!r}, but: {allowed}"
            yield Problem(f"/zones/{index}/zone", message, "region-not-allowed")


def _machine_type_problems(document: dict[str, Any]) -> Iterator[Problem]:
    for index, entry in enumerate(document["machineTypes"]):
        memory = _CUSTOM_MEMORY.search(entry["machineType"])
        if memory and int(memory[1]) % _MEMORY_STEP_MIB:
            nearest = -(-int(memory[1]) // _MEMORY_STEP_MIB) * _MEMORY_STEP_MIB
            message = f"memory of custom machine types comes in steps of {_MEMORY_STEP_MIB} MiB: use {nearest}"
            yield Problem(f"/machineTypes/{index}/machineType", f"{message}, not {memory[1]}", "custom-memory")


def _count_problems(document: dict[str, Any]) -> Iterator[Problem]:
    count = len(document["zones"]) * len(document["machineTypes"])
    if count > MAX_OFFERINGS:
        message = f"makes {count} offerings of zone and machine type, more than {MAX_OFFERINGS}; name fewer"
        yield Problem("/machineTypes", message, "too-many-offerings")


def _image_problems(document: dict[str, Any]) -> Iterator[Problem]:
    names = list(dict.fromkeys(entry["image"] for entry in document["images"]))
    listed = ", ".join(repr(name) for name in names[:10])
    if "image" not in document and len(names) > 1:
        yield Problem("/images", f"there are several images: say which as `image`, of {listed}", "image-not-chosen")
    elif chosen_image(document) not in names:
        message = f"there is no image {document['image']!r} among `images`; there are: {listed}"
        yield Problem("/image", message, "image-missing")
    else:
        yield from _architecture_problems(document)


def _architecture_problems(document: dict[str, Any]) -> Iterator[Problem]:
    there = images_by_architecture(document)
    for index, entry in enumerate(document["machineTypes"]):
        wanted = entry.get("architecture", "X86_64")
        if wanted not in there:
            message = f"the image {chosen_image(document)!r} has no entry for {wanted}, but for: {', '.join(there)}"
            hint = "add one to `images`, or correct the machine type's architecture"
            yield Problem(f"/machineTypes/{index}", f"{message}; {hint}", "image-missing")
