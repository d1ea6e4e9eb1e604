"""The merged launch settings of a Compute Engine worker type, one launch spec per offering. Pure: no SDK, no rules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from worker_manager.launch_settings import launch_spec, merge, slots_and_worth, with_fallbacks
from worker_manager.model import LaunchSpec, Market, Offering

# The metadata key under which an instance finds what `user_data_text` gives. The keys that images themselves listen to
# (`startup-script`, cloud-init's `user-data`) stay the user's.
USER_DATA_KEY = "wm-user-data"


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels that one offering is made of, each with its JSON pointer, weakest first."""

    levels: tuple[tuple[str, dict[str, Any]], ...]
    image: dict[str, Any]

    def pointer(self, *path: str, missing: str = "") -> str:
        """Where the strongest level which gives this member gives it, or `missing` if none does."""
        for pointer, level in reversed(self.levels):
            value: Any = level
            for step in path:
                value = value.get(step) if isinstance(value, dict) else None
            if value is not None:
                return "/".join((pointer, *path))
        return missing

    def largest_user_data(self) -> str:
        """Where the level which gives most user data gives it."""
        sizes = {pointer + "/userData": len(json.dumps(level.get("userData", {}))) for pointer, level in self.levels}
        return max(sizes, key=lambda pointer: sizes[pointer])


def all_specs(document: dict[str, Any]) -> Iterator[tuple[Levels, LaunchSpec]]:
    """Every launch spec, by machine type and zone in document order, with the levels it was made of."""
    return with_fallbacks(document, _wanted(document), _regular)


def _wanted(document: dict[str, Any]) -> Iterator[tuple[Levels, LaunchSpec]]:
    images = images_by_architecture(document)
    for number, machine_type in enumerate(document["machineTypes"]):
        image = images[machine_type.get("architecture", "X86_64")]
        for index, zone in enumerate(document["zones"]):
            levels = (("", document), (f"/zones/{index}", zone), (f"/machineTypes/{number}", machine_type))
            yield Levels(levels, image), _spec(document, zone, machine_type, image["sourceImage"])


def images_by_architecture(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The entries of the image that the document chooses, by architecture."""
    name = chosen_image(document)
    return {entry["architecture"]: entry for entry in document["images"] if entry["image"] == name}


def chosen_image(document: dict[str, Any]) -> str:
    """The name of the image; that of the first entry where the document names none, for then there is but one name."""
    return str(document.get("image", document["images"][0]["image"]))


def region_of(zone: str) -> str:
    """`us-central1` for `us-central1-a`."""
    return zone.rpartition("-")[0]


def family(machine_type: str) -> str:
    """What quotas of CPUs count together with a machine type: its series, `n2` for `n2-custom-6-20480`.

    Custom types without a series and the oldest shared cores are of the series N1.
    """
    series = machine_type.partition("-")[0]
    return "n1" if series in ("custom", "f1", "g1") else series


def _spec(document: dict[str, Any], zone: dict[str, Any], machine_type: dict[str, Any], image: str) -> LaunchSpec:
    tags = document.get("tags", {})
    layers = ({"launchSpec": {"labels": tags} if tags else {}}, document, zone, machine_type)
    given = merge(*(layer.get("launchSpec", {}) for layer in layers))
    spot = given.get("scheduling", {}).get("provisioningModel") == "SPOT"
    market, name = Market.SPOT if spot else Market.ON_DEMAND, machine_type["machineType"]
    region, worth = region_of(zone["zone"]), slots_and_worth(machine_type)
    offering = Offering(region, zone["zone"], name, market, *worth, family(name))
    return launch_spec(document, offering, (*layers, {"launchSpec": _completed(given, image, tags)}), _image)


def _image(settings: Mapping[str, Any]) -> str:
    return str(settings["disks"][0]["initializeParams"]["sourceImage"])


def _regular(spec: LaunchSpec) -> dict[str, Any]:
    """The settings of a spot instance for one that is not taken away; what bounds its life keeps its action."""
    scheduling = {name: value for name, value in spec.settings["scheduling"].items() if name != "provisioningModel"}
    if "maxRunDuration" not in scheduling:
        scheduling.pop("instanceTerminationAction", None)
    others = {name: value for name, value in spec.settings.items() if name != "scheduling"}
    return others | ({"scheduling": scheduling} if scheduling else {})


def _completed(given: dict[str, Any], image: str, tags: dict[str, str]) -> dict[str, Any]:
    """What the merged settings lack: the image, and what keeps instances and disks from being left behind.

    By Compute Engine's own defaults, disks outlive their instance, and an interrupted instance is stopped, not deleted.
    """
    boot, *others = given.get("disks", [{"boot": True}])
    boot = {**boot, "initializeParams": {**boot.get("initializeParams", {}), "sourceImage": image}}
    completed: dict[str, Any] = {"disks": [_disk(disk, tags) for disk in (boot, *others)]}
    scheduling = given.get("scheduling", {})
    if scheduling.get("provisioningModel") == "SPOT" or "maxRunDuration" in scheduling:
        completed["scheduling"] = {"instanceTerminationAction": "DELETE"}
    return completed


def _disk(disk: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    parameters = disk["initializeParams"]
    labels = {**tags, **parameters.get("labels", {})}
    if labels and disk.get("type") != "SCRATCH":  # local SSDs have no labels
        parameters = {**parameters, "labels": labels}
    return {"autoDelete": True, **disk, "initializeParams": parameters}
