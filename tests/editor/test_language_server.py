"""In an editor: no error in any example, each mistake on its line, descriptions and names where they are wanted.

Documents begin as their authors begin them: with a comment that names the derived schema.
"""

import itertools
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*.yml") if "node_modules" not in path.parts)
DOCUMENT = "schemas/common/document.input.json"
WORKER_TYPE = """\
workerType: sample
provider: aws-provider
minCapacity: 0
maxCapacity: 5
regions:
- region: us-west-2
  launchSpec:
    ImageId: ami-0dedc5db10ec003af
instanceTypes:
- instanceType: m5.large
  capacity: 1
"""
SHARED_CONFIG = """\
name: images
schema: /schemas/common/aws-regions.json#
value:
- region: us-west-2
  launchSpec:
    ImageId: ami-0dedc5db10ec003af
"""
VOLUME = """\
launchSpec:
  BlockDeviceMappings:
  - DeviceName: /dev/xvdb
    Ebs: {VolumeType: gp2, Iops: 300}
"""
# What is wrong, what is replaced in the worker type, by what, the line at fault, and words of the message.
MISTAKES = {
    "misspelt key": ("  capacity: 1", "  capactiy: 1", 12, "Property capactiy is not allowed."),
    "wrong type": ("maxCapacity: 5", "maxCapacity: five", 5, 'Expected "integer"'),
    "text for a number": ("maxCapacity: 5", "maxCapacity: ${five}", 5, 'Expected "integer"'),
    "missing key": ("maxCapacity: 5\n", "", 2, 'Missing property "maxCapacity".'),
    "bad pattern": ("us-west-2", "us-west2", 7, "Name of an AWS region, such as `us-east-1`."),
    "misspelt operator": ("\n- region: us-west-2", "\n  $evil: context.x\nx:", 7, 'Expected "array"'),
    "not the author's to set": ("    ImageId", "    MinCount: 1\n    ImageId", 9, "not allowed"),
    "against a condition": ("  capacity: 1\n", "  capacity: 1\n" + VOLUME, 16, "not allowed"),
}
count = itertools.count(1)


@pytest.fixture
def check(language_server, schemas):
    """What an editor shows in a document of this text, and the document's name."""

    def check_text(text, schema=DOCUMENT):
        uri = f"file:///configs/{next(count)}.yml"
        modeline = f"# yaml-language-server: $schema={(schemas / schema).as_uri()}\n"
        return language_server.diagnostics(uri, modeline + text), uri

    return check_text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_an_example_shows_no_error(path, check):
    assert [] == check(path.read_text(encoding="utf-8"))[0]


@pytest.mark.parametrize("schema", [DOCUMENT, "schemas/aws/worker-config.input.json"])
@pytest.mark.parametrize("case", sorted(MISTAKES))
def test_a_mistake_in_a_worker_type_shows_on_its_line(case, schema, check):
    old, new, line, words = MISTAKES[case]
    assert 1 == WORKER_TYPE.count(old)
    assert [] == check(WORKER_TYPE, schema)[0]
    found, _ = check(WORKER_TYPE.replace(old, new), schema)
    assert [message for at, message in found if at == line and words in message], found


@pytest.mark.parametrize("case", ["misspelt key", "wrong type", "missing key"])
def test_a_mistake_shows_where_the_providers_name_tells_no_kind(case, check):
    old, new, line, words = MISTAKES[case]
    text = WORKER_TYPE.replace("aws-provider", "builders")
    assert [] == check(text)[0]
    found, _ = check(text.replace(old, new))
    assert [line] == [at for at, message in found if words in message], found


@pytest.mark.parametrize("schema", [DOCUMENT, "schemas/common/shared-config.input.json"])
@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("- region", "- regoin", 5, "Property regoin is not allowed."),
        ("us-west-2", "{$eval: x}", 5, 'Expected "string"'),
        ("name: images\n", "", 2, 'Missing property "name".'),
        ("aws-regions", "aws-region", 3, "Value is not accepted."),
    ],
)
def test_a_mistake_in_a_shared_config_shows_on_its_line(old, new, line, words, schema, check):
    assert [] == check(SHARED_CONFIG, schema)[0]
    found, _ = check(SHARED_CONFIG.replace(old, new), schema)
    assert [message for at, message in found if at == line and words in message], found


def test_a_mistake_in_the_providers_shows_on_its_line(check):
    found, _ = check("providers:\n- name: a\n  kind: aws\n  settle: 1\n")
    assert [(5, "Property settle is not allowed.")] == found


def test_a_mistake_in_a_price_table_shows_on_its_line(check):
    found, _ = check("prices:\n- instanceType: a\n  market: spott\n  pricePerHour: 1\n")
    assert [(4, True)] == [(line, "spot" in message) for line, message in found]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (5, "Slots of work that are never exceeded."),
        (6, "Regions in which instances may be launched"),
        (9, "Id of the machine image"),
        (12, "Slots of work that one instance of this type has."),
    ],
)
def test_a_key_shows_its_description(line, words, check, language_server):
    _, uri = check(WORKER_TYPE)
    column = len(f"x{WORKER_TYPE}".splitlines()[line - 2].partition(":")[0])
    assert words in language_server.at("hover", uri, line, column)["contents"]["value"]


def offered(language_server, uri, line, column):
    return {each["label"]: each["insertText"] for each in language_server.at("completion", uri, line, column)["items"]}


def test_missing_keys_are_offered(check, language_server):
    _, uri = check(WORKER_TYPE.replace("maxCapacity: 5\n", "") + "\n")
    found = offered(language_server, uri, 12, 1)
    assert "maxCapacity: " == found["maxCapacity"]
    assert "minCapacity" not in found


def test_keys_that_may_not_be_given_are_not_offered(check, language_server):
    _, uri = check(WORKER_TYPE + "launchSpec:\n  KeyName: a\n  \n")
    found = offered(language_server, uri, 15, 3)
    assert "SubnetId" in found
    assert "MinCount" not in found


def test_values_are_offered(check, language_server):
    _, uri = check(WORKER_TYPE + "lifecycle:\n  scaleIn: \nlaunchSpec:\n  EbsOptimized: \n")
    assert {"whenIdle", "oldestFirst"} == offered(language_server, uri, 14, 12).keys()
    assert {"true", "false"} == offered(language_server, uri, 16, 17).keys()


def test_what_a_document_may_begin_with_is_offered(check, language_server):
    _, uri = check("\n")
    assert {"workerType", "name", "providers", "prices", "managedBy"} == offered(language_server, uri, 2, 1).keys()
