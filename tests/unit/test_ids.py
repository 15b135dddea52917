"""Identifiers: unique, of the standard form, and sorted by time."""

import time
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest

from agent_platform import ids
from agent_platform.ids import fixed_id, new_id


def test_an_id_is_a_uuid_version_7_of_the_present_moment():
    before = time.time_ns() // 1_000_000
    made = UUID(new_id())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= after


def test_later_ids_sort_behind_earlier_ones(monkeypatch: pytest.MonkeyPatch):
    moments = [0, 1, 2**32, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1]
    made = []
    for milliseconds in moments:
        monkeypatch.setattr(ids.time, "time_ns", lambda now=milliseconds: now * 1_000_000)
        made.append(new_id())
    assert made == sorted(made)
    assert [UUID(each).version for each in made] == [7] * len(moments)


def test_ids_of_the_same_millisecond_differ(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_700_000_000_000_000_000)
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_a_fixed_id_is_the_same_for_the_same_moment_and_name_and_sorts_by_order():
    moment = datetime(2026, 3, 31, 12, 0, 0, 123_000, tzinfo=UTC)
    first, second = (fixed_id(moment, "run:1", order=order) for order in (0, 1))
    assert first == fixed_id(moment, "run:1")
    assert first < second < fixed_id(moment + timedelta(milliseconds=1), "run:0")
    assert len({first, second, fixed_id(moment, "run:2")}) == 3
    assert (UUID(first).version, UUID(first).variant) == (7, RFC_4122)
    assert UUID(first).int >> 80 == 1_774_958_400_123
