"""Calendar arithmetic on ISO 8601 dates."""

import calendar
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Operation = Literal[
    "days_between",
    "add_days",
    "add_months",
    "month_end",
    "business_days_between",
    "add_business_days",
    "nth_business_day_of_month",
    "next_business_day",
    "previous_business_day",
    "modified_following",
]


@tool(effect="reads")
def date_arithmetic(
    operation: Annotated[Operation, Field(description="What to work out; see the description of the tool")],
    start: Annotated[date, Field(description="ISO 8601, e.g. 2026-03-31")],
    end: Annotated[date | None, Field(description="ISO 8601; for the two ..._between operations")] = None,
    amount: Annotated[
        int | None,
        Field(ge=-40_000, le=40_000, description="Days or months for add_..., n for nth_business_day_of_month"),
    ] = None,
    holidays: Annotated[list[date], Field(max_length=500, description="Dates that are no business days")] = [],  # noqa: B006
    weekend: Annotated[
        list[Weekday], Field(max_length=6, description="Weekdays without business; [] where there are none")
    ] = ["saturday", "sunday"],  # noqa: B006
) -> dict[str, str | int]:
    """Count days between two dates, or find the date so many days, months or business days from one.

    Intervals exclude `start` and include `end`. Business days are those outside `weekend` and `holidays`.
    add_months keeps the day, or takes the month's last day (31 January + 1 month = 28 or 29 February).
    month_end: the last day of the month of `start`. nth_business_day_of_month: the `amount`-th of the month of `start`,
    counted from its end where negative (-1 is the last). next_business_day and previous_business_day: `start` itself
    where it is one. modified_following: the next business day, unless that lies in another month; then the previous.
    """
    days = _BusinessDays({WEEKDAYS.index(day) for day in weekend}, set(holidays))
    try:
        if operation in ("days_between", "business_days_between"):
            if end is None:
                raise ToolFailed(f"`{operation}` needs `end`.")
            return {"days": (end - start).days if operation == "days_between" else days.between(start, end)}
        result = _moved(operation, start, amount, days)
    except (OverflowError, ValueError):
        raise ToolFailed("The result lies outside the years 1 to 9999.") from None
    return {"date": result.isoformat(), "weekday": calendar.day_name[result.weekday()]}


def _moved(operation: Operation, start: date, amount: int | None, days: "_BusinessDays") -> date:
    match operation:
        case "month_end":
            return _month_end(start)
        case "next_business_day":
            return days.nearest(start, 1)
        case "previous_business_day":
            return days.nearest(start, -1)
        case "modified_following":
            following = days.nearest(start, 1)
            return following if following.month == start.month else days.nearest(start, -1)
    if amount is None:
        raise ToolFailed(f"`{operation}` needs `amount`.")
    match operation:
        case "add_days":
            return start + timedelta(days=amount)
        case "add_months":
            return _add_months(start, amount)
        case "nth_business_day_of_month":
            return days.nth_of_month(start, amount)
    return days.add(start, amount)


class _BusinessDays:
    """The days outside some weekdays (0 is Monday) and some dates."""

    def __init__(self, weekend: set[int], holidays: set[date]) -> None:
        self._weekend = weekend
        self._holidays = {day for day in holidays if day.weekday() not in weekend}

    def __contains__(self, day: date) -> bool:
        return day.weekday() not in self._weekend and day not in self._holidays

    def between(self, start: date, end: date) -> int:
        """Business days after `start` up to `end`; negative where `end` comes first."""
        if end < start:
            # Backwards it is `start` that is left out and `end` that counts.
            return -(self.between(end, start) - (start in self) + (end in self))
        weeks, rest = divmod((end - start).days, 7)
        days = (end - timedelta(days=back) for back in range(rest))
        count = weeks * (7 - len(self._weekend)) + sum(day.weekday() not in self._weekend for day in days)
        return count - sum(start < day <= end for day in self._holidays)

    def add(self, start: date, amount: int) -> date:
        """The `amount`-th business day after `start`, or before it where negative; `start` for none."""
        step = timedelta(days=1 if amount >= 0 else -1)
        day, left = start, abs(amount)
        while left:
            day += step
            left -= day in self
        return day

    def nearest(self, start: date, step: int) -> date:
        """`start`, or the first business day in the direction of `step`."""
        day = start
        while day not in self:
            day += timedelta(days=step)
        return day

    def nth_of_month(self, month: date, number: int) -> date:
        """Counted from the month's first day, or from its last where `number` is negative."""
        dates = (month.replace(day=day) for day in range(1, _month_end(month).day + 1))
        found = [day for day in dates if day in self]
        if not number or abs(number) > len(found):
            raise ToolFailed(
                f"{calendar.month_name[month.month]} {month.year} has {len(found)} business days; `amount` counts them "
                "from 1, or from -1 backwards from its end."
            )
        return found[number - 1 if number > 0 else number]


def _month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _add_months(start: date, amount: int) -> date:
    month = start.year * 12 + start.month - 1 + amount
    year, month = divmod(month, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
