"""One logger for the whole platform, structured JSON with the trace id of the request; and metrics as log lines."""

import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Literal

from aws_lambda_powertools import Logger

Amount = tuple[Literal["Count", "Milliseconds", "None"], float]
"""A unit of CloudWatch, and how much; money has no unit there."""

_TRACE_ROOT = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24})")


@cache
def get_logger(service: str = "agent-platform") -> Logger:
    """The Powertools logger; level and service name come from the POWERTOOLS_* and LOG_LEVEL variables."""
    return Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", service), log_uncaught_exceptions=True)


def trace_id_of(x_amzn_trace_id: str | None) -> str | None:
    """The W3C trace id (32 hex digits) inside an X-Ray header such as `Root=1-67a1-…;Sampled=1`, or None."""
    found = _TRACE_ROOT.search(x_amzn_trace_id or "")
    return found.group(1) + found.group(2) if found else None


def count(dimensions: Mapping[str, str], amounts: Mapping[str, Amount], about: Mapping[str, object]) -> None:
    """Write one line in CloudWatch's embedded metric format, from which metrics are made without a call.

    Each name in `amounts` is a metric of its own per set of `dimensions`, billed by the month: so dimensions have few
    values (the group, never the agent), and `about` takes what a search in the log should find, such as the agent.
    Where POWERTOOLS_METRICS_NAMESPACE is not set, nobody collects metrics, and nothing is written.
    """
    if not os.environ.get("POWERTOOLS_METRICS_NAMESPACE"):
        return
    # Not at import: only what executes agents counts. Not the shared `Metrics`: team members run in threads.
    from aws_lambda_powertools.metrics import EphemeralMetrics

    metrics = EphemeralMetrics()
    for name, value in dimensions.items():
        metrics.add_dimension(name, value)
    for name, (unit, amount) in amounts.items():
        metrics.add_metric(name=name, unit=unit, value=amount)
    for name, said in about.items():
        metrics.add_metadata(name, said)
    metrics.flush_metrics()
