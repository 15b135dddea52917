"""Histograms of latencies: what is read from them is near the truth, and adding them up changes nothing."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_platform.analytics.histogram import bucket_of, merged, percentile, value_of

LATENCIES = st.lists(st.integers(0, 10_000_000), min_size=1, max_size=200)
SHARES = st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0])


def histogram(latencies: list[int]) -> dict[int, int]:
    return dict(Counter(map(bucket_of, latencies)))


@given(LATENCIES, SHARES)
def test_a_percentile_is_off_by_five_percent_at_most(latencies: list[int], share: float) -> None:
    rank = next(n for n in range(1, len(latencies) + 1) if n >= share * len(latencies) - 1e-6)
    exact = max(1, sorted(latencies)[rank - 1])
    told = percentile(histogram(latencies), share)
    assert told is not None
    assert abs(told - exact) <= 0.05 * exact


@pytest.mark.parametrize(("share", "slowest"), [(0.5, 101), (0.95, 124), (0.99, 124)])
def test_of_a_few_executions_none_is_left_out(share: float, slowest: int) -> None:
    told = percentile(histogram([101, 21, 124]), share)
    assert told == pytest.approx(slowest, rel=0.05)


@given(st.integers(1, 10**12))
def test_a_bucket_stands_for_what_is_in_it(milliseconds: int) -> None:
    assert abs(value_of(bucket_of(milliseconds)) - milliseconds) <= 0.05 * milliseconds


@given(st.lists(LATENCIES, max_size=4))
def test_histograms_add_up_to_that_of_all(parts: list[list[int]]) -> None:
    assert merged(map(histogram, parts)) == histogram([each for part in parts for each in part])


@pytest.mark.parametrize("milliseconds", [0, 0.2, 1])
def test_the_quickest_share_the_first_bucket(milliseconds: float) -> None:
    assert bucket_of(milliseconds) == 0


def test_nothing_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None
