"""Launch requests as RunInstances parameters, checked by the SDK's own parameter validation."""

from __future__ import annotations

import json

import botocore.session
import pytest
from botocore.validate import ParamValidator

from worker_manager.kinds import kind
from worker_manager.launch_settings import user_data_text
from worker_manager.model import LaunchRequest, Market
from worker_manager.provider import ProviderRecord
from worker_manager.providers.aws.kind import MAX_USER_DATA_BYTES
from worker_manager.providers.aws.shapes import run_instances_parameters

AWS = kind("aws")
RECORD = ProviderRecord("aws-provider", "aws", deployment="ci")
LAUNCH_KEY = "3f2c8a30-9a5e-4d9a-8a3e-2f6f6f3a1c11"


def document(**changes):
    return {
        "workerType": "github-worker",
        "provider": "aws-provider",
        "minCapacity": 0,
        "maxCapacity": 10,
        "regions": [{"region": "us-east-1", "launchSpec": {"ImageId": "ami-17373968"}}],
        "availabilityZones": [
            {"availabilityZone": "us-east-1a", "region": "us-east-1", "launchSpec": {"SubnetId": "subnet-566e060c"}},
            {"availabilityZone": "us-west-2a", "region": "us-west-2"},
        ],
        "instanceTypes": [{"instanceType": "m5.large", "capacity": 2, "utility": 1.5}],
        "userData": {"dindImage": "v4"},
        "secrets": {"key": "ssm:/ci/key"},
        "scopes": ["b", "a"],
    } | changes


def parameters(count=3, **changes):
    (spec,) = AWS.launch_specs(document(**changes))
    return run_instances_parameters(LaunchRequest(LAUNCH_KEY, "github-worker", spec, count), RECORD)


def tags(found, resource):
    (pairs,) = [entry["Tags"] for entry in found["TagSpecifications"] if entry["ResourceType"] == resource]
    return {pair["Key"]: pair["Value"] for pair in pairs}


def test_the_parameters_of_a_launch():
    (spec,) = AWS.launch_specs(document())
    found = parameters()
    del found["TagSpecifications"], found["UserData"]
    assert found == {
        "ImageId": "ami-17373968",
        "SubnetId": "subnet-566e060c",
        "InstanceType": "m5.large",
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "MinCount": 1,
        "MaxCount": 3,
        "ClientToken": LAUNCH_KEY,
        "InstanceInitiatedShutdownBehavior": "terminate",
    }
    assert spec.offering.key == "us-east-1/us-east-1a/m5.large/onDemand"
    assert (spec.offering.capacity, spec.offering.utility) == (2, 1.5)


def test_the_user_data_tells_the_worker_what_it_is():
    assert json.loads(parameters()["UserData"]) == {
        "workerType": "github-worker",
        "provider": "aws-provider",
        "region": "us-east-1",
        "availabilityZone": "us-east-1a",
        "instanceType": "m5.large",
        "capacity": 2,
        "launchKey": LAUNCH_KEY,
        "data": {"dindImage": "v4"},
        "secrets": {"key": "ssm:/ci/key"},
        "scopes": ["a", "b"],
    }


@pytest.mark.parametrize("resource", ["instance", "volume"])
def test_instances_and_volumes_carry_our_tags(resource):
    (spec,) = AWS.launch_specs(document())
    assert tags(parameters(), resource) == {
        "Name": "github-worker",
        "wm-deployment": "ci",
        "wm-worker-type": "github-worker",
        "wm-launch": LAUNCH_KEY,
        "wm-config": spec.settings_hash,
        "wm-capacity": "2",
    }


def test_the_users_tags_come_along_and_may_name_the_instance():
    given = [
        {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "ci"}, {"Key": "team", "Value": "x"}]},
        {"ResourceType": "spot-instances-request", "Tags": [{"Key": "team", "Value": "x"}]},
    ]
    found = parameters(launchSpec={"TagSpecifications": given})
    assert tags(found, "instance")["Name"] == "ci"
    assert tags(found, "instance")["team"] == "x"
    assert tags(found, "instance")["wm-launch"] == LAUNCH_KEY
    assert tags(found, "volume")["Name"] == "github-worker"
    assert "team" not in tags(found, "volume")
    assert tags(found, "spot-instances-request") == {"team": "x"}


def test_the_same_request_gives_the_same_bytes():
    assert json.dumps(parameters()) == json.dumps(parameters())


def test_the_request_is_left_as_it_was():
    (spec,) = AWS.launch_specs(document(launchSpec={"Placement": {"Tenancy": "dedicated"}}))
    before = json.dumps(spec.settings)
    found = run_instances_parameters(LaunchRequest(LAUNCH_KEY, "github-worker", spec, 1), RECORD)
    assert found["Placement"] == {"Tenancy": "dedicated", "AvailabilityZone": "us-east-1a"}
    assert json.dumps(spec.settings) == before


def test_without_zones_ec2_chooses_one():
    without = document()
    del without["availabilityZones"]
    (spec,) = AWS.launch_specs(without)
    found = run_instances_parameters(LaunchRequest(LAUNCH_KEY, "github-worker", spec, 1), RECORD)
    assert spec.offering.zone == ""
    assert "Placement" not in found


@pytest.mark.parametrize("level", ["document", "regions", "instanceTypes", "availabilityZones"])
def test_spot_may_be_asked_for_at_every_level(level):
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    whole = document()
    target = whole if level == "document" else whole[level][0]
    target["launchSpec"] = target.get("launchSpec", {}) | spot
    (spec,) = AWS.launch_specs(whole)
    assert spec.offering.market is Market.SPOT
    assert spec.settings["InstanceMarketOptions"] == {"MarketType": "spot"}


def test_the_sdk_accepts_the_parameters():
    shape = botocore.session.get_session().get_service_model("ec2").operation_model("RunInstances").input_shape
    device = {"DeviceName": "/dev/xvdb", "Ebs": {"VolumeType": "gp2", "VolumeSize": 120, "DeleteOnTermination": True}}
    found = parameters(launchSpec={"BlockDeviceMappings": [device], "Monitoring": {"Enabled": True}})
    assert ParamValidator().validate(found, shape).generate_report() == ""


@pytest.mark.parametrize(("excess", "expected"), [(0, []), (1, ["user-data-too-large"])])
def test_user_data_may_have_exactly_as_many_bytes_as_ec2_takes(excess, expected):
    (spec,) = AWS.launch_specs(document(userData={"x": ""}))
    room = MAX_USER_DATA_BYTES - len(user_data_text("github-worker", "aws-provider", spec, "k" * 64).encode())
    padded = document(userData={"x": "y" * (room + excess)})
    assert [problem.rule for problem in AWS.check(padded, RECORD)] == expected
