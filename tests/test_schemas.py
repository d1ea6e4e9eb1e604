"""The published schemas themselves: documented, closed, portable, and neither too strict nor too lax for EC2."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session
import pytest

from schemas import loader
from worker_manager.config import check_shared_value

LAUNCH_SPEC = "/schemas/aws/launch-spec.json#"
REGIONS = "/schemas/common/aws-regions.json#"
ZONES = "/schemas/common/aws-availability-zones.json#"
TYPES = "/schemas/common/aws-instance-types.json#"
SETTINGS = "/schemas/common/launch-settings.json#"


def errors(schema_id, value):
    return [error.message for error in loader.validator_for(schema_id).iter_errors(value)]


@pytest.mark.parametrize("schema_id", loader.schema_ids())
def test_every_schema_conforms_to_the_metaschema(schema_id):
    assert errors(loader.METASCHEMA, loader.schema(schema_id)) == []


@pytest.mark.parametrize("schema_id", loader.schema_ids())
def test_the_examples_of_every_schema_conform_to_it(schema_id):
    examples = loader.schema(schema_id)["examples"]
    assert [errors(schema_id, example) for example in examples] == [[]] * len(examples)


def test_the_identifier_is_the_path_of_the_file():
    files = {
        f"/schemas/{path.parent.name}/{path.stem}.json#"
        for path in Path(loader.FOLDER).glob("*/*.yml")
        if path.name != loader.PROVIDER_FILE
    }
    assert files == set(loader.schema_ids())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"properties": {"a": {"type": "string"}}}, "'title' is a required property"),
        ({"properties": {"a": {"title": "A", "description": "An undescribed a.", "descripton": ""}}}, "descripton"),
        ({"items": {"properties": {"a": {"title": "A"}}}}, "'description' is a required property"),
        ({"$id": "relative.json"}, "does not match"),
        ({"minimum": "1"}, "is not of type 'number'"),
    ],
)
def test_the_metaschema_refuses_what_is_undocumented_or_misspelt(change, message):
    sound = loader.schema(loader.METASCHEMA)["examples"][0]
    assert any(message in error for error in errors(loader.METASCHEMA, sound | change))


@pytest.mark.parametrize("member", ["examples", "description", "$schema", "type"])
def test_the_metaschema_demands_what_a_published_file_must_have(member):
    sound = loader.schema(loader.METASCHEMA)["examples"][0]
    without = {key: value for key, value in sound.items() if key != member}
    assert errors(loader.METASCHEMA, without) == [f"{member!r} is a required property"]


def test_identifiers_are_found_with_and_without_the_empty_fragment():
    assert loader.schema("/schemas/common/aws-regions.json") is loader.schema(REGIONS)
    assert loader.validator_for("/schemas/common/aws-regions.json") is loader.validator_for(REGIONS)
    with pytest.raises(loader.UnknownSchema):
        loader.schema("/schemas/common/aws-region.json#")


@pytest.mark.parametrize("kind", loader.provider_kinds())
def test_the_schemas_a_provider_names_exist(kind):
    brought = loader.provider_schemas(kind)
    named = {brought.worker_configuration, *(entry.schema for entry in brought.shared_configs)}
    assert named <= set(loader.schema_ids())
    record = loader._read(Path(loader.FOLDER) / kind / loader.PROVIDER_FILE)
    assert errors("/schemas/common/provider-kind.json#", record) == []


def test_an_unknown_provider_kind_brings_no_schemas():
    with pytest.raises(loader.UnknownSchema):
        loader.provider_schemas("nowhere")


def test_worker_configuration_refers_to_the_very_schemas_of_shared_configs():
    """Where a reference stands there, every future value is known to fit."""
    properties = loader.schema("/schemas/aws/worker-config.json#")["properties"]
    expected = {"regions": REGIONS, "availabilityZones": ZONES, "instanceTypes": TYPES}
    assert {name: properties[name] for name in expected} == {name: {"$ref": ref} for name, ref in expected.items()}


def test_worker_configuration_takes_over_every_common_property():
    common = loader.schema("/schemas/common/worker-type.json#")["properties"]
    assert common.keys() <= loader.schema("/schemas/aws/worker-config.json#")["properties"].keys()


def patterns(value):
    if isinstance(value, dict):
        yield from (value["pattern"],) if isinstance(value.get("pattern"), str) else ()
        for item in value.values():
            yield from patterns(item)
    elif isinstance(value, list):
        for item in value:
            yield from patterns(item)


def test_patterns_are_anchored_and_portable():
    """ECMA 262 with the flag `u` knows neither these escapes nor a hyphen escaped outside of a class."""
    found = {pattern for schema_id in loader.schema_ids() for pattern in patterns(loader.schema(schema_id))}
    unportable = re.compile(r"\\[ZAdwz-]|\(\?P|\(\?i")
    assert [pattern for pattern in found if unportable.search(pattern) or not pattern.startswith("^")] == []


def test_every_instance_type_and_region_of_the_sdk_is_accepted():
    session = botocore.session.get_session()
    types = session.get_service_model("ec2").shape_for("InstanceType").enum
    entry = loader.schema(TYPES)["items"]["properties"]["instanceType"]["pattern"]
    assert [name for name in types if not re.search(entry, name)] == []
    regions = [
        each for part in session.get_available_partitions() for each in session.get_available_regions("ec2", part)
    ]
    pattern = loader.schema(REGIONS)["$defs"]["region"]["pattern"]
    assert [name for name in regions if not re.search(pattern, name)] == []
    assert len(types) > 1000
    assert len(regions) > 30


def test_launch_settings_are_parameters_of_run_instances_with_its_very_enumerations():
    model = botocore.session.get_session().get_service_model("ec2")
    shape = model.operation_model("RunInstances").input_shape
    schema = loader.schema(LAUNCH_SPEC)
    assert set(schema["properties"]) <= set(shape.members)
    assert set(schema["$defs"]["ebs"]["properties"]) <= set(model.shape_for("EbsBlockDevice").members)
    assert set(schema["$defs"]["ebs"]["properties"]["VolumeType"]["enum"]) == set(model.shape_for("VolumeType").enum)


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
    ],
)
def test_what_ec2_would_take_is_accepted(schema_id, value):
    assert check_shared_value(schema_id, value) == ()


@pytest.mark.parametrize(
    ("schema_id", "value", "pointer", "message"),
    [
        (REGIONS, [], "", "1 or more entries"),
        (REGIONS, {}, "", "must be a list, not an object"),
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
        (SETTINGS, {"scopes": ["é"]}, "/scopes/0", "printable ASCII"),
        (SETTINGS, {"secrets": {"key": {"value": "x"}}}, "/secrets/key", "must be a text"),
        (SETTINGS, {"userData": {"a": {"$eval": "context.b"}}}, "/userData/a/$eval", "shared values are plain data"),
        ("/schemas/common/aws-region.json#", [], "", "did you mean '/schemas/common/aws-regions.json#'?"),
    ],
)
def test_what_ec2_would_refuse_is_refused(schema_id, value, pointer, message):
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
