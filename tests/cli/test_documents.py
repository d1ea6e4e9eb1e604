"""Loading: what a file is shows from its keys, values are plain JSON, every value knows its line and column."""

import json
from pathlib import Path

import pytest

from cli.documents import Document, Kind, load, yaml_files

ROOT = Path(__file__).resolve().parent.parent.parent

NESTED = """\
# a comment, which counts as a line
workerType: sample
regions:
- region: us-west-2
  launchSpec: {ImageId: ami-1, 'a/b': 1, "c~d": 2}
- region: us-east-1

userData:
  deep:
    list: [1, 2, 3]
"""


def load_one(path: Path) -> Document:
    documents, findings = load([path])
    assert [] == findings
    (document,) = documents
    return document


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("", (1, 1)),
        ("/workerType", (2, 1)),
        ("/regions", (3, 1)),
        ("/regions/0/region", (4, 3)),
        ("/regions/0/launchSpec/ImageId", (5, 16)),
        ("/regions/0/launchSpec/a~1b", (5, 32)),
        ("/regions/0/launchSpec/c~0d", (5, 42)),
        ("/regions/1/region", (6, 3)),
        ("/userData/deep/list/2", (10, 18)),
    ],
)
def test_a_pointer_leads_to_the_line_and_column_of_its_value(pointer, place, write):
    found = load_one(write("a.yml", NESTED)).finding(pointer, "wrong")
    assert place == (found.line, found.column)


@pytest.mark.parametrize(
    ("pointer", "line"),
    [("/owner", 1), ("/regions/0/launchSpec/KeyName", 5), ("/regions/7/region", 3), ("/userData/deep/list/2/x/y", 10)],
)
def test_a_pointer_to_what_is_absent_leads_to_what_would_hold_it(pointer, line, write):
    assert line == load_one(write("a.yml", NESTED)).finding(pointer, "wrong").line


def test_a_finding_reads_as_compilers_write_it(write):
    path = write("a.yml", NESTED)
    assert f"{path}:6:3: error: wrong" == str(load_one(path).finding("/regions/1/region", "wrong"))


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("workerType: a\nname: b\n", Kind.WORKER_TYPE, "a"),
        ("name: b\nschema: s\nvalue: []\n", Kind.SHARED_CONFIG, "b"),
        ("providers: []\n", Kind.PROVIDERS, "providers"),
    ],
)
def test_what_a_file_is_shows_from_its_keys(text, kind, name, write):
    document = load_one(write("any-name.yml", text))
    assert (kind, name) == (document.kind, document.name)


def test_values_are_plain_json_without_traces_of_yaml(write):
    text = (
        "workerType: a\nyes_is_text: yes\noctal: 0o17\nlong: |\n  two\n  lines\nquoted: '1'\nfloat: 1.50\nnothing: ~\n"
        "base: &b {x: 1}\nmerged: {<<: *b, y: true}\n"
    )
    expected = {
        "workerType": "a",
        "yes_is_text": "yes",
        "octal": 15,
        "long": "two\nlines\n",
        "quoted": "1",
        "float": 1.5,
        "nothing": None,
        "base": {"x": 1},
        "merged": {"y": True, "x": 1},
    }
    data = load_one(write("a.yml", text)).data
    assert expected == data
    assert {dict, str, int, float, bool, type(None)} >= {type(each) for each in (data, *data.values())}
    assert expected == json.loads(json.dumps(data))


def test_folders_are_searched_in_any_layout_and_every_file_is_read_once(write, tmp_path):
    deep = write("b/c/deep.yaml", "workerType: a\n")
    top = write("a.yml", "workerType: b\n")
    write("notes.txt", "no config")
    assert {deep, top} == set(yaml_files([tmp_path, top, tmp_path / "b"]))
    assert 2 == len(yaml_files([tmp_path, top, tmp_path / "b"]))


def test_the_example_fleet_is_thirty_worker_types_and_eighteen_shared_configs():
    documents, findings = load([ROOT / "examples" / "fleet-2019"])
    assert [] == findings
    kinds = [each.kind for each in documents]
    assert (30, 18) == (kinds.count(Kind.WORKER_TYPE), kinds.count(Kind.SHARED_CONFIG))


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        ("workerType: a\n", "owner: x\nworkerType: a\n", 2),
        ("name: a\nschema: s\nvalue: []\n", "schema: s\nvalue: []\nname: a\n", 3),
    ],
)
def test_a_name_defined_twice_is_found_at_the_second_and_names_the_first(first, second, line, write, tmp_path):
    before, after = write("1.yml", first), write("2.yml", second)
    _, (finding,) = load([tmp_path])
    assert (after, line) == (finding.path, finding.line)
    assert str(before) in finding.message


def test_a_worker_type_and_a_shared_config_may_have_the_same_name(write, tmp_path):
    write("1.yml", "workerType: a\n")
    write("2.yml", "name: a\nschema: s\nvalue: []\n")
    assert [] == load([tmp_path])[1]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: [1,\n", (2, 1), "stream end"),
        ("workerType: a\nx:\n  y: 1\n  y: 2\n", (4, 3), "duplicate key"),
        ("workerType: a\nb: *nowhere\n", (2, 4), "undefined alias"),
        ("workerType: a\n\tb: 1\n", (2, 1), "found character"),
        ("a: 1\n---\nb: 2\n", (2, 1), "another document"),
        ("", (1, 1), "neither a worker type"),
        ("- 1\n- 2\n", (1, 1), "neither a worker type"),
        ("hello: 1\n", (1, 1), "neither a worker type"),
        ("workerType: a\nwhen: 2020-01-01\n", None, "quote it"),
        ("workerType: a\n1: one\n", None, "quote it"),
        ("workerType: a\nb: !secret x\n", None, "quote it"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding(text, place, words, write):
    documents, (finding,) = load([write("a.yml", text)])
    assert [] == documents
    assert words in finding.message
    assert place in (None, (finding.line, finding.column))


def test_one_unreadable_file_does_not_hide_the_others(write, tmp_path):
    (tmp_path / "bin.yml").write_bytes(b"\xff\xfe\x00")
    write("good.yml", "workerType: a\n")
    documents, (finding,) = load([tmp_path])
    assert ["a"] == [each.name for each in documents]
    assert "cannot be read" in finding.message


def test_a_bomb_of_aliases_stays_small(write):
    """Ten to the ninth values, written as nine lines."""
    lines = ["workerType: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    documents, findings = load([write("bomb.yml", "\n".join(lines))])
    assert [] == findings
    assert documents[0].data["a9"][0] is documents[0].data["a9"][9]


def test_an_anchored_boolean_stays_one(write):
    documents, _ = load([write("a.yml", "workerType: a\nflag: &flag true\n")])
    assert documents[0].data["flag"] is True
