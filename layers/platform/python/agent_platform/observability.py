"""One logger for the whole platform: structured JSON, one line per record, with the trace id of the request."""

import os
import re
from functools import cache

from aws_lambda_powertools import Logger

_TRACE_ROOT = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24})")


@cache
def get_logger(service: str = "agent-platform") -> Logger:
    """The Powertools logger; level and service name come from the POWERTOOLS_* and LOG_LEVEL variables."""
    return Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", service), log_uncaught_exceptions=True)


def trace_id_of(x_amzn_trace_id: str | None) -> str | None:
    """The W3C trace id (32 hex digits) inside an X-Ray header such as `Root=1-67a1-…;Sampled=1`, or None."""
    found = _TRACE_ROOT.search(x_amzn_trace_id or "")
    return found.group(1) + found.group(2) if found else None
