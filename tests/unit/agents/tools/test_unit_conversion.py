"""Units: exact factors, names that people write, and no guess where two units share a name."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from agent_platform.agents.tools import registry
from agent_platform.agents.tools.units import _units

TOOL = registry["unit_conversion"]


def convert(value: str, source: str, target: str) -> Any:
    outcome = TOOL.call({"value": value, "from_unit": source, "to_unit": target})
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def refusal(value: str, source: str, target: str) -> str:
    outcome = TOOL.call({"value": value, "from_unit": source, "to_unit": target})
    assert outcome.is_error, outcome.content
    return outcome.content


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("1", "mi", "km", "1.609344"),
        ("26.2", "miles", "kilometres", "42.1648128"),
        ("1", "ft", "in", "12"),
        ("1", "nmi", "m", "1852"),
        ("1", "lb", "kg", "0.45359237"),
        ("16", "oz", "lb", "1"),
        ("1", "short ton", "lb", "2000"),
        ("1", "long ton", "lb", "2240"),
        ("1", "stone", "lb", "14"),
        ("7000", "gr", "lb", "1"),
        ("1", "ozt", "g", "31.1034768"),
        ("1", "acre", "ft2", "43560"),
        ("640", "acre", "square miles", "1"),
        ("1", "ha", "m2", "10000"),
        ("1", "gal_us", "in3", "231"),
        ("1", "gal_us", "floz_us", "128"),
        ("1", "gal_uk", "floz_uk", "160"),
        ("1", "gal_uk", "L", "4.54609"),
        ("1", "bbl", "gal_us", "42"),
        ("1", "cup_us", "tbsp_us", "16"),
        ("1", "tbsp_us", "tsp_us", "3"),
        ("1", "yd3", "ft3", "27"),
        ("1", "bu_us", "in3", "2150.42"),
        ("-40", "degC", "degF", "-40"),
        ("100", "°C", "°F", "212"),
        ("32", "F", "C", "0"),
        ("0", "K", "degC", "-273.15"),
        ("491.67", "degR", "degC", "0"),
        ("10", "delta_C", "delta_F", "18"),
        ("1", "d", "s", "86400"),
        ("1", "week", "hours", "168"),
        ("36", "km/h", "m/s", "10"),
        ("60", "miles per hour", "ft/s", "88"),
        ("1", "knot", "km/h", "1.852"),
        ("1", "kWh", "MJ", "3.6"),
        ("1", "kcal", "J", "4184"),
        ("1", "BTU", "J", "1055.05585262"),
        ("1", "TR", "BTU/h", "12000"),
        ("1", "PS", "W", "735.49875"),
        ("1", "atm", "Pa", "101325"),
        ("1", "bar", "kPa", "100"),
        ("760", "Torr", "atm", "1"),
        ("1", "kgf", "N", "9.80665"),
        ("1", "g/cm3", "kg/m3", "1000"),
        ("1", "GiB", "MiB", "1024"),
        ("1", "GB", "MB", "1000"),
        ("100", "Mbit/s", "MB/s", "12.5"),
        ("100", "Mbps", "MB/s", "12.5"),
        ("8", "Mb", "MB", "1"),
        ("60", "rpm", "Hz", "1"),
        ("1", "turn", "deg", "360"),
        ("100", "gon", "deg", "90"),
        ("5", "L/100km", "km/L", "20"),
        ("1.5e3", "m", "km", "1.5"),
        ("-.5", "km", "m", "-500"),
        ("1", "KM", "M", "1000"),
    ],
)
def test_known_conversions_are_exact(value: str, source: str, target: str, expected: str):
    found = convert(value, source, target)
    assert found["result"] == expected
    assert "rounded" not in found


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("1", "psi", "Pa", "6894.757293168"),  # SP 811, appendix B.8
        ("1", "hp", "W", "745.69987158"),
        ("1", "mmHg", "Pa", "133.322387415"),
        ("1", "lb/ft3", "kg/m3", "16.01846337396"),
        ("30", "mpg_us", "L/100km", "7.840486111"),
        ("40", "mpg_uk", "L/100km", "7.062023408"),
        ("1", "rad", "deg", "57.295779513082320"),
        ("1", "eV", "J", "0.0000000000000000001602176634"),
        ("1", "ft_us", "m", "0.304800609601219"),
        ("1", "therm", "kWh", "29.307107017222"),
    ],
)
def test_conversions_agree_with_published_figures(value: str, source: str, target: str, expected: str):
    assert convert(value, source, target)["result"].startswith(expected)


def test_lost_digits_are_told():
    found = convert("1", "m", "mi")
    assert found["rounded"] == "to 34 significant digits"
    assert abs(Decimal(found["result"]) * Decimal("1609.344") - 1) < Decimal("1e-30")


def test_every_unit_converts_to_every_other_of_its_quantity_and_back():
    symbols, _, _ = _units()
    by_quantity: dict[str, list[Any]] = {}
    for unit in symbols.values():
        by_quantity.setdefault(unit.quantity, []).append(unit)
    assert len(by_quantity) == 18
    for units in by_quantity.values():
        for unit in units:
            there = units[0].from_base(unit.to_base(Fraction(371, 10)))
            assert unit.from_base(units[0].to_base(there)) == Fraction(371, 10)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gallon", "gal_us or gal_uk"),
        ("gallons", "gal_us or gal_uk"),
        ("fluid ounces", "floz_us or floz_uk"),
        ("ton", "t (tonne), ton_us (short ton) or ton_uk (long ton)"),
        ("mpg", "mpg_us or mpg_uk"),
        ("calories", "cal_IT"),
        ("years", "date_arithmetic"),
        ("month", "date_arithmetic"),
        ("kt", "kn (knot)"),
    ],
)
def test_a_name_of_several_units_is_asked_back(name: str, told: str):
    message = refusal("1", name, "kg")
    assert f"`{name}` is not one unit" in message
    assert told in message


def test_case_that_decides_is_asked_back():
    assert refusal("1", "MM", "m") == "`MM` is not one unit; upper and lower case tell Mm, mm apart."


@pytest.mark.parametrize("name", ["parsnip", "kkm", "mKi", "KiL", "μ", "1", "'; drop", "\0", "milliday", "kmile"])
def test_an_unknown_unit_is_told_with_those_there_are(name: str):
    message = refusal("1", name, "m")
    assert message.startswith(f"There is no unit `{name}`. Units: length: m in ft")
    assert "fuel consumption: L/100km km/L mpg_us mpg_uk" in message


def test_quantities_do_not_mix():
    assert refusal("1", "kg", "m") == "kg measures mass and m length; they do not convert into each other."
    assert "temperature difference" in refusal("1", "K", "delta_K")


def test_nothing_is_colder_than_absolute_zero():
    assert "below absolute zero" in refusal("-273.16", "degC", "K")
    assert convert("-273.15", "degC", "K")["result"] == "0"


def test_no_distance_on_a_litre_has_no_consumption():
    assert refusal("0", "mpg_us", "L/100km") == "0 mpg_us has no counterpart in L/100km."


@pytest.mark.parametrize("value", ["", "1,000", "1 000", "NaN", "inf", "1e999", "0x10", "1/3", "1_000", "--1", "e5"])
def test_what_is_no_plain_number_is_refused(value: str):
    assert refusal(value, "m", "km").startswith("Arguments refused: value: ")


def test_the_largest_and_smallest_numbers_stay_readable():
    assert convert("1e99", "Em", "nm")["result"] == "1" + "0" * 126
    assert convert("1e-99", "nm", "Em")["result"] == "0." + "0" * 125 + "1"
