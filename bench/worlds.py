"""What the demonstrations share: worker types without documents, and a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from worker_manager.model import Cap, LaunchSpec, Market, Offering
from worker_manager.policies import Policies
from worker_manager.resolved import ResolvedConfig

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
REGION = "us-west-2"
IMAGE = "ami-06adcae0cf519fda6"


def spec(zone: str, instance_type: str, market: Market = Market.ON_DEMAND, *, image: str = IMAGE) -> LaunchSpec:
    """One slot on one offering; the image is all that its settings hash depends on."""
    offering = Offering(REGION, REGION + zone, instance_type, market, family="standard")
    settings = {
        "ImageId": image,
        **({"InstanceMarketOptions": {"MarketType": "spot"}} if market is Market.SPOT else {}),
    }
    return LaunchSpec(offering, settings, {}, f"hash of {image}", image)


def config(
    name: str,
    specs: Iterable[LaunchSpec],
    low: int,
    high: int,
    policies: Policies | None = None,
    *,
    caps: tuple[Cap, ...] = (),
) -> ResolvedConfig:
    """A worker type with one provider, whose config hash is that of its launch settings."""
    specs = tuple(specs)
    hashes = " ".join(sorted({each.settings_hash for each in specs}))
    return ResolvedConfig(name, "aws", {}, low, high, 1.0, specs, hashes, policies or Policies(), caps)


def names(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}-{number:02}" for number in range(count))


def show(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: the first column to the left, all others to the right."""
    lines = [head, *([each if isinstance(each, str) else f"{each:,}" for each in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *others in lines:
        cells = (each.rjust(width) for each, width in zip(others, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *cells]))
