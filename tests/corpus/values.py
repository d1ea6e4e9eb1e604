"""Faults of single values: out of range, of the wrong form, too large, too deep, characters that only look right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from string import ascii_lowercase
from typing import Any

from tests.corpus.cases import Case, bases, case, changed, put, shown

LAUNCH = "/launchSpec"
SUBNET = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/workers/providers"
    "/Microsoft.Network/virtualNetworks/workers/subnets/default"
)
DEVICES = [{"DeviceName": f"/dev/sd{letter}{number}", "NoDevice": ""} for letter in "abc" for number in range(1, 15)]
ZONES = [{"zone": f"us-central{1 + number // 26}-{ascii_lowercase[number % 26]}"} for number in range(257)]
NAMES = [f"name-{number}" for number in range(1001)]
# base, pointer, value, and the pointers at fault if they are others
RANGES: tuple[tuple[Any, ...], ...] = (
    ("docker-small", "/minCapacity", -1),
    ("docker-small", "/minCapacity", 1_000_001),
    ("docker-small", "/maxCapacity", 1_000_001),
    ("docker-small", "/maxCapacity", -1, "/maxCapacity", "/minCapacity"),
    ("docker-small", "/maxCapacity", 2**53),
    ("docker-small", "/scalingRatio", 0),
    ("docker-small", "/scalingRatio", 1.01),
    ("docker-small", "/scalingRatio", -0.5),
    ("docker-small", "/description", "x" * 4097),
    ("docker-small", "/owner", ""),
    ("docker-small", "/owner", "x" * 257),
    ("docker-small", "/scopes", NAMES),
    ("docker-small", "/scopes/0", "x" * 1025),
    ("docker-small", "/workerType", "x" * 129),
    ("docker-small", f"{LAUNCH}/MetadataOptions/HttpPutResponseHopLimit", 0),
    ("docker-small", f"{LAUNCH}/MetadataOptions/HttpPutResponseHopLimit", 65),
    ("docker-small", f"{LAUNCH}/KeyName", "x" * 256),
    ("docker-small", f"{LAUNCH}/SecurityGroupIds", []),
    ("docker-small", f"{LAUNCH}/SecurityGroupIds", [f"sg-{number:08x}" for number in range(17)]),
    ("docker-small", f"{LAUNCH}/CpuOptions", {"CoreCount": 0, "ThreadsPerCore": 1}, f"{LAUNCH}/CpuOptions/CoreCount"),
    ("docker-small", f"{LAUNCH}/CpuOptions", {"ThreadsPerCore": 3}, f"{LAUNCH}/CpuOptions/ThreadsPerCore"),
    ("docker-small", f"{LAUNCH}/Placement", {"PartitionNumber": 8}, f"{LAUNCH}/Placement/PartitionNumber"),
    ("docker-small", f"{LAUNCH}/BlockDeviceMappings", DEVICES),
    ("docker-small", f"{LAUNCH}/IamInstanceProfile", {}),
    ("gecko-1-decision", "/instanceTypes/0/capacity", 0),
    ("gecko-1-decision", "/instanceTypes/0/capacity", 10_001),
    ("gecko-1-decision", "/instanceTypes/1/utility", 0),
    ("gecko-1-decision", "/instanceTypes/1/utility", 1_000_001),
    ("gecko-1-decision", "/instanceTypes", []),
    ("gecko-1-decision", "/instanceTypes", [{"instanceType": f"m{number + 1}.large"} for number in range(257)]),
    ("github-worker", "/launchSpec/SecurityGroups", []),
    ("gcp-linux-docker", "/machineTypes/0/capacity", -4),
    ("gcp-linux-docker", f"{LAUNCH}/disks", []),
    ("gcp-linux-docker", f"{LAUNCH}/disks/0/initializeParams/diskSizeGb", 0),
    ("gcp-linux-docker", f"{LAUNCH}/serviceAccounts/0/scopes", []),
    ("gcp-linux-docker", f"{LAUNCH}/scheduling/maxRunDuration", {"seconds": 29},
     f"{LAUNCH}/scheduling/maxRunDuration/seconds"),
    ("gcp-linux-docker", f"{LAUNCH}/scheduling/hostErrorTimeoutSeconds", 91),
    ("gcp-linux-docker", f"{LAUNCH}/tags", {"items": [f"tag-{i}" for i in range(65)]}, f"{LAUNCH}/tags/items"),
    ("gcp-gpu-test", f"{LAUNCH}/guestAccelerators", [{"acceleratorType": "nvidia-t4", "acceleratorCount": 17}],
     f"{LAUNCH}/guestAccelerators/0/acceleratorCount"),
    ("azure-linux-build", "/vmSizes/0/capacity", 1.5),
    ("azure-linux-build", "/vmSizes/0/utility", -2),
    ("azure-linux-build", "/tags", {f"tag-{number}": "x" for number in range(21)}),
    ("azure-linux-build", f"{LAUNCH}/billingProfile", {"maxPrice": 0}, f"{LAUNCH}/billingProfile/maxPrice"),
    ("azure-linux-build", f"{LAUNCH}/storageProfile/osDisk/diskSizeGB", 4096),
    ("azure-linux-build", f"{LAUNCH}/osProfile/linuxConfiguration/ssh/publicKeys", []),
    ("sleepers", "/lifecycle/scaleInCooldown", -1),
    ("sleepers", "/lifecycle/scaleInCooldown", 31_536_001),
    ("greeters", "/launchSpec/command", []),
    ("greeters", "/launchSpec/environment", {f"NAME_{number}": "x" for number in range(201)}),
    ("aws-docker-regions", "/value", []),
    ("aws-docker-regions", "/description", "x" * 4097),
    ("aws-lifecycle", "/value/drainTimeout", -1),
    ("aws-tags", "/value", {f"tag-{number}": "x" for number in range(21)}),
    ("aws-tags", "/value/team", "x" * 64),
    ("aws-small-instance-types", "/value/2/launchSpec/BlockDeviceMappings/0/Ebs/VolumeSize", 0),
    ("google-images", "/value/0/diskSizeGb", 65_537),
    ("google-zones-us", "/value", ZONES),
    ("azure-european-locations", "/value/0/zones", ["1", "2", "3", "3"]),
    ("azure-european-locations", "/value/0/zones", []),
    ("local-sleepers", "/value/0/launchSpec/command", []),
    ("local-sleepers", "/value/1/capacity", 0),
)  # fmt: skip
PATTERNS: tuple[tuple[Any, ...], ...] = (
    ("docker-small", "/workerType", "docker small"),
    ("docker-small", "/workerType", "docker/small"),
    ("docker-small", "/workerType", "-docker"),
    ("docker-small", "/workerType", ""),
    ("docker-small", "/owner", "fleet-owner@example.org\nand others"),
    ("docker-small", "/scopes/0", "queue:claim-work:dockér"),
    ("docker-small", f"{LAUNCH}/ImageId", "ami-12345"),
    ("docker-small", f"{LAUNCH}/ImageId", "AMI-0dedc5db10ec003af"),
    ("docker-small", f"{LAUNCH}/SubnetId", "sg-12cd3762"),
    ("docker-small", f"{LAUNCH}/SecurityGroupIds", ["docker-worker"], f"{LAUNCH}/SecurityGroupIds/0"),
    ("docker-small", f"{LAUNCH}/SecurityGroupIds", ["sg-12cd3762", "sg-12cd3762"]),
    ("docker-small", f"{LAUNCH}/KeyName", " deploy"),
    ("docker-small", f"{LAUNCH}/InstanceMarketOptions/MarketType", "Spot"),
    ("docker-small", f"{LAUNCH}/InstanceMarketOptions/SpotOptions", {"MaxPrice": "0.001"},
     f"{LAUNCH}/InstanceMarketOptions/SpotOptions/MaxPrice"),
    ("docker-small", f"{LAUNCH}/InstanceMarketOptions/SpotOptions", {"MaxPrice": "free"},
     f"{LAUNCH}/InstanceMarketOptions/SpotOptions/MaxPrice"),
    ("docker-small", f"{LAUNCH}/MetadataOptions/HttpTokens", "always"),
    ("docker-small", "/demand", {"source": "pull"}, "/demand/source"),
    ("docker-small", f"{LAUNCH}/IamInstanceProfile", {"Arn": "worker"}, f"{LAUNCH}/IamInstanceProfile/Arn"),
    ("docker-small", f"{LAUNCH}/InstanceMarketOptions/SpotOptions/SpotInstanceType", "persistent"),
    ("docker-small", f"{LAUNCH}/InstanceInitiatedShutdownBehavior", "stop"),
    ("azure-linux-build", f"{LAUNCH}/evictionPolicy", "Deallocate"),
    ("github-worker", "/instanceTypes/0/instanceType", "r3 xlarge"),
    ("github-worker", "/instanceTypes/0/instanceType", "xlarge"),
    ("github-worker", "/launchSpec/SecurityGroups/0", "sg-12cd3762"),
    ("gcp-linux-docker", "/image", "docker worker"),
    ("gcp-linux-docker", "/machineTypes/0/machineType", "c3-standard-8-"),
    ("gcp-linux-docker", "/machineTypes/0/machineType", "n2-custom-3-4096"),
    ("gcp-linux-docker", "/machineTypes/1/architecture", "arm64"),
    ("gcp-linux-docker", "/tags/team", "RelEng"),
    ("gcp-linux-docker", f"{LAUNCH}/serviceAccounts/0/email", "someone@example.org"),
    ("gcp-linux-docker", f"{LAUNCH}/serviceAccounts/0/scopes/0", "cloud-platform"),
    ("gcp-linux-docker", f"{LAUNCH}/networkInterfaces", [{"network": "default"}],
     f"{LAUNCH}/networkInterfaces/0/network"),
    ("gcp-gpu-test", f"{LAUNCH}/minCpuPlatform", "intel haswell"),
    ("azure-linux-build", "/vmSizes/1/vmSize", "D8ads_v5"),
    ("azure-linux-build", f"{LAUNCH}/osProfile/adminUsername", "root"),
    ("azure-linux-build", f"{LAUNCH}/osProfile/computerName", "-worker"),
    ("azure-linux-build", f"{LAUNCH}/priority", "spot"),
    ("azure-windows-test", f"{LAUNCH}/osProfile/windowsConfiguration/timeZone", "utc"),
    ("azure-windows-test", f"{LAUNCH}/storageProfile/imageReference/version", "newest"),
    ("azure-windows-test", f"{LAUNCH}/proximityPlacementGroup", {"id": "workers"},
     f"{LAUNCH}/proximityPlacementGroup/id"),
    ("sleepers", "/lifecycle/drainTimeout", "2w"),
    ("sleepers", "/lifecycle/scaleIn", "whenidle"),
    ("greeters", "/launchSpec/workingDirectory", "tmp"),
    ("aws-docker-regions", "/name", "aws docker regions"),
    ("aws-docker-regions", "/schema", "/schemas/common/aws-region-docker-worker.json#"),
    ("aws-docker-regions", "/schema", "aws-regions.json"),
    ("aws-docker-regions", "/value/1/region", "us-west"),
    ("aws-docker-regions", "/value/1/region", "us-west-1b"),
    ("aws-docker-regions", "/value/2/region", "us-west-1", "/value/2"),
    ("aws-docker-regions", "/value/0/launchSpec/ImageId", "latest"),
    ("aws-docker-regions", "/value/2/userData/restrictCPU", "true"),
    ("aws-small-instance-types", "/value/0/instanceType", "m5.24xlarge"),
    ("aws-small-instance-types", "/value/0/instanceType", "m5.larg"),
    ("aws-docker-user-data", "/value", "dindImage"),
    ("aws-tags", "/value/team", "Release Engineering"),
    ("aws_azs", "/value/0/availabilityZone", "us-east-1"),
    ("aws_azs", "/value/0/availabilityZone", "us-west-1a"),
    ("google-images", "/value/0/architecture", "x86"),
    ("google-images", "/value/0/sourceImage", "docker-worker-20261120"),
    ("google-images", "/value/1/architecture", "X86_64", "/value/1"),
    ("google-zones-us", "/value/0/zone", "us-central1"),
    ("azure-linux-images", "/value/0/location", "West Europe"),
    ("azure-linux-images", "/value/0/imageReference/id", "ubuntu-24.04"),
    ("azure-european-locations", "/value/1/location", "North Europe"),
    ("azure-european-locations", "/value/0/zones/0", "4"),
    ("local-sleepers", "/value/0/instanceType", "Small"),
    ("local-sleepers", "/value/1/instanceType", "small", "/value/1"),
)  # fmt: skip
FORBIDDEN = (
    ("docker-small", f"{LAUNCH}/MaxCount", 100),
    ("docker-small", f"{LAUNCH}/UserData", "IyEvYmluL3No"),
    ("docker-small", f"{LAUNCH}/ClientToken", "mine"),
    ("docker-small", f"{LAUNCH}/InstanceType", "m5.large"),
    ("docker-small", f"{LAUNCH}/Placement/AvailabilityZone", "us-east-1a"),
    ("aws-docker-regions", "/value/0/launchSpec/MinCount", 1),
    ("gcp-linux-docker", f"{LAUNCH}/name", "worker-1"),
    ("gcp-linux-docker", f"{LAUNCH}/machineType", "c3-standard-8"),
    ("gcp-linux-docker", f"{LAUNCH}/deletionProtection", True),
    ("gcp-linux-docker", f"{LAUNCH}/scheduling/preemptible", True),
    ("azure-linux-build", f"{LAUNCH}/zones", ["1"]),
    ("azure-linux-build", f"{LAUNCH}/hardwareProfile/vmSize", "Standard_D8ads_v5"),
    ("azure-linux-build", f"{LAUNCH}/availabilitySet", {"id": SUBNET}),
)
ODD_TEXTS = (
    ("docker-small", "/workerType", "dоcker-small", "a Cyrillic letter"),
    ("docker-small", "/workerType", "docker\u200f-small", "a right-to-left mark"),
    ("docker-small", "/workerType", "docker‑small", "a hyphen that does not break"),
    ("docker-small", "/workerType", "docker-small\u0000", "a null at the end"),
    ("docker-small", "/scopes/0", "queue:claim-work:x\u202e", "text turned round"),
    ("docker-small", "/scopes/0", "queue:\u0007", "a bell"),
    ("docker-small", "/description", "half of \ud83d", "half a character"),
    ("docker-small", "/userData", {"note": "\udc00"}, "half a character deep within"),
    ("docker-small", f"{LAUNCH}/InstanceMarketOptions/MarketType", "ѕpot", "a Cyrillic letter in a known word"),
    ("gcp-linux-docker", "/machineTypes/0/machineType", "c3-standard-８", "a digit of full width"),
    ("gcp-linux-docker", "/tags/team", "re\u00adleng", "a soft hyphen"),
    ("azure-linux-build", "/vmSizes/0/vmSize", "Standard_D16ds_v5\u200b", "a space of no width"),
    ("greeters", "/launchSpec/environment/GREETING", "hello\u0000", "a null in a variable"),
    ("aws-docker-regions", "/value/0/region", "us–east–1", "dashes for hyphens"),
    ("aws-docker-regions", "/value/0/launchSpec/ImageId", "ami-0dеdc5db10ec003af", "a Cyrillic letter"),
    ("aws-docker-regions", "/name", "aws-docker-regions\u200e", "a left-to-right mark"),
    ("local-sleepers", "/value/0/launchSpec/command/1", "600\u0000", "a null in an argument"),
    ("google-zones-us", "/value/0/zone", "us-central1-ａ", "a letter of full width"),
)
ODD_KEYS = (
    ("docker-small", "/scalingRatio\u200b", 1, "a space of no width in a key"),
    ("docker-small", "/mіnCapacity", 1, "a Cyrillic letter in a key"),
    ("docker-small", "/\u202eowner", "x", "a key turned round"),
    ("docker-small", "/", "x", "an empty key"),
    ("docker-small", "/a~1b~0c", "x", "slash and tilde in a key"),
    ("docker-small", "/launchSpec/ImageId ", "ami-0dedc5db10ec003af", "a space after a key"),
    ("aws-tags", "/value/tеam", "releng", "a Cyrillic letter in a key"),
    ("greeters", "/launchSpec/environment/A\u0000B", "x", "a null in a variable's name"),
)
LEVELS = "/userData" + "/a" * 59


def all_cases() -> Iterator[Case]:
    for fault, rows in (("out of range", RANGES), ("bad pattern", PATTERNS)):
        for base, pointer, value, *pointers in rows:
            yield changed(fault, base, pointer, value, *pointers)
    for name, pointer, value in FORBIDDEN:
        base = bases()[name]
        yield case(
            "forbidden", f"{pointer} = {shown(value)}", base, put(base.document, pointer, value), keys=(pointer,)
        )
    yield from _unicode()
    yield from _huge()
    yield from _deep()


def _unicode() -> Iterator[Case]:
    for base, pointer, value, what in ODD_TEXTS:
        found = "/userData/note" if isinstance(value, dict) else pointer
        yield changed("unicode", base, pointer, value, found, what=f"{what} in {found}")
    for name, pointer, value, what in ODD_KEYS:
        base = bases()[name]
        yield case("unicode", what, base, put(base.document, pointer, value), keys=(pointer,))
    base = bases()["docker-small"]
    yield case(
        "unicode", "half a character in a key", base, put(base.document, "/userData", {"\ud83d": 1}), "/userData"
    )


def _huge() -> Iterator[Case]:
    for base, pointer, value, found, what in (
        ("docker-small", "/userData", {"x": "y" * 17_000}, "/userData", "user data beyond EC2's limit"),
        ("azure-linux-build", "/userData", {"x": "y" * 70_000}, "/locations", "user data beyond Azure's limit"),
        ("docker-small", "/userData", {"x": "y" * 300_000}, "", "a text of 300 kB"),
        ("docker-small", "/userData", {f"k{number}": number for number in range(30_000)}, "", "30000 keys"),
        ("gcp-linux-docker", "/description", "é" * 200_000, "", "a text of 400 kB in UTF-8"),
        ("gecko-1-decision", "/minCapacity", 10**300, "/minCapacity", "a number of 300 digits"),
        ("aws-docker-user-data", "/value", {"x": ["y" * 1000] * 300}, "", "a list of 300 kB"),
        ("local-sleepers", "/value/0/launchSpec/command", ["x" * 99] * 3000, "", "3000 arguments"),
    ):
        made = changed("huge", base, pointer, value, found, what=what)
        # the file is too large because the value is, which is all that an edit holds
        is_whole_value = made.base.is_shared and not found
        yield replace(made, online=frozenset({"/value"})) if is_whole_value else made
    zones = [{"availabilityZone": f"us-west-1{each}", "region": "us-west-1"} for each in ascii_lowercase[:25]]
    document = put(bases()["gecko-1-decision"].document, "/regions", [{"region": "us-west-1"}])
    document = put(document, "/availabilityZones", zones)
    document = put(document, "/instanceTypes", [{"instanceType": f"m{number + 1}.large"} for number in range(41)])
    yield case("huge", "1025 offerings", bases()["gecko-1-decision"], document, "/instanceTypes")


def _deep() -> Iterator[Case]:
    yield changed("deep", "docker-small", "/userData", _nested(60), LEVELS, what="user data 61 levels deep")
    yield changed("deep", "greeters", "/userData", _nested(300), LEVELS, what="user data 300 levels deep")
    yield changed(
        "deep", "aws-docker-user-data", "/value", _nested(60), "/value" + LEVELS[9:], what="a value 61 levels deep"
    )
    pointer = "/userData/x" + "/0" * 58
    yield changed(
        "deep", "gcp-linux-docker", "/userData", {"x": _nested_list(60)}, pointer, what="lists 60 levels deep"
    )
    template: Any = "x"
    for _ in range(70):
        template = {"$if": "true", "then": template}
    yield changed(
        "deep",
        "docker-release",
        "/description",
        template,
        "/description" + "/then" * 59,
        what="an expression in 70 others",
    )


def _nested(levels: int) -> Any:
    value: Any = {"end": 1}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def _nested_list(levels: int) -> Any:
    value: Any = ["end"]
    for _ in range(levels - 1):
        value = [value]
    return value
