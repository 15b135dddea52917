"""Calendar arithmetic, held against counting day by day."""

import calendar
import json
import random
from datetime import date, timedelta
from typing import Any

import pytest

from agent_platform.agents.tools import registry

TOOL = registry["date_arithmetic"]


def answer(operation: str, start: object, **arguments: Any) -> Any:
    outcome = TOOL.call(json.loads(json.dumps({"operation": operation, "start": start, **arguments}, default=str)))
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def refusal(**arguments: Any) -> str:
    outcome = TOOL.call(arguments)
    assert outcome.is_error, outcome.content
    return outcome.content


def counted(start: date, end: date, holidays: set[date]) -> int:
    """Business days after `start` up to `end`, one by one; backwards they count negative and exclude `start` too."""
    step = 1 if end >= start else -1
    days = [start + timedelta(days=step * n) for n in range(1, abs((end - start).days) + 1)]
    return step * sum(day.weekday() < 5 and day not in holidays for day in days)


@pytest.mark.parametrize(
    ("operation", "arguments", "expected"),
    [
        ("days_between", {"start": "2026-03-31", "end": "2026-04-01"}, {"days": 1}),
        ("days_between", {"start": "2026-03-31", "end": "2026-03-31"}, {"days": 0}),
        ("days_between", {"start": "2024-02-28", "end": "2024-03-01"}, {"days": 2}),
        ("days_between", {"start": "2026-04-01", "end": "2026-03-31"}, {"days": -1}),
        ("days_between", {"start": "0001-01-01", "end": "9999-12-31"}, {"days": 3652058}),
        ("add_days", {"start": "2026-12-31", "amount": 1}, {"date": "2027-01-01", "weekday": "Friday"}),
        ("add_days", {"start": "2026-03-01", "amount": -1}, {"date": "2026-02-28", "weekday": "Saturday"}),
        ("add_months", {"start": "2026-01-31", "amount": 1}, {"date": "2026-02-28", "weekday": "Saturday"}),
        ("add_months", {"start": "2024-01-31", "amount": 1}, {"date": "2024-02-29", "weekday": "Thursday"}),
        ("add_months", {"start": "2024-02-29", "amount": 12}, {"date": "2025-02-28", "weekday": "Friday"}),
        ("add_months", {"start": "2026-01-15", "amount": -1}, {"date": "2025-12-15", "weekday": "Monday"}),
        ("add_months", {"start": "2026-12-31", "amount": 0}, {"date": "2026-12-31", "weekday": "Thursday"}),
        ("add_business_days", {"start": "2026-04-03", "amount": 1}, {"date": "2026-04-06", "weekday": "Monday"}),
        ("add_business_days", {"start": "2026-04-06", "amount": -1}, {"date": "2026-04-03", "weekday": "Friday"}),
        (
            "add_business_days",
            {"start": "2026-04-02", "amount": 1, "holidays": ["2026-04-03", "2026-04-06"]},
            {"date": "2026-04-07", "weekday": "Tuesday"},
        ),
        ("business_days_between", {"start": "2026-04-03", "end": "2026-04-06"}, {"days": 1}),
        (
            "business_days_between",
            {"start": "2026-04-02", "end": "2026-04-07", "holidays": ["2026-04-03", "2026-04-06", "2026-04-06"]},
            {"days": 1},
        ),
        ("business_days_between", {"start": "2026-04-04", "end": "2026-04-05"}, {"days": 0}),
    ],
)
def test_known_dates(operation: str, arguments: dict[str, Any], expected: dict[str, Any]):
    assert answer(operation, **arguments) == expected


def random_dates(count: int) -> list[tuple[date, date, set[date]]]:
    chance = random.Random(20260331)  # noqa: S311 - the same cases every time
    cases = []
    for _ in range(count):
        start = date(1990, 1, 1) + timedelta(days=chance.randint(0, 20_000))
        end = start + timedelta(days=chance.randint(-400, 400))
        holidays = {start + timedelta(days=chance.randint(-420, 420)) for _ in range(chance.randint(0, 30))}
        cases.append((start, end, holidays))
    return cases


