"""What moto answers, what is refused rather than answered wrongly, and that our layer has not drifted from moto.

The drift test makes the same calls to plain moto and to our layer: what our layer shows must be shown by moto under the
same names with values of the same types, and both must refuse the same things alike.
"""

import pytest
from botocore.exceptions import ClientError

from emulators.ec2.moto_app import Moto
from emulators.serving import Server

IMAGE = "ami-0123456789abcdef0"  # the one that moto knows
LAX = {"reserved tag": "InvalidParameterValue", "malformed image": "InvalidAMIID.Malformed"}  # EC2 refuses, moto takes


def test_other_actions_are_motos(emulator, ec2, client):
    assert "us-west-2" in {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    zones = client("us-west-2").describe_availability_zones()["AvailabilityZones"]
    assert "us-west-2a" in {zone["ZoneName"] for zone in zones}
    assert [image["ImageId"] for image in ec2.describe_images()["Images"]] == [IMAGE]
    ec2.create_security_group(GroupName="workers", Description="workers")
    asked = [{"Name": "group-name", "Values": ["workers"]}]
    (group,) = ec2.describe_security_groups(Filters=asked)["SecurityGroups"]
    ec2.create_tags(Resources=[group["GroupId"]], Tags=[{"Key": "a", "Value": "b"}])
    rows = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [group["GroupId"]]}])["Tags"]
    assert [(row["Key"], row["Value"]) for row in rows] == [("a", "b")]
    emulator.control.reset()
    assert ec2.describe_security_groups(Filters=asked)["SecurityGroups"] == []


def test_other_services_are_motos(client):
    queues = client(service="sqs")
    url = queues.create_queue(QueueName="interruptions")["QueueUrl"]
    assert url.endswith("/interruptions")
    assert queues.list_queues()["QueueUrls"] == [url]


def test_motos_errors_are_counted_and_get_ec2s_status(emulator, ec2, refused):
    assert refused(ec2.describe_vpcs, VpcIds=["vpc-00000000"]) == ("InvalidVpcID.NotFound", 400)
    assert emulator.control.stats()["errors"] == {"InvalidVpcID.NotFound": 1}


def test_what_would_miss_our_instances_is_refused(run, ec2, refused):
    ids = [each["InstanceId"] for each in run()]
    assert refused(ec2.stop_instances, InstanceIds=ids) == ("UnsupportedOperation", 400)
    assert refused(ec2.describe_instance_status) == ("UnsupportedOperation", 400)
    mixed = [*ids, "sg-12cd3762"]
    assert refused(ec2.create_tags, Resources=mixed, Tags=[{"Key": "a", "Value": "b"}])[0] == "UnsupportedOperation"


@pytest.fixture(scope="module")
def plain_moto():
    """A client of moto alone, on a region and a server of its own."""
    server = Server(Moto().app())
    server.start()
    yield server.endpoint
    server.stop()


def shape(value):
    """Reduce an answer to names and types, lists to the shape of their first item."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items() if name not in {"ResponseMetadata", "NextToken"}}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


def missing(ours, theirs, path=""):
    """Name what is in our shape and not, or otherwise, in theirs."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = [missing(item, theirs[name], f"{path}.{name}") for name, item in ours.items() if name in theirs]
        return [f"{path}.{name}" for name in ours if name not in theirs] + [one for each in found for one in each]
    if isinstance(ours, list) and isinstance(theirs, list):
        return missing(ours[0], theirs[0], f"{path}[]") if ours and theirs else []
    return [] if ours == theirs else [f"{path}: {ours} is not {theirs}"]


def play(ec2):
    """Make the sequence of calls; give each answer's shape, or the error's code, by a name."""
    answers = {}

    def call(name, function, **given):
        try:
            answer = function(**given)
        except ClientError as error:
            answers[name] = error.response["Error"]["Code"]
            return None
        answers[name] = shape(answer)
        return answer

    launch = {
        "ImageId": IMAGE,
        "InstanceType": "m5.large",
        "MinCount": 2,
        "MaxCount": 2,
        "UserData": "hello",
        "InstanceMarketOptions": {"MarketType": "spot"},
        "Placement": {"AvailabilityZone": "us-east-2b"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvdb", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": True}}],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
        "SecurityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
    }
    ids = [each["InstanceId"] for each in call("launch", ec2.run_instances, **launch)["Instances"]]
    call("list", ec2.describe_instances)
    call("list by tag", ec2.describe_instances, Filters=[{"Name": "tag:a", "Values": ["b"]}])
    call("list by no tag", ec2.describe_instances, Filters=[{"Name": "tag:a", "Values": ["c"]}])
    call("list by key", ec2.describe_instances, Filters=[{"Name": "tag-key", "Values": ["a"]}])
    call("list by id", ec2.describe_instances, InstanceIds=ids[:1])
    call("list unknown", ec2.describe_instances, InstanceIds=["i-00000000"])
    call("list ids in pages", ec2.describe_instances, InstanceIds=ids, MaxResults=5)
    call("tag", ec2.create_tags, Resources=ids, Tags=[{"Key": "c", "Value": "d"}])
    call("reserved tag", ec2.create_tags, Resources=ids, Tags=[{"Key": "aws:c", "Value": "d"}])
    call("list tags", ec2.describe_tags, Filters=[{"Name": "resource-id", "Values": ids}])
    call("untag", ec2.delete_tags, Resources=ids, Tags=[{"Key": "c"}])
    call("terminate unknown", ec2.terminate_instances, InstanceIds=[*ids, "i-00000000"])
    call("terminate", ec2.terminate_instances, InstanceIds=ids)
    call("terminate again", ec2.terminate_instances, InstanceIds=ids)
    call("list ended", ec2.describe_instances, InstanceIds=ids)
    call("dry run", ec2.run_instances, **launch, DryRun=True)
    call("malformed image", ec2.run_instances, ImageId="xyz", MinCount=1, MaxCount=1)
    return answers


def test_our_layer_answers_in_the_shapes_of_plain_moto(emulator, client, plain_moto, make_client):
    theirs = play(make_client(plain_moto, "us-east-2"))
    ours = play(client("us-east-2"))
    assert ours.keys() == theirs.keys()
    refused_by_us_alone = {name: ours.pop(name) for name in LAX if isinstance(theirs[name], dict)}
    assert refused_by_us_alone == LAX
    assert {name: missing(ours[name], theirs[name]) for name in ours} == {name: [] for name in ours}
    assert ours["list"]["Reservations"][0]["Instances"][0].keys() >= {
        "InstanceId",
        "ImageId",
        "InstanceType",
        "State",
        "Placement",
        "LaunchTime",
        "Tags",
        "InstanceLifecycle",
        "ClientToken",
        "PrivateIpAddress",
        "SubnetId",
        "SecurityGroups",
        "StateTransitionReason",
    }
