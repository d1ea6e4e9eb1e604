"""Differences between documents: one a changed value, at its pointer, on lines that fit; secrets never."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.comparing import Difference, Sign, differences, hidden_names


def told(old: Any, new: Any) -> list[tuple[str, str]]:
    return [(str(each.sign), each.pointer) for each in differences(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("~", "/a")]),
        ({"a": 1}, {"b": 1}, [("+", "/b"), ("-", "/a")]),
        ({"a": {"b/c": {"~": 1}}}, {"a": {"b/c": {"~": 2}}}, [("~", "/a/b~1c/~0")]),
        ({"a": 1}, {"a": {"b": 1}}, [("~", "/a")]),
        ({"a": True}, {"a": 1}, [("~", "/a")]),
        ([1, 2, 3], [1, 2, 3, 4], [("+", "/3")]),
        ([1, 2, 3], [2, 3], [("-", "/0")]),
        ([{"r": 1, "i": "x"}, {"r": 2, "i": "x"}], [{"r": 1, "i": "x"}, {"r": 2, "i": "y"}], [("~", "/1/i")]),
        ([{"r": 2}, {"r": 3}], [{"r": 1}, {"r": 2}, {"r": 3}], [("+", "/0")]),
        ({"a": [1, 2]}, {"a": [3]}, [("~", "/a/0"), ("-", "/a/1")]),
        (1, 2, [("~", "")]),
    ],
)
def test_every_difference_is_told_once_at_its_pointer(old, new, expected):
    assert expected == told(old, new)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON)
def test_nothing_differs_exactly_when_the_documents_are_equal(old, new):
    assert (json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)) == (differences(old, new) == [])
    assert [] == differences(old, copy.deepcopy(old))


def test_what_schemas_call_write_only_is_hidden():
    assert "secrets" in hidden_names()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"secrets": {"token": "ssm:hush-1"}}, {"secrets": {"token": "ssm:hush-2"}}),
        ({}, {"regions": [{"region": "us-west-1", "secrets": {"token": "ssm:hush"}}]}),
        ({"regions": [{"secrets": {"token": "ssm:hush"}}]}, {"regions": []}),
        ({"secrets": "ssm:hush"}, {"secrets": {"token": "ssm:hush"}}),
    ],
)
def test_secrets_are_told_of_but_not_shown(old, new):
    (found,) = differences(old, new)
    text = str(found.row()) + str(found.lines(200))
    assert "hush" not in text
    assert "(not shown)" in text


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    ("old", "new"), [("a" * 500, "b" * 500), ("short", "b" * 500), ({"x": ["y"] * 90}, "short"), ("é" * 90, None)]
)
@pytest.mark.parametrize("pointer", ["/a", "/regions/10/launchSpec/NetworkInterfaces/0/Groups/0/" + "x" * 20])
def test_lines_fit_the_terminal(width, old, new, pointer):
    lines = Difference(pointer, Sign.CHANGED, old, new).lines(width)
    assert max(map(len, lines)) <= width
    assert pointer in lines[0]


def test_a_short_value_leaves_its_room_to_the_long_one():
    (line,) = Difference("/a", Sign.CHANGED, 1, "b" * 60).lines(80)
    assert f'  ~ /a  1 -> "{"b" * 60}"' == line


def test_texts_that_begin_alike_are_shown_where_they_differ():
    (line,) = Difference("/a", Sign.CHANGED, "x" * 300 + "old", "x" * 300 + "new").lines(80)
    assert 'old" -> …' in line
    assert line.endswith('new"')


@pytest.mark.parametrize(
    ("each", "row"),
    [
        (Difference("/a", Sign.ADDED, new=None), {"sign": "+", "pointer": "/a", "new": None}),
        (Difference("/a", Sign.REMOVED, old=1), {"sign": "-", "pointer": "/a", "old": 1}),
        (Difference("/a", Sign.CHANGED, 1, 2), {"sign": "~", "pointer": "/a", "old": 1, "new": 2}),
    ],
)
def test_programs_get_the_values_there_are(each, row):
    assert row == each.row()
