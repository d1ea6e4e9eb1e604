"""What EC2 would refuse of merged launch settings, as far as it can be known without asking. Pure: imports no SDK.

Rules about a single level of launch settings are in the schemas; the rules here are about what the levels add up to.
Each yields messages with the rule's name; it does not know where in a document the settings came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from worker_manager.model import LaunchSpec
from worker_manager.providers.aws.tags import tags_by_resource

# EC2 allows 50 tags: five `wm-*` and `Name` are set at launch.
MAX_TAGS = 44

Finding = tuple[str, str]

_EXCLUSIVE = (
    ("SecurityGroups", "SubnetId", "EC2 takes security groups by name in the default VPC only: use SecurityGroupIds"),
    ("NetworkInterfaces", "SubnetId", "name the subnet in the network interfaces"),
    ("NetworkInterfaces", "SecurityGroupIds", "name the security groups in the network interfaces"),
    ("NetworkInterfaces", "SecurityGroups", "name the security groups in the network interfaces"),
)
_KEY_IN_METADATA = re.compile(r"(?!(\.|\.\.|_index)\Z)[0-9A-Za-z+=,.@:_-]+")
# Amazon EBS user guide, "volume types": most I/O operations per second and GiB; gp3 volumes have 3000 at any size.
_MAX_RATE_PER_GIB = {"gp3": 500, "io1": 50, "io2": 1000}
_GP3_RATE = 3000
_GP3_RATE_PER_MIB = 4


def settings_findings(spec: LaunchSpec) -> Iterator[Finding]:
    """Messages and rule names of all that is wrong with the merged settings."""
    for rule in _RULES:
        yield from rule(spec)


def _image(spec: LaunchSpec) -> Iterator[Finding]:
    if "ImageId" not in spec.settings:
        yield f"no level of launchSpec names an ImageId for instances {_where(spec)}", "image-missing"


def _exclusive(spec: LaunchSpec) -> Iterator[Finding]:
    for one, other, advice in _EXCLUSIVE:
        if one in spec.settings and other in spec.settings:
            message = f"{one} and {other} meet in the launchSpec of instances {_where(spec)}: {advice}"
            yield message, "settings-exclude-each-other"


def _market(spec: LaunchSpec) -> Iterator[Finding]:
    market = spec.settings.get("InstanceMarketOptions", {})
    if "SpotOptions" in market and "MarketType" not in market:
        message = f"SpotOptions without MarketType in the launchSpec of instances {_where(spec)}"
        yield f"{message}: add MarketType: spot", "market-missing"


def _placement(spec: LaunchSpec) -> Iterator[Finding]:
    placement = spec.settings.get("Placement", {})
    if "PartitionNumber" in placement and "GroupName" not in placement:
        message = f"PartitionNumber without GroupName in the Placement of instances {_where(spec)}"
        yield f"{message}: name the placement group", "placement-group-missing"


def _volumes(spec: LaunchSpec) -> Iterator[Finding]:
    for mapping in spec.settings.get("BlockDeviceMappings", ()):
        volume = mapping.get("Ebs", {})
        kind, size = volume.get("VolumeType"), volume.get("VolumeSize")
        if kind not in _MAX_RATE_PER_GIB:
            continue
        what = f"the {kind} volume {mapping['DeviceName']!r} of instances {_where(spec)}"
        rate = volume.get("Iops", _GP3_RATE)
        # without a size the volume has its snapshot's
        most = max(_MAX_RATE_PER_GIB[kind] * size, _GP3_RATE if kind == "gp3" else 0) if size else rate
        if rate > most:
            yield f"Iops {rate} is too much for {what}, whose {size} GiB allow {most}", "volume-rate"
        if volume.get("Throughput", 0) * _GP3_RATE_PER_MIB > rate:
            message = f"Throughput {volume['Throughput']} is too much for {what}, whose {rate} Iops allow"
            yield f"{message} {rate // _GP3_RATE_PER_MIB}", "volume-throughput"


def _tags(spec: LaunchSpec) -> Iterator[Finding]:
    tags = tags_by_resource(spec.settings.get("TagSpecifications", ()))
    for resource, pairs in tags.items():
        if len(pairs) > MAX_TAGS:
            message = f"tags and TagSpecifications add up to {len(pairs)} tags of each {resource} {_where(spec)}"
            yield f"{message}, more than {MAX_TAGS}, as EC2 allows 50 and six are set at launch", "too-many-tags"
    if spec.settings.get("MetadataOptions", {}).get("InstanceMetadataTags") == "enabled":
        for key in tags.get("instance", {}):
            if not _KEY_IN_METADATA.fullmatch(key):
                message = f"the tag key {key!r} of instances {_where(spec)} cannot be in their metadata"
                yield f"{message}: rename it, or disable InstanceMetadataTags", "tag-not-for-metadata"


def _where(spec: LaunchSpec) -> str:
    return f"in {spec.offering.region!r}"


_RULES: tuple[Callable[[LaunchSpec], Iterator[Finding]], ...] = (
    _image,
    _exclusive,
    _market,
    _placement,
    _volumes,
    _tags,
)
