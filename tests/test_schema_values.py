"""Which values the schemas accept: neither too strict nor too lax for EC2 and for this machine."""

from __future__ import annotations

import pytest

from worker_manager.config import check_shared_value

LAUNCH_SPEC = "/schemas/aws/launch-spec.json#"
REGIONS = "/schemas/common/aws-regions.json#"
ZONES = "/schemas/common/aws-availability-zones.json#"
TYPES = "/schemas/common/aws-instance-types.json#"
SETTINGS = "/schemas/common/launch-settings.json#"
DOCKER_REGIONS = "/schemas/common/aws-regions-docker-worker.json#"
SMALL_TYPES = "/schemas/common/aws-instance-types-small.json#"
LARGE_TYPES = "/schemas/common/aws-instance-types-large.json#"
TAGS = "/schemas/common/tags.json#"
LIFECYCLE = "/schemas/common/lifecycle.json#"
USER_DATA = "/schemas/common/user-data.json#"
LOCAL_TYPES = "/schemas/common/local-instance-types.json#"
LOCAL_SPEC = "/schemas/local/launch-spec.json#"
SPOT = "/InstanceMarketOptions/SpotOptions"


def spot(**options):
    return {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options}}


def docker(**user_data):
    return [{"region": "us-east-1", "launchSpec": {"ImageId": "ami-17373968"}, "userData": user_data}]


def ebs(**settings):
    return {"BlockDeviceMappings": [{"DeviceName": "/dev/xvdb", "Ebs": settings}]}


