"""RunInstances: what EC2 takes, what it refuses, and how much comes when there is little room."""

from datetime import UTC, datetime, timedelta

import pytest

IMAGE = "ami-0dedc5db10ec003af"
POOL = "us-east-1a/m5.large/on-demand"
IN_ZONE_A = {"Placement": {"AvailabilityZone": "us-east-1a"}}
MANY_TAGS = [{"Key": f"k{number}", "Value": ""} for number in range(51)]


def tagged(*tags, kind="instance"):
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": list(tags)}]}


def test_an_answer_says_all_that_was_asked_for(run):
    (instance,) = run(
        tags={"wm-launch": "l1"},
        ClientToken="token-1",
        InstanceMarketOptions={"MarketType": "spot"},
        SubnetId="subnet-566e060c",
        SecurityGroupIds=["sg-12cd3762"],
        KeyName="worker",
        IamInstanceProfile={"Name": "worker"},
        BlockDeviceMappings=[{"DeviceName": "/dev/xvdb", "Ebs": {"VolumeSize": 120, "DeleteOnTermination": True}}],
        UserData="{}",
        **IN_ZONE_A,
    )
    assert instance["InstanceId"].startswith("i-")
    assert instance["ImageId"] == IMAGE
    assert instance["InstanceType"] == "m5.large"
    assert instance["State"] == {"Code": 0, "Name": "pending"} or instance["State"]["Name"] == "running"
    assert instance["Placement"]["AvailabilityZone"] == "us-east-1a"
    assert abs(instance["LaunchTime"] - datetime.now(UTC)) < timedelta(seconds=60)
    assert instance["Tags"] == [{"Key": "wm-launch", "Value": "l1"}]
    assert instance["InstanceLifecycle"] == "spot"
    assert instance["ClientToken"] == "token-1"
    assert instance["SubnetId"] == "subnet-566e060c"
    assert instance["SecurityGroups"] == [{"GroupId": "sg-12cd3762", "GroupName": "sg-12cd3762"}]
    assert instance["PrivateIpAddress"].startswith("10.")
    assert instance["BlockDeviceMappings"][0]["DeviceName"] == "/dev/xvdb"
    assert instance["KeyName"] == "worker"
    assert instance["IamInstanceProfile"]["Arn"].endswith(":instance-profile/worker")


def test_on_demand_has_no_lifecycle_and_named_groups_get_an_id(run):
    (instance,) = run(SecurityGroups=["docker-worker"])
    assert "InstanceLifecycle" not in instance
    (group,) = instance["SecurityGroups"]
    assert group["GroupName"] == "docker-worker"
    assert group["GroupId"].startswith("sg-")


def test_launches_without_a_zone_go_round_the_zones(run):
    zones = {run()[0]["Placement"]["AvailabilityZone"] for _ in range(3)}
    assert zones == {"us-east-1a", "us-east-1b", "us-east-1c"}


def test_a_subnet_implies_its_zone(emulator, run, ec2, refused):
    emulator.control.set_settings(subnet_zones={"subnet-566e060c": "us-east-1f", "subnet-d948b6bf": "us-west-2a"})
    (instance,) = run(SubnetId="subnet-566e060c")
    assert instance["Placement"]["AvailabilityZone"] == "us-east-1f"
    launch = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1}
    assert refused(ec2.run_instances, **launch, SubnetId="subnet-566e060c", **IN_ZONE_A)[0] == "InvalidParameterValue"
    assert refused(ec2.run_instances, **launch, SubnetId="subnet-d948b6bf")[0] == "InvalidSubnetID.NotFound"


