"""References are found without rendering, templates see no clock, and a bomb never takes longer than its limit."""

from __future__ import annotations

import json
import threading
import time

import jsone
import pytest

from worker_manager import guarded
from worker_manager.config import SharedValue, collect_references, may_loop, missing_references, render, resolve
from worker_manager.errors import ConfigInvalid
from worker_manager.kinds import kind

NOW = "2026-11-23T10:00:00.000Z"


def shared(**values):
    return {name.replace("__", "-"): SharedValue(1, value, "") for name, value in values.items()}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"a": {"$eval": "context.b"}}, [("b", "/a/$eval")]),
        ({"a": {"$eval": "context.b-c-d"}}, [("b-c-d", "/a/$eval")]),
        ({"a": {"$eval": " context.b-c\n"}}, [("b-c", "/a/$eval")]),
        ({"a": {"$eval": 'context["b-c"]'}}, [("b-c", "/a/$eval")]),
        ({"a": {"$eval": "context['b']"}}, [("b", "/a/$eval")]),
        ({"a": {"$eval": "context.b - 1"}}, [("b", "/a/$eval")]),
        ({"a": {"$eval": "context.b.c[0].d"}}, [("b", "/a/$eval")]),
        ({"a": {"$eval": "1 + [context.b, {x: context.c}][0]"}}, [("b", "/a/$eval"), ("c", "/a/$eval")]),
        ({"a": {"$eval": "len(context.b[context.c : context.d])"}}, [(name, "/a/$eval") for name in "bcd"]),
        ({"a": {"$eval": "!(context.b) && -(context.c) > 2 ** context.d"}}, None),
        ({"a": "${context.b} and $${context.c} and ${context.d-1}"}, [("b", "/a"), ("d", "/a")]),
        ({"${context.b}": 1}, [("b", "/${context.b}")]),
        ({"a": [1, {"x/y~z": "${context.b}"}]}, [("b", "/a/1/x~1y~0z")]),
        ({"$if": "context.a", "then": "${context.b}", "else": {"$eval": "context.c"}}, None),
        ({"x": {"$switch": {"context.a": "${context.b}", "$default": "${context.c}"}}}, None),
        ({"x": {"$match": {"context.a == 1": {"$eval": "context.b"}}}}, None),
        ({"$let": {"v": {"$eval": "context.a"}}, "in": {"$eval": "v + context.b"}}, None),
        ({"$map": {"$eval": "context.a"}, "each(v, i)": {"$eval": "context.b"}}, None),
        ({"$find": {"$eval": "context.a"}, "each(v)": "v == context.b"}, None),
        ({"$sort": {"$eval": "context.a"}, "by(v)": "v.x + context.b"}, None),
        ({"$reduce": {"$eval": "context.a"}, "initial": {"$eval": "context.z"}, "each(x, y)": "${context.b}"}, None),
        ({"$fromNow": "${context.a}", "from": {"$eval": "context.b"}}, None),
        ({"$mergeDeep": [{"$eval": "context.a"}, {"b": {"$json": {"$eval": "context.b"}}}]}, None),
        ({"$$eval": "context.b", "x": "context.c", "context.d": 1, "y": "$context.e"}, []),
        ({"a": {"$eval": "defined('x') || now"}}, []),
        ([], []),
        ("context.b", []),
    ],
)
def test_references_are_found_in_every_branch(document, expected):
    found = collect_references(document)
    if expected is None:
        assert sorted({reference.name for reference in found}) in (["a", "b"], ["a", "b", "c"], ["b", "c", "d"])
        assert "z" not in {reference.name for reference in found}
    else:
        assert [(reference.name, reference.pointer) for reference in found] == expected
    assert missing_references(document, {reference.name for reference in found}) == ()


