"""Statistics of columns: exact where numbers are, and the same as the standard library where it says the same."""

import json
import statistics
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_platform.agents.tools import registry

TOOL = registry["column_statistics"]


def described(csv: str | None = None, **arguments: Any) -> Any:
    outcome = TOOL.call({**({"csv": csv} if csv is not None else {}), **arguments})
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def test_a_column_of_numbers():
    assert described("x\n0.1\n0.2\n\n0.4\n0.2") == {
        "rows": 4,
        "columns": [
            {
                "name": "x",
                "type": "decimal",
                "count": 4,
                "missing": 0,
                "distinct": 3,
                "min": "0.1",
                "max": "0.4",
                "sum": "0.9",
                "mean": "0.225",
                "median": "0.2",
                "deviation": "0.125830573921179161620611413449102",
                "quantiles": {"0.25": "0.175", "0.75": "0.25"},
            }
        ],
    }


def test_a_column_of_text_names_the_most_frequent():
    (column,) = described("w\nb\na\nb\nc\na\nddd\ne\nf")["columns"]
    assert column == {
        "name": "w",
        "type": "text",
        "count": 8,
        "missing": 0,
        "distinct": 6,
        "shortest": 1,
        "longest": 3,
        "frequent": [
            {"value": "a", "count": 2},
            {"value": "b", "count": 2},
            {"value": "c", "count": 1},
            {"value": "ddd", "count": 1},
            {"value": "e", "count": 1},
        ],
    }


def test_missing_cells_count_as_missing_and_nothing_else():
    found = described(records=[{"a": None, "b": 1}, {"b": 3}, {"a": "", "b": None}])
    assert found["rows"] == 3
    a, b = found["columns"]
    assert a == {"name": "a", "type": "text", "count": 0, "missing": 3, "distinct": 0}
    assert (b["count"], b["missing"], b["mean"]) == (2, 1, "2")


def test_one_number_has_no_deviation():
    (column,) = described("x\n5")["columns"]
    assert (column["deviation"], column["median"], column["quantiles"]["0.75"]) == (None, "5", "5")


def test_digits_that_binary_numbers_lose_are_kept():
    (column,) = described("x\n100000000000000000.1\n0.2\n-100000000000000000")["columns"]
    assert column["sum"] == "0.3"
    assert column["max"] == "100000000000000000.1"


def test_only_the_columns_asked_for_are_described():
    found = described("a,b,c\n1,2,3", columns=["c", "a"])
    assert [column["name"] for column in found["columns"]] == ["a", "c"]


def test_a_column_that_is_not_there_is_told_with_those_that_are():
    outcome = TOOL.call({"csv": "a,net sum\n1,x", "columns": ["b"]})
    assert outcome.is_error
    assert outcome.content == 'There is no column `b`; there are a integer, "net sum" text.'


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.lists(st.decimals(-(10**9), 10**9, places=3), min_size=2, max_size=60))
def test_figures_agree_with_those_of_the_standard_library(numbers: list[Decimal]):
    csv = "x\n" + "\n".join(f"{number:f}" for number in numbers)
    (column,) = described(csv, quantiles=[0.25, 0.5, 0.75])["columns"]
    assert Decimal(column["sum"]) == sum(numbers)
    assert Decimal(column["median"]) == statistics.median(numbers)
    assert float(column["mean"]) == pytest.approx(float(statistics.mean(numbers)), abs=1e-12)
    assert float(column["deviation"]) == pytest.approx(float(statistics.stdev(numbers)), abs=1e-9)
    quartiles = statistics.quantiles(numbers, n=4, method="inclusive")
    assert [float(each) for each in column["quantiles"].values()] == pytest.approx([float(q) for q in quartiles])


@pytest.mark.parametrize(("share", "expected"), [(0, "1"), (1, "4"), (0.1, "1.3"), (0.9, "3.7")])
def test_quantiles_lie_between_their_neighbours(share: float, expected: str):
    (column,) = described("x\n1\n2\n3\n4", quantiles=[share])["columns"]
    assert [*column["quantiles"].values()] == [expected]


def test_the_largest_table_is_described_in_time():
    csv = "a,b\n" + "\n".join(f"{n % 7}.25,w{n % 13}" for n in range(15_000))
    a, b = described(csv)["columns"]
    assert (a["distinct"], b["distinct"]) == (7, 13)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "Give the table as `csv` or as `records`"),
        ({"csv": "a\n1", "quantiles": [1.5]}, "Arguments refused: quantiles.0: "),
        ({"csv": "a\n1", "quantiles": [0.5] * 21}, "Arguments refused: quantiles: "),
        ({"csv": "a\n1", "columns": "a"}, "Arguments refused: columns: "),
        ({"csv": "a,b\n1"}, "Line 2 has 1 cells"),
    ],
    ids=str,
)
def test_bad_arguments_are_told(arguments: dict[str, Any], told: str):
    outcome = TOOL.call(arguments)
    assert outcome.is_error
    assert outcome.content.startswith(told)
