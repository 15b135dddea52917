"""When a delivery is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agent_platform.webhooks.schedule import JITTER, MAX_WISH, PAUSES, next_try

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("number", range(len(PAUSES)))
def test_each_pause_is_about_as_long_as_planned_and_seldom_the_same(number: int) -> None:
    pauses = {(moment - NOW).total_seconds() for _ in range(200) if (moment := next_try(number, NOW))}
    assert PAUSES[number] * (1 - JITTER) <= min(pauses) < max(pauses) <= PAUSES[number] * (1 + JITTER)
    assert len(pauses) > 100


def test_after_the_last_one_there_is_none() -> None:
    assert next_try(len(PAUSES), NOW) is None
    assert next_try(len(PAUSES), NOW, {"retry-after": "1"}) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("600", 600),
        ("9" * 40, MAX_WISH),
        (format_datetime(NOW + timedelta(minutes=30), usegmt=True), 1800),
        (format_datetime(NOW + timedelta(days=300), usegmt=True), MAX_WISH),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("Sun, 22 Nov 2026 12:30:00", 1800),
        ("-5", 0),
        ("soon", 0),
        ("1e9", 0),
        ("٣٠٠", 0),
        ("", 0),
    ],
)
def test_what_the_receiver_wishes_is_respected_within_bounds(said: str, seconds: int) -> None:
    moment = next_try(0, NOW, {"retry-after": said})
    assert moment
    pause = (moment - NOW).total_seconds()
    if seconds:
        assert pause == seconds
    else:
        assert pause <= PAUSES[0] * (1 + JITTER)