@pytest.mark.parametrize(
    ("template", "pointer", "message"),
    [
        ({"$eval": "context"}, "/a/$eval", "references must be spelled out"),
        ({"$eval": "context[now]"}, "/a/$eval", "references must be spelled out"),
        ({"$eval": "context['a' + 'b']"}, "/a/$eval", "references must be spelled out"),
        ({"$eval": "context['a':'b']"}, "/a/$eval", "references must be spelled out"),
        ({"$map": {"$eval": "context"}, "each(x)": 1}, "/a/$map/$eval", "references must be spelled out"),
        ({"$eval": "!context.b"}, "/a/$eval", "!(context.NAME)"),
        ("${[context][0].x}", "/a", "references must be spelled out"),
        ({"$let": {"context": {}}, "in": {"$eval": "context.b"}}, "/a/$let", "'context' already means something"),
        ({"$let": {"now": None}, "in": 1}, "/a/$let", "'now' already means something"),
        ({"$map": [1], "each(x, context)": 1}, "/a/each(x, context)", "'context' already means something"),
        ({"$sort": [1], "by(context)": "context.b"}, "/a/by(context)", "'context' already means something"),
        ({"$eval": "1 +"}, "/a/$eval", "cannot be read"),
        ({"$eval": ""}, "/a/$eval", "cannot be read"),
        ({"$eval": "context["}, "/a/$eval", "cannot be read"),
        ({"$eval": "1 2"}, "/a/$eval", "unexpected '2'"),
        ({"$eval": "§"}, "/a/$eval", "cannot be read"),
        ({"$eval": 5}, "/a/$eval", "must be a text, not 5"),
        ({"$if": True, "then": 1}, "/a/$if", "must be a text, not true"),
        ("${", "/a", "cannot be read"),
        ("${now", "/a", "is not closed"),
        ({"$eval": "(" * 4000}, "/a/$eval", "nested too deeply"),
        ({"$eval": "1" * 5000}, "/a/$eval", "longer than 4096"),
        ("${now}" + "x" * 20000, "/a", "longer than 16384"),
        ([{"$eval": "1+" * 2000 + "1"}] * 20, "", "longer than 65536"),
        ({"$eval": "context.b-d"}, "/a/$eval", "there is no shared config 'b-d'; did you mean 'b-c'?"),
        ({"$eval": "context.bx - 1"}, "/a/$eval", 'write context["bx-y"]'),
        ({"$eval": "context.zzz"}, "/a/$eval", "there is no shared config 'zzz'"),
    ],
)
def test_what_names_no_shared_config_is_a_problem_at_its_place(template, pointer, message):
    problems = missing_references({"a": template}, ["b", "b-c", "bx-y"])
    assert [problem for problem in problems if problem.pointer == pointer and message in problem.message], problems


@pytest.mark.parametrize("document", [None, 5, "x", [[[]]], {"a": float("nan")}, {1: 2}])
def test_collecting_references_never_raises(document):
    assert collect_references(document) == ()