def test_business_days_between_agree_with_counting_one_by_one():
    for start, end, holidays in random_dates(400):
        found = answer("business_days_between", start, end=end, holidays=sorted(holidays))["days"]
        assert found == counted(start, end, holidays), (start, end, holidays)


def test_adding_business_days_is_undone_by_counting_them():
    for start, end, holidays in random_dates(400):
        amount = (end - start).days
        reached = date.fromisoformat(
            answer("add_business_days", start, amount=amount, holidays=sorted(holidays))["date"]
        )
        assert counted(start, reached, holidays) == amount, (start, amount, holidays)
        assert amount == 0 or (reached.weekday() < 5 and reached not in holidays)


def test_adding_months_keeps_the_day_or_takes_the_last_of_the_month():
    for start, end, _ in random_dates(400):
        amount = (end - start).days
        found = answer("add_months", start, amount=amount)
        reached = date.fromisoformat(found["date"])
        months = (reached.year - start.year) * 12 + reached.month - start.month
        assert months == amount
        assert reached.day == min(start.day, calendar.monthrange(reached.year, reached.month)[1])
        assert found["weekday"] == f"{reached:%A}"


def test_days_agree_with_the_calendar():
    for start, end, _ in random_dates(200):
        days = answer("days_between", start, end=end)["days"]
        assert answer("add_days", start, amount=days)["date"] == end.isoformat()


@pytest.mark.parametrize("operation", ["days_between", "business_days_between"])
def test_an_interval_needs_its_end(operation: str):
    assert refusal(operation=operation, start="2026-01-01", amount=5) == f"`{operation}` needs `end`."


@pytest.mark.parametrize("operation", ["add_days", "add_months", "add_business_days"])
def test_adding_needs_an_amount(operation: str):
    assert refusal(operation=operation, start="2026-01-01", end="2026-02-01") == f"`{operation}` needs `amount`."


@pytest.mark.parametrize(
    ("operation", "start", "amount"),
    [
        ("add_days", "9999-12-31", 1),
        ("add_days", "0001-01-01", -1),
        ("add_months", "9999-12-01", 1),
        ("add_months", "0001-01-31", -1),
        ("add_business_days", "9999-12-30", 5),
        ("add_business_days", "0001-01-02", -5),
    ],
)
def test_years_outside_the_calendar_are_refused(operation: str, start: str, amount: int):
    told = refusal(operation=operation, start=start, amount=amount)
    assert told == "The result lies outside the years 1 to 9999."


def test_counting_backwards_to_the_first_day_of_the_calendar_works():
    assert answer("business_days_between", "0001-01-10", end="0001-01-01") == {"days": -7}
    assert answer("business_days_between", "9999-12-31", end="9999-12-31") == {"days": 0}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"operation": "subtract", "start": "2026-01-01"}, "operation"),
        ({"operation": "add_days", "amount": 1}, "start"),
        ({"operation": "add_days", "start": "2026-02-30", "amount": 1}, "start"),
        ({"operation": "add_days", "start": "01.02.2026", "amount": 1}, "start"),
        ({"operation": "add_days", "start": "2026-01-01T12:00:00", "amount": 1}, "start"),
        ({"operation": "add_days", "start": "2026-01-01", "amount": 40_001}, "amount"),
        ({"operation": "add_days", "start": "2026-01-01", "amount": 1.5}, "amount"),
        ({"operation": "add_days", "start": "2026-01-01", "amount": 1, "unit": "d"}, "unit"),
        ({"operation": "add_days", "start": "2026-01-01", "amount": 1, "holidays": ["x"]}, "holidays.0"),
        ({"operation": "add_days", "start": "2026-01-01", "amount": 1, "holidays": ["2026-01-01"] * 501}, "holidays"),
    ],
)
def test_arguments_outside_the_schema_are_told_by_name(arguments: dict[str, Any], field: str):
    assert refusal(**arguments).startswith(f"Arguments refused: {field}: ")


