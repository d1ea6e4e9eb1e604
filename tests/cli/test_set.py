"""`wm set`: one value changes, everything else of the file stays; nothing is written that makes a new problem."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.commands.set import set_
from cli.editing import Edit, EditRefused, assignment, edited
from worker_manager.reading import read

# As people write: three ways to indent, comments everywhere, aligned values, both quotes, a folded text.
TEXT = """\
# what this is for
---
workerType: sample      # the name
provider:   'aws-provider'

# capacities
minCapacity: 0
maxCapacity: 5    # enough
description: "a sample"
owner:
scopes:   []
regions:
    - region: us-west-2   # first
      launchSpec: { ImageId: ami-1,   KeyName: x }

    # the second
    - region: us-west-1
      launchSpec:
        ImageId: ami-1
        # about the key
        KeyName: long text
          over lines
shared: &shared
  a: 1
other: *shared
instanceTypes:
- {instanceType: m5.large, capacity: 1, utility: 1}
# the end
"""

CHANGES = {
    "maxCapacity=20": ["-maxCapacity: 5    # enough", "+maxCapacity: 20    # enough"],
    "provider=other": ["-provider:   'aws-provider'", "+provider:   'other'"],
    'description="a: b"': ['-description: "a sample"', '+description: "a: b"'],
    "description=7": ['-description: "a sample"', "+description: 7"],
    "scopes=[a, b]": ["-scopes:   []", "+scopes:   [a, b]"],
    "owner=me": ["-owner:", "+owner: me"],
    "regions.0.launchSpec.ImageId=ami-2": [
        "-      launchSpec: { ImageId: ami-1,   KeyName: x }",
        "+      launchSpec: { ImageId: ami-2,   KeyName: x }",
    ],
    "/regions/1/launchSpec/ImageId=ami-2": ["-        ImageId: ami-1", "+        ImageId: ami-2"],
    "regions[region=us-west-1].launchSpec.ImageId=ami-2": ["-        ImageId: ami-1", "+        ImageId: ami-2"],
    "regions[1].launchSpec.KeyName=short": [
        "-        KeyName: long text",
        "-          over lines",
        "+        KeyName: short",
    ],
    "regions[region=us-west-1].launchSpec.EbsOptimized=true": ["+        EbsOptimized: true"],
    "instanceTypes[instanceType=m5.large].capacity=2": [
        "-- {instanceType: m5.large, capacity: 1, utility: 1}",
        "+- {instanceType: m5.large, capacity: 2, utility: 1}",
    ],
    "lifecycle.drain.seconds=60": ["+lifecycle:", "+  drain:", "+    seconds: 60"],
}
REMOVALS = {
    "minCapacity": ["-minCapacity: 0"],
    "regions.0": [
        "-    - region: us-west-2   # first",
        "-      launchSpec: { ImageId: ami-1,   KeyName: x }",
    ],
    "/regions/1/launchSpec/KeyName": ["-        KeyName: long text", "-          over lines"],
    "instanceTypes": ["-instanceTypes:", "-- {instanceType: m5.large, capacity: 1, utility: 1}"],
    "regions.0.launchSpec.KeyName": [
        "-      launchSpec: { ImageId: ami-1,   KeyName: x }",
        "+      launchSpec: {ImageId: ami-1}",
    ],
}


def difference(before, after):
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [each for each in list(lines)[2:] if not each.startswith("@@")]


@pytest.mark.parametrize("text", CHANGES)
def test_nothing_but_the_value_changes(text):
    assert CHANGES[text] == difference(TEXT, edited(TEXT, assignment(text)))


@pytest.mark.parametrize("path", REMOVALS)
def test_nothing_but_what_is_taken_out_is_gone(path):
    assert REMOVALS[path] == difference(TEXT, edited(TEXT, Edit(path, None)))


@pytest.mark.parametrize("text", CHANGES)
def test_windows_line_ends_stay(text):
    windows = TEXT.replace("\n", "\r\n")
    assert edited(TEXT, assignment(text)).replace("\n", "\r\n") == edited(windows, assignment(text))


def test_a_last_line_without_an_end_gets_one():
    assert "a: 1\nb: 2\n" == edited("a: 1", assignment("b=2"))


def test_a_list_in_lines_is_replaced_and_its_neighbours_keep_their_comments():
    text = "# top\na:\n- 1\n- 2\n# about b\nb: 3\n"
    after = edited(text, assignment("a=[9]"))
    assert ({"a": [9], "b": 3}, True, True) == (read(after)[0].value, "# top\n" in after, "# about b\nb: 3\n" in after)


REFUSED = {
    "maxCapacity": "write PATH=VALUE",
    "=5": "write PATH=VALUE",
    "a..b=5": "is no path: write a.b",
    "a[=5": "write PATH=VALUE",
    "maxCapacity=": "the value is empty",
    "maxCapacity=# five": "the value is empty",
    "maxCapacity=1_000": "1_000 is a number to some readers of YAML and a text to others: quote it",
    "description=2020-01-01": "is a date in YAML",
    "description=a: b": "is an object or a list: write it as {…} or […], or quote it",
    "description=[a": "this is not YAML",
    "workerType.x=1": "/workerType is not an object",
    "workerType[a=b].x=1": "/workerType is not a list",
    "regions.7.region=x": "there is no entry 7 in /regions, which has 2",
    "regions.first.region=x": "there is no entry first in /regions",
    "regions[region=us-west-7].x=1": "no entry of /regions has region=us-west-7; did you mean 'us-west-2'?",
    "regions[launch=x].x=1": "no entry of /regions has launch=x",
    "other.a=2": "by an alias",
}


@pytest.mark.parametrize("text", REFUSED)
def test_an_edit_that_cannot_be_made_is_refused_with_the_reason(text):
    with pytest.raises(EditRefused) as caught:
        edited(TEXT, assignment(text))
    assert REFUSED[text] in str(caught.value)


def test_a_selection_that_fits_several_entries_is_refused():
    with pytest.raises(EditRefused, match="2 entries of /a have x=1: name one by its number"):
        edited("a: [{x: 1}, {x: 1}]", assignment("a[x=1].y=2"))


def test_what_is_not_there_cannot_be_taken_out():
    with pytest.raises(EditRefused, match="there is no 'maxCapcity' in the document; did you mean 'maxCapacity'"):
        edited(TEXT, Edit("maxCapcity", None))


@pytest.mark.parametrize("text", ["", "# nothing\n", "a: [\n"])
def test_a_text_without_a_document_is_not_edited(text):
    with pytest.raises(EditRefused):
        edited(text, assignment("a=1"))


# ---- the command


@pytest.fixture
def wm_set():
    def run(*words):
        return CliRunner().invoke(set_, [str(each) for each in words])

    return run


def test_the_file_is_written_and_the_difference_printed(write, wm_set, worker_type_text):
    path = write("a.yml", worker_type_text)
    path.chmod(0o640)
    result = wm_set(path, "maxCapacity=20", "instanceTypes.0.capacity=2", "--unset", "description")
    assert 0 == result.exit_code, result.output
    expected = worker_type_text.replace("maxCapacity: 5", "maxCapacity: 20").replace("capacity: 1", "capacity: 2")
    assert (expected.replace("description: a sample\n", ""), 0o640) == (path.read_text(), path.stat().st_mode & 0o777)
    assert {"-maxCapacity: 5", "+maxCapacity: 20", "-description: a sample"} <= set(result.stdout.splitlines())
    assert [path] == list(path.parent.iterdir())


def test_a_dry_run_writes_nothing(write, wm_set, worker_type_text):
    path = write("a.yml", worker_type_text)
    result = wm_set(path, "maxCapacity=20", "--dry-run", "-o", "json")
    (row,) = json.loads(result.stdout)
    assert (0, True, False) == (result.exit_code, row["changed"], row["written"])
    assert worker_type_text == path.read_text()


def test_what_says_so_already_is_not_written(write, wm_set, worker_type_text):
    path = write("a.yml", worker_type_text)
    before = path.stat().st_ino
    result = wm_set(path, "maxCapacity=5")
    assert (0, f"{path} says so already\n", before) == (result.exit_code, result.stdout, path.stat().st_ino)


@pytest.mark.parametrize(
    ("words", "line", "message"),
    [
        (["maxCapacity=five"], 4, "must be a whole number, not 'five'"),
        (["minCapacity=9"], 3, "minCapacity 9 is more than maxCapacity 5"),
        (["maxCapactiy=9"], 16, "unknown key 'maxCapactiy'; did you mean 'maxCapacity'?"),
        (["--unset", "maxCapacity"], 1, "'maxCapacity' is missing"),
        (["--unset", "workerType"], 1, "'workerType' is missing"),
        (["maxCapacity=20", "regions.0.launchSpec.ImageId=ami"], 11, "'ami' does not have the right form"),
    ],
)
def test_an_edit_that_makes_a_problem_is_not_written(words, line, message, write, wm_set, worker_type_text):
    path = write("a.yml", worker_type_text)
    result = wm_set(path, *words)
    assert (1, worker_type_text) == (result.exit_code, path.read_text())
    assert [each for each in result.stdout.splitlines() if f"{path}:{line}:" in each and message in each], result.stdout


def test_problems_that_were_there_do_not_keep_a_file_from_being_edited(write, wm_set, worker_type_text):
    path = write("a.yml", worker_type_text.replace("utility: 1", "utility: []").replace("a sample", "2020-01-01"))
    write("b.yml", "hello: 1\n")
    assert 0 == wm_set(path, "maxCapacity=20").exit_code
    assert 0 == wm_set(path, "description='2020-01-01'").exit_code
    assert 0 == wm_set(path, "instanceTypes.0.utility=1").exit_code


def test_a_shared_config_is_not_edited_if_a_worker_type_of_the_folder_would_break(
    write, wm_set, worker_type_text, shared_config_text
):
    path = write("images.yml", shared_config_text)
    regions = worker_type_text.partition("regions:\n")[2].partition("instanceTypes:")[0]
    user = write("a.yml", worker_type_text.replace(f"regions:\n{regions}", "regions: {$eval: context.images}\n"))
    result = wm_set(path, "value=[]")
    assert 1 == result.exit_code
    assert shared_config_text == path.read_text()
    assert str(user) in wm_set(path, "name=pictures").stdout
    assert 0 == wm_set(path, "value[region=us-west-2].launchSpec.ImageId=ami-06adcae0cf519fda6").exit_code


def test_references_are_checked_as_far_as_the_folder_knows_them(
    write, wm_set, worker_type_text, shared_config_text, tmp_path
):
    path = write("types/a.yml", worker_type_text)
    write("configs/images.yml", shared_config_text)
    words = [path, "regions={$eval: context.imagse}", "--dry-run"]
    alone = wm_set(*words)
    assert 0 == alone.exit_code
    assert f"not checked: the shared configs imagse, for {path.parent} has none; name their folder by" in alone.stderr
    known = wm_set(*words, "--folder", tmp_path)
    assert (1, True) == (known.exit_code, "did you mean 'images'?" in known.stdout)


def test_a_link_stays_one_and_a_byte_order_mark_too(write, wm_set, worker_type_text, tmp_path):
    path = write("real/a.yml", "\ufeff" + worker_type_text)
    (tmp_path / "link.yml").symlink_to(path)
    assert 0 == wm_set(tmp_path / "link.yml", "maxCapacity=20").exit_code
    assert (True, True) == ((tmp_path / "link.yml").is_symlink(), path.read_text().startswith("\ufeffworkerType"))
    assert "maxCapacity: 20" in path.read_text()


def test_a_parameter_of_a_variant_is_set_like_any_value(wm_set, tmp_path):
    folder = Path(__file__).resolve().parents[2] / "examples" / "variants"
    for each in folder.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    result = wm_set(tmp_path / "builders.yml", "variants[size=large].limit=300", "--dry-run")
    assert "2 entries of /variants have size=large" in result.stderr
    assert 0 == wm_set(tmp_path / "builders.yml", "variants.0.limit=300").exit_code
    assert 1 == wm_set(tmp_path / "builders.yml", "minCapacity=30").exit_code


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "nothing to do"),
        (["maxCapacity"], 1, "write PATH=VALUE"),
        (["maxCapacity=1_0"], 1, "quote it"),
    ],
)
def test_wrong_words_are_told(words, code, message, write, wm_set, worker_type_text):
    result = wm_set(write("a.yml", worker_type_text), *words)
    assert (code, True) == (result.exit_code, message in result.stderr)


def test_json_is_left_to_other_tools(write, wm_set):
    assert "this edits YAML files" in wm_set(write("a.json", "{}"), "a=1").stderr
