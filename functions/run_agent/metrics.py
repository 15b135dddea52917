"""An agent's totals in the Prometheus text format."""

from collections.abc import Iterator
from itertools import accumulate

from agent_platform.storage.counters import BUCKET_BOUNDS, AgentTotals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(agent_id: str, totals: AgentTotals) -> bytes:
    """Executions by status, the histogram of their seconds, tokens, cost, tool calls and cache hits of one agent."""
    # Imported here because only this route needs it, and every cold start would pay for it.
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

    requests = CounterMetricFamily("requests", "Executions by outcome", labels=["agent", "status"])
    for status, count in totals.requests.items():
        requests.add_metric([agent_id, status], count)
    bounds = [*(str(bound) for bound in BUCKET_BOUNDS), "+Inf"]
    processing = HistogramMetricFamily("processing_seconds", "Seconds from acceptance to answer", labels=["agent"])
    processing.add_metric([agent_id], list(zip(bounds, accumulate(totals.buckets), strict=True)), totals.seconds)
    tokens = CounterMetricFamily("tokens", "Tokens by the way they are billed", labels=["agent", "kind"])
    for kind, count in totals.tokens.items():
        tokens.add_metric([agent_id, kind], count)
    others = [
        CounterMetricFamily("cost_usd", "US dollars at list price", labels=["agent"]),
        CounterMetricFamily("tool_calls", "Calls of tools by the model", labels=["agent"]),
        CounterMetricFamily("cache_hits", "Executions answered with an earlier output", labels=["agent"]),
    ]
    for family, value in zip(others, (totals.cost_usd, totals.tool_calls, totals.cached), strict=True):
        family.add_metric([agent_id], value)

    class Families(CollectorRegistry):
        def collect(self) -> Iterator[Metric]:
            yield from (requests, processing, tokens, *others)

    return generate_latest(Families())
