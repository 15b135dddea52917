"""Amounts as accounts keep them: whole nano-USD, so that sums are exact and DynamoDB compares them as numbers."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

NANO = 10**9


def nano_usd_up(usd: Decimal) -> int:
    """A reservation or a cost in nano-USD, rounded up: the platform never books less than was spent.

    Raises:
        ValueError: it is negative, infinite or no number.
    """
    return _nano(usd, ROUND_CEILING)


def nano_usd_down(usd: Decimal) -> int:
    """A ceiling in nano-USD, rounded down.

    Raises:
        ValueError: it is negative, infinite or no number.
    """
    return _nano(usd, ROUND_FLOOR)


def usd_of(nano: int) -> Decimal:
    """The same amount in USD."""
    return Decimal(nano) / NANO


def _nano(usd: Decimal, rounding: str) -> int:
    if not usd.is_finite() or usd < 0:
        raise ValueError(f"{usd} is no amount in USD.")
    return int((usd * NANO).to_integral_value(rounding))
