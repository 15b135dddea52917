"""One logger for the whole platform, structured JSON with the trace id of the request; and metrics as log lines."""

import os
import re
import traceback
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from agent_platform.errors import PlatformError

Amount = tuple[Literal["Count", "Milliseconds", "None"], float]
"""A unit of CloudWatch, and how much; money has no unit there."""

_TRACE_ROOT = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24})")
_TRACE_PARENT = re.compile(r"Parent=(?!0{16})([0-9a-f]{16})")


_WITHOUT_CONTENT = (PlatformError, OSError, ImportError, AttributeError, NameError, TypeError)
_MODULES_WITHOUT_CONTENT = ("botocore.",)
"""Exceptions whose messages name what failed. Others quote the value that they failed at: of a caller's input, a
credential, a row."""


class _Formatter(LambdaPowertoolsFormatter):
    """Lines as Powertools writes them, but of foreign exceptions only their class and where they came from."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name that the standard library calls
        """The chain of exceptions, the cause first."""
        told, error = list[str](), ei[1]
        while error is not None:
            frames = "".join(traceback.format_tb(error.__traceback__))
            told.append(f"Traceback (most recent call last):\n{frames}{_named(error)}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n\nThen:\n\n".join(reversed(told))


def _named(error: BaseException) -> str:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, _WITHOUT_CONTENT) or name.startswith(_MODULES_WITHOUT_CONTENT):
        return f"{name}: {error}"
    return f"{name} (its message may quote content, so it is left out)"


_ONE_AT_A_TIME = Lock()


def get_logger(service: str = "agent-platform") -> Logger:
    """The Powertools logger; level and service name come from the POWERTOOLS_* and LOG_LEVEL variables.

    Threads that ask for it at once get one: Powertools registers a logger before its formatter is set, and a second
    one made in between fails.
    """
    with _ONE_AT_A_TIME:
        return _logger(service)


@cache
def _logger(service: str) -> Logger:
    return Logger(
        service=os.environ.get("POWERTOOLS_SERVICE_NAME", service),
        logger_formatter=_Formatter(serialize_stacktrace=False),
        log_uncaught_exceptions=True,
    )


def invocation() -> str | None:
    """X-Ray's header of the invocation that Lambda runs now, such as `Root=1-…;Parent=…;Sampled=1`."""
    return os.environ.get("_X_AMZN_TRACE_ID")  # no setting: the runtime writes it anew for each invocation


def trace_id_of(x_amzn_trace_id: str | None) -> str | None:
    """The W3C trace id (32 hex digits) inside an X-Ray header such as `Root=1-67a1-…;Sampled=1`, or None."""
    found = _TRACE_ROOT.search(x_amzn_trace_id or "")
    return found.group(1) + found.group(2) if found else None


def parent_of(x_amzn_trace_id: str | None) -> str | None:
    """The span (16 hex digits) that such a header names as the parent, or None."""
    found = _TRACE_PARENT.search(x_amzn_trace_id or "")
    return found.group(1) if found else None


def sampled(x_amzn_trace_id: str | None) -> bool:
    """Whether X-Ray records the trace of such a header; it leaves the decision open where it says nothing."""
    return "Sampled=1" in (x_amzn_trace_id or "")


def x_amzn_trace_id(trace_id: str, parent: str | None = None) -> str:
    """A W3C trace id, and the span that goes on with it, in the form of X-Ray's header."""
    root = f"Root=1-{trace_id[:8]}-{trace_id[8:]}"
    return f"{root};Parent={parent}" if parent else root


def count(
    dimensions: Mapping[str, str],
    amounts: Mapping[str, Amount],
    about: Mapping[str, object],
    *,
    service: str | None = None,
) -> None:
    """Write one line in CloudWatch's embedded metric format, from which metrics are made without a call.

    Each name in `amounts` is a metric of its own per set of `dimensions`, billed by the month: so dimensions have few
    values (the group, never the agent), and `about` takes what a search in the log should find, such as the agent.
    `service` stands for this function where several write the same metric.
    Where POWERTOOLS_METRICS_NAMESPACE is not set, nobody collects metrics, and nothing is written.
    """
    if not os.environ.get("POWERTOOLS_METRICS_NAMESPACE"):
        return
    # Not at import: only what executes agents counts. Not the shared `Metrics`: team members run in threads.
    from aws_lambda_powertools.metrics import EphemeralMetrics

    metrics = EphemeralMetrics(service=service)
    for name, value in dimensions.items():
        metrics.add_dimension(name, value)
    for name, (unit, amount) in amounts.items():
        metrics.add_metric(name=name, unit=unit, value=amount)
    for name, said in about.items():
        metrics.add_metadata(name, said)
    metrics.flush_metrics()
