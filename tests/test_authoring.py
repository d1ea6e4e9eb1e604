"""Schemas for editors: as strict as the published ones on plain data, and never wrong about an expression."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from ruamel.yaml import YAML

from cli.authoring import DIALECT, Derivation, Form
from cli.reference import catalogue, files
from schemas import loader
from schemas.lock import advance

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*.yml") if "node_modules" not in path.parts)
RENDERED = sorted((ROOT / "tests" / "data" / "fleet-2019" / "rendered").glob("*.json"))
DOCUMENT = "schemas/common/document.input.json"
SIZES = "/schemas/test/sizes.json#"
WORKER_TYPE = {"workerType": "a", "provider": "aws", "minCapacity": 0, "maxCapacity": 1}
OFFERINGS = {"regions": [{"region": "us-east-1"}], "instanceTypes": [{"instanceType": "m5.large"}]}
REGIONS = {"name": "a", "schema": "/schemas/common/aws-regions.json#", "value": OFFERINGS["regions"]}


@pytest.fixture(scope="module")
def derived():
    """Every derived schema by path."""
    published = catalogue()
    made = files(published, advance({}, published.schemas))
    return {path: json.loads(text) for path, text in made.items() if path.endswith(".input.json")}


@pytest.fixture(scope="module")
def problems(derived):
    """What the schema of any document says of one."""
    validator = Draft202012Validator(derived[DOCUMENT])
    return lambda document: [error.message for error in validator.iter_errors(document)]


def load(path):
    return YAML(typ="safe", pure=True).load(path)


def references(value):
    if isinstance(value, dict):
        yield from (value["$ref"],) if isinstance(value.get("$ref"), str) else ()
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from references(each)


def test_there_is_one_for_every_document_that_people_write(derived):
    kinds = {f"schemas/{kind}/worker-config.input.json" for kind in loader.provider_kinds()}
    common = {f"schemas/common/{name}.input.json" for name in ("document", "price-table", "providers", "shared-config")}
    assert kinds | common == derived.keys()


def test_each_is_one_whole_file_in_the_standards_own_words(derived):
    for path, schema in derived.items():
        Draft202012Validator.check_schema(schema)
        assert DIALECT == schema["$schema"]
        assert {each.rpartition("/")[2] for each in references(schema)} <= schema["$defs"].keys(), path
        assert all(each.startswith("#/$defs/") for each in references(schema)), path
        assert not {"uniqueBy", "prefixedBy", "$id"} & set(re.findall(r'"([^"]+)":', json.dumps(schema))), path


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_example_is_accepted(path, problems):
    assert [] == problems(load(path))


@pytest.mark.parametrize("path", RENDERED, ids=lambda path: path.stem)
def test_every_rendered_worker_type_is_accepted(path, problems):
    assert [] == problems(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("kind", loader.provider_kinds())
def test_the_examples_of_every_kind_are_accepted_by_its_own_schema(kind, derived):
    validator = Draft202012Validator(derived[f"schemas/{kind}/worker-config.input.json"])
    examples = loader.schema(loader.provider_schemas(kind).worker_configuration)["examples"]
    assert [] == [error.message for example in examples for error in validator.iter_errors(example)]


def test_the_examples_of_every_shared_schema_are_accepted_as_values(problems):
    shared = {
        entry.schema for kind in loader.provider_kinds() for entry in loader.provider_schemas(kind).shared_configs
    }
    for key in sorted(shared):
        for spelling in (key, key.removesuffix("#")):
            for value in loader.schema(key)["examples"]:
                assert [] == problems({"name": "a", "schema": spelling, "value": value})


@pytest.mark.parametrize(
    ("provider", "right"),
    [("google", True), ("google-b", True), ("b", True), ("awsome", True), ("aws", False), ("aws-b", False)],
)
def test_the_kind_is_taken_from_the_providers_name_if_it_tells_one(provider, right, problems):
    example = loader.schema(loader.provider_schemas("google").worker_configuration)["examples"][0]
    assert right == (problems(example | {"provider": provider}) == [])


@pytest.mark.parametrize(
    "change",
    [
        {"maxCapacity": "five"},
        {"maxCapacity": "${five}"},
        {"maxCapacity": None},
        {"maxCapacty": 5},
        {"regions": []},
        {"regions": {}},
        {"regions": {"$evil": "context.a"}},
        {"regions": [{"region": "us-east-1", "launchSpec": {"ImageID": "ami-12345678"}}]},
        {"launchSpec": {"MinCount": 1}},
        {"launchSpec": {"BlockDeviceMappings": [{"DeviceName": "/dev/xvdb"}]}},
        {"launchSpec": {"BlockDeviceMappings": [{"DeviceName": "xvdb", "NoDevice": "", "VirtualName": "ephemeral0"}]}},
        {"launchSpec": {"BlockDeviceMappings": [{"DeviceName": "xvdb", "Ebs": {"VolumeType": "gp2", "Iops": 300}}]}},
        {"provider": "aws-builders", "zones": []},
        {"provider": "awsome", "somewhere": []},
        {"variants": []},
        {"variants": [{"a-b": 1}]},
        {"variants": {"$eval": "context.a"}},
        {"provider": 5},
    ],
)
def test_a_mistake_in_a_worker_type_is_found(change, problems):
    assert [] == problems(WORKER_TYPE | OFFERINGS)
    assert [] != problems(WORKER_TYPE | OFFERINGS | change)


@pytest.mark.parametrize(
    "change",
    [
        {"maxCapacity": {"$eval": "context.a"}},
        {"description": "for ${context.a}"},
        {"workerType": "a-${level}", "provider": "${cloud}-provider", "variants": [{"level": 1, "cloud": "aws"}]},
        {"regions": {"$map": {"$eval": "context.a"}, "each(x)": {"region": {"$eval": "x"}}}},
        {"regions": [{"$if": "level == 1", "then": {"region": "us-east-1"}}, {"region": {"$eval": "context.b"}}]},
        {"regions": [{"region": "us-east-1", "launchSpec": {"$merge": [{"$eval": "context.a"}, {"KeyName": "b"}]}}]},
        {"lifecycle": {"${name}": 300}},
        {"tags": {"${name}": "${value}"}},
        {
            "launchSpec": {
                "BlockDeviceMappings": [
                    {
                        "DeviceName": "/dev/xvdb",
                        "Ebs": {"$if": "context.large", "then": {"VolumeSize": 9}},
                        "NoDevice": {"$if": "!context.large", "then": ""},
                    }
                ]
            }
        },
        {
            "launchSpec": {
                "BlockDeviceMappings": [
                    {"DeviceName": "/dev/xvdb", "Ebs": {"VolumeType": {"$eval": "context.a"}, "Throughput": 250}}
                ]
            }
        },
    ],
)
def test_expressions_may_stand_anywhere(change, problems):
    assert [] == problems(WORKER_TYPE | OFFERINGS | change)


@pytest.mark.parametrize(
    ("document", "right"),
    [
        (REGIONS, True),
        (REGIONS | {"value": [{"region": "${region}"}]}, False),
        (REGIONS | {"value": {"$eval": "context.a"}}, False),
        (REGIONS | {"schema": "/schemas/common/aws-region.json#"}, False),
        (REGIONS | {"schema": "/schemas/common/worker-type.json", "value": 5}, True),
        (REGIONS | {"valu": []}, False),
        ({"name": "a", "schema": REGIONS["schema"]}, False),
        ({"providers": [{"name": "a", "kind": "aws"}]}, True),
        ({"providers": [{"name": "a", "kind": "aws", "settle": 1}]}, False),
        ({"prices": [{"instanceType": "a", "market": "spot", "pricePerHour": 1}]}, True),
        ({"prices": [{"instanceType": "a", "market": "spot", "price": 1}]}, False),
        ({"managedBy": "team-a"}, True),
        ({"managedBy": "team-a", "owner": "b"}, False),
        ({}, False),
        ([], False),
        ({"owner": "a"}, False),
    ],
)
def test_every_document_is_told_by_its_keys(document, right, problems):
    assert right == (problems(document) == [])


def derive(schema, form=Form.TEMPLATE):
    """A validator for the derived form of a schema of the test's own."""
    resource = DRAFT202012.create_resource(schema)
    derivation = Derivation(Registry().with_resource(SIZES, resource))
    return Draft202012Validator(derivation.finish(derivation.refer(SIZES, form)))


