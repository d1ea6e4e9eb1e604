"""What merged launch settings may not add up to on EC2, although each level is acceptable by itself."""

from __future__ import annotations

import pytest

from worker_manager.config import resolve
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind

NOW = "2026-11-23T10:00:00.000Z"
AWS = kind("aws")


def problems_of(level="", **settings):
    """Problems of a worker type with these settings at the level and an image."""
    document = {
        "workerType": "github-worker",
        "provider": "aws-provider",
        "minCapacity": 0,
        "maxCapacity": 10,
        "launchSpec": {"ImageId": "ami-17373968"},
        "regions": [{"region": "us-east-1"}],
        "instanceTypes": [{"instanceType": "m5.large"}],
        "availabilityZones": [
            {"availabilityZone": "us-west-2a", "region": "us-west-2"},
            {"availabilityZone": "us-east-1a", "region": "us-east-1"},
        ],
    }
    target = document[level][-1] if level else document
    for key, value in settings.items():
        target[key] = target.get(key, {}) | value
    try:
        resolve(document, {}, now=NOW, kind=AWS)
    except ConfigInvalid as error:
        return [(problem.pointer, problem.rule) for problem in error.problems]
    return []


def volume(**settings):
    return {"BlockDeviceMappings": [{"DeviceName": "/dev/xvdb", "Ebs": settings}]}


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        (volume(VolumeType="io1", VolumeSize=10, Iops=501), "volume-rate"),
        (volume(VolumeType="io2", VolumeSize=10, Iops=10001), "volume-rate"),
        (volume(VolumeType="gp3", VolumeSize=10, Iops=5001), "volume-rate"),
        (volume(VolumeType="gp3", VolumeSize=100, Throughput=751), "volume-throughput"),
        (volume(VolumeType="gp3", VolumeSize=100, Iops=4000, Throughput=1001), "volume-throughput"),
        ({"Placement": {"PartitionNumber": 2}}, "placement-group-missing"),
        ({"InstanceMarketOptions": {"SpotOptions": {"MaxPrice": "1"}}}, "market-missing"),
    ],
)
def test_settings_which_ec2_would_refuse_are_refused_at_the_region(settings, rule):
    assert problems_of(launchSpec=settings) == [("/regions/0", rule)]


@pytest.mark.parametrize(
    "settings",
    [
        volume(VolumeType="io1", VolumeSize=10, Iops=500),
        volume(VolumeType="io2", VolumeSize=10, Iops=10000),
        volume(VolumeType="gp3", VolumeSize=1, Iops=3000),
        volume(VolumeType="gp3", VolumeSize=10, Iops=5000),
        volume(VolumeType="gp3", SnapshotId="snap-12345678", Iops=80000, Throughput=2000),
        volume(VolumeType="gp3", VolumeSize=100, Throughput=750),
        volume(VolumeSize=1),
        {"Placement": {"PartitionNumber": 2, "GroupName": "group"}},
    ],
)
def test_settings_just_within_the_limits_are_accepted(settings):
    assert problems_of(launchSpec=settings) == []


@pytest.mark.parametrize(("key", "rules"), [("a b", ["tag-not-for-metadata"]), ("_index", ["tag-not-for-metadata"])])
def test_tag_keys_must_suit_the_metadata_service_where_it_shows_them(key, rules):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": ""}, {"Key": "team:a_b", "Value": ""}]}]
    shown = {"TagSpecifications": tags, "MetadataOptions": {"InstanceMetadataTags": "enabled"}}
    assert problems_of(launchSpec=shown) == [("/regions/0", rule) for rule in rules]
    assert problems_of(launchSpec={"TagSpecifications": tags}) == []


@pytest.mark.parametrize(
    ("level", "pointer"),
    [
        ("", "/userData"),
        ("regions", "/regions/0/userData"),
        ("instanceTypes", "/instanceTypes/0/userData"),
        ("availabilityZones", "/availabilityZones/1/userData"),
    ],
)
def test_user_data_too_large_by_itself_is_blamed_on_its_own_level(level, pointer):
    assert problems_of(level, userData={"x": "y" * 17_000}) == [(pointer, "user-data-too-large")]


def test_user_data_too_large_only_taken_together_is_blamed_on_the_region():
    half = {"x": "y" * 9_000}
    document = {"userData": half}
    assert problems_of(**document) == []
    assert problems_of(userData=half | {"z": "y" * 7_300}) == [("/regions/0", "user-data-too-large")]
