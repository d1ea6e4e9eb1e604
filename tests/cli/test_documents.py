"""Loading: what a file is shows from its keys, values are plain JSON, every value knows its line and column."""

import json
import os
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
nothing:
# the end
"""


def load_one(path: Path) -> Document:
    documents, findings = load([path])
    assert [] == findings
    (document,) = documents
    return document


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("", (2, 1)),
        ("/workerType", (2, 13)),
        ("/regions", (4, 1)),
        ("/regions/0", (4, 3)),
        ("/regions/0/region", (4, 11)),
        ("/regions/0/launchSpec", (5, 15)),
        ("/regions/0/launchSpec/ImageId", (5, 25)),
        ("/regions/0/launchSpec/a~1b", (5, 39)),
        ("/regions/0/launchSpec/c~0d", (5, 49)),
        ("/regions/1/region", (6, 11)),
        ("/nothing", (11, 1)),
        ("/userData/deep/list/2", (10, 18)),
    ],
)
def test_a_pointer_leads_to_the_line_and_column_of_its_value(pointer, place, write):
    found = load_one(write("a.yml", NESTED)).finding(pointer, "wrong")
    assert place == (found.line, found.column)


@pytest.mark.parametrize(
    ("pointer", "line"),
    [("/owner", 2), ("/regions/0/launchSpec/KeyName", 5), ("/regions/7/region", 4), ("/userData/deep/list/2/x/y", 10)],
)
def test_a_pointer_to_what_is_absent_leads_to_what_would_hold_it(pointer, line, write):
    assert line == load_one(write("a.yml", NESTED)).finding(pointer, "wrong").line


@pytest.mark.parametrize("rule", ["unknown-key", "not-allowed", "duplicate"])
def test_what_is_wrong_with_a_key_is_told_at_the_key(rule, write):
    found = load_one(write("a.yml", NESTED)).finding("/regions/0/launchSpec/a~1b", "wrong", rule)
    assert (5, 32, rule) == (found.line, found.column, found.rule)


def test_a_finding_reads_as_compilers_write_it(write):
    path = write("a.yml", NESTED)
    assert f"{path}:6:11: error: wrong" == str(load_one(path).finding("/regions/1/region", "wrong"))


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("workerType: a\nname: b\n", Kind.WORKER_TYPE, "a"),
        ("name: b\nschema: s\nvalue: []\n", Kind.SHARED_CONFIG, "b"),
        ("providers: []\n", Kind.PROVIDERS, "providers"),
        ("prices: []\n", Kind.PRICES, "price table"),
        ("managedBy: releng\n", Kind.MARKER, "releng"),
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


def test_there_may_be_several_price_tables(write, tmp_path):
    write("1.yml", "prices: []\n")
    write("2.yml", "prices: []\n")
    documents, findings = load([tmp_path])
    assert (2, []) == (len(documents), findings)


def test_a_worker_type_and_a_shared_config_may_have_the_same_name(write, tmp_path):
    write("1.yml", "workerType: a\n")
    write("2.yml", "name: a\nschema: s\nvalue: []\n")
    assert [] == load([tmp_path])[1]


NO_DOCUMENT = {
    "not closed": ("workerType: a\nx: [1,\n", (2, 7), "stream end"),
    "wrong indentation": ("workerType: a\nx:\n  - b\n c: d\n", (4, 2), "expected <block end>"),
    "tab": ("workerType: a\n\tb: 1\n", (2, 1), "indent with spaces"),
    "control character": ("workerType: a\nb: x\x07\n", (2, 5), 'write it as "\\u0007"'),
    "escape beyond Unicode": ('workerType: a\nb: "\\UFFFFFFFF"\n', (2, 1), "what follows is not YAML"),
    "empty": ("", (1, 1), "is empty"),
    "only comments": ("# soon\n\n# more\n", (1, 1), "is empty"),
    "a list": ("# those\n- 1\n- 2\n", (2, 1), "holds a list, not an object"),
    "a text": ("hello\n", (1, 1), "holds only 'hello', not an object"),
    "nothing of ours": ("# ?\nhello: 1\n", (2, 1), "neither a worker type (workerType)"),
    "how to leave it out": ("hello: 1\n", (1, 1), "name the files or folders that are meant"),
    "nearly a worker type": ("provider: aws\nworkertype: a\n", (2, 1), "did you mean 'workerType'?"),
    "a worker type without its name": ("provider: aws\nminCapacity: 1\n", (1, 1), "'workerType' is missing"),
    "nearly a shared config": ("name: a\nschema: s\nvaule: []\n", (3, 1), "did you mean 'value'?"),
    "a shared config without a value": ("name: a\nschema: s\n", (1, 1), "'value' is missing"),
    "nearly providers": ("provders: []\n", (1, 1), "did you mean 'providers'?"),
    "nearly prices": ("price: []\n", (1, 1), "did you mean 'prices'?"),
    "nearly a marker": ("managedby: a\n", (1, 1), "did you mean 'managedBy'?"),
    "a marker with more": ("x: 1\nmanagedBy: a\n", (2, 12), "stands alone"),
    "a marker without a name": ("managedBy: [a]\n", (1, 12), "stands alone"),
    "nested too deeply": ("workerType: a\nx: " + "[" * 5000 + "]" * 5000 + "\n", (2, 63), "60 levels deep"),
    "nested too deeply in lines": ("\n".join(" " * n + "a:" for n in range(1000)), (61, 61), "60 levels deep"),
    "too large": ("workerType: a\nx: " + "y" * 2**20, (1, 1), "larger than 1024 KiB"),
    "merges for ever": (
        "a: &a {"
        + ",".join(f"k{n}: 1" for n in range(2000))
        + "}\n"
        + "\n".join(f"c{n}: {{<<: *a}}" for n in range(60)),
        (52, 11),
        "merges too much",
    ),
}


@pytest.mark.parametrize("case", NO_DOCUMENT)
def test_a_file_that_is_no_document_is_one_finding_at_its_place(case, write):
    text, place, words = NO_DOCUMENT[case]
    documents, (finding,) = load([write("a.yml", text)])
    assert ([], place) == (documents, (finding.line, finding.column)), finding.message
    assert words in finding.message


FAULTS = {
    "date": ("when: 2020-01-01", (2, 7), "2020-01-01 is a date in YAML, which JSON does not have: quote it"),
    "time": ("when: 2020-01-01 12:30:00Z", (2, 7), "quote it"),
    "underscores": ("n: 1_000", (2, 4), "1_000 is a number to some readers of YAML and a text to others: quote it"),
    "binary": ("n: 0b101", (2, 4), "quote it"),
    "leading zeros": (
        "account: 012345678901",
        (2, 10),
        "octal to some readers of YAML and decimal to others: quote it",
    ),
    "key": ("1: one", (2, 1), "the key '1' is not a text in YAML: quote it"),
    "true for a key": ("true: one", (2, 1), "quote it"),
    "list for a key": ("? [a]\n: b", (2, 3), "this key is not a text"),
    "tag": ("b: !secret x", (2, 4), "!secret is a tag, which JSON does not have"),
    "bytes": ("b: !!binary aGk=", (2, 4), "!!binary is a tag"),
    "set": ("b: !!set {x, y}", (2, 4), "!!set is a tag"),
    "duplicate": ("b: {x: 1, y: 2,\n  x: 3}", (3, 3), "duplicate key 'x': it stands in line 2 already"),
    "alias": ("b: *nowhere", (2, 4), "undefined alias *nowhere"),
    "alias of itself": ("b: &b [*b]", (2, 8), "stands within what it stands for"),
    "merge of a number": ("<<: 1", (2, 5), "<< merges an object"),
    "another document": ("---\nb: 1", (2, 1), "a file holds one document"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_json_does_not_have_is_told_at_its_own_place(case, write):
    text, place, words = FAULTS[case]
    _, (finding,) = load([write("a.yml", f"workerType: a\n{text}\n")])
    assert place == (finding.line, finding.column), finding.message
    assert words in finding.message


def test_all_such_values_of_a_file_are_told_in_one_run(write):
    text = "\n".join(each for each, _, _ in FAULTS.values() if not each.startswith(("---", "b: &b", "?")))
    _, findings = load([write("a.yml", f"workerType: a\n{text}\n")])
    assert {"yaml-trap", "yaml-tag", "key-type", "duplicate", "alias", "merge"} == {each.rule for each in findings}
    assert 12 <= len(findings)


def test_what_yaml_versions_agree_on_is_left_alone(write):
    text = "workerType: a\nt: 12:30\nn: no\nv: 1.10.0\nz: 0\nf: 0.50\ne: 1e3\nx: 0x1F\nd: '2020-01-01'\ns: !!str 007\n"
    expected = {"t": "12:30", "n": "no", "v": "1.10.0", "z": 0, "f": 0.5, "e": 1000.0, "x": 31, "d": "2020-01-01"}
    assert {"workerType": "a", **expected, "s": "007"} == load_one(write("a.yml", text)).data


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path):
    path = tmp_path / "a.yml"
    path.write_bytes(b"\xef\xbb\xbfworkerType: a\r\nowner: x\r\n")
    document = load_one(path)
    found = document.finding("/owner", "wrong")
    assert ({"workerType": "a", "owner": "x"}, 2, 8) == (document.data, found.line, found.column)


def test_json_files_are_read_with_tabs_and_pairs_of_escapes(write):
    text = '{\n\t"workerType": "a",\n\t"owner":\t"\\ud83d\\ude00\\/"\n}\n'
    document = load_one(write("a.json", text))
    found = document.finding("/owner", "wrong")
    assert ("\N{GRINNING FACE}/", 3, 11) == (document.data["owner"], found.line, found.column)


def test_one_unreadable_file_does_not_hide_the_others(write, tmp_path):
    (tmp_path / "bin.yml").write_bytes(b"workerType: a\nb: \xff\xfe\n")
    (tmp_path / "broken-link.yml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle.yml").symlink_to(tmp_path / "circle.yml")
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "up").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.yml")
    write("good.yml", "workerType: a\n")
    documents, findings = load([tmp_path])
    expected = {
        "bin.yml": "cannot be read: it is not UTF-8; save it as UTF-8",
        "broken-link.yml": "cannot be read: No such file or directory",
        "circle.yml": "cannot be read: Too many levels of symbolic links",
        "folder.yml": "is a folder whose name is one of a file; rename it",
        "up": "is a link to a folder that it stands in; remove it",
        "pipe.yml": "cannot be read: it is no regular file",
    }
    assert ["a"] == [each.name for each in documents]
    assert expected == {each.path.name: each.message for each in findings}
    assert 2 == next(each.line for each in findings if each.path.name == "bin.yml")


def test_hidden_files_and_the_folders_of_other_tools_are_skipped(write, tmp_path):
    for name in (".git/a.yml", ".github/b.yml", ".hooks.yaml", "node_modules/c/package.json", "notes.txt"):
        write(name, "no: config\n")
    good = write("a/b.json", '{"workerType": "a"}')
    assert [good] == yaml_files([tmp_path])
    assert [] == load([tmp_path])[1]


def test_a_link_to_a_file_that_is_read_already_is_not_read_again(write, tmp_path):
    write("a.yml", "workerType: a\n")
    (tmp_path / "b.yml").symlink_to("a.yml")
    assert (1, []) == (len(load([tmp_path])[0]), load([tmp_path])[1])


def test_a_folder_has_one_marker(write, tmp_path):
    first = write("a.yml", "managedBy: releng\n")
    write("b/c.yml", "managedBy: other\n")
    _, (finding,) = load([tmp_path])
    assert ("c.yml", True) == (finding.path.name, str(first) in finding.message)


def test_an_edited_text_is_taken_for_that_of_its_file(write, tmp_path):
    path = write("a.yml", "workerType: a\n")
    documents, _ = load([tmp_path], edited={path: "workerType: b\n"})
    assert ["b"] == [each.name for each in documents]


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