@pytest.mark.parametrize(
    ("schema_id", "value"),
    [
        (LAUNCH_SPEC, {}),
        (LAUNCH_SPEC, {"ImageId": "ami-17373968"}),
        (LAUNCH_SPEC, {"EbsOptimized": True, "Monitoring": {"Enabled": True}}),
        (LAUNCH_SPEC, {"IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/ci/worker"}}),
        (LAUNCH_SPEC, {"InstanceMarketOptions": {"SpotOptions": {"MaxPrice": "0.12"}}}),
        (LAUNCH_SPEC, ebs(VolumeType="gp3", VolumeSize=65536, Iops=80000, Throughput=2000)),
        (LAUNCH_SPEC, ebs(VolumeType="io1", VolumeSize=4, Iops=100)),
        (LAUNCH_SPEC, ebs(VolumeSize=1)),
        (LAUNCH_SPEC, {"BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}]}),
        (LAUNCH_SPEC, {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a b", "Value": ""}]}]}),
        (ZONES, [{"availabilityZone": "us-west-2-lax-1a", "region": "us-west-2"}]),
        (TYPES, [{"instanceType": "u-6tb1.112xlarge", "capacity": 64, "utility": 0.01}]),
        (SETTINGS, {"secrets": {"key": "ssm:/ci/key", "other": "arn:aws:secretsmanager:us-east-1:1:secret:x"}}),
        (SETTINGS, {"secrets": {}, "scopes": [], "userData": {"anything": [None, {"goes": 1.5}]}}),
        (LAUNCH_SPEC, {"InstanceMarketOptions": {"SpotOptions": {"MaxPrice": "0.0011"}}}),
        (LAUNCH_SPEC, {"KeyName": "a b", "SecurityGroups": ["a (b) [c] {d}-e"]}),
        (LAUNCH_SPEC, {"NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": True}]}),
        (LAUNCH_SPEC, {"NetworkInterfaces": [{"DeviceIndex": 0}, {"DeviceIndex": 1, "NetworkCardIndex": 1}]}),
        (DOCKER_REGIONS, [{"region": "us-east-1", "launchSpec": {"ImageId": "ami-17373968"}, "userData": {"x": 1}}]),
        (SMALL_TYPES, [{"instanceType": "t4g.nano"}, {"instanceType": "m5.xlarge", "capacity": 2}]),
        (LARGE_TYPES, [{"instanceType": "u-6tb1.metal"}]),
        (TAGS, {"a": "", "cost-center_2": "x" * 63, "k" * 63: "0"}),
        (TAGS, {f"key-{number}": "" for number in range(20)}),
        (LIFECYCLE, {}),
        (USER_DATA, {"anything": [None]}),
        (LOCAL_TYPES, [{"instanceType": "small", "launchSpec": {"command": ["true", ""]}}]),
        (LOCAL_SPEC, {"environment": {"_A1": "", "b": "wm"}, "workingDirectory": "/"}),
    ],
)
def test_what_could_be_launched_is_accepted(schema_id, value):
    assert check_shared_value(schema_id, value) == ()


@pytest.mark.parametrize(
    ("schema_id", "value", "pointer", "message"),
    [
        (REGIONS, [], "", "1 or more entries"),
        (REGIONS, {}, "", "must be a list, not an empty object"),
        (REGIONS, [{"region": "us-east1"}], "/0/region", "right form: name of an AWS region"),
        (REGIONS, [{"region": "us-east-1\n"}], "/0/region", "right form"),
        (REGIONS, [{"regoin": "us-east-1"}], "/0/regoin", "did you mean 'region'?"),
        (REGIONS, [{"regoin": "us-east-1"}], "/0", "'region' is missing"),
        (REGIONS, [{"region": "us-east-1"}, {"region": "us-east-1"}], "/1", "the same region as in entry 0"),
        (ZONES, [{"availabilityZone": "us-east-1a", "region": "us-west-1"}], "/0/availabilityZone", "does not lie in"),
        (ZONES, [{"availabilityZone": "us-east-11a", "region": "us-east-1"}], "/0/availabilityZone", "does not lie in"),
        (ZONES, [{"availabilityZone": "us-east-1", "region": "us-east-1"}], "/0/availabilityZone", "right form"),
        (ZONES, [{"availabilityZone": "us-east-1a", "region": "us-east-1"}] * 2, "/1", "the same availabilityZone"),
        (TYPES, [{"instanceType": "m5"}], "/0/instanceType", "right form"),
        (TYPES, [{"instanceType": "m5.lrage"}], "/0/instanceType", "right form"),
        (TYPES, [{"instanceType": "m5.large"}] * 2, "/1", "the same instanceType as in entry 0"),
        (TYPES, [{"instanceType": "m5.large", "capacity": 0}], "/0/capacity", "at least 1, not 0"),
        (TYPES, [{"instanceType": "m5.large", "capacity": 1.5}], "/0/capacity", "a whole number, not 1.5"),
        (TYPES, [{"instanceType": "m5.large", "capacity": True}], "/0/capacity", "a whole number, not true"),
        (TYPES, [{"instanceType": "m5.large", "utility": 0}], "/0/utility", "more than 0, not 0"),
        (LAUNCH_SPEC, {"ImageId": "ami-1234"}, "/ImageId", "8 or 17 hexadecimal digits"),
        (LAUNCH_SPEC, {"ImageId": "ami-ABCDEF01"}, "/ImageId", "right form"),
        (LAUNCH_SPEC, {"SubnetId": "sn-12345678"}, "/SubnetId", "right form"),
        (LAUNCH_SPEC, {"SecurityGroupIds": "sg-12345678"}, "/SecurityGroupIds", "must be a list"),
        (LAUNCH_SPEC, {"SecurityGroupIds": ["docker-worker"]}, "/SecurityGroupIds/0", "right form"),
        (LAUNCH_SPEC, {"SecurityGroupIds": ["sg-12345678"] * 2}, "/SecurityGroupIds", "more than once"),
        (LAUNCH_SPEC, {"SecurityGroups": ["sg-12345678"]}, "/SecurityGroups/0", "not an id"),
        (LAUNCH_SPEC, {"KeyName": ""}, "/KeyName", "right form"),
        (LAUNCH_SPEC, {"KeyName": "k" * 256}, "/KeyName", "right form"),
        (LAUNCH_SPEC, {"EbsOptimized": "yes"}, "/EbsOptimized", "true or false, not 'yes'"),
        (LAUNCH_SPEC, {"Monitoring": True}, "/Monitoring", "must be an object, not true"),
        (LAUNCH_SPEC, {"IamInstanceProfile": {}}, "/IamInstanceProfile", "1 or more keys"),
        (LAUNCH_SPEC, {"IamInstanceProfile": {"Name": "a b"}}, "/IamInstanceProfile/Name", "right form"),
        (LAUNCH_SPEC, {"MinCount": 1}, "/MinCount", "must not be given: set by Worker Manager from the demand"),
        (LAUNCH_SPEC, {"ClientToken": "x"}, "/ClientToken", "must not be given: set by Worker Manager"),
        (LAUNCH_SPEC, {"UserData": "x"}, "/UserData", "use `userData` beside `launchSpec`"),
        (LAUNCH_SPEC, {"InstanceType": "m5.large"}, "/InstanceType", "use `instanceTypes`"),
        (LAUNCH_SPEC, {"Placement": {"AvailabilityZone": "a"}}, "/Placement/AvailabilityZone", "availabilityZones"),
        (LAUNCH_SPEC, {"DisableApiTermination": True}, "/DisableApiTermination", "must not be given"),
        (LAUNCH_SPEC, {"ImageID": "ami-17373968"}, "/ImageID", "did you mean 'ImageId'?"),
        (LAUNCH_SPEC, {"InstanceMarketOptions": {"MarketType": "Spot"}}, "/InstanceMarketOptions/MarketType", "'spot'"),
        (LAUNCH_SPEC, {"InstanceMarketOptions": {"SpotOptions": {"MaxPrice": "0.00"}}}, "", "right form"),
        (LAUNCH_SPEC, {"InstanceMarketOptions": {"SpotOptions": {"SpotInstanceType": "persistent"}}}, "", "one-time"),
        (
            LAUNCH_SPEC,
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sdb"}]},
            "/BlockDeviceMappings/0",
            "2 or more keys",
        ),
        (LAUNCH_SPEC, {"BlockDeviceMappings": ebs()["BlockDeviceMappings"]}, "", "1 or more keys"),
        (LAUNCH_SPEC, ebs(VolumeType="gp9"), "", "did you mean 'gp"),
        (LAUNCH_SPEC, ebs(VolumeSize=0), "", "at least 1, not 0"),
        (LAUNCH_SPEC, ebs(VolumeSize=65537), "", "at most 65536"),
        (LAUNCH_SPEC, ebs(VolumeType="gp2", VolumeSize=16385), "", "1 to 16384 GiB for gp2"),
        (LAUNCH_SPEC, ebs(VolumeType="st1", VolumeSize=124), "", "125 to 16384 GiB"),
        (LAUNCH_SPEC, ebs(VolumeType="standard", VolumeSize=1025), "", "1 to 1024 GiB"),
        (LAUNCH_SPEC, ebs(VolumeType="gp2", Iops=300), "", "volumes of this type have no such setting"),
        (LAUNCH_SPEC, ebs(VolumeType="gp3", Iops=2999), "", "3000 to 80000"),
        (LAUNCH_SPEC, ebs(VolumeType="io2", VolumeSize=10), "", "'Iops' is missing"),
        (LAUNCH_SPEC, ebs(VolumeType="io1", Throughput=125, Iops=100), "", "no such setting"),
        (LAUNCH_SPEC, ebs(VolumeSize=1, KmsKeyId="k", Encrypted=False), "", "must be true: must be true where"),
        (LAUNCH_SPEC, {"BlockDeviceMappings": ebs(VolumeSize=1)["BlockDeviceMappings"] * 2}, "", "same DeviceName"),
        (LAUNCH_SPEC, {"TagSpecifications": [{"ResourceType": "instance", "Tags": []}]}, "", "1 or more entries"),
        (LAUNCH_SPEC, {"KeyName": " k"}, "/KeyName", "right form"),
        (LAUNCH_SPEC, {"KeyName": "k "}, "/KeyName", "the first and last no spaces"),
        (LAUNCH_SPEC, {"SecurityGroups": ["a\\b"]}, "/SecurityGroups/0", "right form"),
        (LAUNCH_SPEC, {"SecurityGroups": ["g" * 256]}, "/SecurityGroups/0", "right form"),
        (LAUNCH_SPEC, {"Placement": {"GroupName": "é"}}, "/Placement/GroupName", "printable ASCII"),
        (LAUNCH_SPEC, spot(MaxPrice="0.001"), SPOT + "/MaxPrice", "right form"),
        (LAUNCH_SPEC, spot(MaxPrice="0.0009"), SPOT + "/MaxPrice", "right form"),
        (LAUNCH_SPEC, spot(MaxPrice=0.5), SPOT + "/MaxPrice", "must be a text"),
        (LAUNCH_SPEC, spot(MaxPrice="$1"), SPOT + "/MaxPrice", "right form"),
        (LAUNCH_SPEC, spot(BlockDurationMinutes=60), SPOT + "/BlockDurationMinutes", "no longer sells"),
        (LAUNCH_SPEC, spot(ValidUntil="2030-01-01T00:00:00Z"), SPOT + "/ValidUntil", "persistent requests only"),
        (LAUNCH_SPEC, spot(InstanceInterruptionBehavior="stop"), SPOT + "/InstanceInterruptionBehavior", "'terminate'"),
        (
            LAUNCH_SPEC,
            {"NetworkInterfaces": [{"DeviceIndex": 1}]},
            "/NetworkInterfaces",
            "must have the device index 0",
        ),
        (
            LAUNCH_SPEC,
            {"NetworkInterfaces": [{"DeviceIndex": 0}, {"DeviceIndex": 1, "AssociatePublicIpAddress": True}]},
            "/NetworkInterfaces",
            "must be the only one",
        ),
        (DOCKER_REGIONS, [{"region": "us-east-1"}], "/0", "'launchSpec' is missing"),
        (DOCKER_REGIONS, [{"region": "us-east-1", "launchSpec": {}}], "/0/launchSpec", "'ImageId' is missing: id of"),
        (DOCKER_REGIONS, docker(restrictCPU="yes"), "/0/userData/restrictCPU", "true or false"),
        (DOCKER_REGIONS, docker(capacityManagement={"diskspaceThreshold": -1}), "/0/userData", "at least 0"),
        (DOCKER_REGIONS, docker(dindImage="a b"), "/0/userData/dindImage", "right form"),
        (DOCKER_REGIONS, [{"region": "us-east-1", "imageId": "x"}], "/0/imageId", "unknown key"),
        (SMALL_TYPES, [{"instanceType": "m5.2xlarge"}], "/0/instanceType", "size from `nano` to `xlarge`"),
        (LARGE_TYPES, [{"instanceType": "m5.xlarge"}], "/0/instanceType", "of size `2xlarge` or above"),
        (SMALL_TYPES, [{"instanceType": "m5.large"}] * 2, "/1", "the same instanceType as in entry 0"),
        (TAGS, {"Team": "x"}, "/Team", "right form: the key of a tag has 1 to 63 lower case letters"),
        (TAGS, {"wm-launch": "x"}, "/wm-launch", "right form"),
        (TAGS, {"azure-x": "x"}, "/azure-x", "right form"),
        (TAGS, {"k" * 64: "x"}, "/" + "k" * 64, "right form"),
        (TAGS, {"team\n": "x"}, "/team\n", "right form"),
        (TAGS, {"team": "X"}, "/team", "right form: at most 63 lower case letters"),
        (TAGS, {"team": "x" * 64}, "/team", "right form"),
        (TAGS, {"team": None}, "/team", "must be a text, not null"),
        (TAGS, {f"key-{number}": "" for number in range(21)}, "", "no more than 20 keys"),
        (LIFECYCLE, {"scaleIn": "idle"}, "/scaleIn", "must be one of 'whenIdle', 'oldestFirst'"),
        (LIFECYCLE, {"drainTimeOut": 1}, "/drainTimeOut", "did you mean 'drainTimeout'?"),
        (USER_DATA, [], "", "must be an object, not an empty list: free-form object"),
        (SETTINGS, {"userData": 1}, "/userData", "must be an object, not 1: free-form object"),
        (LOCAL_TYPES, [{"instanceType": "Small"}], "/0/instanceType", "right form"),
        (LOCAL_TYPES, [{"instanceType": "s", "secrets": {}}], "/0/secrets", "unknown key 'secrets'"),
        (
            LOCAL_SPEC,
            {"command": "sleep 1"},
            "/command",
            "must be a list, not 'sleep 1': the program and its arguments",
        ),
        (LOCAL_SPEC, {"command": []}, "/command", "1 or more entries"),
        (LOCAL_SPEC, {"command": [""]}, "/command/0", "right form"),
        (LOCAL_SPEC, {"command": ["sleep", 1]}, "/command/1", "must be a text, not 1"),
        (LOCAL_SPEC, {"command": ["sleep", "\0"]}, "/command/1", "no null"),
        (LOCAL_SPEC, {"environment": {"WM_X": ""}}, "/environment/WM_X", "right form"),
        (LOCAL_SPEC, {"environment": {"A-B": ""}}, "/environment/A-B", "the name of an environment variable"),
        (LOCAL_SPEC, {"environment": {"1": ""}}, "/environment/1", "right form"),
        (LOCAL_SPEC, {"environment": {"A": 1}}, "/environment/A", "must be a text, not 1"),
        (LOCAL_SPEC, {"workingDirectory": "tmp"}, "/workingDirectory", "as an absolute path"),
        (SETTINGS, {"scopes": ["é"]}, "/scopes/0", "printable ASCII"),
        (SETTINGS, {"secrets": {"key": {"value": "x"}}}, "/secrets/key", "must be a text"),
        (SETTINGS, {"userData": {"a": {"$eval": "context.b"}}}, "/userData/a/$eval", "shared values are plain data"),
        ("/schemas/common/aws-region.json#", [], "", "did you mean '/schemas/common/aws-regions.json#'?"),
    ],
)
def test_what_would_fail_later_is_refused(schema_id, value, pointer, message):
    problems = check_shared_value(schema_id, value)
    assert [p for p in problems if p.pointer.startswith(pointer) and message in p.message], problems


@pytest.mark.parametrize("key", ["wm-launch", "aws:x", "AWS:x", "", "k" * 129])
def test_tags_that_are_not_the_users_to_set_are_refused(key):
    value = {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": "v"}]}]}
    assert [p.pointer for p in check_shared_value(LAUNCH_SPEC, value)] == ["/TagSpecifications/0/Tags/0/Key"]


@pytest.mark.parametrize("secret", ["hunter2-very-secret", ["hunter2-very-secret"], {"v": "hunter2-very-secret"}])
def test_a_secret_written_by_mistake_is_refused_and_not_repeated(secret):
    (problem,) = check_shared_value(SETTINGS, {"secrets": {"password": secret}})
    assert problem.pointer == "/secrets/password"
    assert "hunter2" not in problem.message


def test_messages_show_at_most_80_characters_of_a_value():
    (problem,) = check_shared_value(LAUNCH_SPEC, {"KeyName": "long" * 5000})
    assert len(problem.message) < 250
