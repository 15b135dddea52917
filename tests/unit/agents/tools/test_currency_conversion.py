"""Money: exact along the way, rounded once, by the currency's own places, and only along a path that is clear."""

import json
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_platform.agents.tools import registry
from agent_platform.agents.tools.currency_conversion import MINOR_UNITS

TOOL = registry["currency_conversion"]


def call(amount: str, source: str, target: str, *quotes: str, **options: Any) -> Any:
    """Quotes are written as `EUR/USD 1.0837`."""
    rates = [
        dict(zip(("base", "quote", "rate"), (*quote.split()[0].split("/"), quote.split()[1]), strict=True))
        for quote in quotes
    ]
    return TOOL.call({"amount": amount, "from_currency": source, "to_currency": target, "rates": rates, **options})


def converted(amount: str, source: str, target: str, *quotes: str, **options: Any) -> Any:
    outcome = call(amount, source, target, *quotes, **options)
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def refusal(amount: str, source: str, target: str, *quotes: str, **options: Any) -> str:
    outcome = call(amount, source, target, *quotes, **options)
    assert outcome.is_error, outcome.content
    return outcome.content


@pytest.mark.parametrize(
    ("amount", "source", "target", "quotes", "expected", "path"),
    [
        ("100", "EUR", "USD", ["EUR/USD 1.0837"], "108.37", ["EUR/USD 1.0837"]),
        ("100", "USD", "EUR", ["EUR/USD 1.0837"], "92.28", ["1 / (EUR/USD 1.0837)"]),
        (
            "100",
            "GBP",
            "JPY",
            ["EUR/GBP 0.85", "EUR/JPY 160.12"],
            "18838",
            ["1 / (EUR/GBP 0.85)", "EUR/JPY 160.12"],
        ),
        ("1000", "JPY", "BHD", ["USD/JPY 150", "BHD/USD 2.65"], "2.516", ["1 / (USD/JPY 150)", "1 / (BHD/USD 2.65)"]),
        ("7.005", "EUR", "EUR", ["EUR/USD 1"], "7.01", []),
        ("0", "EUR", "USD", ["EUR/USD 1.1"], "0.00", ["EUR/USD 1.1"]),
        ("-100", "EUR", "USD", ["EUR/USD 1.0837"], "-108.37", ["EUR/USD 1.0837"]),
        ("1", "USD", "CLF", ["USD/CLF 0.02345"], "0.0235", ["USD/CLF 0.02345"]),
    ],
)
def test_known_conversions(amount: str, source: str, target: str, quotes: list[str], expected: str, path: list[str]):
    found = converted(amount, source, target, *quotes)
    assert (found["result"], found["path"]) == (expected, path)


def test_a_rate_of_the_pair_goes_before_its_inverse_and_that_before_a_crossing():
    both = ["USD/EUR 0.9", "EUR/USD 1.2", "EUR/GBP 0.8", "GBP/USD 1.5"]
    assert converted("10", "EUR", "USD", *both)["path"] == ["EUR/USD 1.2"]
    assert converted("10", "EUR", "USD", *both[:1], *both[2:])["path"] == ["1 / (USD/EUR 0.9)"]
    assert converted("10", "EUR", "USD", *both[2:])["path"] == ["EUR/GBP 0.8", "GBP/USD 1.5"]
    assert converted("10", "EUR", "USD", *both, via="GBP")["path"] == ["EUR/GBP 0.8", "GBP/USD 1.5"]


def test_several_ways_to_cross_are_refused_until_one_is_named():
    quotes = ["EUR/GBP 0.85", "EUR/JPY 160", "GBP/USD 1.25", "USD/JPY 150"]
    assert refusal("1", "GBP", "JPY", *quotes) == "GBP to JPY can cross through EUR, USD: name one in `via`."
    assert converted("1", "GBP", "JPY", *quotes, via="USD")["result"] == "188"


def test_two_rates_for_one_pair_are_refused_and_the_same_rate_twice_is_not():
    assert "Two rates for EUR/USD (1.1 and 1.2)" in refusal("1", "EUR", "USD", "EUR/USD 1.1", "EUR/USD 1.2")
    assert converted("1", "EUR", "USD", "EUR/USD 1.1", "EUR/USD 1.10")["result"] == "1.10"


