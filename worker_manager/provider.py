"""The contract of a provider: what a cloud must be able to do, and what callers may rely on.

A provider is one account of one cloud kind. Its methods block and are called from threads, many at once. They raise
only `errors.ProviderError` subclasses. A kind lives in `worker_manager/providers/<kind>/provider.py` (or in another
package, entry-point group `worker_manager.providers`) as a module attribute `KIND: ProviderKind`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from worker_manager.errors import Problem
from worker_manager.model import Cap, Instance, LaunchRequest, LaunchResult, LaunchSpec, Market, Offering


@dataclass(frozen=True, slots=True)
class Price:
    """What one instance costs an hour; without a zone (and region) it holds wherever no other names that."""

    instance_type: str
    market: Market
    per_hour: float
    region: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Prices:
    """What is known of prices, by region, zone, instance type and market."""

    per_hour: Mapping[tuple[str, str, str, Market], float] = field(default_factory=dict)

    @classmethod
    def told_by(cls, prices: Iterable[Price]) -> Self:
        """Of two prices of the same place the later holds."""
        return cls({(each.region, each.zone, each.instance_type, each.market): each.per_hour for each in prices})

    def of(self, offering: Offering) -> float | None:
        """Price of one instance an hour, None if unknown; the zone's wins over the region's, and that over any."""
        for region, zone in ((offering.region, offering.zone), (offering.region, ""), ("", "")):
            price = self.per_hour.get((region, zone, offering.instance_type, offering.market))
            if price is not None:
                return price
        return None


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """One entry of `providers.yml`: a configured account.

    Attributes:
        name: what worker types write in `provider:`.
        kind: cloud kind, the folder name (`aws`).
        deployment: value of the tag `wm-deployment`; instances of other deployments are never touched or seen.
        endpoint: URL of an emulator or private endpoint; "" is the cloud itself.
        regions: the regions watched and allowed.
        calls_per_second: account budget of provider activities, 0 for none (server-side limit of the task queue).
        launch_calls_per_second: token bucket of launch calls per region, 0 for none.
        settle_seconds: how long after the last moment a call could be sent it may still take effect.
        list_lag_seconds: how long a launched instance may be missing from listings, or a terminated one stay in them.
        price_table: the prices of the file that `priceTable` names.
        options: kind-specific settings, checked by the kind.
    """

    name: str
    kind: str
    deployment: str = "worker-manager"
    endpoint: str = ""
    regions: tuple[str, ...] = ()
    calls_per_second: float = 0.0
    launch_calls_per_second: float = 0.0
    settle_seconds: float = 120.0
    list_lag_seconds: float = 120.0
    price_table: tuple[Price, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


class Provider(Protocol):
    """Verbs of one configured account."""

    record: ProviderRecord

    def launch(
        self, request: LaunchRequest, *, timeout_seconds: float, still_wanted: Callable[[], bool] | None = None
    ) -> LaunchResult:
        """Launch up to `request.count` instances, tagged at creation.

        Called twice with the same request: launches nothing more and gives the same ids (also when the first answer was
        lost). Partial: fewer ids than asked is success. A definite refusal is returned as its `Outcome`, not raised;
        `Outcome.UNKNOWN` means it may have taken effect. Returns within `timeout_seconds`, the bound on when the cloud
        may still receive it. Never retries by itself. `still_wanted` is asked right before the call, after any wait for
        its turn: if it says no, nothing is sent and the answer is `Outcome.NOT_SENT`.
        """

    def list_instances(self) -> Sequence[Instance]:
        """Every instance of this deployment in every region of the record, in any state the cloud still shows.

        Complete or an error: raises ProviderError rather than return a part. Unknown states come as
        `InstanceState.UNKNOWN` with `raw_state`. Eventually consistent within `record.list_lag_seconds`.
        """

    def terminate(self, instances: Sequence[tuple[str, str]], *, timeout_seconds: float) -> None:
        """End instances given as (region, instance id). Called twice, or already gone: success.

        Raises ProviderError if any may still live; the caller repeats the whole call.
        """

    def prices(self) -> Prices:
        """What instances cost now: the record's price table, and on top of it what the cloud tells.

        Takes many calls of the cloud, so the answer is kept for minutes and never waited for by a decision. Raises
        ProviderError; then the record's table is what is known.
        """


class ProviderKind(Protocol):
    """What a cloud kind brings besides its calls; pure, imports no SDK."""

    @property
    def name(self) -> str:
        """The kind's name, that of its folder."""

    def check(self, document: dict[str, Any], record: ProviderRecord | None) -> Sequence[Problem]:
        """Cross-field rules on a rendered, schema-valid document; `record` is None offline. Empty means acceptable."""

    def launch_specs(self, document: dict[str, Any]) -> Sequence[LaunchSpec]:
        """All launch specs of a rendered, schema-valid document, in document order (best first where it matters)."""

    def caps(self, document: dict[str, Any]) -> Sequence[Cap]:
        """The capacities of regions and instance types that a rendered, schema-valid document limits."""

    def open(self, record: ProviderRecord) -> Provider:
        """Import the SDK and build the clients; no network call. Raises ConfigInvalid on wrong `options`."""
