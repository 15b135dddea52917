"""Day counts, held against the published examples of the conventions."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_platform.agents.tools import registry

TOOL = registry["day_count_fraction"]


def counted(start: object, end: object, convention: str) -> Any:
    outcome = TOOL.call({"start": str(start), "end": str(end), "convention": convention})
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


@pytest.mark.parametrize(
    ("start", "end", "convention", "days", "ratio"),
    [
        # ISDA, "EMU and market conventions: recent developments" (1998), section 4, and its worked periods.
        ("1999-02-01", "1999-07-01", "ACT/ACT", 150, Fraction(150, 365)),
        ("1999-07-01", "2000-07-01", "ACT/ACT", 366, Fraction(184, 365) + Fraction(182, 366)),
        ("2002-08-15", "2003-07-15", "ACT/ACT", 334, Fraction(334, 365)),
        ("2003-11-01", "2004-05-01", "ACT/ACT", 182, Fraction(61, 365) + Fraction(121, 366)),
        ("1999-11-30", "2000-04-30", "ACT/ACT", 152, Fraction(32, 365) + Fraction(120, 366)),
        ("2000-01-01", "2010-01-01", "ACT/ACT", 3653, Fraction(10)),
        ("2026-01-31", "2026-02-28", "30/360", 28, Fraction(28, 360)),
        ("2026-01-31", "2026-03-31", "30/360", 60, Fraction(60, 360)),
        ("2026-01-15", "2026-03-31", "30/360", 76, Fraction(76, 360)),
        ("2026-01-15", "2026-03-31", "30E/360", 75, Fraction(75, 360)),
        ("2026-02-28", "2026-03-31", "30/360", 33, Fraction(33, 360)),
        ("2026-02-28", "2026-03-31", "30E/360", 32, Fraction(32, 360)),
        ("2025-12-30", "2026-12-31", "30/360", 360, Fraction(1)),
        ("2026-01-01", "2027-01-01", "ACT/360", 365, Fraction(365, 360)),
        ("2024-01-01", "2025-01-01", "ACT/365", 366, Fraction(366, 365)),
        ("2026-05-01", "2026-05-01", "ACT/ACT", 0, Fraction(0)),
    ],
)
def test_published_periods(start: str, end: str, convention: str, days: int, ratio: Fraction):
    found = counted(start, end, convention)
    assert (found["days"], Fraction(found["ratio"])) == (days, ratio)


def test_the_decimal_is_the_ratio():
    found = counted("2026-01-01", "2026-01-02", "ACT/365")
    assert found == {
        "days": 1,
        "actual_days": 1,
        "ratio": "1/365",
        "fraction": "0.002739726027397260273972602739726027",
    }


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.lists(st.dates(), min_size=3, max_size=3).map(sorted))
def test_actual_fractions_of_adjoining_periods_add_up(dates: list[Any]):
    first, middle, last = dates
    for convention in ("ACT/ACT", "ACT/360", "ACT/365"):
        parts = [Fraction(counted(*pair, convention)["ratio"]) for pair in ((first, middle), (middle, last))]
        assert sum(parts) == Fraction(counted(first, last, convention)["ratio"])


def test_a_period_that_ends_before_it_starts_is_refused():
    outcome = TOOL.call({"start": "2026-02-01", "end": "2026-01-31", "convention": "ACT/360"})
    assert outcome.content == "`end` lies before `start`."


@pytest.mark.parametrize("convention", ["ACT/364", "30/365", "", None])
def test_other_conventions_are_refused_by_name(convention: object):
    outcome = TOOL.call({"start": "2026-01-01", "end": "2026-02-01", "convention": convention})
    assert outcome.content.startswith("Arguments refused: convention: ")
