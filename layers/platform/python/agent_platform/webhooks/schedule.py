"""When a delivery that failed is tried again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import SystemRandom

PAUSES = (5, 30, 120, 600, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600)
"""Seconds after each failed attempt; the ninth attempt is the last, about 22 hours after the first."""

JITTER = 0.2
"""The part of a pause by which it may be shorter or longer, so that what failed together is not tried together."""

MAX_WISH = 3 * 3_600
"""Seconds that a receiver may ask for with `Retry-After` (RFC 9110, section 10.2.3); more is cut down to this."""

_RANDOM = SystemRandom()


def next_try(round_number: int, now: datetime, headers: Mapping[str, str] | None = None) -> datetime | None:
    """When to try again after the attempt of this number, which counts from 0; None where it was the last.

    Args:
        round_number: attempts of this round before the one that failed.
        now: when it failed.
        headers: of the answer, by names in lower case.
    """
    if round_number >= len(PAUSES):
        return None
    pause = PAUSES[round_number] * _RANDOM.uniform(1 - JITTER, 1 + JITTER)
    return now + timedelta(seconds=max(pause, _wished((headers or {}).get("retry-after", ""), now)))


def _wished(retry_after: str, now: datetime) -> float:
    """Seconds that `Retry-After` asks for: a number of them, or a date."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), MAX_WISH))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(MAX_WISH, max(0.0, (aware - now).total_seconds()))
