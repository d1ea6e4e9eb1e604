"""Variants: what follows from the parameters is settled, the rest stays a template that means the same."""

from __future__ import annotations

import jsone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_manager import variants as module
from worker_manager.config import collect_references
from worker_manager.partial import _literal
from worker_manager.variants import expand, template_pointer


def expand_one(template, parameters):
    """The one document of a template, without its name."""
    documents, problems = expand({"workerType": "a", **template, "variants": [parameters]})
    assert () == problems
    (document,) = documents
    return {key: value for key, value in document.items() if key != "workerType"}


SETTLED = {
    "a text": ({"x": "b-${level}"}, {"level": 1}, {"x": "b-1"}),
    "a value": ({"x": {"$eval": "limit"}}, {"limit": 10}, {"x": 10}),
    "an expression": ({"x": {"$eval": "limit * 2 + 1"}}, {"limit": 10}, {"x": 21}),
    "an object": ({"x": {"$eval": "spec"}}, {"spec": {"a": [1]}}, {"x": {"a": [1]}}),
    "a builtin": ({"x": {"$eval": "max(1, len(images))"}}, {"images": [1, 2]}, {"x": 2}),
    "a key": ({"${name}-x": 1}, {"name": "a"}, {"a-x": 1}),
    "a member": ({"x": {"$eval": "spec.level"}}, {"spec": {"level": 3}}, {"x": 3}),
    "a branch": ({"x": {"$if": "level == 1", "then": "a", "else": {"b": "${level}"}}}, {"level": 2}, {"x": {"b": "2"}}),
    "no branch": ({"x": {"$if": "level == 1", "then": 1}, "y": 2}, {"level": 2}, {"y": 2}),
    "no entry": ({"x": [{"$if": "level == 1", "then": 1}, 2]}, {"level": 2}, {"x": [2]}),
    "a switch": ({"x": {"$switch": {"level == 1": "a", "level == 2": "b", "$default": "c"}}}, {"level": 2}, {"x": "b"}),
    "a default": ({"x": {"$switch": {"level == 1": "a", "$default": "c${level}"}}}, {"level": 2}, {"x": "c2"}),
    "within a loop's list": (
        {"x": {"$map": {"$eval": "zones"}, "each(z)": "r-${z}"}},
        {"zones": ["a", "b"]},
        {"x": {"$map": ["a", "b"], "each(z)": "r-${z}"}},
    ),
}


@pytest.mark.parametrize("case", SETTLED)
def test_what_follows_from_the_parameters_is_settled(case):
    template, parameters, expected = SETTLED[case]
    assert expected == expand_one(template, parameters)


KEPT = {
    "a reference": ({"$eval": "context.azs"}, {"$eval": "context.azs"}),
    "a reference with hyphens like parameters": ({"$eval": "context.a-level-b"}, {"$eval": "context.a-level-b"}),
    "a reference spelled out": ({"$eval": "context.regions_${level}"}, {"$eval": "context.regions_1"}),
    "a hyphenated reference spelled out": ({"$eval": "context.regions-${name}"}, {"$eval": "context.regions-it's"}),
    "a reference by its name": ({"$eval": "context[level]"}, {"$eval": "context[1]"}),
    "a mixed expression": ({"$eval": "[now, level, name]"}, {"$eval": '[now, 1, "it\'s"]'}),
    "not a member": ({"$eval": "context.level.level + level"}, {"$eval": "context.level.level + 1"}),
    "not a key": ({"$eval": "{level: level, now: now}"}, {"$eval": "{level: 1, now: now}"}),
    "not a text in it": ({"$eval": "'level' + context.x"}, {"$eval": "'level' + context.x"}),
    "a mixed text": ("${level}-${context.x}", "${1}-${context.x}"),
    "a power": ({"$eval": "9 ** level"}, {"$eval": "9 ** 1"}),
    "a range": ({"$eval": "range(0, level)"}, {"$eval": "range(0, 1)"}),
    "an escape": ("${level} $${HOME}", "1 $${HOME}"),
    "an open condition": (
        {"$if": "context.x == level", "then": "${level}"},
        {"$if": "context.x == 1", "then": "1"},
    ),
    "a name of its own": (
        {"$let": {"y": {"$eval": "level"}}, "in": {"$eval": "y + level"}},
        {"$let": {"y": 1}, "in": {"$eval": "y + 1"}},
    ),
    "a condition of find": (
        {"$find": [1, 2], "each(i)": "i == level"},
        {"$find": [1, 2], "each(i)": "i == 1"},
    ),
    "what cannot be read": ({"$eval": "level +"}, {"$eval": "level +"}),
}


