"""What EC2 tells of spot prices, in our own words: those that hold now, of Linux instances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from statistics import fmean
from typing import TYPE_CHECKING

from worker_manager.model import Market
from worker_manager.provider import Price
from worker_manager.providers.aws.clients import Clients
from worker_manager.providers.aws.failures import cause_of, classify, provider_error

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

PRODUCT = "Linux/UNIX"
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html: at most 1000 results.
PAGE_COUNT = 1000


def spot_prices(clients: Clients, region: str) -> tuple[Price, ...]:
    """Each zone's prices, and as the region's the mean of them, for launches whose zone EC2 chooses.

    Raises ProviderError, naming the region, if they could not be read to their end.
    """
    try:
        zonal = tuple(_told(clients.read(region), region))
    except Exception as error:  # noqa: BLE001 - the SDK's parsers raise anything
        failure = classify(error, sent=True)
        raise provider_error(f"reading of spot prices in '{region}'", failure) from cause_of(failure, error)
    return (*zonal, *_means(zonal, region))


def _told(client: EC2Client, region: str) -> Iterator[Price]:
    # The history since now is one price for each instance type and zone: the one that holds.
    pages = client.get_paginator("describe_spot_price_history").paginate(
        StartTime=datetime.now(UTC), ProductDescriptions=[PRODUCT], PaginationConfig={"PageSize": PAGE_COUNT}
    )
    for page in pages:
        for told in page["SpotPriceHistory"]:
            price = float(told["SpotPrice"])
            yield Price(told["InstanceType"], Market.SPOT, price, region, told["AvailabilityZone"])


def _means(zonal: Iterable[Price], region: str) -> Iterator[Price]:
    by_type: dict[str, list[float]] = {}
    for price in zonal:
        by_type.setdefault(price.instance_type, []).append(price.per_hour)
    return (Price(name, Market.SPOT, fmean(prices), region) for name, prices in by_type.items())
