"""Ranges of time that a report covers: whole hours or days, in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NoReturn

from agent_platform.errors import FieldError, InvalidInput

Grain = Literal["hour", "day"]

LONGEST = timedelta(days=400)
"""As long as executions are kept, so that a month can be compared with the same one a year before."""

LONGEST_BY_HOUR = timedelta(days=31)
"""More points than that no picture can show."""

DEFAULT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Range:
    """From `start` on and before `end`."""

    start: datetime
    end: datetime

    def before(self, now: datetime) -> "Range":
        """The range just as long that ends where this one begins; as much of it as has passed of this one."""
        length = self.end - self.start
        return Range(self.start - length, max(min(self.end, _ceiling(now)), self.start) - length)

    def periods(self, grain: Grain, now: datetime) -> list[datetime]:
        """The beginning of every hour or day in it, as far as it has come."""
        step = _step(grain)
        first, last = _floor(self.start, grain), min(self.end, now)
        return [first + index * step for index in range(max(0, -((first - last) // step)))]


def read_range(start: str | None, end: str | None, now: datetime) -> Range:
    """The range that a caller asks for, in whole hours.

    Args:
        start: a date, or a moment (RFC 3339; UTC where it names no offset); left out, the day six days before the end.
        end: a date, which counts whole, or a moment; left out, today.

    Raises:
        InvalidInput: one of them cannot be read, they are the wrong way round, or too far apart.
    """
    since, until = read_bounds(start, end)
    if until is None:
        until = _floor(now, "day") + timedelta(days=1)
    if since is None:
        since = _floor(until - timedelta.resolution, "day") - timedelta(days=DEFAULT_DAYS - 1)
    if since >= until:
        _refuse(FieldError("query.from", "must be before `to`"))
    if until - since > LONGEST:
        _refuse(FieldError("query.from", f"must be at most {LONGEST.days} days before `to`"))
    return Range(_floor(since, "hour"), _ceiling(until))


def read_bounds(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """What a caller wrote as the beginning and the end of a range; a date as its end counts whole.

    Raises:
        InvalidInput: one of them is no date and no moment, or not of this century.
    """
    return _read(start, "query.from"), _read(end, "query.to", whole_day=True)


def check_grain(asked: Range, grain: Grain) -> None:
    """Refuse what has too many hours.

    Raises:
        InvalidInput: the range is longer than `LONGEST_BY_HOUR`.
    """
    if grain == "hour" and asked.end - asked.start > LONGEST_BY_HOUR:
        _refuse(FieldError("query.grain", f"must be `day` for more than {LONGEST_BY_HOUR.days} days"))


def _read(written: str | None, field: str, *, whole_day: bool = False) -> datetime | None:
    if written is None:
        return None
    try:
        if _DATE.fullmatch(written):
            moment = datetime.combine(date.fromisoformat(written), time(), UTC) + timedelta(days=whole_day)
        elif _MOMENT.fullmatch(written):
            moment = datetime.fromisoformat(written)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        else:
            raise ValueError(written)
    except (ValueError, OverflowError):
        example = "2026-11-22 or 2026-11-22T09:00:00Z; in an address, + is written %2B"
        _refuse(FieldError(field, f"must be a date or a moment, such as {example}"))
    if not 2000 <= moment.year < 2100:
        _refuse(FieldError(field, "must be in this century"))
    return moment


def _refuse(fault: FieldError) -> NoReturn:
    raise InvalidInput("The range of time cannot be reported.", errors=[fault])


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DATE.pattern + r"[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?")


def _floor(moment: datetime, grain: Grain) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour if grain == "hour" else hour.replace(hour=0)


def _ceiling(moment: datetime) -> datetime:
    floor = _floor(moment, "hour")
    return floor if floor == moment else floor + timedelta(hours=1)


def _step(grain: Grain) -> timedelta:
    return timedelta(hours=1) if grain == "hour" else timedelta(days=1)