REFUSALS = {
    "unknown type": ({"InstanceType": "m5.gigantic"}, "InvalidParameterValue"),
    "malformed image": ({"ImageId": "ami-xyz"}, "InvalidAMIID.Malformed"),
    "image of 9 digits": ({"ImageId": "ami-012345678"}, "InvalidAMIID.Malformed"),
    "denied image": ({"ImageId": "ami-deadbeef"}, "InvalidAMIID.NotFound"),
    "more least than most": ({"MinCount": 3, "MaxCount": 2}, "InvalidParameterValue"),
    "none at all": ({"MinCount": 0, "MaxCount": 0}, "InvalidParameterValue"),
    "zone of another region": ({"Placement": {"AvailabilityZone": "us-west-1a"}}, "InvalidParameterValue"),
    "no zone": ({"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue"),
    "malformed subnet": ({"SubnetId": "subnet-1"}, "InvalidSubnetID.Malformed"),
    "malformed group": ({"SecurityGroupIds": ["docker-worker"]}, "InvalidGroupId.Malformed"),
    "named group in a subnet": (
        {"SecurityGroups": ["docker-worker"], "SubnetId": "subnet-566e060c"},
        "InvalidParameterCombination",
    ),
    "too much user data": ({"UserData": "x" * 16_385}, "InvalidParameterValue"),
    "unknown market": ({"InstanceMarketOptions": {"MarketType": "capacity-block"}}, "InvalidParameterValue"),
    "long token": ({"ClientToken": "t" * 65}, "InvalidParameterValue"),
    "token beyond ASCII": ({"ClientToken": "tökén"}, "InvalidParameterValue"),
    "51 tags": (tagged(*MANY_TAGS), "TagLimitExceeded"),
    "long key": (tagged({"Key": "k" * 129, "Value": ""}), "InvalidParameterValue"),
    "long value": (tagged({"Key": "k", "Value": "v" * 257}), "InvalidParameterValue"),
    "reserved key": (tagged({"Key": "aws:x", "Value": ""}), "InvalidParameterValue"),
    "empty key": (tagged({"Key": "", "Value": ""}), "InvalidParameterValue"),
    "same key twice": (tagged({"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}), "InvalidParameterValue"),
    "tags of a snapshot": (tagged({"Key": "k", "Value": "1"}, kind="snapshot"), "InvalidParameterValue"),
    "launch template": ({"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, "UnsupportedOperation"),
    "device without a name": ({"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 1}}]}, "MissingParameter"),
}


@pytest.mark.parametrize(("given", "code"), REFUSALS.values(), ids=REFUSALS)
def test_what_ec2_would_refuse_is_refused_and_launches_nothing(emulator, ec2, refused, given, code):
    emulator.control.set_settings(denied_images=["ami-deadbeef"])
    launch = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1} | given
    assert refused(ec2.run_instances, **launch) == (code, 400)
    assert emulator.control.stats()["launched"] == 0


def test_an_image_must_be_named(ec2, refused):
    assert refused(ec2.run_instances, MinCount=1, MaxCount=1) == ("MissingParameter", 400)


@pytest.mark.parametrize(
    "given",
    [
        {"UserData": "x" * 16_384},
        {"ImageId": "ami-03cf127a"},
        tagged(*MANY_TAGS[:50]),
        {"TagSpecifications": tagged({"Key": "k", "Value": "v"}, kind="volume")["TagSpecifications"]},
        {"ClientToken": "t" * 64},
        {"InstanceType": "r3.xlarge"},
    ],
    ids=["most user data", "short image id", "most tags", "volume tags", "longest token", "old type"],
)
def test_what_ec2_would_just_take_is_taken(run, given):
    assert len(run(**given)) == 1


def test_a_dry_run_launches_nothing(emulator, ec2, refused):
    launch = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "DryRun": True}
    assert refused(ec2.run_instances, **launch) == ("DryRunOperation", 412)
    assert emulator.control.stats()["launched"] == 0


def test_a_small_pool_gives_what_it_has(emulator, run, ec2, refused):
    """More than MinCount but less than MaxCount is a success; less than MinCount is an error of status 500."""
    emulator.control.set_capacity({POOL: 5})
    assert len(run(3, **IN_ZONE_A)) == 3
    assert len(run(3, **IN_ZONE_A)) == 2
    launch = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 3}
    assert refused(ec2.run_instances, **launch, **IN_ZONE_A) == ("InsufficientInstanceCapacity", 500)
    assert len(run(1, InstanceType="m5.xlarge", **IN_ZONE_A)) == 1
    assert len(run(1, InstanceMarketOptions={"MarketType": "spot"}, **IN_ZONE_A)) == 1


def test_fewer_than_the_least_is_nothing(emulator, run, ec2, refused):
    emulator.control.set_capacity({POOL: 5})
    launch = {"ImageId": IMAGE, "InstanceType": "m5.large", "MinCount": 6, "MaxCount": 9}
    assert refused(ec2.run_instances, **launch, **IN_ZONE_A) == ("InsufficientInstanceCapacity", 500)
    assert len(run(5, **IN_ZONE_A)) == 5


def test_room_comes_back_when_instances_end(emulator, run, ec2, listed, until):
    emulator.control.set_capacity({POOL: 2})
    ids = [each["InstanceId"] for each in run(2, **IN_ZONE_A)]
    ec2.terminate_instances(InstanceIds=ids)
    until(lambda: set(listed().values()) == {"terminated"})
    assert len(run(9, **IN_ZONE_A)) == 2


def test_without_a_zone_one_with_room_is_chosen(emulator, run):
    emulator.control.set_capacity({"us-east-1[ab]/*/*": 0})
    zones = {run()[0]["Placement"]["AvailabilityZone"] for _ in range(3)}
    assert zones == {"us-east-1c"}


def test_the_capacity_rule_set_last_wins(emulator, run, ec2, refused):
    emulator.control.set_capacity({"*/*/spot": 0, "*": 1})
    emulator.control.set_capacity({POOL: None})
    assert len(run(4, **IN_ZONE_A)) == 4
    assert len(run(4, InstanceType="c5.xlarge", **IN_ZONE_A)) == 1
    assert len(run(4, InstanceMarketOptions={"MarketType": "spot"}, **IN_ZONE_A)) == 1


def test_thousands_of_launches_never_run_out_of_addresses(emulator, run, ec2):
    """Plain moto gives out about 4000 addresses and then fails with status 500."""
    addresses = set()
    for _ in range(10):
        instances = run(500)
        addresses |= {each["PrivateIpAddress"] for each in instances}
        ec2.terminate_instances(InstanceIds=[each["InstanceId"] for each in instances])
    assert len(addresses) == 5000
    assert emulator.control.stats()["launched"] == 5000
