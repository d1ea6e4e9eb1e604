"""`wm validate` and `wm render`: every problem with its file and line, and nothing for what is right."""

import json
import re
from pathlib import Path

import pytest

from cli.surveying import Directory

ROOT = Path(__file__).resolve().parent.parent.parent
EXPECTED = ROOT / "tests" / "data" / "fleet-2019" / "rendered"

# Name -> what is replaced in the sample worker type, by what, the line at fault, and words of the message.
BAD_WORKER_TYPES = {
    "wrong type": ("maxCapacity: 5", "maxCapacity: five", 4, "must be a whole number, not 'five'"),
    "boolean for a number": ("maxCapacity: 5", "maxCapacity: true", 4, "must be a whole number, not true"),
    "negative": ("minCapacity: 0", "minCapacity: -1", 3, "must be at least 0, not -1"),
    "misspelt key": ("region: us-west-2", "regin: us-west-2", 9, "unknown key 'regin'; did you mean 'region'?"),
    "missing key": ("maxCapacity: 5\n", "", 1, "'maxCapacity' is missing"),
    "order": ("minCapacity: 0", "minCapacity: 9", 3, "minCapacity 9 is more than maxCapacity 5"),
    "unknown provider": ("aws-provider", "awx-provider", 2, "did you mean 'aws-provider'?"),
    "no provider": ("provider: aws-provider\n", "", 1, "the provider's name is missing"),
    "malformed image": ("ami-0dedc5db10ec003af", "ami-xyz", 11, "'ami-xyz' does not have the right form"),
    "empty list": ("- instanceType: m5.large\n  capacity: 1\n  utility: 1", "  []", 13, "must have 1 or more entries"),
    "unknown reference": ("description: a sample", "description: {$eval: context.nope}", 5, "no shared config 'nope'"),
    "bad expression": ("description: a sample", "description: {$eval: '1 +'}", 5, "1 +"),
    "unknown launch setting": ("ImageId: ami-0dedc5db10ec003af", "ImageID: ami-0dedc5db10ec003af", 11, "'ImageId'"),
    "yes for true": (
        "    ImageId: ami-0dedc5db10ec003af",
        "    ImageId: ami-0dedc5db10ec003af\n    EbsOptimized: yes",
        12,
        "must be true or false, not 'yes'",
    ),
    "duplicate key": ("  utility: 1", "  utility: 1\n  utility: 2", 16, "duplicate key"),
    "date": ("description: a sample", "description: 2020-01-01", 5, "quote it"),
}
BAD_SHARED_CONFIGS = {
    "unknown schema": ("aws-regions.json", "aws-region.json", 2, "did you mean '/schemas/common/aws-regions.json#'?"),
    "wrong type": ("ImageId: ami-0dedc5db10ec003af", "ImageId: 5", 6, "must be a text, not 5"),
    "expression": ("region: us-west-2", "region: {$eval: '1'}", 4, "us-"),
    "value of another type": ("value:\n", "value: text\nx:\n", 3, "must be a list, not 'text'"),
}


def lines_of(text: str) -> list[tuple[int, str]]:
    """Line and message of every printed finding."""
    return [(int(each[1]), each[2]) for each in re.finditer(r"^.+?:(\d+):\d+: error: (.+)$", text, re.MULTILINE)]


@pytest.mark.parametrize("case", sorted(BAD_WORKER_TYPES))
def test_a_bad_worker_type_is_told_with_its_line(case, write, wm, worker_type_text):
    old, new, line, words = BAD_WORKER_TYPES[case]
    assert 1 == worker_type_text.count(old)
    result = wm("validate", write("a.yml", worker_type_text.replace(old, new)))
    assert 1 == result.exit_code
    assert [message for at, message in lines_of(result.stdout) if at == line and words in message], result.stdout


