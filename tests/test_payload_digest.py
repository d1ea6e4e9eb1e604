"""What a signature is made over: the digest of a payload, and the canonical JSON below it."""

import hashlib
import inspect
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_manager.canonical_json import canonical_json
from worker_manager.errors import ConfigInvalid
from worker_manager.tokens import payload_digest

TEXT = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def test_the_worked_example_of_the_documentation_is_right():
    text = inspect.getdoc(payload_digest)
    value = json.loads(next(line for line in text.splitlines() if line.startswith('    {"pending"')))
    canonical = '{"author":"Zoë","pending":7}'
    assert f"the {len(canonical.encode())} bytes `{canonical}`" in text
    assert f"    sha256-{hashlib.sha256(canonical.encode()).hexdigest()}" in text.splitlines()
    assert payload_digest(value) in text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, id="order"),
        pytest.param({"a": 1.0}, {"a": 1}, id="whole-numbers"),
        pytest.param([-0.0], [0], id="no-negative-zero"),
        pytest.param({"a": 1, "authorization": "x"}, {"a": 1}, id="authorization"),
        pytest.param({"a": 1, "authorization": {"b": float("nan")}}, {"a": 1}, id="whatever-it-is"),
    ],
)
def test_what_makes_no_difference(first, second):
    assert payload_digest(first) == payload_digest(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": {"authorization": "x"}}, {"a": {}}),
        ([{"authorization": "x"}], [{}]),
        ([1], [True]),
        ([1], ["1"]),
        ([None], []),
        ({}, []),
        ({}, None),
        (["a", "b"], ["b", "a"]),
        ([0.1], [0.1 + 2**-56]),
        (["\u00e9"], ["e\u0301"]),
        ({"a": '","b":"'}, {"a": "", "b": ""}),
    ],
)
def test_what_makes_a_difference(first, second):
    assert payload_digest(first) != payload_digest(second)


@given(value=JSON)
def test_the_canonical_text_says_the_whole_value(value):
    """So two values with one text are one value. JavaScript has but one kind of numbers."""
    assert value == json.loads(canonical_json(value), parse_int=float)
    assert canonical_json(value) == canonical_json(json.loads(json.dumps(value, indent=1)))


@pytest.mark.parametrize(
    ("expected", "number"),
    [
        ("0", -0.0),
        ("5e-324", 5e-324),
        ("-5e-324", -5e-324),
        ("1.7976931348623157e+308", sys.float_info.max),
        ("295147905179352830000", 295147905179352825856.0),
        ("9.999999999999997e+22", 9.999999999999997e22),
        ("1e+23", 1e23),
        ("1.0000000000000001e+23", 1.0000000000000001e23),
        ("999999999999999700000", 9.999999999999997e20),
        ("999999999999999900000", 9.999999999999999e20),
        ("1e+21", 1e21),
        ("9.999999999999997e-7", 9.999999999999997e-7),
        ("0.000001", 1e-6),
        ("333333333.3333332", 333333333.3333332),
        ("333333333.33333325", 333333333.33333325),
        ("-0.0000033333333333333333", -0.0000033333333333333333),
        ("1424953923781206.2", 1424953923781206.2),
        ("1e-10", 1e-10),
        ("4.5", 4.5),
        ("100", 100.0),
        ("123456789012345680", 123456789012345680.0),
    ],
)
def test_numbers_are_written_as_rfc_8785_lists_them(expected, number):
    """Its appendix B, and the limits between the notations."""
    assert expected == canonical_json(number)


def test_the_examples_of_rfc_8785():
    """Its sections 3.2.2 and 3.2.3: literals and escapes, members sorted by UTF-16 code units."""
    text = r"""{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"""
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
    )
    assert expected == canonical_json(json.loads(text))
    names = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert names == list(json.loads(canonical_json(dict.fromkeys(reversed(names)))))


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/a/0", {"a": [2**53]}),
        ("/a", {"a": float("nan")}),
        ("", float("inf")),
        ("/a", {"a": "\ud800"}),
        ("", {1: "a"}),
        ("/0", [{1, 2}]),
        ("", "x" * (2 * 1024 * 1024)),
    ],
)
def test_what_not_every_language_reads_alike_has_no_digest(pointer, value):
    with pytest.raises(ConfigInvalid) as caught:
        payload_digest(value)
    assert pointer == caught.value.problems[0].pointer


def test_a_value_that_is_too_deep_has_no_digest():
    value = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(ConfigInvalid, match="nested more than"):
        payload_digest(value)