@pytest.mark.parametrize(
    ("source", "target", "quotes", "options", "told"),
    [
        ("EUR", "USD", ["EUR/GBP 0.8"], {}, "The rates do not lead from EUR to USD;"),
        ("EUR", "USD", ["EUR/GBP 0.8", "GBP/CHF 1.1", "CHF/USD 1.1"], {}, "do not lead from EUR to USD"),
        ("EUR", "USD", ["EUR/USD 1.1"], {"via": "GBP"}, "do not lead from EUR to USD through GBP"),
        ("EUR", "USD", ["EUR/USD 0"], {}, "The rate EUR/USD is 0."),
        ("EUR", "USD", ["EUR/USD 0.000"], {}, "The rate EUR/USD is 0."),
        ("EUR", "USD", ["EUR/EUR 1"], {}, "A rate from EUR to itself says nothing"),
        ("EUR", "BGN", ["EUR/BGN 1.95583"], {}, "`BGN` is no current currency of ISO 4217"),
        ("EUR", "XAU", ["EUR/XAU 0.0003"], {}, "give `decimals`"),
    ],
)
def test_what_cannot_be_converted_says_why(
    source: str, target: str, quotes: list[str], options: dict[str, Any], told: str
):
    assert told in refusal("1", source, target, *quotes, **options)


def test_withdrawn_currencies_convert_with_decimals_given():
    assert converted("100", "EUR", "BGN", "EUR/BGN 1.95583", decimals=2)["result"] == "195.58"


@pytest.mark.parametrize(
    ("rounding", "amount", "expected"),
    [
        ("half_up", "0.125", "0.13"),
        ("half_even", "0.125", "0.12"),
        ("half_even", "0.135", "0.14"),
        ("half_up", "-0.125", "-0.13"),
        ("half_even", "-0.125", "-0.12"),
        ("half_up", "0.1249999999", "0.12"),
    ],
)
def test_exactly_half_is_rounded_as_asked(rounding: str, amount: str, expected: str):
    found = converted(amount, "EUR", "USD", "EUR/USD 1", rounding=rounding)
    assert (found["result"], found["rounded"]) == (expected, True)


def test_nothing_that_rounds_to_zero_is_negative():
    assert converted("-0.001", "EUR", "USD", "EUR/USD 1")["result"] == "0.00"


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(
    st.decimals(-(10**15), 10**15, places=4, allow_nan=False),
    st.decimals(Decimal("0.0001"), 10**6, places=6, allow_nan=False),
    st.sampled_from(sorted(MINOR_UNITS)),
    st.sampled_from([("half_up", ROUND_HALF_UP), ("half_even", ROUND_HALF_EVEN)]),
)
def test_rounding_agrees_with_that_of_decimals(amount: Decimal, rate: Decimal, target: str, rounding: tuple[str, str]):
    found = converted(f"{amount:f}", "AAA", target, f"AAA/{target} {rate:f}", rounding=rounding[0])
    exact = (amount * rate).quantize(Decimal(1).scaleb(-MINOR_UNITS[target]), rounding[1])
    assert Decimal(found["result"]) == exact
    assert found["rounded"] is (exact != amount * rate)


def test_places_are_those_of_iso_4217():
    by_places = {places: sorted(code for code, own in MINOR_UNITS.items() if own == places) for places in range(5)}
    assert by_places[3] == ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
    assert by_places[4] == ["CLF", "UYW"]
    assert {"JPY", "KRW", "VND", "CLP", "ISK", "XOF"} <= {*by_places[0]}
    assert [len(by_places[places]) for places in range(5)] == [17, 0, 139, 7, 2]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"amount": "1,000"}, "amount"),
        ({"amount": "1e5"}, "amount"),
        ({"amount": 5}, "amount"),
        ({"amount": "1" * 30}, "amount"),
        ({"from_currency": "eur"}, "from_currency"),
        ({"to_currency": "EURO"}, "to_currency"),
        ({"rates": []}, "rates"),
        ({"rates": [{"base": "EUR", "quote": "USD", "rate": "-1"}]}, "rates.0.rate"),
        ({"rates": [{"base": "EUR", "quote": "USD", "rate": "1", "bid": "1"}]}, "rates.0.bid"),
        ({"decimals": 13}, "decimals"),
        ({"rounding": "down"}, "rounding"),
    ],
    ids=str,
)
def test_arguments_outside_the_schema_are_told_by_name(arguments: dict[str, Any], field: str):
    good = {
        "amount": "1",
        "from_currency": "EUR",
        "to_currency": "USD",
        "rates": [{"base": "EUR", "quote": "USD", "rate": "1"}],
    }
    outcome = TOOL.call(good | arguments)
    assert outcome.is_error
    assert outcome.content.startswith(f"Arguments refused: {field}: ")
