"""Which held scopes cover which wanted ones, by table and against the definition: the set of scopes a pattern names."""

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker_manager.scopes import (
    covers,
    manage_shared_config,
    manage_worker_type,
    missing,
    report_demand,
    use_provider,
)

SCOPES = st.text(alphabet="a*", max_size=4)
# Every plain scope that could tell two patterns of at most four characters apart.
PLAIN = ["".join(each) for size in range(8) for each in product("a*", repeat=size) if each[-1:] != ("*",)]


def named_by(scope: str) -> set[str]:
    """The plain scopes that a scope names: itself, or all with its prefix."""
    return {each for each in PLAIN if (each.startswith(scope[:-1]) if scope.endswith("*") else each == scope)}


@pytest.mark.parametrize(
    ("expected", "held", "wanted"),
    [
        pytest.param(True, ["a:b"], "a:b", id="itself"),
        pytest.param(False, ["a:b"], "a:bc", id="no-prefix-without-a-star"),
        pytest.param(False, ["a:bc"], "a:b", id="not-what-is-shorter"),
        pytest.param(False, ["A:B"], "a:b", id="case-counts"),
        pytest.param(True, ["a:*"], "a:b", id="prefix"),
        pytest.param(True, ["a:*"], "a:", id="the-prefix-itself"),
        pytest.param(False, ["a:*"], "a", id="less-than-the-prefix"),
        pytest.param(True, ["*"], "a:b", id="a-star-covers-all"),
        pytest.param(True, ["*"], "", id="a-star-covers-even-nothing"),
        pytest.param(False, [], "a:b", id="nothing-held"),
        pytest.param(False, [""], "a:b", id="the-empty-scope"),
        pytest.param(True, ["x", "a:*"], "a:b", id="any-of-those-held"),
        pytest.param(False, ["*:b"], "a:b", id="a-star-in-front-is-a-character"),
        pytest.param(False, ["a*b"], "axb", id="a-star-within-is-a-character"),
        pytest.param(True, ["a*b"], "a*b", id="and-equal-to-itself"),
        pytest.param(True, ["a*b*"], "a*bc", id="a-star-within-a-prefix"),
        pytest.param(False, ["a*b*"], "axbc", id="is-a-character-too"),
        pytest.param(True, ["a:*"], "a:*", id="a-pattern-covers-itself"),
        pytest.param(True, ["a*"], "a:*", id="a-wider-pattern"),
        pytest.param(True, ["*"], "*", id="all-covers-all"),
        pytest.param(False, ["a:b*"], "a:*", id="a-narrower-pattern"),
        pytest.param(False, ["a:b"], "a:b*", id="a-plain-scope-covers-no-pattern"),
        pytest.param(False, ["a:b", "a:c"], "a:*", id="nor-do-many"),
        pytest.param(False, ["a**"], "a*", id="two-stars-are-narrower-than-one"),
        pytest.param(True, ["a*"], "a**", id="one-star-is-wider-than-two"),
    ],
)
def test_what_is_covered(expected, held, wanted):
    assert expected is covers(held, wanted)


@given(held=SCOPES, wanted=SCOPES)
@example(held="a**", wanted="a*")
def test_covering_is_naming_at_least_the_same_scopes(held, wanted):
    assert (named_by(wanted) <= named_by(held)) is covers([held], wanted)


def test_the_missing_are_sorted_and_named_once():
    assert ("a", "c", "d*") == missing(["b*"], ["d*", "c", "a", "bb", "c"])


def test_nothing_is_missing_where_nothing_is_wanted():
    assert () == missing([], [])


def test_held_scopes_may_be_given_as_any_iterable():
    assert ("c",) == missing(iter(["a", "b"]), iter(["a", "b", "c"]))


def test_the_texts_of_our_scopes():
    """They stand in keys files of operators: to change one is to lock people out."""
    expected = [f"worker-manager:{each}:x" for each in ("manage-worker-type", "manage-shared-config", "provider")]
    assert expected == [manage_worker_type("x"), manage_shared_config("x"), use_provider("x")]
    assert "worker-manager:report-demand:x" == report_demand("x")
