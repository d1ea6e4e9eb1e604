"""Price tables: which price an offering has, and how a wrong table is refused."""

from __future__ import annotations

import pytest

from worker_manager.errors import ConfigInvalid
from worker_manager.model import LaunchSpec, Market, Offering
from worker_manager.prices import price_table, prices_by_offering
from worker_manager.provider import Price, Prices
from worker_manager.settings import load_providers, provider_records

TABLE = """
prices:
- {instanceType: m5.large, market: onDemand, pricePerHour: 0.1}
- {instanceType: m5.large, market: spot, pricePerHour: 0.04}
- {region: us-east-1, instanceType: m5.large, market: onDemand, pricePerHour: 1}
"""
PRICES = (
    Price("m5.large", Market.ON_DEMAND, 0.1),
    Price("m5.large", Market.SPOT, 0.04),
    Price("m5.large", Market.ON_DEMAND, 1.0, "us-east-1"),
)
SPOT_IN_ZONE = Price("m5.large", Market.SPOT, 0.03, "us-east-1", "us-east-1a")


@pytest.fixture
def load(tmp_path):
    """Load a providers file that names `prices.yml` in its own folder, which holds `table` if any."""

    def write_and_load(table=None, name="prices.yml"):
        if table is not None:
            (tmp_path / "prices.yml").write_bytes(table if isinstance(table, bytes) else table.encode())
        path = tmp_path / "providers.yml"
        path.write_text(f"providers:\n  - {{name: a, kind: aws, priceTable: {name}}}\n  - {{name: b, kind: aws}}\n")
        return load_providers(path, "lab")

    return write_and_load


@pytest.mark.parametrize(
    ("expected", "region", "zone", "market"),
    [
        pytest.param(0.1, "us-west-1", "", Market.ON_DEMAND, id="anywhere"),
        pytest.param(1.0, "us-east-1", "", Market.ON_DEMAND, id="the-region-wins"),
        pytest.param(1.0, "us-east-1", "us-east-1a", Market.ON_DEMAND, id="the-region-for-a-zone-without-one"),
        pytest.param(0.03, "us-east-1", "us-east-1a", Market.SPOT, id="the-zone-wins"),
        pytest.param(0.04, "us-east-1", "us-east-1b", Market.SPOT, id="another-zone"),
        pytest.param(0.04, "us-east-1", "", Market.SPOT, id="no-zone"),
    ],
)
def test_the_price_of_the_narrowest_place_holds(expected, region, zone, market):
    assert expected == Prices.told_by((*PRICES, SPOT_IN_ZONE)).of(Offering(region, zone, "m5.large", market))


def test_what_nobody_told_has_no_price():
    assert Prices.told_by(PRICES).of(Offering("us-east-1", "", "m5.xlarge")) is None
    assert Prices().of(Offering("us-east-1", "", "m5.large")) is None
    assert Prices.told_by([SPOT_IN_ZONE]).of(Offering("us-west-1", "us-east-1a", "m5.large", Market.SPOT)) is None


def test_of_two_prices_of_one_place_the_later_holds():
    prices = Prices.told_by([Price("m5.large", Market.SPOT, 1), Price("m5.large", Market.SPOT, 0.0)])
    assert 0.0 == prices.of(Offering("r", "z", "m5.large", Market.SPOT))


def test_prices_by_offering_are_those_known():
    offerings = [Offering("us-east-1", "us-east-1a", "m5.large"), Offering("us-west-1", "", "m5.xlarge")]
    specs = [LaunchSpec(each, {}, {}, "v1-a") for each in offerings]
    assert {"us-east-1/us-east-1a/m5.large/onDemand": 1.0} == prices_by_offering(specs, Prices.told_by(PRICES))


def test_a_record_has_the_prices_of_the_table_that_it_names(load):
    records = load(TABLE)
    assert (PRICES, ()) == (records["a"].price_table, records["b"].price_table)


def test_an_absolute_path_is_taken_as_it_is(load, tmp_path):
    assert PRICES == load(TABLE, str(tmp_path / "prices.yml"))["a"].price_table


def test_records_of_a_document_alone_have_no_prices():
    data = {"providers": [{"name": "a", "kind": "aws", "priceTable": "prices.yml"}]}
    assert () == provider_records(data, "lab")["a"].price_table


@pytest.mark.parametrize(
    ("place", "words", "table"),
    [
        pytest.param("prices.yml: ", "'prices' is missing", "{}", id="no-prices"),
        pytest.param("prices.yml: ", "must be an object", "- {instanceType: a}", id="a-list"),
        pytest.param("prices.yml: ", "must be an object", "", id="empty"),
        pytest.param("prices.yml:1:9", "must be a list", "prices: {}", id="no-list"),
        pytest.param("prices.yml:1:11", "not YAML", "prices: [{", id="not-closed"),
        pytest.param("prices.yml:2:1", "unknown key 'currency'", "prices: []\ncurrency: EUR", id="extra"),
        pytest.param(
            "prices.yml:1:10", "'market' is missing", "prices: [{instanceType: a, pricePerHour: 1}]", id="no-market"
        ),
        pytest.param(
            "prices.yml:2:49",
            "must be at least 0",
            "prices:\n- {instanceType: a, market: spot, pricePerHour: -1}",
            id="negative",
        ),
        pytest.param(
            "prices.yml:1:36",
            "did you mean 'spot'",
            "prices: [{instanceType: a, market: spott, pricePerHour: 1}]",
            id="market",
        ),
        pytest.param(
            "prices.yml:1:59",
            "unknown key",
            "prices: [{instanceType: a, market: spot, pricePerHour: 1, zone: b}]",
            id="zone",
        ),
        pytest.param(
            "prices.yml:3:3",
            "the same region and instanceType and market as in entry 0",
            "prices:\n- {instanceType: a, market: spot, pricePerHour: 1}\n"
            "- {instanceType: a, market: spot, pricePerHour: 2}",
            id="twice",
        ),
        pytest.param("prices.yml: cannot be read", "", b"\xff\xfe\xfa", id="not-utf-8"),
        pytest.param("providers.yml:2:", "there is no file", None, id="missing"),
    ],
)
def test_a_wrong_table_is_refused_naming_the_file_and_the_place(load, place, words, table):
    with pytest.raises(ConfigInvalid) as caught:
        load(table)
    message = caught.value.problems[0].message
    assert (True, True) == (place in message, words in message), message


def test_every_problem_of_a_table_is_named_at_once():
    with pytest.raises(ConfigInvalid) as caught:
        price_table(
            {
                "prices": [
                    {"instanceType": "a", "market": "spot"},
                    {"instanceType": "", "market": "spot", "pricePerHour": 1},
                ]
            }
        )
    assert ["/prices/0", "/prices/1/instanceType"] == [problem.pointer for problem in caught.value.problems]
