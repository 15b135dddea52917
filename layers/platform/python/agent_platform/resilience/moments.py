"""The calendar month that a budget lasts and the minute that calls are counted in, both UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime

MINUTE = 60
"""Seconds of the window that calls are counted in."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, in epoch seconds, and the month and minute around it."""

    seconds: float

    @property
    def period(self) -> str:
        """The month, e.g. `2026-11`; later months are greater."""
        return f"{self._utc:%Y-%m}"

    @property
    def minute(self) -> int:
        """Minutes since the epoch."""
        return int(self.seconds // MINUTE)

    @property
    def seconds_left(self) -> int:
        """Until the minute is over: 1 to 60."""
        return MINUTE - int(self.seconds % MINUTE)

    @property
    def _utc(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


def end_of(period: str) -> datetime:
    """When a month such as `2026-11` is over: the first moment of the next one."""
    year, month = (int(part) for part in period.split("-"))
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
