"""Cron expressions: what they mean, when they come, how AWS writes them, and what is refused."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_platform.workflows.cron import Cron, CronFault

BERLIN = ZoneInfo("Europe/Berlin")


def times(text: str, after: str, *, zone: ZoneInfo = BERLIN, count: int = 3) -> list[str]:
    moments = Cron.parse(text).after(datetime.fromisoformat(after).astimezone(UTC), zone)
    return [f"{each.astimezone(zone):%a %Y-%m-%d %H:%M}" for each in islice(moments, count)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 8 * * MON-FRI", ["Fri 2027-01-01 08:00", "Mon 2027-01-04 08:00", "Tue 2027-01-05 08:00"]),
        ("0 8 * * 1-5", ["Fri 2027-01-01 08:00", "Mon 2027-01-04 08:00", "Tue 2027-01-05 08:00"]),
        ("*/20 9 * * *", ["Fri 2027-01-01 09:00", "Fri 2027-01-01 09:20", "Fri 2027-01-01 09:40"]),
        ("30 6,18 1 * *", ["Fri 2027-01-01 06:30", "Fri 2027-01-01 18:30", "Mon 2027-02-01 06:30"]),
        ("0 0 * * sun", ["Sun 2027-01-03 00:00", "Sun 2027-01-10 00:00", "Sun 2027-01-17 00:00"]),
        ("0 0 * * 7", ["Sun 2027-01-03 00:00", "Sun 2027-01-10 00:00", "Sun 2027-01-17 00:00"]),
        ("0 0 ? 3 ?", ["Mon 2027-03-01 00:00", "Tue 2027-03-02 00:00", "Wed 2027-03-03 00:00"]),
        ("5 5 29 feb *", ["Tue 2028-02-29 05:05", "Sun 2032-02-29 05:05", "Fri 2036-02-29 05:05"]),
    ],
)
def test_it_comes_when_crontab_says(text: str, expected: list[str]) -> None:
    assert times(text, "2027-01-01T00:30:00+01:00") == expected


def test_a_moment_itself_is_not_after_it() -> None:
    assert times("0 8 * * *", "2027-01-01T08:00:00+01:00", count=1) == ["Sat 2027-01-02 08:00"]
    assert times("0 8 * * *", "2027-01-01T07:59:59+01:00", count=1) == ["Fri 2027-01-01 08:00"]


def test_an_hour_that_clocks_skip_is_skipped_and_one_that_comes_twice_counts_once() -> None:
    assert times("30 2 * * *", "2027-03-27T12:00:00+01:00", count=2) == ["Mon 2027-03-29 02:30", "Tue 2027-03-30 02:30"]
    assert times("30 2 * * *", "2027-10-30T12:00:00+02:00", count=2) == ["Sun 2027-10-31 02:30", "Mon 2027-11-01 02:30"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 8 * * MON-FRI", "cron(0 8 ? * MON,TUE,WED,THU,FRI *)"),
        ("*/15 * * * *", "cron(0,15,30,45 * * * ? *)"),
        ("* * * * *", "cron(* * * * ? *)"),
        ("0 0 1-7,15 1,7 *", "cron(0 0 1-7,15 1,7 ? *)"),
        ("0 12 * * 0", "cron(0 12 ? * SUN *)"),
        ("0 12 * * 5-7", "cron(0 12 ? * SUN,FRI,SAT *)"),
    ],
)
def test_aws_gets_six_fields_of_which_one_day_is_a_question_mark(text: str, expected: str) -> None:
    assert Cron.parse(text).expression() == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0 8 * *", "has 4 fields"),
        ("0 8 ? * MON *", "has 6 fields"),
        ("", "has 0 fields"),
        ("@daily", "has 1 fields"),
        ("60 8 * * *", "the minute `60` cannot be read"),
        ("0 24 * * *", "the hour `24` cannot be read"),
        ("0 8 0 * *", "the day of the month `0` cannot be read"),
        ("0 8 * 13 *", "the month `13` cannot be read"),
        ("0 8 * * MO", "the day of the week `MO` cannot be read"),
        ("0 8 * * 5-2", "goes backwards"),
        ("*/0 8 * * *", "has the step `0`"),
        ("*/ 8 * * *", "has the step ``"),
        ("0 8 L * *", "cannot be read"),
        ("0 8 * * 1#2", "cannot be read"),
        ("1, 8 * * *", "cannot be read"),
        ("0 8 13 * FRI", "names days of the month and of the week"),
        ("0 8 31 2 *", "never comes"),
        ("000000005 8 * * *", "cannot be read"),
        ("٣ 8 * * *", "cannot be read"),
    ],
)
def test_what_is_none_is_refused_with_the_field_that_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(CronFault) as raised:
        Cron.parse(text)
    assert complaint in str(raised.value)


def fields(first: int, last: int) -> st.SearchStrategy[str]:
    numbers = st.integers(first, last)
    ranges = st.tuples(numbers, numbers).map(lambda pair: f"{min(pair)}-{max(pair)}")
    lists = st.lists(st.one_of(numbers.map(str), ranges), min_size=1, max_size=60).map(",".join)
    return st.one_of(st.just("*"), lists, st.integers(1, last).map(lambda step: f"*/{step}"))


@given(minute=fields(0, 59), hour=fields(0, 23), day=fields(1, 28), month=fields(1, 12))
def test_whatever_is_taken_fits_aws_and_comes_at_minutes_that_it_names(
    minute: str, hour: str, day: str, month: str
) -> None:
    cron = Cron.parse(f"{minute} {hour} {day} {month} *")
    assert len(cron.expression()) <= 256
    start = datetime(2027, 1, 1, tzinfo=UTC)
    moments = list(islice(cron.after(start, ZoneInfo("UTC")), 3))
    assert moments == sorted(set(moments))
    for each in moments:
        assert each > start
        assert each - start < timedelta(days=9 * 366)
        assert (each.minute in cron.minutes, each.hour in cron.hours, each.month in cron.months) == (True, True, True)
        assert cron.days is None or each.day in cron.days
