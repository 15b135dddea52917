"""When a schedule starts its runs: by a cron expression, at a rate, or once at a moment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from agent_platform.errors import FieldError, InvalidInput
from agent_platform.workflows.cron import UTC_ZONE, Cron, CronFault

SHOWN = 3
"""How many of the next moments are told."""

_RATE = re.compile(r"([1-9][0-9]{0,4}) (minute|hour|day)s?")
_AT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d)?([Zz]|[+-]\d\d:\d\d)?")
_PER_DAY = {"minute": 1440.0, "hour": 24.0, "day": 1.0}
_LONGEST_RATE_DAYS = 366


@dataclass(frozen=True, slots=True)
class Timing:
    """A schedule that was checked. `expression` and `zone` are what EventBridge Scheduler takes."""

    expression: str
    zone: str
    settings: dict[str, str]
    """As its owner wrote it: one of cron, rate and at, and timezone."""
    cron: Cron | None = None
    moment: datetime | None = None
    """Of a schedule that comes once."""

    def next_times(self, now: datetime) -> list[datetime]:
        """The next moments, in UTC: three at most; none for a rate, which counts from when it was set up."""
        if self.cron:
            return list(islice(self.cron.after(now, zone_of(self.zone)), SHOWN))
        return [self.moment] if self.moment and self.moment > now else []

    def is_over(self, now: datetime) -> bool:
        """Whether its only moment has passed."""
        return self.moment is not None and self.moment <= now


def read_timing(settings: Mapping[str, Any]) -> Timing:
    """Check a schedule: exactly one of `cron`, `rate` and `at`, and `timezone` (UTC if it is left out).

    Raises:
        InvalidInput: it cannot be read; the fields of its faults begin with `schedule`.
    """
    given = {name: str(settings[name]) for name in ("cron", "rate", "at") if settings.get(name) is not None}
    zone = str(settings.get("timezone") or "UTC")
    if len(given) != 1:
        raise _fault("", "give exactly one of `cron`, `rate` and `at`")
    ((kind, text),) = given.items()
    written = {kind: text, "timezone": zone}
    place = zone_of(zone)
    if kind == "cron":
        try:
            cron = Cron.parse(text)
        except CronFault as fault:
            raise _fault("cron", str(fault)) from None
        return Timing(cron.expression(), zone, written, cron=cron)
    if kind == "rate":
        return Timing(_rate(text), "UTC", written)
    moment = _moment(text, place)
    # In UTC: one spelling for a clock that goes back and shows an hour twice.
    return Timing(f"at({moment:%Y-%m-%dT%H:%M:%S})", "UTC", written, moment=moment)


def read_future_timing(settings: Mapping[str, Any], now: datetime) -> Timing:
    """Check a schedule that is to be set up now.

    Raises:
        InvalidInput: it cannot be read, or its moment has passed.
    """
    timing = read_timing(settings)
    if timing.is_over(now):
        raise _fault("at", f"`{settings['at']}` has passed; it is now {now:%Y-%m-%dT%H:%M:%SZ}")
    return timing


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        InvalidInput: there is none.
    """
    if name == "UTC":
        return UTC_ZONE
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise _fault("timezone", f"`{name}` is no time zone; write an IANA name such as Europe/Berlin") from None


def _rate(text: str) -> str:
    match = _RATE.fullmatch(text.strip())
    if not match or int(match[1]) / _PER_DAY[match[2]] > _LONGEST_RATE_DAYS:
        raise _fault("rate", f"`{text}` is no rate; write a number with minutes, hours or days, such as 15 minutes")
    plural = "" if match[1] == "1" else "s"
    return f"rate({match[1]} {match[2]}{plural})"


def _moment(text: str, zone: ZoneInfo) -> datetime:
    if not _AT.fullmatch(text):
        raise _fault("at", f"`{text}` is no moment; write one such as 2027-01-04T08:00:00 or 2027-01-04T08:00:00Z")
    try:
        read = datetime.fromisoformat(text.upper())
        moment = (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _fault("at", f"`{text}` is no moment: there is no such day or hour") from None
    if read.tzinfo is None and moment.astimezone(zone).replace(tzinfo=None) != read:
        raise _fault("at", f"`{text}` never comes in {zone.key}: clocks skip that hour")
    return moment


def _fault(field: str, message: str) -> InvalidInput:
    return InvalidInput(
        "The schedule cannot be set up.", errors=[FieldError(f"schedule.{field}" if field else "schedule", message)]
    )
