"""`wm simulate`: a table, JSON and a picture, the same for a seed; two directories compared; errors with places."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

from cli.tabulating import difference, duration

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
AWS, TRACE = EXAMPLES / "clouds" / "aws", EXAMPLES / "simulation" / "day.csv"
HEADER = "time,workerType,jobs,durationSeconds\n"


@pytest.fixture
def fleet(write, worker_type_text):
    """A directory with the worker types `sample` and `spotty`, and what changes them."""

    def make(folder: str, **replaced: str) -> Path:
        text = worker_type_text
        for old, new in replaced.items():
            text = re.sub(rf"{old}: .*", f"{old}: {new}", text)
        write(f"{folder}/sample.yml", text)
        spot = text.replace("workerType: sample", "workerType: spotty")
        path = write(f"{folder}/spotty.yml", spot + "launchSpec:\n  InstanceMarketOptions: {MarketType: spot}\n")
        return path.parent

    return make


@pytest.fixture
def trace(write):
    """Jobs through a morning."""
    rows = [f"{minute * 60},{name},3,1200\n" for minute in range(0, 240, 20) for name in ("sample", "spotty")]
    return write("trace.csv", HEADER + "".join(rows))


def test_the_table_has_every_worker_type_and_all(fleet, trace, wm):
    result = wm("simulate", fleet("a"), "--demand", trace)
    assert 0 == result.exit_code, result.output
    lines = result.stdout.splitlines()
    titles = "WORKER TYPE JOBS WORK H WAITING H P50 P95 P99 LAUNCHED TAKEN REFUSED INST H COST PEAK BUSY"
    assert titles == " ".join(lines[0].split())
    assert ["sample", "spotty", "all", "1"] == [line.split()[0] for line in lines[2:7] if line.strip()]
    assert "1 day; H: hours; P50" in result.stdout


def test_programs_get_numbers_and_all_is_the_sum(fleet, trace, wm):
    rows = json.loads(wm("simulate", fleet("a"), "--demand", trace, "-o", "json").stdout)
    assert ["sample", "spotty", None] == [each["workerType"] for each in rows]
    assert [36, 36, 72] == [each["jobs"] for each in rows]
    assert [36, 36, 72] == [each["finished"] for each in rows]
    for name in ("cost", "instanceHours", "workSlotHours", "launched", "decisions"):
        assert rows[0][name] + rows[1][name] == pytest.approx(rows[2][name], abs=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(fleet, trace, wm, tmp_path):
    folder = fleet("a")

    def bytes_of(seed: int) -> tuple[str, str, str]:
        picture = tmp_path / "plot.png"
        table = wm("simulate", folder, "--demand", trace, "--seed", seed, "--plot", picture, "--interruptions", "0.5")
        rows = wm("simulate", folder, "--demand", trace, "--seed", seed, "--interruptions", "0.5", "-o", "json")
        return table.stdout, rows.stdout, hashlib.sha256(picture.read_bytes()).hexdigest()

    assert bytes_of(1) == bytes_of(1)
    for one, other in zip(bytes_of(1), bytes_of(2), strict=True):
        assert one != other


def test_the_picture_is_as_large_as_promised_and_tells_no_version(fleet, trace, wm, tmp_path):
    picture = tmp_path / "plot.png"
    wm("simulate", fleet("a"), "--demand", trace, "--plot", picture)
    assert (1000, 1600) == imread(picture).shape[:2]
    assert b"tEXt" not in picture.read_bytes()
    assert b"atplotlib" not in picture.read_bytes()


def test_two_directories_are_compared_on_the_same_work(fleet, trace, wm, tmp_path):
    small, large = fleet("small", maxCapacity="2"), fleet("large", maxCapacity="9")
    picture = tmp_path / "plot.png"
    rows = json.loads(wm("simulate", small, "--compare", large, "--demand", trace, "-o", "json").stdout)
    assert ["sample", "spotty", None] == [each["workerType"] for each in rows]
    for row in rows:
        assert row["first"]["jobs"] == row["second"]["jobs"]
        assert 0 == row["difference"]["jobs"]
        assert row["difference"]["waitP95Seconds"] < 0 < row["difference"]["peakSlots"]
    table = wm("simulate", small, "--compare", large, "--demand", trace, "--plot", picture).stdout
    assert re.search(r"peak capacity, slots +4 +1\d +\+\d+ \(\+\d+%\)", table), table
    assert re.search(r"^spotty .*−", table, re.MULTILINE), table
    assert (1000, 1600) == imread(picture).shape[:2]


def test_a_worker_type_of_one_directory_alone_is_shown(fleet, trace, wm):
    both, one = fleet("both"), fleet("one")
    (one / "spotty.yml").unlink()
    rows = json.loads(wm("simulate", both, "--compare", one, "--demand", trace, "-o", "json").stdout)
    assert rows[1]["second"] is None
    assert "difference" not in rows[1]
    assert 0 == wm("simulate", both, "--compare", one, "--demand", trace).exit_code


@pytest.mark.parametrize("compared", [False, True])
def test_the_table_fits_80_columns(fleet, trace, wm, monkeypatch, compared):
    monkeypatch.setattr("cli.showing.terminal_width", lambda: 80)
    more = ["--compare", fleet("b", maxCapacity="2")] if compared else []
    lines = wm("simulate", fleet("a"), "--demand", trace, *more).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "…" in line]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (HEADER + "0,sampel,1,60\n", "2:3", "no worker type 'sampel' in the directory; did you mean 'sample'?"),
        (HEADER + "0,sample,1,60\n9,sample,some,60\n", "3:10", "jobs must be a number"),
        ("when,workerType,jobs\n", "1:1", "unknown column 'when'"),
    ],
)
def test_a_bad_trace_is_told_with_its_place(fleet, write, wm, text, place, words):
    path = write("bad.csv", text)
    result = wm("simulate", fleet("a"), "--demand", path)
    assert 1 == result.exit_code
    assert f"{path}:{place}: error: {words}" in result.stdout


def test_a_bad_directory_is_told_as_validate_does(fleet, trace, wm):
    folder = fleet("a", maxCapacity="five")
    result = wm("simulate", folder, "--demand", trace)
    assert 1 == result.exit_code
    assert result.stdout == wm("validate", folder).stdout


def test_a_missing_trace_is_told(fleet, wm):
    result = wm("simulate", fleet("a"), "--demand", "nowhere.csv")
    assert 1 == result.exit_code
    assert result.stdout.startswith("nowhere.csv:1:1: error: cannot be read: ")


def test_an_empty_directory_is_told(tmp_path, trace, wm):
    (tmp_path / "empty").mkdir()
    result = wm("simulate", tmp_path / "empty", "--demand", trace)
    assert 1 == result.exit_code
    assert "there is no worker type in this directory" in result.stdout


def test_made_up_work_can_be_written_and_gives_the_same_when_read(fleet, wm, tmp_path):
    folder, path = fleet("a"), tmp_path / "made-up.csv"
    first = wm("simulate", folder, "--demand", "synthetic", "--days", "1", "--write-trace", path, "-o", "json")
    second = wm("simulate", folder, "--demand", path, "--days", "1", "-o", "json")
    assert json.loads(first.stdout)[-1]["jobs"] > 0
    assert first.stdout == second.stdout


def test_a_trace_is_not_written_over(fleet, trace, wm):
    result = wm("simulate", fleet("a"), "--demand", trace, "--write-trace", trace)
    assert 2 == result.exit_code
    assert trace.read_text(encoding="utf-8").startswith(HEADER)


def test_days_repeat_the_trace(fleet, trace, wm):
    rows = json.loads(wm("simulate", fleet("a"), "--demand", trace, "--days", "3", "-o", "json").stdout)
    assert 3 * 72 == rows[-1]["jobs"]


def test_a_price_table_sets_the_prices(fleet, trace, write, wm):
    folder = fleet("a")
    prices = write("prices.yml", "prices: [{instanceType: m5.large, market: onDemand, pricePerHour: 2}]\n")
    rows = json.loads(wm("simulate", folder, "--demand", trace, "--prices", prices, "-o", "json").stdout)
    assert rows[0]["cost"] == pytest.approx(2 * rows[0]["instanceHours"], rel=1e-5)
    assert rows[1]["cost"] == pytest.approx(0.035 * rows[1]["instanceHours"], rel=1e-5)
    wrong = write("wrong.yml", "prices: [{instanceType: m5.large, market: onDemnd, pricePerHour: 2}]\n")
    result = wm("simulate", folder, "--demand", trace, "--prices", wrong)
    assert 1 == result.exit_code
    assert f"{wrong}:1:" in result.stdout


def test_the_example_can_be_simulated(wm):
    rows = json.loads(wm("simulate", AWS, "--demand", TRACE, "-o", "json").stdout)
    assert rows[-1]["jobs"] > 100
    assert rows[-1]["finished"] > 0.95 * rows[-1]["jobs"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [(5, 5, ""), (None, 5, ""), (0, 5, "+5 s"), (100, 50, "−50 s (−50%)"), (600, 1200, "+10 min (+100%)")],
)
def test_differences_are_told_with_their_share(old, new, told):
    assert told == difference(old, new, duration)


def test_another_process_gives_the_same_bytes(fleet, trace, tmp_path):
    """Sets have another order in every process; and two worker types differ in what an offering is worth."""
    folder = fleet("a")
    (folder / "other.yml").write_text(
        (folder / "sample.yml").read_text().replace("sample", "other").replace("utility: 1", "utility: 3")
    )

    def bytes_of(hash_seed: str) -> tuple[bytes, bytes]:
        picture = tmp_path / f"{hash_seed}.png"
        words = [
            "simulate",
            str(folder),
            "--demand",
            "synthetic",
            "--days",
            "0.5",
            "--pool",
            "2",
            "--plot",
            str(picture),
        ]
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            timeout=100,
            check=True,
        )
        return done.stdout, picture.read_bytes()

    assert bytes_of("1") == bytes_of("3")


def test_the_fleet_of_fifty_can_be_simulated(wm):
    rows = json.loads(
        wm(
            "simulate", EXAMPLES / "simulation" / "fifty", "--demand", "synthetic", "--days", "0.04", "-o", "json"
        ).stdout
    )
    assert 51 == len(rows)
    assert rows[-1]["jobs"] > 50
    assert rows[-1]["finished"] > 0
