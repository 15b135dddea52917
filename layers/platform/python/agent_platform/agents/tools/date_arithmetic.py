"""Calendar arithmetic on ISO 8601 dates."""

import calendar
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool


@tool
def date_arithmetic(
    operation: Literal["days_between", "add_days", "add_months", "business_days_between", "add_business_days"],
    start: Annotated[date, Field(description="ISO 8601, e.g. 2026-03-31")],
    end: Annotated[date | None, Field(description="For the two ..._between operations")] = None,
    amount: Annotated[
        int | None, Field(ge=-40_000, le=40_000, description="Days or months for the add_... operations")
    ] = None,
    holidays: Annotated[list[date], Field(max_length=500, description="Days that are no business days")] = [],  # noqa: B006
) -> dict[str, str | int]:
    """Count days between two dates, or add days, months or business days to one.

    Intervals exclude `start` and include `end`. Business days are Monday to Friday without `holidays`.
    Adding months keeps the day, or takes the month's last day (31 January + 1 month = 28 or 29 February).
    """
    try:
        if operation in ("days_between", "business_days_between"):
            if end is None:
                raise ToolFailed(f"`{operation}` needs `end`.")
            days = (end - start).days if operation == "days_between" else _business_days(start, end, set(holidays))
            return {"days": days}
        if amount is None:
            raise ToolFailed(f"`{operation}` needs `amount`.")
        if operation == "add_days":
            result = start + timedelta(days=amount)
        elif operation == "add_months":
            result = _add_months(start, amount)
        else:
            result = _add_business_days(start, amount, set(holidays))
    except (OverflowError, ValueError):
        raise ToolFailed("The result lies outside the years 1 to 9999.") from None
    return {"date": result.isoformat(), "weekday": calendar.day_name[result.weekday()]}


def _is_business_day(day: date, holidays: set[date]) -> bool:
    return day.weekday() < 5 and day not in holidays


def _business_days(start: date, end: date, holidays: set[date]) -> int:
    if end < start:
        # Backwards it is `start` that is left out and `end` that counts.
        forwards = _business_days(end, start, holidays)
        return -(forwards - _is_business_day(start, holidays) + _is_business_day(end, holidays))
    weeks, rest = divmod((end - start).days, 7)
    count = weeks * 5 + sum((end - timedelta(days=back)).weekday() < 5 for back in range(rest))
    return count - sum(start < day <= end and day.weekday() < 5 for day in holidays)


def _add_business_days(start: date, amount: int, holidays: set[date]) -> date:
    step = timedelta(days=1 if amount >= 0 else -1)
    day, left = start, abs(amount)
    while left:
        day += step
        left -= _is_business_day(day, holidays)
    return day


def _add_months(start: date, amount: int) -> date:
    month = start.year * 12 + start.month - 1 + amount
    year, month = divmod(month, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