@pytest.mark.parametrize(
    ("operation", "arguments", "expected"),
    [
        ("month_end", {"start": "2024-02-10"}, "2024-02-29"),
        ("month_end", {"start": "2026-12-31"}, "2026-12-31"),
        ("nth_business_day_of_month", {"start": "2026-05-20", "amount": 1}, "2026-05-01"),
        ("nth_business_day_of_month", {"start": "2026-05-20", "amount": 1, "holidays": ["2026-05-01"]}, "2026-05-04"),
        ("nth_business_day_of_month", {"start": "2026-05-01", "amount": 3}, "2026-05-05"),
        ("nth_business_day_of_month", {"start": "2026-05-01", "amount": -1}, "2026-05-29"),
        ("nth_business_day_of_month", {"start": "2026-05-01", "amount": -2, "holidays": ["2026-05-29"]}, "2026-05-27"),
        ("next_business_day", {"start": "2026-04-03"}, "2026-04-03"),
        ("next_business_day", {"start": "2026-04-04"}, "2026-04-06"),
        ("next_business_day", {"start": "2026-04-03", "holidays": ["2026-04-03", "2026-04-06"]}, "2026-04-07"),
        ("previous_business_day", {"start": "2026-04-05"}, "2026-04-03"),
        ("modified_following", {"start": "2026-05-30"}, "2026-05-29"),
        ("modified_following", {"start": "2026-05-09"}, "2026-05-11"),
        ("add_business_days", {"start": "2026-04-02", "amount": 1, "weekend": ["friday", "saturday"]}, "2026-04-05"),
        ("add_business_days", {"start": "2026-04-03", "amount": 1, "weekend": []}, "2026-04-04"),
    ],
)
def test_business_days_are_found_as_contracts_name_them(operation: str, arguments: dict[str, Any], expected: str):
    found = answer(operation, **arguments)
    assert found["date"] == expected
    assert found["weekday"] == f"{date.fromisoformat(expected):%A}"


def test_other_weekends_agree_with_counting_one_by_one():
    for start, end, holidays in random_dates(200):
        found = answer(
            "business_days_between",
            start,
            end=end,
            holidays=sorted(holidays),
            weekend=["friday", "saturday", "saturday"],
        )
        step = 1 if end >= start else -1
        days = [start + timedelta(days=step * n) for n in range(1, abs((end - start).days) + 1)]
        assert found["days"] == step * sum(day.weekday() not in (4, 5) and day not in holidays for day in days)


@pytest.mark.parametrize("amount", [0, 22, -22, 40_000])
def test_a_business_day_that_the_month_has_not_is_told_with_how_many_it_has(amount: int):
    told = refusal(operation="nth_business_day_of_month", start="2026-05-01", amount=amount)
    assert told.startswith("May 2026 has 21 business days;")


def test_a_week_of_weekends_is_refused():
    every_day = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    told = refusal(operation="next_business_day", start="2026-05-01", weekend=every_day)
    assert told.startswith("Arguments refused: weekend: ")


@pytest.mark.parametrize(
    ("operation", "start"), [("next_business_day", "9999-12-31"), ("previous_business_day", "0001-01-01")]
)
def test_no_business_day_lies_beyond_the_calendar(operation: str, start: str):
    assert "years 1 to 9999" in refusal(operation=operation, start=start, holidays=[start])


def test_the_first_months_of_the_calendar_are_rolled_within_it():
    assert answer("modified_following", "9999-12-31", weekend=[])["date"] == "9999-12-31"
    assert answer("month_end", "9999-12-01")["date"] == "9999-12-31"