EXPRESSION = {"$eval": "context.a"}


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"maxItems": 1, "items": {"type": "integer"}}, [[1], [1, EXPRESSION]], [[1, 2], ["a"]]),
        ({"minItems": 1}, [[EXPRESSION]], [[]]),
        ({"maxProperties": 1}, [{"a": 1}, {"a": 1, "b": EXPRESSION}], [{"a": 1, "b": 2}]),
        ({"not": {"required": ["a", "b"]}}, [{"a": 1}, {"a": 1, "b": {"$if": "x", "then": 1}}], [{"a": 1, "b": 2}]),
        (
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            [{"a": 1}, {"a": EXPRESSION, "b": EXPRESSION}],
            [{}, {"c": 1}],
        ),
        (
            {"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "else": {"required": ["c"]}},
            [{"a": 1, "b": 1}, {"a": 2, "c": 1}, {"a": EXPRESSION}, {"a": EXPRESSION, "d": 1}],
            [{"a": 1}, {"a": 2}, {"a": 1, "c": EXPRESSION}, {"a": 2, "d": EXPRESSION}],
        ),
        (
            {"if": {"contains": {"const": 1}}, "then": {"minItems": 2}},
            [[2], [1, 2], [EXPRESSION]],
            [[1]],
        ),
        ({"propertyNames": {"pattern": "^[a-z]$"}}, [{"a": 1}], [{"A": 1}]),
        ({"prefixItems": [{"type": "string"}], "items": False}, [["a"], ["${a}"], [EXPRESSION]], [[1], ["a", 1]]),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, [{"a": EXPRESSION, "b": EXPRESSION}], [{"a": 1}]),
        ({"properties": {"a": {"enum": ["x"]}}}, [{"a": "x"}, {"a": "${x}"}, {"a": EXPRESSION}], [{"a": "y"}]),
        (
            {"properties": {"a": {"type": "boolean"}}},
            [{"a": True}, {"a": EXPRESSION}],
            [{"a": "${x}"}, {"a": {"b": 1}}],
        ),
        ({"properties": {"a": {"type": ["string", "null"]}}}, [{"a": None}, {"a": "${x}"}], [{"a": 1}]),
        (
            {"properties": {"a": {"$ref": "#"}}, "additionalProperties": False},
            [{"a": {"a": EXPRESSION}}],
            [{"a": {"b": 1}}],
        ),
    ],
)
def test_a_rule_holds_where_no_expression_could_satisfy_it_later(schema, right, wrong):
    validator = derive(schema)
    assert [] == [value for value in right if not validator.is_valid(value)]
    assert [] == [value for value in wrong if validator.is_valid(value)]


