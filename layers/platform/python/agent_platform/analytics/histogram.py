"""Latencies as a histogram that can be added up: over hours, agents, models, and whatever comes.

The buckets grow by a tenth each, so any value read from one is off by at most 1/21, which is below 5 %, however many
histograms were added (Masson, Rim, Lee: "DDSketch", VLDB 2019, section 2.1).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from agent_platform.storage.usage import LATENCY_GROWTH


def bucket_of(milliseconds: float) -> int:
    """The bucket that a latency counts in; less than a millisecond counts as one."""
    return math.ceil(math.log(max(milliseconds, 1)) / math.log(LATENCY_GROWTH))


def value_of(bucket: int) -> float:
    """The latency in milliseconds that a bucket stands for: relatively as far from its lower end as from its upper."""
    return 2 * LATENCY_GROWTH**bucket / (LATENCY_GROWTH + 1)


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """The latency in milliseconds that at least that share of executions did not exceed; None where there was none.

    It is the nearest rank: of three executions the 95th percentile is the slowest.

    Args:
        buckets: executions by bucket.
        share: 0.5 for the median, 0.99 for what all but the slowest hundredth did not exceed.
    """
    rank = max(1, math.ceil(round(share * sum(buckets.values()), 6)))  # 0.07 * 100 is a little more than seven
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= rank:
            return value_of(bucket)
    return None


def merged(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Several histograms as one."""
    total = Counter[int]()
    for each in histograms:
        total.update(each)
    return dict(total)
