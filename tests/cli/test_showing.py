"""`wm status` on terminals of any width: every worker type or shared config on one line, why in what is left."""

from typing import Any

import pytest

from cli.showing import shared_lines, status_lines, status_report


def status(name: str, **members: Any) -> dict[str, Any]:
    """What the query `status` answers, as far as the table shows it."""
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
        "provider": "aws-provider",
        "owner": "owner@example.org",
    }
    return usual | members


def test_a_worker_type_is_a_line_with_its_numbers():
    shown = status("a", state="Scaling", actual=3, desired=7, demand={"pending": 4, "claimed": 3}, reasons=["because"])
    assert ["a", "Scaling", "3/7", "0..10", "4+3", "because"] == status_lines([shown], 100)[1].split()


def test_provider_and_owner_show_where_they_fit():
    titles = [status_lines([status("a")], width)[0].split() for width in (120, 160)]
    assert [["PROVIDER", "OWNER"] == each[6:8] for each in titles] == [False, True]


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_the_width_and_columns_stay_in_line(width):
    shown = [status("short"), status("a-name-that-is-longer-than-its-column", reasons=["why " * 60])]
    lines = status_lines(shown, width)
    assert 3 == len(lines)
    assert max(len(line) for line in lines) <= width
    assert 1 == len({line.index("Steady") for line in lines[1:]} | {lines[0].index("STATE")})


def test_in_a_narrow_terminal_why_is_told_in_full_below():
    told = "one cause after the other, " * 9
    lines = status_report([status("a", reasons=[told]), status("b", reasons=[])], 80)
    assert " ".join(told.split()) == " ".join(" ".join(lines[2:-1]).split())
    assert (80 >= max(map(len, lines)), "b ") == (True, lines[-1][:2])


def test_a_wider_terminal_shows_more_of_why():
    shown = [status("a", reasons=["why " * 60])]
    assert len(status_lines(shown, 80)[1]) < len(status_lines(shown, 120)[1])


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"trouble": "no answer", "reasons": ["old"]}, "no answer"),
        ({"configProblems": ["bad value"], "reasons": ["old"]}, "bad value"),
        ({"reasons": ["one", "two"]}, "one; two"),
        (
            {"state": "ConfigRejected", "lastRejection": {"message": "pausee", "why": "unknown signal"}},
            "refused pausee: unknown signal",
        ),
    ],
)
def test_the_most_urgent_reason_comes_first(members, why):
    assert status_lines([status("a", **members)], 120)[1].endswith(why)


def shared(name: str, **members: Any) -> dict[str, Any]:
    """What the query `status` of a shared config answers."""
    edit = {"revision": 3, "at": "2026-01-02T03:04:05.678+00:00", "author": "fleet-owner", "reason": "new image"}
    usual = {
        "name": name,
        "schema": "/schemas/common/aws-regions.json#",
        "revision": 3,
        "notified": 3,
        "dependents": ["worker-type:a", "worker-type:b"],
        "trouble": "",
        "revisions": [edit],
        "lastRejection": None,
    }
    return usual | members


def test_a_shared_config_is_a_line_with_its_last_edit():
    line = shared_lines([shared("images")], 100)[1]
    assert ["images", "3", "2", "2026-01-02", "03:04:05", "fleet-owner:", "new", "image"] == line.split()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"notified": 2}, "2 (being told)"),
        ({"trouble": "no answer"}, "no answer"),
        ({"lastRejection": {"at": "2026-02-01T00:00:00+00:00", "why": "bad image"}}, "refused since: bad image"),
    ],
)
def test_what_is_out_of_the_ordinary_shows(members, words):
    assert words in shared_lines([shared("images", **members)], 120)[1]


def test_a_refusal_before_the_last_edit_is_history():
    old = {"lastRejection": {"at": "2026-01-01T00:00:00+00:00", "why": "bad image"}}
    assert "bad image" not in shared_lines([shared("images", **old)], 120)[1]


@pytest.mark.parametrize("width", [80, 120])
def test_lines_of_shared_configs_fit_the_width(width):
    edits = [{"at": "2026-01-02T03:04:05", "author": "a" * 90, "reason": "b" * 90}]
    lines = shared_lines([shared("images"), shared("x" * 128, revisions=edits)], width)
    assert max(map(len, lines)) <= width
    assert ("SCHEMA" in lines[0]) == (width == 120)
