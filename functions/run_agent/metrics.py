"""An agent's totals in the Prometheus text format."""

from collections.abc import Iterator
from itertools import accumulate

from agent_platform.storage.counters import BUCKET_BOUNDS, AgentTotals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(agent_id: str, totals: AgentTotals) -> bytes:
    """`requests_total` by status and the histogram `processing_seconds`, labelled with the agent."""
    # Imported here because only this route needs it, and every cold start would pay for it.
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

    requests = CounterMetricFamily("requests", "Executions by outcome", labels=["agent", "status"])
    for status, count in totals.requests.items():
        requests.add_metric([agent_id, status], count)
    bounds = [*(str(bound) for bound in BUCKET_BOUNDS), "+Inf"]
    processing = HistogramMetricFamily("processing_seconds", "Seconds from acceptance to answer", labels=["agent"])
    processing.add_metric([agent_id], list(zip(bounds, accumulate(totals.buckets), strict=True)), totals.seconds)

    class Families(CollectorRegistry):
        def collect(self) -> Iterator[Metric]:
            yield requests
            yield processing

    return generate_latest(Families())
