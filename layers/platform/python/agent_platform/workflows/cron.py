"""Cron expressions of five fields, as in crontab(5): checked, told when they come next, and as AWS writes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LONGEST_PAUSE_DAYS = 8 * 366
"""The 29th of February is absent for eight years around 2100."""


class CronFault(ValueError):
    """The text is no cron expression; the message says which field and why."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five: what it is called, and its values. `names` stand for the values from the first on."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def read(self, text: str) -> frozenset[int]:
        """The values that a field's text names.

        Raises:
            CronFault: it cannot be read.
        """
        return frozenset(value for part in text.split(",") for value in self._part(part, text))

    def _part(self, part: str, text: str) -> range:
        values, slash, step = part.partition("/")
        if slash and not (_is_number(step) and 1 <= int(step) <= self.last):
            raise CronFault(f"the {self.name} `{text}` has the step `{step}`; write a number from 1 to {self.last}")
        start, dash, end = values.partition("-")
        if values in ("*", "?"):
            low, high = self.first, self.last
        else:
            low = self._value(start, text)
            high = self._value(end, text) if dash else self.last if slash else low
        if low > high:
            raise CronFault(f"the {self.name} `{text}` goes backwards; write the smaller value first")
        return range(low, high + 1, int(step) if slash else 1)

    def _value(self, text: str, whole: str) -> int:
        if text.upper() in self.names:
            return self.first + self.names.index(text.upper())
        if _is_number(text) and self.first <= int(text) <= self.last:
            return int(text)
        named = f", or {self.names[0]} to {self.names[-1]}" if self.names else ""
        raise CronFault(
            f"the {self.name} `{whole}` cannot be read; write {self.first} to {self.last}{named}, lists 1,2, ranges "
            "1-5, steps */5, or * for all"
        )


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    # 7 is Sunday too.
    _Field("day of the week", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """When something happens, by the clock on the wall of some time zone."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    """Of the month; None where days of the week count, or every day does."""
    months: frozenset[int]
    weekdays: frozenset[int] | None
    """0 is Sunday; None where days of the month count, or every day does."""

    @classmethod
    def parse(cls, text: str) -> "Cron":
        """Read `minute hour day-of-month month day-of-week`.

        Raises:
            CronFault: it has other fields, names no moment that ever comes, or restricts both kinds of days, for
                which crontab and AWS have different rules.
        """
        texts = text.split()
        if len(texts) != len(_FIELDS):
            raise CronFault(
                f"`{text}` has {len(texts)} fields; write five: minute, hour, day of the month, month and day of the "
                "week, such as 0 8 * * MON-FRI"
            )
        minutes, hours, days, months, weekdays = (field.read(each) for field, each in zip(_FIELDS, texts, strict=True))
        weekdays = frozenset(day % 7 for day in weekdays)
        every_day, every_weekday = len(days) == 31, len(weekdays) == 7
        if not every_day and not every_weekday:
            raise CronFault(
                f"`{text}` names days of the month and of the week; write * for one of them, or make two schedules"
            )
        cron = cls(minutes, hours, None if every_day else days, months, None if every_weekday else weekdays)
        if next(cron.after(datetime(2024, 1, 1, tzinfo=UTC), UTC_ZONE), None) is None:
            raise CronFault(f"`{text}` never comes: no such month has that day")
        return cron

    def after(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """The moments after this one, in UTC.

        An hour that is skipped when clocks go forward is skipped here too; one that comes twice counts once
        (EventBridge Scheduler User Guide, "Daylight saving time on Scheduler").
        """
        first = moment.astimezone(zone).date()
        pause = 0
        while pause <= _LONGEST_PAUSE_DAYS:
            day = first
            first += timedelta(days=1)
            pause += 1
            if not self._has(day):
                continue
            pause = 0
            for local in self._times(day):
                instant = local.replace(tzinfo=zone).astimezone(UTC)
                exists = instant.astimezone(zone).replace(tzinfo=None) == local
                if exists and instant > moment:
                    yield instant

    def expression(self) -> str:
        """The same as EventBridge Scheduler writes it, with six fields."""
        days = "?" if self.weekdays is not None else _written(self.days, _FIELDS[2])
        weekdays = "?" if self.weekdays is None else ",".join(_WEEKDAYS[day] for day in sorted(self.weekdays))
        minutes, hours = _written(self.minutes, _FIELDS[0]), _written(self.hours, _FIELDS[1])
        return f"cron({minutes} {hours} {days} {_written(self.months, _FIELDS[3])} {weekdays} *)"

    def _has(self, day: date) -> bool:
        return (
            day.month in self.months
            and (self.days is None or day.day in self.days)
            and (self.weekdays is None or day.isoweekday() % 7 in self.weekdays)
        )

    def _times(self, day: date) -> Iterator[datetime]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield datetime.combine(day, time(hour, minute))


UTC_ZONE = ZoneInfo("UTC")


def _is_number(text: str) -> bool:
    return len(text) <= 2 and text.isascii() and text.isdigit()


def _written(values: frozenset[int] | None, field: _Field) -> str:
    """Values as ranges, so that the expression stays below the 256 characters that AWS takes."""
    if values is None or len(values) == field.last - field.first + 1:
        return "*"
    ranges = list[list[int]]()
    for value in sorted(values):
        if ranges and ranges[-1][1] == value - 1:
            ranges[-1][1] = value
        else:
            ranges.append([value, value])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
