"""Rules on the merged launch settings of a Compute Engine worker type: what the cloud would refuse. Pure: no SDK.

Each problem points at the strongest level which gives the value at fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from worker_manager.errors import Problem
from worker_manager.launch_settings import user_data_text
from worker_manager.model import (
    TAG_CAPACITY,
    TAG_CONFIG,
    TAG_DEPLOYMENT,
    TAG_LAUNCH,
    TAG_WORKER_TYPE,
    LaunchSpec,
)
from worker_manager.providers.google.settings import USER_DATA_KEY, Levels

# Compute Engine API, "Metadata": a value's size in bytes, and that of all keys and values, which must be less.
MAX_VALUE_BYTES = 256 * 1024
METADATA_BYTES = 512 * 1024
MAX_LABELS = 64
OWN_LABELS = {TAG_DEPLOYMENT, TAG_WORKER_TYPE, TAG_LAUNCH, TAG_CONFIG, TAG_CAPACITY}

_LONGEST_LAUNCH_KEY = "x" * 64
# Series whose machine types have GPUs of their own.
_GPU_SERIES = re.compile(r"(a[2-9]x?|g[24])-")
# Confidential computing without live migration; SEV has it on some platforms.
_UNMOVABLE_MEMORY = ("SEV_SNP", "TDX")
_SUBNETWORK_REGION = re.compile(r"(?:^|/)regions/([^/]+)/")


def merged_problems(document: dict[str, Any], specs: Iterable[tuple[Levels, LaunchSpec]]) -> Iterable[Problem]:
    """Every problem of the merged settings, each once per place and rule, as seen on the first offering that has it."""
    found: dict[tuple[str, str], Problem] = {}
    for levels, spec in specs:
        for rule in (_spot, _maintenance, _networks, _labels, _boot_disk, _metadata):
            for problem in rule(levels, spec):
                found.setdefault((problem.pointer, problem.rule), problem)
        text = user_data_text(document["workerType"], document["provider"], spec, _LONGEST_LAUNCH_KEY)
        for problem in _user_data(levels, spec, text):
            found.setdefault((problem.pointer, problem.rule), problem)
    return found.values()


def _spot(levels: Levels, spec: LaunchSpec) -> Iterator[Problem]:
    scheduling = spec.settings.get("scheduling", {})
    if scheduling.get("provisioningModel") == "SPOT":
        if scheduling.get("onHostMaintenance") == "MIGRATE":
            pointer = levels.pointer("launchSpec", "scheduling", "onHostMaintenance")
            message = f"onHostMaintenance MIGRATE meets provisioningModel SPOT for {_which(spec)}"
            yield Problem(pointer, f"{message}: spot instances cannot be migrated, use TERMINATE", "spot-contradiction")
        if scheduling.get("automaticRestart"):
            pointer = levels.pointer("launchSpec", "scheduling", "automaticRestart")
            message = f"automaticRestart meets provisioningModel SPOT for {_which(spec)}"
            yield Problem(pointer, f"{message}: spot instances cannot be restarted, use false", "spot-contradiction")
    elif "instanceTerminationAction" in scheduling and "maxRunDuration" not in scheduling:
        pointer = levels.pointer("launchSpec", "scheduling", "instanceTerminationAction")
        message = f"instanceTerminationAction is given for {_which(spec)}, which is neither a spot instance"
        yield Problem(pointer, f"{message} nor has a maxRunDuration: leave it out", "spot-contradiction")


def _maintenance(levels: Levels, spec: LaunchSpec) -> Iterator[Problem]:
    scheduling, machine_type = spec.settings.get("scheduling", {}), spec.offering.instance_type
    if scheduling.get("provisioningModel") == "SPOT":
        return
    terminates = scheduling.get("onHostMaintenance") == "TERMINATE"
    if terminates and machine_type.startswith("e2-"):
        pointer = levels.pointer("launchSpec", "scheduling", "onHostMaintenance")
        message = (
            f"onHostMaintenance TERMINATE is given for {_which(spec)}: E2 instances take it only as spot instances"
        )
        yield Problem(pointer, f"{message}; leave it out, or use MIGRATE", "maintenance")
    if not terminates and (why := _unmovable(levels, spec)):
        pointer, what = why
        message = f"{what} cannot be migrated: {_which(spec)} needs scheduling.onHostMaintenance TERMINATE"
        yield Problem(pointer, message, "maintenance")


def _unmovable(levels: Levels, spec: LaunchSpec) -> tuple[str, str] | None:
    """Which value keeps instances from being migrated, and what it makes of them; None if they can be."""
    confidential = spec.settings.get("confidentialInstanceConfig", {})
    if spec.settings.get("guestAccelerators"):
        return levels.pointer("launchSpec", "guestAccelerators"), "instances with guest accelerators"
    if _GPU_SERIES.match(spec.offering.instance_type):
        return levels.pointer("machineType"), "instances with GPUs"
    if confidential.get("confidentialInstanceType") in _UNMOVABLE_MEMORY:
        path = ("launchSpec", "confidentialInstanceConfig", "confidentialInstanceType")
        return levels.pointer(*path), "instances with such confidential memory"
    return None


def _networks(levels: Levels, spec: LaunchSpec) -> Iterator[Problem]:
    pointer = levels.pointer("launchSpec", "networkInterfaces")
    interfaces = spec.settings.get("networkInterfaces", ())
    if not interfaces:
        zone, _ = levels.levels[1]
        yield Problem(zone, f"no level of launchSpec gives networkInterfaces for {_which(spec)}", "network-missing")
    for index, interface in enumerate(interfaces):
        region = _SUBNETWORK_REGION.search(interface.get("subnetwork", ""))
        if region and region[1] != spec.offering.region:
            message = f"the subnetwork lies in the region {region[1]!r}, but is given for {_which(spec)}"
            hint = f"name one in {spec.offering.region!r} in that zone's launchSpec"
            yield Problem(f"{pointer}/{index}/subnetwork", f"{message}: {hint}", "subnetwork-elsewhere")


def _labels(levels: Levels, spec: LaunchSpec) -> Iterator[Problem]:
    labelled = [(levels.pointer("launchSpec", "labels", missing="/tags"), spec.settings.get("labels", {}))]
    disks = levels.pointer("launchSpec", "disks", missing="/tags")
    labelled += [(disks, disk["initializeParams"].get("labels", {})) for disk in spec.settings["disks"]]
    for pointer, labels in labelled:
        count = len(OWN_LABELS | labels.keys())
        if count > MAX_LABELS:
            message = f"tags, labels and Worker Manager's {len(OWN_LABELS)} make {count} labels for {_which(spec)}"
            yield Problem(pointer, f"{message}; Compute Engine takes {MAX_LABELS}: give fewer", "too-many-labels")


def _boot_disk(levels: Levels, spec: LaunchSpec) -> Iterator[Problem]:
    size = spec.settings["disks"][0]["initializeParams"].get("diskSizeGb")
    needed = levels.image.get("diskSizeGb", 0)
    if size is not None and size < needed:
        pointer = levels.pointer("launchSpec", "disks") + "/0/initializeParams/diskSizeGb"
        message = f"a boot disk of {size} GiB is too small for the image {levels.image['image']!r}"
        yield Problem(pointer, f"{message}, which needs {needed}", "boot-disk-too-small")


def _metadata(levels: Levels, spec: LaunchSpec) -> Iterator[Problem]:
    pointer = levels.pointer("launchSpec", "metadata", "items")
    for index, item in enumerate(_items(spec)):
        if len(item["value"].encode()) > MAX_VALUE_BYTES:
            message = f"the value of {item['key']!r} has more bytes than Compute Engine's limit of {MAX_VALUE_BYTES}"
            yield Problem(f"{pointer}/{index}/value", f"{message}; shorten it", "metadata-too-large")


def _user_data(levels: Levels, spec: LaunchSpec, text: str) -> Iterator[Problem]:
    size = len(text.encode())
    if size > MAX_VALUE_BYTES:
        message = f"the user data of {_which(spec)} has more bytes than Compute Engine's limit of {MAX_VALUE_BYTES}"
        yield Problem(levels.largest_user_data(), f"{message}; shorten it", "user-data-too-large")
    total = size + len(USER_DATA_KEY) + sum(len((item["key"] + item["value"]).encode()) for item in _items(spec))
    if total >= METADATA_BYTES:
        message = f"user data and metadata of {_which(spec)} add up to {total} bytes"
        pointer = levels.pointer("launchSpec", "metadata", missing=levels.largest_user_data())
        yield Problem(pointer, f"{message}, and must be less than {METADATA_BYTES}", "metadata-too-large")


def _items(spec: LaunchSpec) -> list[dict[str, str]]:
    items: list[dict[str, str]] = spec.settings.get("metadata", {}).get("items", [])
    return items


def _which(spec: LaunchSpec) -> str:
    return f"{spec.offering.instance_type!r} in {spec.offering.zone!r}"
