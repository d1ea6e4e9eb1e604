"""Spot prices: what they usually are, how they are set, and how EC2 tells them."""

from datetime import UTC, datetime

import pytest

from emulators.ec2.spot_prices import usual_price

ZONES = ["us-east-1a", "us-east-1b", "us-east-1c"]


@pytest.fixture
def told(ec2):
    """The prices of an answer as (zone, instance type) -> price."""

    def ask(on=ec2, **given):
        rows = on.describe_spot_price_history(StartTime=datetime.now(UTC), **given)["SpotPriceHistory"]
        return {(row["AvailabilityZone"], row["InstanceType"]): float(row["SpotPrice"]) for row in rows}

    return ask


def test_a_row_says_what_ec2_says(ec2):
    answer = ec2.describe_spot_price_history(InstanceTypes=["m5.large"], AvailabilityZone="us-east-1b")
    (row,) = answer["SpotPriceHistory"]
    assert {"AvailabilityZone", "InstanceType", "ProductDescription", "SpotPrice", "Timestamp"} == row.keys()
    assert ("us-east-1b", "m5.large", "Linux/UNIX") == (
        row["AvailabilityZone"],
        row["InstanceType"],
        row["ProductDescription"],
    )
    assert row["Timestamp"] <= datetime.now(UTC)
    assert not answer["NextToken"]


def test_usual_prices_are_the_same_at_every_start_and_below_the_regular_ones(told):
    assert {(zone, "m5.large"): usual_price(f"{zone}/m5.large/spot") for zone in ZONES} == told(
        InstanceTypes=["m5.large"]
    )
    assert 0.0433 == usual_price("us-east-1a/m5.large/spot")
    assert 3 == len({usual_price(f"{zone}/m5.large/spot") for zone in ZONES})


@pytest.mark.parametrize(
    ("dollars", "instance_type"),
    [(0.1, "m5.large"), (0.8, "c5.4xlarge"), (0.00625, "t3.nano"), (4.8, "m5.metal"), (9.6, "r7i.metal-48xl")],
)
def test_regular_prices_follow_the_size(dollars, instance_type):
    assert dollars == pytest.approx(usual_price(f"us-east-1a/{instance_type}/on-demand"))
    spot = usual_price(f"us-east-1a/{instance_type}/spot")
    assert 0.25 * dollars <= spot + 0.0001
    assert spot <= 0.45 * dollars + 0.0001


def test_prices_are_set_by_pool_the_last_one_winning(emulator, told):
    emulator.control.set_prices({"*/m5.large/spot": 0.5, "us-east-1a/m5.large/*": 0.25})
    expected = {"us-east-1a": 0.25, "us-east-1b": 0.5, "us-east-1c": 0.5}
    assert {(zone, "m5.large"): price for zone, price in expected.items()} == told(InstanceTypes=["m5.large"])
    emulator.control.set_prices({"*/m5.large/spot": 0})
    assert {0.0} == set(told(InstanceTypes=["m5.large"]).values())
    emulator.control.set_prices({"us-east-1b/*/*": None})
    usual = usual_price("us-east-1b/m5.large/spot")
    assert {"us-east-1a": 0.0, "us-east-1b": usual} == {
        zone: price for (zone, _), price in told(InstanceTypes=["m5.large"]).items() if zone != "us-east-1c"
    }


def test_every_type_in_every_zone_is_told_once_by_pages(ec2, emulator):
    pages = list(ec2.get_paginator("describe_spot_price_history").paginate(PaginationConfig={"PageSize": 1000}))
    rows = [(row["AvailabilityZone"], row["InstanceType"]) for page in pages for row in page["SpotPriceHistory"]]
    assert 1 < len(pages)
    assert {1000} == {len(page["SpotPriceHistory"]) for page in pages[:-1]}
    assert len(rows) == len(set(rows)) == 3 * len({name for _, name in rows})
    assert len(pages) == emulator.control.stats()["calls"]["DescribeSpotPriceHistory"]


@pytest.mark.parametrize(
    ("count", "given"),
    [
        (3, {"InstanceTypes": ["m5.large"], "ProductDescriptions": ["Linux/UNIX"]}),
        (3, {"InstanceTypes": ["m5.large"], "ProductDescriptions": ["Windows", "Linux/UNIX (Amazon VPC)"]}),
        (0, {"InstanceTypes": ["m5.large"], "ProductDescriptions": ["Windows"]}),
        (0, {"InstanceTypes": ["m5.nothing"]}),
        (1, {"InstanceTypes": ["m5.large"], "AvailabilityZone": "us-east-1c"}),
        (
            2,
            {"Filters": [{"Name": "instance-type", "Values": ["m5.l*", "c5.large"]}], "AvailabilityZone": "us-east-1c"},
        ),
    ],
)
def test_only_what_was_asked_for_is_told(told, count, given):
    assert count == len(told(**given))


def test_zones_are_those_of_the_settings(emulator, told, client):
    emulator.control.set_settings(zones={"us-west-2": ["us-west-2d"]})
    assert {("us-west-2d", "m5.large")} == told(client("us-west-2"), InstanceTypes=["m5.large"]).keys()


def test_what_is_not_emulated_is_refused(ec2, refused):
    asked = [{"Name": "spot-price", "Values": ["0.1"]}]
    assert ("InvalidParameterValue", 400) == refused(ec2.describe_spot_price_history, Filters=asked)
    assert ("InvalidParameterValue", 400) == refused(ec2.describe_spot_price_history, MaxResults=1001)