@pytest.mark.parametrize("case", sorted(BAD_SHARED_CONFIGS))
def test_a_bad_shared_config_is_told_with_its_line(case, write, wm, shared_config_text):
    old, new, line, words = BAD_SHARED_CONFIGS[case]
    assert 1 == shared_config_text.count(old)
    result = wm("validate", write("a.yml", shared_config_text.replace(old, new)))
    assert 1 == result.exit_code
    assert [message for at, message in lines_of(result.stdout) if at == line and words in message], result.stdout


def test_documents_without_problems_pass_and_are_counted(write, wm, worker_type_text, shared_config_text, tmp_path):
    write("a.yml", worker_type_text)
    write("b.yml", shared_config_text)
    result = wm("validate", tmp_path)
    assert (0, "2 documents, no problems\n") == (result.exit_code, result.stdout)


@pytest.mark.parametrize("folder", ["plan", "fleet-2019", "variants"])
def test_the_examples_have_no_problems(folder, wm):
    result = wm("validate", ROOT / "examples" / folder, "-o", "json")
    assert (0, []) == (result.exit_code, json.loads(result.stdout))


def test_every_problem_of_every_file_is_told_in_one_run(write, wm, worker_type_text, shared_config_text, tmp_path):
    write("1.yml", worker_type_text.replace("maxCapacity: 5", "maxCapacity: five").replace("utility: 1", "utility: []"))
    write("2.yml", shared_config_text.replace("us-west-2", "nowhere"))
    write("3.yml", "a: [")
    write("4.yml", worker_type_text)
    result = wm("validate", tmp_path, "-o", "json")
    places = {(Path(each["file"]).name, each["line"]) for each in json.loads(result.stdout)}
    assert 1 == result.exit_code
    assert {("1.yml", 4), ("1.yml", 15), ("2.yml", 4), ("3.yml", 1), ("4.yml", 1)} == places


def test_json_says_file_line_column_pointer_and_message(write, wm, worker_type_text):
    path = write("a.yml", worker_type_text.replace("minCapacity: 0", "minCapacity: -1"))
    (finding,) = json.loads(wm("validate", path, "-o", "json").stdout)
    assert ["file", "line", "column", "pointer", "rule", "message"] == list(finding)
    assert [str(path), 3, 14, "/minCapacity", "minimum"] == list(finding.values())[:-1]


def test_a_shared_config_of_the_wrong_schema_is_told_once_where_the_worker_type_refers_to_it(
    write, wm, worker_type_text, shared_config_text, tmp_path
):
    write("images.yml", shared_config_text)
    path = write(
        "a.yml",
        worker_type_text.replace(
            "instanceTypes:\n- instanceType: m5.large\n  capacity: 1\n  utility: 1\n",
            "instanceTypes:\n  $eval: context.images\n",
        ),
    )
    found = json.loads(wm("validate", tmp_path, "-o", "json").stdout)
    assert {str(path)} == {each["file"] for each in found}
    assert [(13, "/instanceTypes", "wrong-schema")] == [(each["line"], each["pointer"], each["rule"]) for each in found]
    assert "the shared config 'images' cannot stand here: the place expects" in found[0]["message"]


@pytest.mark.parametrize(
    ("provider", "line", "words"),
    [
        ("providers:\n- name: x\n  kind: awz\n", 3, "did you mean 'aws'?"),
        ("providers:\n- name: x\n  kind: aws\n  settleSeconds: -1\n", 4, "greater than 0"),
        ("providers:\n- name: x\n  kind: aws\n- name: x\n  kind: aws\n", 4, "stands twice"),
        ("providers: []\n", 1, "at least 1"),
    ],
)
def test_a_bad_providers_file_is_told_with_its_line(provider, line, words, write, wm):
    result = wm("validate", write("providers.yml", provider))
    assert 1 == result.exit_code
    assert [message for at, message in lines_of(result.stdout) if at == line and words in message], result.stdout


