"""CSV that programs read back and spreadsheets do not execute."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import BaseModel

from agent_platform.analytics.csv_export import csv_text
from agent_platform.analytics.reports import (
    AgentFigures,
    Consumption,
    ErrorFigures,
    GroupFigures,
    Point,
    SpeedFigures,
    UserFigures,
    WorkflowFigures,
)
from agent_platform.storage.executions import Timestamp, Usd


class Inner(BaseModel):
    spent: Usd


class Row(BaseModel):
    name: str | None
    count: int = 0
    change: float | None = None
    at: Timestamp | None = None
    inner: Inner = Inner(spent=Decimal(0))


def cells(*rows: Row) -> list[list[str]]:
    return [*csv.reader(io.StringIO(csv_text(rows, Row), newline=""), strict=True)]


def test_a_header_names_the_columns_also_where_there_are_no_rows() -> None:
    assert csv_text([], Row) == "name,at,count,change,inner.spent\r\n"


def test_what_a_row_is_about_stands_before_its_figures() -> None:
    reports = (Point, AgentFigures, GroupFigures, UserFigures, ErrorFigures, SpeedFigures, WorkflowFigures, Consumption)
    first = ("period", "agent_id,group", "group", "user_id,email", "code,agent_id", "name", "workflow_id", "kind,id")
    for report, begins in zip(reports, first, strict=True):
        assert csv_text([], report).startswith(f"{begins},")


def test_numbers_stay_numbers_negative_ones_too() -> None:
    row = Row(name="a", count=-3, change=-0.5, at=datetime(2026, 11, 22, tzinfo=UTC), inner=Inner(spent=Decimal("1.5")))
    assert cells(row)[1] == ["a", "2026-11-22T00:00:00Z", "-3", "-0.5", "1.5"]


def test_nothing_is_an_empty_cell() -> None:
    assert cells(Row(name=None))[1] == ["", "", "0", "", "0.0"]


@pytest.mark.parametrize(
    "text", ['a "quoted" name', "comma, name", "two\nlines", "two\r\nlines", "Ådne Ünal 李", " x "]
)
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert cells(Row(name=text))[1][0] == text


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        '=HYPERLINK("http://x.example","y")',
        "\uff1d1+1",
        "\uff20x",
    ],
)
def test_what_a_spreadsheet_would_execute_is_text(text: str) -> None:
    assert cells(Row(name=text))[1][0] == f"'{text}"


@pytest.mark.parametrize("text", ["a=b", "a@example.com", "1-2", "'quoted'"])
def test_other_texts_get_nothing_before_them(text: str) -> None:
    assert cells(Row(name=text))[1][0] == text
