"""`simulate`: what the worker types of a directory would do with given work, without any cloud."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.commands.files import FOLDER, PROVIDERS, print_findings
from cli.options import emit, global_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.simulating import Fleet, Scene
    from worker_manager.simulation.results import Results

SYNTHETIC_DAYS = 30.0
FILE = click.Path(dir_okay=False, path_type=Path)
SHARE = click.FloatRange(0, 1)
SECONDS = click.FloatRange(0, 86400)


def _cloud_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How the cloud and the system around the planner behave."""
    options = (
        click.option(
            "--boot", type=SECONDS, default=60.0, show_default=True, help="Median seconds from launch to running."
        ),
        click.option(
            "--agent", type=SECONDS, default=20.0, show_default=True, help="Seconds until its worker takes work."
        ),
        click.option(
            "--interruptions",
            type=click.FloatRange(0, 60),
            default=0.02,
            show_default=True,
            help="Interruptions of a spot instance an hour.",
        ),
        click.option(
            "--dry",
            type=SHARE,
            default=0.05,
            show_default=True,
            help="Share of time in which a spot offering is empty.",
        ),
        click.option("--pool", type=click.IntRange(1), help="Instances that an offering has at all. Else any number."),
        click.option(
            "--price", type=click.FloatRange(0), default=0.10, show_default=True, help="Of an hour of utility 1."
        ),
        click.option(
            "--spot-price", type=click.FloatRange(0), default=0.035, show_default=True, help="The same, of spot."
        ),
        click.option("--prices", type=FILE, metavar="FILE", help="Price table, as providers.yml names one."),
        click.option(
            "--look",
            type=click.FloatRange(1, 3600),
            default=30.0,
            show_default=True,
            help="Seconds between looks at the demand.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command(
    epilog="The same files, options and seed give the same bytes. Exit code: 0, or 1 if the files are wrong."
)
@FOLDER
@click.option("--demand", required=True, metavar="FILE.csv|synthetic", help="The work, or `synthetic` to make it up.")
@click.option("--days", type=click.FloatRange(0.01, 3660), help="How long. Default: the trace once; 30 if synthetic.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all chance.")
@click.option(
    "--compare",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Run this one as well.",
)
@click.option("--plot", type=FILE, metavar="FILE.png", help="Draw demand, capacity, waiting work and cost.")
@click.option("--write-trace", type=FILE, metavar="FILE.csv", help="Write the made-up trace, to be read or changed.")
@_cloud_options
@PROVIDERS
@global_options
@click.pass_context
def simulate(context: click.Context, /, folder: Path, **options: Any) -> None:
    """Run the planner on FOLDER's worker types against a simulated cloud, on a virtual clock.

    The work is a CSV table: time,workerType,jobs,durationSeconds for jobs that come, or
    time,workerType,pending,claimed for how much work there is; time in seconds or as a date. A table that is shorter
    than --days is repeated.
    """
    from cli.showing import terminal_width
    from cli.simulating import Unusable
    from cli.tabulating import comparison_lines, comparison_rows, result_lines, result_rows

    try:
        fleets, scene = _prepare(folder, options)
    except Unusable as error:
        print_findings(context, error.findings, error.documents)
        context.exit(1)
    results = _run(fleets, scene)
    names = _names(fleets)
    if options["plot"]:
        _draw(options["plot"], results, names, scene)
    if len(results) == 1:
        emit(context, result_rows(results[0]), result_lines(results[0], terminal_width()))
    else:
        emit(context, comparison_rows(results), comparison_lines(results, names, terminal_width()))


def _prepare(folder: Path, options: dict[str, Any]) -> tuple[list[Fleet], Scene]:
    """Read everything before anything runs. Raises Unusable."""
    from cli.simulating import SYNTHETIC, Scene, load_fleet, load_prices, load_trace
    from worker_manager.model import Market
    from worker_manager.provider import Prices
    from worker_manager.simulation.cloud import CloudSettings
    from worker_manager.simulation.prices import PriceList
    from worker_manager.simulation.trace import write_trace
    from worker_manager.simulation.worker_type import Settings

    folders = [folder, *([options["compare"]] if options["compare"] else [])]
    fleets = [load_fleet(each, options["providers"]) for each in folders]
    trace = load_trace(options["demand"], fleets, options["seed"])
    is_synthetic = options["demand"] == SYNTHETIC
    if options["write_trace"]:
        if not is_synthetic:
            raise click.UsageError("--write-trace writes what --demand synthetic makes up; a file is there already")
        options["write_trace"].write_text(write_trace(trace), encoding="utf-8")
    cloud = CloudSettings(
        seed=options["seed"],
        boot_seconds=options["boot"],
        interruptions_per_hour={Market.SPOT: options["interruptions"]},
        pool_size=options["pool"],
        dry_share={Market.SPOT: options["dry"]},
    )
    scene = Scene(
        trace=trace,
        days=options["days"] or (SYNTHETIC_DAYS if is_synthetic else trace.days),
        cloud=cloud,
        prices=load_prices(options["prices"], PriceList(Prices(), options["price"], options["spot_price"]), fleets),
        settings=Settings(options["seed"], options["look"], options["agent"]),
    )
    return fleets, scene


def _run(fleets: Sequence[Fleet], scene: Scene) -> list[Results]:
    from cli.simulating import simulate as run

    results: list[Results] = []
    with _progress(scene.days * len(fleets)) as tell:
        for each in fleets:
            results.append(run(each, scene, partial(_tell_day, tell, scene.days * len(results))))
    return results


def _tell_day(tell: Callable[[float], None], before: float, day: float) -> None:
    tell(before + day)


@contextmanager
def _progress(days: float) -> Iterator[Callable[[float], None]]:
    """Show on a terminal how far it is; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    shown = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with shown:
        task = shown.add_task("simulating", total=days)
        yield lambda day: shown.update(task, completed=day)


def _names(fleets: Sequence[Fleet]) -> list[str]:
    """Of the directories, by their last parts where those differ."""
    names = [each.folder.resolve().name for each in fleets]
    return names if len(set(names)) == len(names) else [str(each.folder) for each in fleets]


def _draw(path: Path, results: Sequence[Results], names: Sequence[str], scene: Scene) -> None:
    try:
        from cli.plotting import plot
    except ImportError as error:
        raise click.ClickException(
            f"--plot needs matplotlib ({error}): pip install 'worker-manager[simulate]'"
        ) from error
    plot(path, results, names, scene.span.start)
