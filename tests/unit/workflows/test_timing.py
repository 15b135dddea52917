"""Schedules: what EventBridge Scheduler is told, when they come next, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agent_platform.errors import InvalidInput
from agent_platform.workflows.timing import read_future_timing, read_timing

NOW = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "expression", "zone"),
    [
        ({"cron": "0 8 * * MON", "timezone": "Europe/Berlin"}, "cron(0 8 ? * MON *)", "Europe/Berlin"),
        ({"cron": "0 8 * * *"}, "cron(0 8 * * ? *)", "UTC"),
        ({"rate": "15 minutes", "timezone": "Asia/Tokyo"}, "rate(15 minutes)", "UTC"),
        ({"rate": "1 hours"}, "rate(1 hour)", "UTC"),
        ({"rate": "1 day"}, "rate(1 day)", "UTC"),
        ({"at": "2027-01-04T08:00:00", "timezone": "Europe/Berlin"}, "at(2027-01-04T07:00:00)", "UTC"),
        ({"at": "2027-01-04T08:00:00Z", "timezone": "Europe/Berlin"}, "at(2027-01-04T08:00:00)", "UTC"),
        ({"at": "2027-01-04T08:00+09:00"}, "at(2027-01-03T23:00:00)", "UTC"),
    ],
)
def test_a_schedule_is_told_as_aws_writes_it(settings: dict[str, Any], expression: str, zone: str) -> None:
    timing = read_timing(settings)
    assert (timing.expression, timing.zone) == (expression, zone)
    assert timing.settings == {"timezone": "UTC", **settings}


def test_the_next_three_moments_are_told_in_utc() -> None:
    timing = read_timing({"cron": "0 8 * * *", "timezone": "Europe/Berlin"})
    assert timing.next_times(NOW) == [datetime(2027, 1, day, 7, tzinfo=UTC) for day in (2, 3, 4)]


def test_a_rate_counts_from_when_it_was_set_up_so_its_moments_are_not_told() -> None:
    assert read_timing({"rate": "15 minutes"}).next_times(NOW) == []


def test_what_comes_once_is_over_when_it_has_come() -> None:
    timing = read_timing({"at": "2027-01-04T08:00:00Z"})
    before, then = NOW, datetime(2027, 1, 4, 8, tzinfo=UTC)
    assert (timing.next_times(before), timing.is_over(before)) == ([then], False)
    assert (timing.next_times(then), timing.is_over(then)) == ([], True)
    with pytest.raises(InvalidInput) as raised:
        read_future_timing({"at": "2027-01-01T12:00:00Z"}, NOW)
    assert raised.value.errors[0].field == "schedule.at"
    assert "has passed" in raised.value.errors[0].message


@pytest.mark.parametrize(
    ("settings", "field", "complaint"),
    [
        ({}, "schedule", "exactly one"),
        ({"timezone": "UTC"}, "schedule", "exactly one"),
        ({"cron": "0 8 * * *", "rate": "1 day"}, "schedule", "exactly one"),
        ({"cron": "0 8 * *"}, "schedule.cron", "has 4 fields"),
        ({"cron": "0 8 * * *", "timezone": "Mars/Olympus"}, "schedule.timezone", "is no time zone"),
        ({"cron": "0 8 * * *", "timezone": "../../etc/passwd"}, "schedule.timezone", "is no time zone"),
        ({"cron": "0 8 * * *", "timezone": "/etc/localtime"}, "schedule.timezone", "is no time zone"),
        ({"cron": "0 8 * * *", "timezone": "a\0b"}, "schedule.timezone", "is no time zone"),
        ({"cron": "0 8 * * *", "timezone": "Europe"}, "schedule.timezone", "is no time zone"),
        ({"rate": "0 minutes"}, "schedule.rate", "is no rate"),
        ({"rate": "30 seconds"}, "schedule.rate", "is no rate"),
        ({"rate": "367 days"}, "schedule.rate", "is no rate"),
        ({"rate": "fortnightly"}, "schedule.rate", "is no rate"),
        ({"at": "tomorrow"}, "schedule.at", "is no moment"),
        ({"at": "2027-02-30T08:00:00"}, "schedule.at", "is no moment"),
        ({"at": "2027-01-04"}, "schedule.at", "is no moment"),
        ({"at": "0001-01-01T00:00:00+09:00"}, "schedule.at", "is no moment"),
        ({"at": "2027-03-28T02:30:00", "timezone": "Europe/Berlin"}, "schedule.at", "clocks skip that hour"),
    ],
)
def test_what_is_no_schedule_is_refused_by_its_field(settings: dict[str, Any], field: str, complaint: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_timing(settings)
    (fault,) = raised.value.errors
    assert fault.field == field
    assert complaint in fault.message