def test_a_providers_file_in_the_folder_says_which_kind_a_name_has(write, wm, worker_type_text, tmp_path):
    write("a.yml", worker_type_text.replace("aws-provider", "builders"))
    assert 1 == wm("validate", tmp_path).exit_code
    write("providers.yml", "providers:\n- name: builders\n  kind: aws\n  regions: [us-west-2]\n")
    assert 0 == wm("validate", tmp_path).exit_code


PRICE = "- {instanceType: m5.large, market: spot, pricePerHour: 0.04}\n"
NAMING = "providers:\n- name: aws-provider\n  kind: aws\n  priceTable: tables/aws.yml\n"


def test_a_price_table_is_checked_with_its_schema_once(write, wm, tmp_path):
    write("providers.yml", NAMING)
    path = write("tables/aws.yml", f"prices:\n{PRICE}{PRICE.replace('spot', 'spott')}")
    (finding,) = json.loads(wm("validate", tmp_path, "-o", "json").stdout)
    assert (str(path), 3, 36, "/prices/1/market") == tuple(finding.values())[:4]
    assert "did you mean 'spot'?" in finding["message"]
    write("tables/aws.yml", f"prices:\n{PRICE}")
    assert "2 documents, no problems\n" == wm("validate", tmp_path).stdout


def test_an_edit_of_a_price_table_is_checked_and_nothing_applies_one(write, wm, tmp_path, worker_type_text):
    write("providers.yml", NAMING)
    write("a.yml", worker_type_text)
    path = write("tables/aws.yml", f"prices:\n{PRICE}")
    refused = wm("set", path, "prices.0.pricePerHour=-1", "--folder", tmp_path)
    assert (1, True) == (refused.exit_code, "must be at least 0, not -1" in refused.output)
    assert 0 == wm("set", path, "prices.0.pricePerHour=0.05", "--folder", tmp_path).exit_code
    assert f"prices:\n{PRICE.replace('0.04', '0.05')}" == path.read_text()
    assert ["sample"] == [key.name for key in Directory.load(tmp_path).by_key]
    assert "1 worker types" in wm("render", tmp_path, "--out", tmp_path / "out").stdout


def test_a_price_table_that_is_not_there_is_told_where_it_is_named(write, wm):
    result = wm("validate", write("providers.yml", NAMING))
    assert 1 == result.exit_code
    assert "providers.yml:4:15: error: there is no file" in result.stdout


@pytest.mark.parametrize(
    ("text", "words"), [("prices: [1]\n", "aws.yml:1:10: must be an object"), ("name: a\n", "'prices' is missing")]
)
def test_what_is_wrong_with_a_price_table_that_was_not_loaded_is_told_where_it_is_named(text, words, write, wm):
    write("tables/aws.yml", text)
    result = wm("validate", write("providers.yml", NAMING))
    assert [message for at, message in lines_of(result.stdout) if at == 4 and words in message], result.stdout


@pytest.mark.parametrize("command", ["validate", "render"])
def test_a_file_named_by_providers_says_which_kind_a_name_has(command, write, wm, worker_type_text, tmp_path):
    write("in/a.yml", worker_type_text.replace("aws-provider", "builders"))
    records = write("out.yml", "providers:\n- name: builders\n  kind: aws\n  regions: [us-west-2]\n")
    words = [command, tmp_path / "in", *(["--out", tmp_path / "out"] if command == "render" else [])]
    assert (1, 0) == (wm(*words).exit_code, wm(*words, "--providers", records).exit_code)


def test_what_is_wrong_with_the_file_named_by_providers_is_told_with_its_line(write, wm, worker_type_text):
    path = write("a.yml", worker_type_text)
    records = write("out.yml", "providers:\n- name: x\n  kind: aws\n  region: [us-west-2]\n")
    result = wm("validate", path, "--providers", records)
    assert f"{records}:4:3: error: unknown key 'region': extra inputs are not permitted; did you mean 'regions'?" in (
        result.stdout
    )
    assert "this is no list of providers" in wm("validate", path, "--providers", path).stdout