def test_plain_data_is_held_to_every_rule_and_has_no_expressions():
    schema = {"maxItems": 1, "items": {"type": "integer"}, "oneOf": [{"minItems": 1}, {"maxItems": 0}]}
    validator = derive(schema, Form.DATA)
    assert [True, True, False, False] == [validator.is_valid(value) for value in ([1], [], [1, 2], [EXPRESSION])]


def test_what_editors_show_and_offer_stands_around_the_expression():
    member = {
        "title": "Size",
        "description": "How large it is.",
        "type": "integer",
        "default": 1,
        "examples": [2],
        "minimum": 0,
    }
    forbidden = {"title": "Never", "description": "Set by others.", "not": {}}
    registry = Registry().with_resource(
        SIZES, DRAFT202012.create_resource({"properties": {"size": member, "never": forbidden}})
    )
    derivation = Derivation(registry)
    derivation.refer(SIZES, Form.TEMPLATE)
    properties = derivation.definitions["template.test.sizes"]["properties"]
    assert {
        "title": "Size",
        "description": "How large it is.",
        "default": 1,
        "examples": [2],
        "anyOf": [{"type": "integer"}, True],
        "if": {"$ref": "#/$defs/object-expression"},
        "else": {"type": "integer", "minimum": 0},
    } == properties["size"]
    assert properties["never"]["doNotSuggest"] is True