@pytest.mark.parametrize("case", KEPT)
def test_the_rest_stays_a_template_with_the_parameters_written_out(case):
    template, expected = KEPT[case]
    document = expand_one({"x": template, "use": "${level}${name}"}, {"level": 1, "name": "it's"})
    assert expected == document["x"]


def test_references_of_branches_not_taken_are_gone():
    template = {"x": {"$if": "level == 1", "then": {"$eval": "context.a"}, "else": {"$eval": "context.b"}}}
    names = [{each.name for each in collect_references(expand_one(template, {"level": level}))} for level in (1, 2)]
    assert [{"a"}, {"b"}] == names


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(-1e6, 1e6)
    | st.text("ab'\"${}$ \n", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a$'{", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_any_parameter_means_the_same_as_a_literal(value):
    assert value == jsone.render({"$eval": _literal(value)}, {})


@given(JSON)
def test_any_parameter_arrives_as_it_is(value):
    document = expand_one({"x": {"$eval": "p"}, "y": {"$eval": "[p, now]"}}, {"p": value})
    assert {"x": value, "y": [value, "N"]} == jsone.render(document, {"now": "N"})


@given(st.integers(0, 9), st.text("ab-", max_size=4))
def test_an_expanded_template_means_the_same_as_the_template(level, name):
    template = {
        "a": "x-${name}-$${y}-${level + 1}",
        "b": {"$if": "level > 4", "then": {"$eval": "name"}, "else": {"$let": {"q": 2}, "in": {"$eval": "q * level"}}},
        "c": [{"$if": "name == ''", "then": 1}, {"$map": [1, 2], "each(i)": {"$eval": "i + level"}}],
        "${name}k": {"$merge": [{"u": {"$eval": "level"}}, {"$eval": "{v: name, w: context.s}"}]},
        "d": {"$switch": {"level == 1": "one", "level < 1": {"$eval": "context.s"}, "$default": "${level}"}},
    }
    parameters, context = {"level": level, "name": name}, {"context": {"s": [1]}}
    expected = jsone.render(template, {**context, **parameters})
    assert expected == jsone.render(expand_one(template, parameters), context)


NAMED = {"workerType": "w-${n}"}
WRONG = {
    "no list": (NAMED, 5, "/variants", "must be a list of one or more objects"),
    "an empty list": (NAMED, [], "/variants", "must be a list of one or more objects"),
    "too many": (NAMED, [{"n": n} for n in range(1001)], "/variants", "has 1001 entries; one file makes at most 1000"),
    "no object": (NAMED, [{"n": 1}, 7], "/variants/1", "must be an object with parameters, not 7"),
    "missing": (NAMED, [{"n": 1}, {}], "/variants/1", "'n' is missing, which the expression at /workerType uses"),
    "unused": (NAMED, [{"n": 1}, {"n": 2, "m": 3}], "/variants/1/m", "no expression uses the parameter 'm'"),
    "bad name": (NAMED, [{"n": 1, "a-b": 1}], "/variants/0/a-b", "'a-b' cannot be a parameter"),
    "a digit first": (NAMED, [{"n": 1, "1a": 1}], "/variants/0/1a", "cannot be a parameter"),
    "context": (NAMED, [{"n": 1, "context": {}}], "/variants/0/context", "'context' already means something"),
    "now": (NAMED, [{"n": 1, "now": ""}], "/variants/0/now", "'now' already means something"),
    "a builtin": (NAMED, [{"n": 1, "len": 1}], "/variants/0/len", "'len' already means something"),
    "a word of the language": (NAMED, [{"n": 1, "true": 1}], "/variants/0/true", "'true' already means something"),
    "an expression": (NAMED, [{"n": {"$eval": "1"}}], "/variants/0/n", "'$eval' is not evaluated here"),
    "the same name": (NAMED, [{"n": 1}, {"n": 1}], "/variants/1", "gives the worker type 'w-1', as /variants/0 does"),
    "one name for all": (
        {"workerType": "w", "x": "${n}"},
        [{"n": 1}, {"n": 2}],
        "/variants/1",
        "each needs a name of its own",
    ),
    "an open name": (
        {"workerType": "w-${n}-${now}"},
        [{"n": 1}],
        "/workerType",
        "must follow from the parameters alone",
    ),
    "a name that is no text": ({"workerType": {"$eval": "n"}}, [{"n": 1}], "/workerType", "be a text"),
    "shadowed by let": (
        {**NAMED, "x": {"$let": {"n": 2}, "in": {"$eval": "n"}}},
        [{"n": 1}],
        "/x/$let",
        "'n' is a parameter of the variants",
    ),
    "shadowed by each": (
        {**NAMED, "x": {"$map": [1], "each(v, n)": {"$eval": "n"}}},
        [{"n": 1}],
        "/x/each(v, n)",
        "'n' is a parameter of the variants",
    ),
    "a failing expression": (
        {**NAMED, "x": {"$eval": "n + 'a'"}},
        [{"n": 1}],
        "/x/$eval",
        "fails with the parameters of /variants/0",
    ),
    "a reference within an expression's text": (
        {**NAMED, "x": {"$eval": "'${context.y}' + n"}},
        [{"n": "1"}],
        "/x/$eval",
        "may use parameters alone",
    ),
    "large parameters": (NAMED, [{"n": "x" * 20000}], "/variants/0", "larger than 16 KiB"),
    "large results": (
        {**NAMED, "x": [{"$eval": "n"}] * 100},
        [{"n": "x" * 10000}],
        "/variants/0",
        "what it makes is larger than 256 KiB",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_expanded_is_told_with_its_place(case):
    template, given_variants, pointer, words = WRONG[case]
    _, problems = expand({**template, "variants": given_variants})
    assert [pointer] == [each.pointer for each in problems]
    assert words in problems[0].message


def test_a_misspelt_parameter_says_what_was_meant():
    _, problems = expand({**NAMED, "x": "${image}", "variants": [{"n": 1, "imag": 2}]})
    assert ["/variants/0/imag", "/variants/0"] == [each.pointer for each in problems]
    assert all("did you mean 'imag" in each.message for each in problems)


def test_a_wrong_variant_does_not_hide_the_others():
    documents, problems = expand({**NAMED, "variants": [{"n": 1}, {}, {"n": 3}]})
    assert (["w-1", "w-3"], 1) == ([each["workerType"] for each in documents], len(problems))


def test_all_variants_together_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_EXPANDED_BYTES", 1000)
    documents, problems = expand({**NAMED, "x": "y" * 100, "variants": [{"n": n} for n in range(10)]})
    assert ((), "/variants", "too-large") == (documents, problems[0].pointer, problems[0].rule)


@pytest.mark.parametrize(
    ("template", "count", "words"),
    [
        ({"x": "${n}" * 5000}, 1, "a text with ${…} must not be longer than"),
        ({"x": ["${n}" * 4000] * 5}, 1, "the document's expressions together must not be longer"),
        ({"x": "${n}" * 4000}, 1000, "expressions of 16006 characters, 1000 times: split the file up"),
    ],
)
def test_the_work_of_expanding_is_bounded(template, count, words):
    documents, problems = expand({**NAMED, **template, "variants": [{"n": n} for n in range(count)]})
    assert ((), True) == (documents, words in problems[0].message), problems


def test_a_thousand_variants_are_expanded():
    documents, problems = expand({**NAMED, "x": {"$eval": "n + 1"}, "variants": [{"n": n} for n in range(1000)]})
    assert (1000, 1000, ()) == (len(documents), documents[-1]["x"], problems)


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/a/0/b", "/a/0/b"),
        ("/c/1", "/c"),
        ("/d/e", "/d"),
        ("/f/g", "/f"),
        ("/h/$eval", "/h/$eval"),
        ("/nowhere/x", ""),
    ],
)
def test_a_place_of_an_expanded_document_leads_to_the_template(pointer, expected):
    template = {
        "a": [{"b": "${x}"}],
        "c": [{"$if": "x", "then": 1}, 2, 3],
        "d": {"$if": "x", "then": {"e": 1}},
        "f": {"${x}": 1},
        "h": {"$eval": "context.${x}"},
    }
    document = {"a": [{"b": "v"}], "c": [2, 3], "d": {"e": 1}, "f": {"g": 1}, "h": {"$eval": "context.v"}}
    assert expected == template_pointer(template, document, pointer)
