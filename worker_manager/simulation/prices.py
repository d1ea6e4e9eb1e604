"""What instances cost an hour: as far as it is known, else by their worth, and less on the spot market."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from worker_manager.model import Market, Offering
from worker_manager.provider import Prices


@dataclass(frozen=True, slots=True)
class PriceList:
    """What is known, and what an instance of utility 1 costs that is not known."""

    known: Prices = field(default_factory=Prices)
    on_demand: float = 0.10
    spot: float = 0.035

    def prices(self, offerings: Iterable[Offering]) -> dict[str, float]:
        """The price of every offering, by its key: the dearest where worker types differ in how much it is worth."""
        prices: dict[str, float] = {}
        for each in offerings:
            prices[each.key] = max(self._price(each), prices.get(each.key, 0.0))
        return prices

    def _price(self, offering: Offering) -> float:
        known = self.known.of(offering)
        usual = self.spot if offering.market is Market.SPOT else self.on_demand
        return offering.utility * usual if known is None else known
