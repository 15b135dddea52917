"""Exact conversion between units of measurement."""

from decimal import Decimal, Inexact, localcontext
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

if TYPE_CHECKING:
    from fractions import Fraction

DIGITS = 34
"""Significant digits of a result that does not end before (as in the calculator: IEEE 754 decimal128)."""

_Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=40,
        description="Symbol or English name: km, kWh, MiB, psi, degC, L/100km, gal_us, gal_uk, square feet",
    ),
]


@tool(effect="reads")
def unit_conversion(
    value: Annotated[
        str,
        Field(
            max_length=60,
            pattern=r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$",
            description="A number as text, e.g. 12.5 or 1e6; no thousands separators",
        ),
    ],
    from_unit: _Name,
    to_unit: _Name,
) -> dict[str, object]:
    """Convert a value between two units of one quantity, with exact factors.

    Quantities: length, mass, area, volume, temperature (and temperature difference: delta_C, delta_F), time, speed,
    energy, power, pressure, force, density, data, data rate, frequency, angle, fuel consumption. US and imperial
    measures are told apart (gal_us, gal_uk; ton_us, ton_uk, t). The answer says `rounded` where digits were lost.
    """
    from fractions import Fraction

    from agent_platform.agents.tools.units import unit_named

    source, target = unit_named(from_unit), unit_named(to_unit)
    if source.quantity != target.quantity:
        raise ToolFailed(
            f"{source.symbol} measures {source.quantity} and {target.symbol} {target.quantity}; "
            "they do not convert into each other."
        )
    try:
        base = source.to_base(Fraction(value))
        result = target.from_base(base)
    except ZeroDivisionError:
        raise ToolFailed(f"0 {source.symbol} has no counterpart in {target.symbol}.") from None
    if source.quantity == "temperature" and base < 0:
        raise ToolFailed(f"{value} {source.symbol} lies below absolute zero. For a difference use delta_C or delta_F.")
    number, rounded = _decimal(result)
    answer: dict[str, object] = {
        "value": value,
        "from_unit": source.symbol,
        "result": number,
        "to_unit": target.symbol,
        "quantity": source.quantity,
    }
    return {**answer, "rounded": f"to {DIGITS} significant digits"} if rounded else answer


def _decimal(value: "Fraction") -> tuple[str, bool]:
    """In digits, and whether some were lost."""
    with localcontext(prec=DIGITS, Emax=999, Emin=-999) as context:
        context.clear_flags()
        number = Decimal(value.numerator) / Decimal(value.denominator)
        text = format(number.normalize() + 0, "f")
        return text, bool(context.flags[Inexact])
