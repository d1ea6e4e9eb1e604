"""What EC2's own terms in merged launch settings come to: an image, a quota's family, a regular instance. No SDK."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from worker_manager.model import LaunchSpec

# Amazon EC2 user guide, "Amazon EC2 instance type quotas": those with a quota of vCPUs of their own, by the letters
# that their names begin with; G and VT share one.
_OWN = ("dl", "f", "g", "hpc", "inf", "mac", "p", "trn", "u", "x")
_FAMILIES = {name: name for name in _OWN} | {"gr": "g", "vt": "g"}
_STANDARD = frozenset("acdhimrtz")
_LETTERS = re.compile(r"[a-z]+")


def image(settings: Mapping[str, Any]) -> str:
    """The id of the machine image, "" where no level names one."""
    return str(settings.get("ImageId", ""))


def family(instance_type: str) -> str:
    """What quotas of vCPUs count together with an instance type: `standard` for `m5.large`, `g` for `g4dn.xlarge`."""
    letters = _LETTERS.match(instance_type)
    name = letters[0] if letters else ""
    return _FAMILIES.get(name, "standard" if name[:1] in _STANDARD else name)


def regular(spec: LaunchSpec) -> dict[str, Any]:
    """The settings of a spot instance for one that is not taken away."""
    return {name: value for name, value in spec.settings.items() if name != "InstanceMarketOptions"}