def test_a_worker_type_with_a_date_is_checked_on(write, wm, worker_type_text):
    text = worker_type_text.replace("a sample", "2020-01-01").replace("maxCapacity: 5", "maxCapacity: 5_0")
    result = wm("validate", write("a.yml", text.replace("utility: 1", "utility: []")))
    assert [4, 5, 15] == [line for line, _ in lines_of(result.stdout)]


def test_github_gets_annotations_with_its_escapes(write, wm, worker_type_text):
    path = write("50%,a:b.yml", worker_type_text.replace("minCapacity: 0", 'minCapacity: "1%\\n2"'))
    result = wm("validate", path, "-o", "github")
    name = str(path).replace("50%,a:b", "50%25%2Ca%3Ab")
    assert result.stdout.startswith(f"::error file={name},line=3,col=14::must be a whole number, not '1%25\\n2'")
    assert (1, 1) == (result.exit_code, result.stdout.count("\n"))


def test_how_many_problems_there_are_goes_to_stderr(write, wm, worker_type_text, tmp_path):
    write("a.yml", worker_type_text.replace("maxCapacity: 5", "maxCapacity: five").replace("utility: 1", "utility: []"))
    write("b.yml", "a: [")
    result = wm("validate", tmp_path)
    assert ("3 problems in 2 files\n", 3) == (result.stderr, result.stdout.count("\n"))


def test_the_variants_of_a_template_are_checked_each_and_told_in_the_template(write, wm, worker_type_text, tmp_path):
    text = worker_type_text.replace("sample", "builder-${level}", 1).replace("5", "{$eval: limit}", 1)
    text += "variants:\n- {level: 1, limit: 3}\n- {level: 2, limit: 0}\n- {level: 3, limit: many}\n"
    path = write("a.yml", text.replace("minCapacity: 0", "minCapacity: 1"))
    result = wm("validate", path)
    words = [(line, re.search(r"in worker type '(.+?)'", message)[1]) for line, message in lines_of(result.stdout)]
    assert [(3, "builder-2"), (4, "builder-3")] == words
    write("a.yml", text.replace("limit: many", "limit: 4"))
    assert "3 worker types" in wm("render", tmp_path, "--out", tmp_path / "out").stdout
    assert {f"builder-{n}.json" for n in (1, 2, 3)} == {each.name for each in (tmp_path / "out").iterdir()}


def test_a_variant_that_cannot_be_made_is_told_at_its_parameters(write, wm, worker_type_text):
    text = worker_type_text.replace("sample", "builder-${level}", 1)
    path = write("a.yml", text + "variants:\n- {level: 1}\n- {level: 1}\n- {lvl: 1}\n")
    found = lines_of(wm("validate", path).stdout)
    assert [18, 19, 19] == [line for line, _ in found]
    assert ["as /variants/0 does", "'level' is missing", "no expression uses the parameter 'lvl'"] == [
        words
        for words, (_, message) in zip(
            ("as /variants/0 does", "'level' is missing", "no expression uses the parameter 'lvl'"), found, strict=True
        )
        if words in message
    ]


def test_the_fleet_renders_to_exactly_the_expected_files(wm, tmp_path):
    result = wm("render", ROOT / "examples" / "fleet-2019", "--out", tmp_path / "out")
    assert 0 == result.exit_code, result.output
    expected = {each.name: each.read_bytes() for each in EXPECTED.iterdir()}
    assert 30 == len(expected)
    assert expected == {each.name: each.read_bytes() for each in (tmp_path / "out").iterdir()}


def test_nothing_is_rendered_if_any_file_has_a_problem(write, wm, worker_type_text, tmp_path):
    write("in/good.yml", worker_type_text)
    write("in/bad.yml", worker_type_text.replace("sample", "other", 1).replace("maxCapacity: 5", "maxCapacity: x"))
    result = wm("render", tmp_path / "in", "--out", tmp_path / "out")
    assert 1 == result.exit_code
    assert "bad.yml:4:" in result.output
    assert not (tmp_path / "out").exists()
