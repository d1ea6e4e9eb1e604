"""What Azure's own terms in merged launch settings come to: an image, a VM family, a regular machine. Pure: no SDK."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from worker_manager.model import LaunchSpec

_IMAGE_IDS = ("id", "sharedGalleryImageId", "communityGalleryImageId")
_IMAGE_PARTS = ("publisher", "offer", "sku", "version")
# Tier, series, the number of vCPUs (constrained or not), features, and what else tells the machines apart.
_SIZE = re.compile(r"(?:Standard_|(Basic)_)([A-Z]+)[0-9]+(?:-[0-9]+)?([a-z]*)((?:_[A-Za-z0-9]+)*)")
_SPOT_ONLY = ("evictionPolicy", "billingProfile")


def image(settings: Mapping[str, Any]) -> str:
    """The image's id, or its parts as Azure's command line joins them: `publisher:offer:sku:version`."""
    reference = settings.get("storageProfile", {}).get("imageReference", {})
    by_id = next((reference[name] for name in _IMAGE_IDS if name in reference), "")
    return str(by_id or ":".join(reference[name] for name in _IMAGE_PARTS if name in reference))


def family(vm_size: str) -> str:
    """What quotas of vCPUs count together with a size: `ddsv5` for `Standard_D16ds_v5`."""
    parts = _SIZE.fullmatch(vm_size)
    return "".join(part or "" for part in parts.groups()).replace("_", "").lower() if parts else ""


def regular(spec: LaunchSpec) -> dict[str, Any]:
    """The settings of a spot machine for one that is not taken away."""
    kept = {name: value for name, value in spec.settings.items() if name not in _SPOT_ONLY}
    return kept | {"priority": "Regular"}