def test_values_that_contain_themselves_or_are_too_deep_have_no_references():
    loop: dict[str, object] = {}
    loop["again"] = loop
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    bomb: list[object] = ["x" * 1000]
    for _ in range(50):
        bomb = [bomb, bomb]
    started = time.perf_counter()
    assert [collect_references(value) for value in (loop, deep, bomb)] == [(), (), ()]
    rules = [missing_references(value, ())[0].rule for value in (loop, deep, bomb)]
    assert rules == ["too-deep", "too-deep", "too-large"]
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"a": {"$eval": "context.b-c"}, "b": [1, {"$eval": "context.b"}], "c": "$${x}", "$$d": 1}, False),
        ({"a": {"$eval": "context.b + 1"}}, True),
        ({"a": "${now}"}, True),
        ({"${now}": 1}, True),
        ({"a": {"$merge": []}}, True),
        ({"a": [{"$eval": "context.b"}] * 64}, False),
        ({"a": [{"$eval": "context.b"}] * 65}, True),
    ],
)
def test_only_a_few_plain_references_are_cheap(document, expected):
    assert may_loop(document) is expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"$eval": "context.b-c"}, [1, 2]),
        ({"$eval": 'context["b-c"][1]'}, 2),
        ({"$map": {"$eval": "context.b-c"}, "each(x)": {"v": {"$eval": "x + context.b"}}}, [{"v": 11}, {"v": 12}]),
        ("v${context.b}", "v10"),
        ({"$eval": "now"}, NOW),
        ({"$fromNow": "1 day"}, "2026-11-24T10:00:00.000Z"),
        ({"$eval": "fromNow('1 day')"}, "2026-11-24T10:00:00.000Z"),
        ({"$fromNow": "1 day", "from": "2026-01-01T00:00:00.000Z"}, "2026-01-02T00:00:00.000Z"),
        ({"$fromNow": "1 day", "from": None}, "2026-11-24T10:00:00.000Z"),
        ({"$fromNow": "1 day", "from": {"$eval": "null"}}, "2026-11-24T10:00:00.000Z"),
        ({"initial": {"$eval": "context.b-c"}, "$$eval": 1}, {"initial": [1, 2], "$eval": 1}),
        ({"$reduce": [1, 2], "initial": 0, "each(acc, x)": {"$eval": "acc + x"}}, 3),
        ({"$eval": "context.t"}, {"$eval": "1 + 1"}),
    ],
)
def test_rendering(template, expected):
    """Values stay data: an expression inside of one is not evaluated. No template sees the wall clock."""
    values = shared(b=10, b__c=[1, 2], t={"$eval": "1 + 1"})
    assert render({"a": template}, values, NOW) == {"a": expected}


def test_every_failing_member_is_reported_with_its_place():
    document = {"a": {"$eval": "1 + 'x'"}, "b": {"c": [0, {"$eval": "context.b.missing"}]}, "d": 1}
    with pytest.raises(ConfigInvalid) as caught:
        render(document, shared(b={}), NOW)
    assert [problem.pointer for problem in caught.value.problems] == ["/a", "/b/c/1"]
    assert 'object has no property "missing"' in caught.value.problems[1].message


@pytest.mark.parametrize("now", ["", "2026-11-23", "2026-11-23T10:00:00Z", NOW + "\n", "2026-11-23T10:00:00.000000Z"])
def test_now_must_be_exact(now):
    with pytest.raises(ValueError, match="now must look like"):
        render({}, {}, now)


def test_json_e_itself_still_reads_hyphens_as_subtractions():
    """If this fails, the rewriting of references can go."""
    assert jsone.render({"$eval": "c.a-b"}, {"c": {"a": 3}, "b": 1}) == 2


# ---- bombs

BOMBS = [
    {"$eval": "9 ** 9 ** 9 ** 9"},
    {"$map": {"$eval": "range(0, 3000)"}, "each(x)": {"$map": {"$eval": "range(0, 3000)"}, "each(y)": "${x}${y}"}},
    {"$eval": "range(0, 1000000000)"},
    {"$reduce": {"$eval": "range(0, 60)"}, "initial": "xxxx", "each(a, i)": {"$eval": "a + a"}},
]


def document_with(template):
    return {
        "workerType": "bomb",
        "provider": "aws-provider",
        "minCapacity": 0,
        "maxCapacity": 1,
        "regions": [{"region": "us-east-1", "launchSpec": {"ImageId": "ami-17373968"}}],
        "instanceTypes": [{"instanceType": "m5.large"}],
        "userData": {"x": template},
    }


@pytest.fixture
def child(monkeypatch):
    """A child of our own with a short time limit."""
    made = guarded._Child(time_limit_seconds=1.5)
    monkeypatch.setattr(guarded, "_child", made)
    yield made
    made._stop()


