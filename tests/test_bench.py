"""The benchmarks run, and the planner's cost grows no faster than the fleet: steps are counted, nothing is timed."""

import sys

import pytest

from bench import planner
from worker_manager.memory import MarkKind


class Name(str):
    """A string whose comparisons are steps of Python, so that a search through a tuple of them is counted too."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        return str.__eq__(self, other)


def steps(work) -> int:
    """Instructions of Python that a call of `work` takes: the same at every run, on every machine."""
    count = 0

    def trace(frame, event, _argument):
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def growth(work_of, size: int = 400) -> float:
    """What a second doubling adds, by what the first one adds: 2 if linear, whatever is fixed; 4 if quadratic."""
    once, twice, four_times = (steps(work_of(each)) for each in (size, 2 * size, 4 * size))
    return (four_times - twice) / (twice - once)


@pytest.mark.parametrize("situation", planner.SITUATIONS)
def test_the_cost_of_a_decision_grows_with_the_fleet_and_no_faster(situation):
    assert growth(lambda size: planner.SITUATIONS[situation](size, text=Name).decide) <= 2.1


def test_the_cost_of_wide_offerings_grows_with_them_and_no_faster():
    assert growth(lambda types: planner.braked(200, types=types).decide, size=20) <= 2.1


def test_a_search_for_each_grows_faster():
    """What the test above must notice, although the search itself is C."""

    def search(size):
        names = tuple(Name(index) for index in range(size // 4))
        return lambda: [each for each in names if str(each) in names]

    assert growth(search) > 3


def test_the_situations_are_what_they_are_called():
    decisions = {name: situation(200).decide() for name, situation in planner.SITUATIONS.items()}
    launched = {name: sum(each.count for each in one.launches) for name, one in decisions.items()}
    ended = {name: len(one.terminations) for name, one in decisions.items()}
    assert {
        "steady": 0,
        "growing": 36,
        "shrinking": 0,
        "draining": 0,
        "many intents": 0,
        "many refusals": 36,
        "many boots": 21,
        "rollout": 9,
        "many marks": 0,
        "braked": 36,
    } == launched
    expected = {"shrinking": 40, "draining": 40, "many boots": 25, "rollout": 6, "many marks": 64}
    assert expected == {name: count for name, count in ended.items() if count}
    assert 50 == len(decisions["many intents"].memory.intents)
    drains = [each for each in decisions["many marks"].memory.marks if each.kind is MarkKind.DRAIN]
    assert (16, 301) == (len(drains), len(decisions["braked"].memory.brakes))


def test_the_table_has_a_line_for_every_situation_and_size(capsys):
    planner.main(["20", "40"])
    lines = capsys.readouterr().out.splitlines()
    expected = [[*name.split(), str(size)] for name in planner.SITUATIONS for size in (20, 40)]
    assert expected == [line.split()[:-3] for line in lines[1:]]
