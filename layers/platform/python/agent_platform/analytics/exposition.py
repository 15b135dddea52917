"""The whole platform's metrics in the formats that Prometheus scrapes.

They are read from DynamoDB alone, so that a scrape never wakes the database from its pause, and at most every
`FRESH_SECONDS`, however many scrape.
"""

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from agent_platform.storage.counters import BUCKET_BOUNDS, AgentTotals

if TYPE_CHECKING:
    from prometheus_client.core import HistogramMetricFamily, Metric

FRESH_SECONDS = 15
"""How long a reading is answered again: the scrape interval that Prometheus' documentation begins with."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the platform counted when it was read.

    Attributes:
        groups: sums of the executions of each group's agents, by the group's name.
        dead_letters: how many are open, by source.
        open_circuits: upstreams that are left alone, or being probed.
        open_runs: runs of workflows without an end.
        version: of the function that answers.
    """

    groups: Mapping[str, AgentTotals]
    dead_letters: Mapping[str, int]
    open_circuits: Sequence[str]
    open_runs: int
    version: str = ""


@dataclass
class PlatformMetrics:
    """The latest reading, in the format that whoever asks prefers."""

    read: Callable[[], Reading]
    clock: Callable[[], float] = time.monotonic
    _latest: tuple[float, Reading] | None = field(default=None, init=False)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Body and content type for an `Accept` header: OpenMetrics where that is asked for, else Prometheus text.

        Raises:
            StorageUnavailable: DynamoDB does not answer, and the latest reading is older than `FRESH_SECONDS`.
        """
        # Imported here because only this route needs it, and every cold start would pay for it.
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder

        reading = self._reading()

        class Families(CollectorRegistry):
            def collect(self) -> "Iterator[Metric]":
                return _families(reading)

        encode, content_type = choose_encoder(accept)
        return encode(Families()), content_type

    def _reading(self) -> Reading:
        now = self.clock()
        if self._latest is None or now - self._latest[0] >= FRESH_SECONDS:
            self._latest = now, self.read()
        return self._latest[1]


def _families(reading: Reading) -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

    yield from _executions(reading.groups)
    letters = GaugeMetricFamily("platform_dead_letters_open", "Work that was given up and waits", labels=["source"])
    for source, count in sorted(reading.dead_letters.items()):
        letters.add_metric([source], count)
    circuits = GaugeMetricFamily("platform_circuit_open", "1 for an upstream that is left alone", labels=["circuit"])
    for circuit in reading.open_circuits:
        circuits.add_metric([circuit], 1)
    yield letters
    yield circuits
    yield GaugeMetricFamily("platform_workflow_runs_open", "Runs of workflows without an end", reading.open_runs)
    build = {"version": reading.version, "python": platform.python_version()}
    yield InfoMetricFamily("platform_build", "The function that answered", build)


def _executions(groups: Mapping[str, AgentTotals]) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    ended = CounterMetricFamily("platform_executions", "Executions of agents by outcome", labels=["group", "status"])
    tokens = CounterMetricFamily("platform_tokens", "Tokens by the way they are billed", labels=["group", "kind"])
    cost = CounterMetricFamily("platform_cost_usd", "US dollars at list price", labels=["group"])
    tools = CounterMetricFamily("platform_tool_calls", "Calls of tools by models", labels=["group"])
    cached = CounterMetricFamily("platform_cache_hits", "Executions answered with an earlier output", labels=["group"])
    took = HistogramMetricFamily(
        "platform_execution_duration_seconds", "Seconds from acceptance to answer", labels=["group"]
    )
    for group, totals in groups.items():
        for status, count in totals.requests.items():
            ended.add_metric([group, status], count)
        for kind, count in totals.tokens.items():
            tokens.add_metric([group, kind], count)
        cost.add_metric([group], totals.cost_usd)
        tools.add_metric([group], totals.tool_calls)
        cached.add_metric([group], totals.cached)
        _add(took, group, totals)
    yield from (ended, tokens, cost, tools, cached, took)


def _add(took: "HistogramMetricFamily", group: str, totals: AgentTotals) -> None:
    bounds = [*(str(bound) for bound in BUCKET_BOUNDS), "+Inf"]
    took.add_metric([group], list(zip(bounds, accumulate(totals.buckets), strict=True)), totals.seconds)
