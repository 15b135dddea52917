"""Ranges of time as callers write them."""

from datetime import UTC, datetime, timedelta

import pytest

from agent_platform.analytics.periods import Range, check_grain, read_bounds, read_range
from agent_platform.errors import InvalidInput

NOW = datetime(2026, 11, 22, 9, 41, 7, tzinfo=UTC)
TODAY, TOMORROW = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, Range(at(16), TOMORROW)),
        ("2026-11-01", None, Range(at(1), TOMORROW)),
        (None, "2026-11-10", Range(at(4), at(11))),
        (None, "2026-11-10T00:00:00Z", Range(at(3), at(10))),
        ("2026-11-10", "2026-11-10", Range(at(10), at(11))),
        ("2026-11-10T05:59:59.999Z", "2026-11-10T07:00:01Z", Range(at(10, 5), at(10, 8))),
        ("2026-11-10T01:00:00+02:00", "2026-11-10T05:00+02:00", Range(at(9, 23), at(10, 3))),
        ("2026-11-10T05:00:00", "2026-11-10T06:00:00Z", Range(at(10, 5), at(10, 6))),
    ],
)
def test_a_range_is_whole_hours_in_utc(start: str | None, end: str | None, expected: Range) -> None:
    assert read_range(start, end, NOW) == expected


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("yesterday", None, "query.from"),
        ("", None, "query.from"),
        ("1763800000", None, "query.from"),
        ("20261110", None, "query.from"),
        ("2026-W47-1", None, "query.from"),
        ("2026-11-31", None, "query.from"),
        ("2026-11-10T05:00:00 02:00", None, "query.from"),
        ("٢٠٢٦-11-10", None, "query.from"),
        ("0001-01-01", "0001-01-02", "query.from"),
        ("9999-12-31", "9999-12-31", "query.from"),
        (None, "9999-12-31", "query.to"),
        (None, "0001-01-01T00:00:00+23:59", "query.to"),
        ("2026-11-11", "2026-11-10", "query.from"),
        ("2026-11-23", None, "query.from"),
        ("2026-11-10T05:00:00Z", "2026-11-10T05:00:00Z", "query.from"),
        ("2025-10-18", "2026-11-22", "query.from"),
    ],
)
def test_what_is_no_range_is_refused_by_the_field(start: str | None, end: str | None, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_range(start, end, NOW)
    assert [fault.field for fault in refused.value.errors] == [field]


def test_400_days_are_a_range() -> None:
    found = read_range("2025-10-19", "2026-11-22", NOW)
    assert found.end - found.start == timedelta(days=400)


def test_hours_are_told_of_31_days_at_most() -> None:
    check_grain(Range(at(1), at(1) + timedelta(days=31)), "hour")
    check_grain(Range(at(1), at(1) + timedelta(days=400)), "day")
    with pytest.raises(InvalidInput, match="cannot be reported") as refused:
        check_grain(Range(at(1), at(1) + timedelta(days=31, hours=1)), "hour")
    assert [fault.field for fault in refused.value.errors] == ["query.grain"]


def test_bounds_may_be_left_open() -> None:
    assert read_bounds(None, None) == (None, None)
    assert read_bounds(None, "2026-11-22") == (None, TOMORROW)


class TestThePeriodBefore:
    def test_it_is_as_long_and_ends_where_this_one_begins(self) -> None:
        assert Range(at(8), at(15)).before(NOW) == Range(at(1), at(8))

    def test_of_a_range_that_is_not_over_as_much_is_compared_as_has_passed(self) -> None:
        assert Range(at(16), TOMORROW).before(NOW) == Range(at(9), at(15, 10))

    def test_a_range_that_has_not_begun_is_compared_with_nothing(self) -> None:
        assert Range(at(24), at(25)).before(NOW) == Range(at(23), at(23))


class TestPeriods:
    def test_every_day_is_there(self) -> None:
        assert Range(at(20, 5), TOMORROW).periods("day", NOW) == [at(20), at(21), at(22)]

    def test_what_has_not_begun_is_left_out(self) -> None:
        assert Range(at(22, 7), TOMORROW).periods("hour", NOW) == [at(22, 7), at(22, 8), at(22, 9)]
        assert Range(at(24), at(25)).periods("hour", NOW) == []

    def test_a_day_that_the_range_only_begins_counts(self) -> None:
        assert Range(at(1), at(2, 1)).periods("day", NOW) == [at(1), at(2)]
