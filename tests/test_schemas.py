"""The published schemas themselves: documented, closed, portable, and of the SDK's own names and types."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session
import pytest

from schemas import loader
from worker_manager.config import resolve
from worker_manager.kinds import kind as kind_named

NOW = "2026-11-23T10:00:00.000Z"
LAUNCH_SPEC = "/schemas/aws/launch-spec.json#"
REGIONS = "/schemas/common/aws-regions.json#"
ZONES = "/schemas/common/aws-availability-zones.json#"
TYPES = "/schemas/common/aws-instance-types.json#"
DOCKER_REGIONS = "/schemas/common/aws-regions-docker-worker.json#"
SMALL_TYPES = "/schemas/common/aws-instance-types-small.json#"
LARGE_TYPES = "/schemas/common/aws-instance-types-large.json#"
TAGS = "/schemas/common/tags.json#"
LIFECYCLE = "/schemas/common/lifecycle.json#"
USER_DATA = "/schemas/common/user-data.json#"
SIZES = (SMALL_TYPES, LARGE_TYPES)


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


@pytest.mark.parametrize("kind", loader.provider_kinds())
def test_worker_configuration_takes_over_every_common_property(kind):
    common = loader.schema("/schemas/common/worker-type.json#")["properties"]
    found = loader.schema(loader.provider_schemas(kind).worker_configuration)["properties"]
    without = {"spot"} if kind == "local" else set()  # a machine has no spot market
    assert {
        name for name in common if "/common/worker-type.json#" not in found.get(name, {}).get("$ref", "")
    } == without


@pytest.mark.parametrize("kind", loader.provider_kinds())
def test_the_examples_of_worker_types_keep_the_rules_which_no_schema_states(kind):
    schema = loader.schema(loader.provider_schemas(kind).worker_configuration)
    assert all(resolve(each, {}, now=NOW, kind=kind_named(kind)).launch_specs for each in schema["examples"])


@pytest.mark.parametrize("kind", loader.provider_kinds())
def test_every_kind_lets_lifecycle_tags_and_user_data_be_shared(kind):
    entries = {entry.name: entry.schema for entry in loader.provider_schemas(kind).shared_configs}
    assert {"lifecycle": LIFECYCLE, "tags": TAGS, "user data": USER_DATA}.items() <= entries.items()


@pytest.mark.parametrize(("narrower", "wider"), [(DOCKER_REGIONS, REGIONS), (SMALL_TYPES, TYPES), (LARGE_TYPES, TYPES)])
def test_a_narrower_schema_is_built_on_the_one_whose_place_it_fits(narrower, wider):
    assert loader.schema(narrower)["allOf"][0] == {"$ref": wider}


def test_small_and_large_share_all_instance_types_of_the_sdk_between_them():
    types = botocore.session.get_session().get_service_model("ec2").shape_for("InstanceType").enum
    entries = [{"instanceType": name} for name in types]
    small, large = ({entry["instanceType"] for entry in entries if not errors(each, [entry])} for each in SIZES)
    assert (small | large, small & large) == (set(types), set())
    assert {"t3.nano", "m5.xlarge"} <= small
    assert {"m5.2xlarge", "m5.metal", "m7i.metal-48xl"} <= large


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


JSON_TYPES = {
    "structure": "object",
    "list": "array",
    "string": "string",
    "integer": "integer",
    "boolean": "boolean",
}


def disagreements(schema, shape, path="", defs=None):
    """Where a schema and a shape of the SDK differ in members, types or enumerations."""
    defs = schema.get("$defs") if defs is None else defs
    schema = defs[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "type" in schema and schema["type"] != JSON_TYPES[shape.type_name]:
        yield path
    for name, below in schema.get("properties", {}).items():
        if name not in shape.members:
            yield f"{path}/{name}"
        else:
            yield from disagreements(below, shape.members[name], f"{path}/{name}", defs)
    if "items" in schema:
        yield from disagreements(schema["items"], shape.member, f"{path}/items", defs)
    if shape.type_name == "string" and shape.enum and set(schema.get("enum", ())) - set(shape.enum):
        yield path


def test_launch_settings_are_parameters_of_run_instances_of_its_very_types_and_enumerations():
    model = botocore.session.get_session().get_service_model("ec2")
    schema, shape = loader.schema(LAUNCH_SPEC), model.operation_model("RunInstances").input_shape
    assert list(disagreements(schema, shape)) == []
    assert set(schema["$defs"]["ebs"]["properties"]["VolumeType"]["enum"]) == set(model.shape_for("VolumeType").enum)
    spot = schema["properties"]["InstanceMarketOptions"]["properties"]["SpotOptions"]["properties"]
    assert spot.keys() == model.shape_for("SpotMarketOptions").members.keys()


@pytest.mark.parametrize(
    ("name", "planted", "expected"),
    [
        ("KeyName", {"type": "integer"}, "/KeyName"),
        ("KeyNmae", {"type": "string"}, "/KeyNmae"),
        ("Placement", {"properties": {"Tenancy": {"enum": ["shared"]}}}, "/Placement/Tenancy"),
        ("NetworkInterfaces", {"items": {"properties": {"Gruops": {}}}}, "/NetworkInterfaces/items/Gruops"),
    ],
)
def test_a_disagreement_with_the_sdk_would_be_noticed(name, planted, expected):
    shape = botocore.session.get_session().get_service_model("ec2").operation_model("RunInstances").input_shape
    assert list(disagreements({"properties": {name: planted}, "$defs": {}}, shape)) == [expected]
