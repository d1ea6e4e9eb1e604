"""`wm watch`: a table as high and wide as the terminal, or a line for every change."""

import io
import re
from typing import Any

from rich.console import Console

from cli.showing import Statuses
from cli.watching import Changes, LiveTable


def status(name: str, **members: Any) -> dict[str, Any]:
    usual = {
        "workerType": name,
        "state": "Steady",
        "actual": 0,
        "desired": 0,
        "minCapacity": 0,
        "maxCapacity": 10,
        "demand": {"pending": 0, "claimed": None},
        "trouble": "",
        "configProblems": [],
        "reasons": [],
        "lastRejection": None,
    }
    return usual | members


def shown(*statuses: dict[str, Any], width: int = 80, height: int = 12) -> list[str]:
    """What a terminal of this size is sent of one look, without colours."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with LiveTable(console) as table:
        table.show(Statuses(list(statuses)))
    assert isinstance(console.file, io.StringIO)
    lines = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", console.file.getvalue()).replace("\r", "\n").splitlines()
    return list(dict.fromkeys(each.rstrip() for each in lines if each.strip()))


def test_what_is_not_calm_comes_first():
    text = "\n".join(shown(status("calm"), status("held", state="Held", trouble="no answer")))
    assert text.index("held") < text.index("calm")
    assert "2 worker types, 0 of 0 slots" in text


def test_a_table_fits_a_small_terminal_and_says_what_does_not():
    many = [status(f"worker-{n:03d}", reasons=["why " * 60], actual=1, desired=2) for n in range(50)]
    lines = shown(*many)
    assert max(len(each) for each in lines) <= 80
    assert 9 == sum("worker-0" in each for each in lines)
    assert any("50 worker types, 50 of 100 slots, 41 more below" in each for each in lines)


def test_without_a_terminal_only_changes_are_lines():
    lines: list[str] = []
    with Changes(lambda line, _: lines.append(line.partition("  ")[2])) as view:
        view.show(Statuses([status("a"), status("b")]))
        view.show(Statuses([status("a"), status("b")]))
        view.show(Statuses([status("a", actual=1), status("b")]))
        view.show(Statuses([status("a", actual=1)]))
        view.show(Statuses([status("a", actual=1)], missing=["worker-type:c"]))
        view.show(Statuses([status("a", actual=1), status("b")], missing=["worker-type:c"]))
    assert ["a", "b", "a", "b", "c", "b"] == [each.split()[0] for each in lines]
    assert ["0/0", "0/0", "1/0"] == [each.split()[2] for each in lines[:3]]
    assert ["b  gone", "c  gone"] == lines[3:5]
