"""Reads what a simulation is made of from files, and runs it. Decides no numbers and no looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cli.checking import check, known_providers, resolve_document, shared_values
from cli.documents import Finding, Kind, load
from worker_manager.errors import ConfigInvalid
from worker_manager.prices import price_table
from worker_manager.provider import Prices, ProviderRecord
from worker_manager.reading import locate, read
from worker_manager.resolved import ResolvedConfig
from worker_manager.simulation.cloud import CloudSettings, SimulatedCloud
from worker_manager.simulation.prices import PriceList
from worker_manager.simulation.results import Results
from worker_manager.simulation.run import Simulation
from worker_manager.simulation.synthetic import synthetic_trace
from worker_manager.simulation.trace import DAY, Trace, TraceInvalid, read_trace
from worker_manager.simulation.worker_type import Settings, Span

SYNTHETIC = "synthetic"
# A Monday; traces that tell no dates begin then.
START = datetime(2026, 1, 5, tzinfo=UTC)
STRETCHES = 720
Parsed = TypeVar("Parsed")


class Unusable(Exception):
    """Files that cannot be simulated, with everything that is wrong with them."""

    def __init__(self, findings: Sequence[Finding], documents: int = 0) -> None:
        super().__init__(f"{len(findings)} problems")
        self.findings = tuple(findings)
        self.documents = documents


@dataclass(frozen=True, slots=True)
class Fleet:
    """The worker types of a directory and the providers they name."""

    folder: Path
    configs: Mapping[str, ResolvedConfig]
    records: Mapping[str, ProviderRecord]


@dataclass(frozen=True, slots=True)
class Scene:
    """All that two simulations have in common when they are compared."""

    trace: Trace
    days: float
    cloud: CloudSettings
    prices: Mapping[str, float]
    settings: Settings

    @property
    def span(self) -> Span:
        """From the trace's first day, or a Monday."""
        seconds = self.days * DAY
        return Span(self.trace.start or START, seconds, max(300.0, seconds / STRETCHES))


def load_fleet(folder: Path, providers: Path | None, now: datetime = START) -> Fleet:
    """Read and resolve a directory as `wm render` does; templates see `now`. Raises Unusable."""
    documents, findings = load([folder], providers=providers)
    _, more = check(documents)
    if findings or more:
        raise Unusable([*findings, *more], len(documents))
    records = known_providers(documents, [])
    shared = shared_values(documents)
    moment = now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    configs = {
        each.name: resolve_document(each.data, shared, records, now=moment)
        for each in documents
        if each.kind is Kind.WORKER_TYPE
    }
    if not configs:
        raise Unusable([Finding(folder, 1, 1, "there is no worker type in this directory")])
    return Fleet(folder, configs, records)


def load_trace(demand: str, fleets: Iterable[Fleet], seed: int) -> Trace:
    """The trace of a file, or a made-up one. Raises Unusable."""
    configs = {name: config for each in reversed(tuple(fleets)) for name, config in each.configs.items()}
    if demand == SYNTHETIC:
        return synthetic_trace(configs, seed)
    path = Path(demand)
    return _read(path, lambda text: read_trace(text, configs))


def load_prices(path: Path | None, prices: PriceList, fleets: Iterable[Fleet]) -> dict[str, float]:
    """Prices by offering, the same in all directories: of the table in a file, else the list's. Raises Unusable."""
    known = replace(prices, known=_price_table(path)) if path else prices
    configs = [config for each in fleets for config in each.configs.values()]
    return known.prices(spec.offering for config in configs for spec in config.launch_specs)


def _price_table(path: Path) -> Prices:
    root, faults = _read(path, read)
    if root is None or faults:
        raise Unusable([Finding(path, each.place.line, each.place.column, each.message) for each in faults])
    try:
        return Prices.told_by(price_table(root.value))
    except ConfigInvalid as error:
        places = [(locate(root, each.pointer), each.message) for each in error.problems]
        raise Unusable([Finding(path, place.line, place.column, message) for place, message in places]) from error


def simulate(fleet: Fleet, scene: Scene, tell_day: Callable[[float], None] = lambda _: None) -> Results:
    """Run all worker types of a directory; `tell_day` is told how many days have passed."""
    span = scene.span
    simulation = Simulation(
        fleet.configs,
        {name: SimulatedCloud(scene.cloud, scene.prices, span.start) for name in _providers(fleet)},
        scene.trace,
        span,
        settings=scene.settings,
        records=fleet.records,
    )
    for day in range(1, int(scene.days) + 1):
        simulation.agenda.at(span.start + timedelta(days=day), lambda now: tell_day(span.second(now) / DAY))
    return simulation.run()


def _providers(fleet: Fleet) -> list[str]:
    return sorted({each.provider for each in fleet.configs.values()})


def _read(path: Path, parse: Callable[[str], Parsed]) -> Parsed:
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable([Finding(path, 1, 1, f"cannot be read: {error}")]) from error
    except TraceInvalid as error:
        raise Unusable([Finding(path, each.line, each.column, each.message) for each in error.problems]) from error
