"""Traces: both forms, times as seconds or dates, begun anew when they end; what is wrong is told with its place."""

import datetime as dt
from itertools import islice

import pytest

from tests.simulation.words import config
from worker_manager.simulation.synthetic import synthetic_trace
from worker_manager.simulation.trace import MOST_PROBLEMS, Row, TraceInvalid, read_trace, write_trace

NAMES = ("linux", "windows")
JOBS = "time,workerType,jobs,durationSeconds\n"
BAD = {
    "empty": ("", 1, 1, "the first line must name the columns: time,workerType,jobs,durationSeconds or"),
    "unknown column": ("time,workerTyp,jobs\n", 1, 6, "unknown column 'workerTyp'; did you mean 'workerType'?"),
    "both forms": ("time,workerType,jobs,pending\n", 1, 1, "the first line must name the columns"),
    "unknown name": (
        JOBS + "0,linux,1,60\n5,linx,1,60\n",
        3,
        3,
        "no worker type 'linx' in the directory; did you mean",
    ),
    "no number": (JOBS + "0,linux,many,60\n", 2, 9, "jobs must be a number from 0 to 1000000, not 'many'"),
    "negative": (JOBS + "0,linux,-1,60\n", 2, 9, "jobs must be a number from 0"),
    "not a number": (JOBS + "0,linux,nan,60\n", 2, 9, "jobs must be a number from 0"),
    "part of a job": (JOBS + "0,linux,1.5,60\n", 2, 9, "jobs must be a whole number, not 1.5"),
    "no time": (JOBS + "soon,linux,1,60\n", 2, 1, "time must be a number from 0"),
    "no date": (
        JOBS + "2026-13-01,linux,1,60\n",
        2,
        1,
        "time must be seconds or like 2026-01-31T12:00:00Z, not '2026-13",
    ),
    "two ways": (JOBS + "0,linux,1,60\n2026-01-05,linux,1,60\n", 3, 1, "is written in another way than the first"),
    "before": (JOBS + "2026-01-05,linux,1,60\n2026-01-04,linux,1,60\n", 3, 1, "is before the first day of the table"),
    "no length": (JOBS + "0,linux,1,0\n", 2, 11, "durationSeconds must be more than 0"),
    "too few": (JOBS + "0,linux\n", 2, 1, "2 cells where the first line names 4 columns"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_is_wrong_is_told_with_its_place(case):
    text, line, column, words = BAD[case]
    with pytest.raises(TraceInvalid) as caught:
        read_trace(text, NAMES)
    (problem,) = caught.value.problems
    assert (line, column) == (problem.line, problem.column)
    assert words in problem.message


def test_everything_wrong_is_told_up_to_a_limit():
    with pytest.raises(TraceInvalid) as caught:
        read_trace(JOBS + "0,linux,x,60\n" * 100, NAMES)
    assert list(range(2, 2 + MOST_PROBLEMS)) == [each.line for each in caught.value.problems]


def test_rows_are_read_by_worker_type_in_order_of_time():
    trace = read_trace("workerType,time,jobs\nlinux,90,2\nwindows,5,1\n\nlinux,30,1\n", NAMES)
    assert {"linux": (Row(30, 1, 600), Row(90, 2, 600)), "windows": (Row(5, 1, 600),)} == trace.rows
    assert (False, 1, None) == (trace.is_level, trace.days, trace.start)


def test_a_level_is_all_work_that_waits_or_runs():
    trace = read_trace("time,workerType,pending,claimed\n0,linux,3,4\n60,linux,0,\n", NAMES)
    assert trace.is_level
    assert (Row(0, 7), Row(60, 0)) == trace.rows["linux"]


def test_dates_count_from_midnight_utc_of_the_first_day():
    text = JOBS + "2026-01-07T01:00:00+02:00,linux,1,60\n2026-01-08 06:00:00,linux,2,60\n"
    trace = read_trace(text, NAMES)
    assert dt.datetime(2026, 1, 6, tzinfo=dt.UTC) == trace.start
    assert (Row(23 * 3600, 1, 60), Row(54 * 3600, 2, 60)) == trace.rows["linux"]


@pytest.mark.parametrize(("last", "days"), [(0, 1), (86399, 1), (86400, 2), (7 * 86400 - 1, 7)])
def test_a_trace_begins_anew_after_its_last_whole_day(last, days):
    trace = read_trace(JOBS + f"0,linux,1,60\n{last},linux,2,60\n", NAMES)
    assert days == trace.days
    assert [0, last, days * 86400, days * 86400 + last] == [each.at for each in islice(trace.repeated("linux"), 4)]


def test_a_worker_type_without_rows_has_no_work():
    assert [] == list(read_trace(JOBS, NAMES).repeated("linux"))


def test_a_made_up_trace_is_plausible_and_the_same_for_a_seed():
    configs = {"small": config("small", high=10), "none": config("none", high=0), "large": config("large", high=100)}
    trace = synthetic_trace(configs, 7)
    assert trace == synthetic_trace(configs, 7) != synthetic_trace(configs, 8)
    assert {"small", "large"} == set(trace.rows)
    by_hour = [0] * 168
    for each in trace.rows["large"]:
        by_hour[int(each.at // 3600)] += each.slots
    assert sum(by_hour[12:16]) > 3 * sum(by_hour[0:4]) > 0  # afternoon and night
    assert sum(by_hour[: 5 * 24]) / 5 > 1.5 * sum(by_hour[5 * 24 :]) / 2  # working days and the weekend
    work = sum(each.slots * each.job_seconds for each in trace.rows["large"]) / (7 * 86400)
    assert 1 < work < 60  # slots on average


def test_a_worker_type_has_the_same_made_up_work_whatever_others_there_are():
    one, other = config("one"), config("other")
    assert synthetic_trace({"one": one}, 7).rows["one"] == synthetic_trace({"one": one, "other": other}, 7).rows["one"]


def test_a_made_up_trace_can_be_written_and_read():
    trace = synthetic_trace({"linux": config("linux")}, 7)
    assert trace == read_trace(write_trace(trace), NAMES)
