"""What stands in the columns of a table: counts, extremes, mean, median, quantiles; exact."""

from collections import Counter
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool
from agent_platform.agents.tools.tables import Column, CsvText, Delimiter, Records, listed, read_table

if TYPE_CHECKING:
    from fractions import Fraction

DIGITS = 34
FREQUENT = 5


@tool(effect="reads")
def column_statistics(
    csv: CsvText = None,
    records: Records = None,
    delimiter: Delimiter = None,
    columns: Annotated[
        list[Annotated[str, Field(max_length=100)]],
        Field(max_length=100, description="Names of the columns wanted; [] for all"),
    ] = [],  # noqa: B006
    quantiles: Annotated[
        list[Annotated[float, Field(ge=0, le=1)]], Field(max_length=20, description="0.9 is the 90th percentile")
    ] = [0.25, 0.75],  # noqa: B006
) -> dict[str, object]:
    """Describe every column of a table: cells, missing and distinct ones, and what its type allows.

    Numbers: min, max, sum, mean, median, sample standard deviation (n - 1), quantiles by linear interpolation (type 7
    of Hyndman and Fan 1996, as PERCENTILE.INC). Text: shortest and longest, and the five most frequent values. Numbers
    are exact; mean and deviation have up to 34 significant digits.
    """
    found = read_table(csv, records, delimiter)
    known = {column.name for column in found}
    if unknown := [name for name in columns if name not in known]:
        raise ToolFailed(f"There is no column `{unknown[0]}`; there are {listed(found)}."[:2_000])
    wanted = [column for column in found if not columns or column.name in columns]
    return {"rows": len(found[0].cells), "columns": [_described(column, quantiles) for column in wanted]}


def _described(column: Column, quantiles: list[float]) -> dict[str, object]:
    there = [cell for cell in column.cells if cell is not None]
    about: dict[str, object] = {
        "name": column.name,
        "type": column.type,
        "count": len(there),
        "missing": len(column.cells) - len(there),
        "distinct": len(set(there)),
    }
    numbers = [cell for cell in there if not isinstance(cell, str)]
    if numbers:
        return about | _of_numbers(numbers, quantiles)
    texts = [cell for cell in there if isinstance(cell, str)]
    if not texts:
        return about
    frequent = sorted(Counter(texts).items(), key=lambda each: (-each[1], each[0]))[:FREQUENT]
    lengths = [len(text) for text in texts]
    return about | {
        "shortest": min(lengths),
        "longest": max(lengths),
        "frequent": [{"value": value[:200], "count": count} for value, count in frequent],
    }


def _of_numbers(numbers: list[int | Decimal], quantiles: list[float]) -> dict[str, object]:
    from fractions import Fraction

    ordered = sorted(map(Fraction, numbers))
    total = sum(ordered, Fraction(0))
    mean = total / len(ordered)
    squares = sum(((number - mean) * (number - mean) for number in ordered), Fraction(0))
    return {
        "min": _digits(ordered[0]),
        "max": _digits(ordered[-1]),
        "sum": _digits(total),
        "mean": _digits(mean),
        "median": _digits(_quantile(ordered, Fraction(1, 2))),
        "deviation": _root(squares / (len(ordered) - 1)) if len(ordered) > 1 else None,
        "quantiles": {repr(share): _digits(_quantile(ordered, Fraction(repr(share)))) for share in quantiles},
    }


def _quantile(ordered: list["Fraction"], share: "Fraction") -> "Fraction":
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _digits(value: "Fraction") -> str:
    with localcontext(prec=DIGITS):
        return format((Decimal(value.numerator) / Decimal(value.denominator)).normalize() + 0, "f")


def _root(value: "Fraction") -> str:
    with localcontext(prec=DIGITS + 6):
        root = (Decimal(value.numerator) / Decimal(value.denominator)).sqrt()
    with localcontext(prec=DIGITS):
        return format((+root).normalize() + 0, "f")
