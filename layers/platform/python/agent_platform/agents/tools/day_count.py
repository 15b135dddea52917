"""Year fractions between two dates by the day count conventions of bonds, loans and deposits."""

import calendar
from datetime import date
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

if TYPE_CHECKING:
    from fractions import Fraction

DIGITS = 34


@tool(effect="reads")
def day_count_fraction(
    start: Annotated[date, Field(description="First day of the period, ISO 8601; it counts")],
    end: Annotated[date, Field(description="Day after the last, ISO 8601; it does not count")],
    convention: Annotated[
        Literal["30/360", "30E/360", "ACT/360", "ACT/365", "ACT/ACT"],
        Field(description="30/360: bond basis; 30E/360: eurobond basis; ACT/365: fixed; ACT/ACT: ISDA"),
    ],
) -> dict[str, object]:
    """Work out the year fraction of an interest period: days, fraction as a ratio, and as a decimal.

    Interest = principal * annual rate * fraction. Conventions are those of the 2006 ISDA Definitions, section 4.16:
    ACT/ACT divides the days in leap years by 366 and the others by 365; 30/360 counts months as 30 days.
    """
    from fractions import Fraction

    if end < start:
        raise ToolFailed("`end` lies before `start`.")
    actual = (end - start).days
    days = actual
    match convention:
        case "ACT/360":
            fraction = Fraction(actual, 360)
        case "ACT/365":
            fraction = Fraction(actual, 365)
        case "ACT/ACT":
            fraction = _actual_actual(start, end)
        case _:
            days = _thirty(start, end, european=convention == "30E/360")
            fraction = Fraction(days, 360)
    with localcontext(prec=DIGITS):
        decimal = (Decimal(fraction.numerator) / Decimal(fraction.denominator)).normalize()
    return {
        "days": days,
        "actual_days": actual,
        "ratio": f"{fraction.numerator}/{fraction.denominator}",
        "fraction": format(decimal, "f"),
    }


def _thirty(start: date, end: date, *, european: bool) -> int:
    """ISDA 2006, 4.16(f) and (g): a 31st counts as a 30th; in the American form the end only after a 30th."""
    first = min(start.day, 30)
    last = min(end.day, 30) if european or first == 30 else end.day
    return 360 * (end.year - start.year) + 30 * (end.month - start.month) + last - first


def _actual_actual(start: date, end: date) -> "Fraction":
    """ISDA 2006, 4.16(b): whole years in between count one each; the two at the ends by their own days."""
    from fractions import Fraction

    if start.year == end.year:
        return Fraction((end - start).days, _days_of(start.year))
    first = Fraction(_days_of(start.year) - start.timetuple().tm_yday + 1, _days_of(start.year))
    last = Fraction(end.timetuple().tm_yday - 1, _days_of(end.year))
    return first + (end.year - start.year - 1) + last


def _days_of(year: int) -> int:
    return 366 if calendar.isleap(year) else 365