@pytest.mark.parametrize("template", BOMBS, ids=json.dumps)
def test_a_bomb_is_refused_in_bounded_time_and_the_next_job_is_done(template, child):
    assert guarded.resolve_guarded(document_with("${1 + 1}"), {}, now=NOW, kind=kind("aws")).worker_type == "bomb"
    started = time.perf_counter()
    with pytest.raises(ConfigInvalid) as caught:
        guarded.resolve_guarded(document_with(template), {}, now=NOW, kind=kind("aws"))
    assert time.perf_counter() - started < 8
    assert [problem.rule for problem in caught.value.problems] == ["template-too-expensive"]
    resolved = guarded.resolve_guarded(document_with({"$eval": "1 + 1"}), {}, now=NOW, kind=kind("aws"))
    assert resolved.document["userData"] == {"x": 2}


def test_references_that_multiply_a_large_value_are_refused_in_bounded_time(child):
    values = shared(big={"x": [1] * 100_000})
    started = time.perf_counter()
    with pytest.raises(ConfigInvalid) as caught:
        guarded.resolve_guarded(document_with([{"$eval": "context.big"}] * 8000), values, now=NOW, kind=kind("aws"))
    assert time.perf_counter() - started < 8
    assert caught.value.problems[0].rule in ("too-large", "template-too-expensive")


def test_thousands_of_mistakes_are_reported_in_bounded_time_and_number():
    document = document_with([{"$eval": "context.abcdefg"}] * 8000) | {f"key{number}": 1 for number in range(3000)}
    values = shared(**{f"abcdef{number}": 1 for number in range(1000)})
    started = time.perf_counter()
    with pytest.raises(ConfigInvalid) as caught:
        resolve(document, values, now=NOW, kind=kind("aws"))
    assert time.perf_counter() - started < 8
    assert len(caught.value.problems) == 200


@pytest.mark.parametrize(
    "template",
    [{"$map": {"$eval": "range(0, 200000)"}, "each(x)": "xxxxxxxxxx"}, {"$eval": "number('inf')"}],
)
def test_results_that_are_too_large_or_no_numbers_are_refused(template):
    with pytest.raises(ConfigInvalid) as caught:
        resolve(document_with(template), {}, now=NOW, kind=kind("aws"))
    assert caught.value.problems[0].rule in ("too-large", "number")


def test_the_guarded_result_and_the_guarded_refusal_are_those_of_resolve(child):
    values = shared(b__c=[{"region": "us-west-2", "launchSpec": {"ImageId": "ami-17373968"}}])
    document = document_with("${now}") | {"regions": {"$eval": "context.b-c"}}
    expected = resolve(document, values, now=NOW, kind=kind("aws"))
    assert guarded.resolve_guarded(document, values, now=NOW, kind=kind("aws")) == expected
    wrong = document | {"maxCapacity": -1, "regions": {"$eval": "context.b-d"}}
    refusals = []
    for function in (resolve, guarded.resolve_guarded):
        with pytest.raises(ConfigInvalid) as caught:
            function(wrong, values, now=NOW, kind=kind("aws"))
        refusals.append(caught.value.problems)
    assert refusals[0] == refusals[1]
    with pytest.raises(ValueError, match="now must look like"):
        guarded.resolve_guarded(document, values, now="now", kind=kind("aws"))


def test_plain_documents_start_no_child(child):
    assert guarded.resolve_guarded(document_with("x"), {}, now=NOW, kind=kind("aws")).min_capacity == 0
    assert child._process is None


def test_many_threads_take_turns_and_each_gets_its_own_answer(child):
    answers = {}

    def ask(number):
        document = document_with({"$eval": f"{number} + 0"})
        answers[number] = guarded.resolve_guarded(document, {}, now=NOW, kind=kind("aws")).document["userData"]["x"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == {number: number for number in range(12)}


def test_a_child_that_was_killed_is_replaced(child):
    document = document_with("${1 + 1}")
    first = guarded.resolve_guarded(document, {}, now=NOW, kind=kind("aws"))
    child._process.kill()
    child._process.join(10)
    assert guarded.resolve_guarded(document, {}, now=NOW, kind=kind("aws")) == first
