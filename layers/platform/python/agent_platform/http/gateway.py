"""Run an ASGI application behind API Gateway; apart from the room, so that a plain server needs no Mangum."""

import logging
from typing import Any

from fastapi import FastAPI
from mangum import Mangum

from agent_platform.observability import get_logger

_TEXT = [
    *("text/", "application/json", "application/problem+json", "application/openapi+json"),
    *("application/x-ndjson", "application/openmetrics-text"),
]
"""What travels as text; anything else would be sent base64-encoded."""


def gateway_handler(app: FastAPI) -> Any:
    """A Lambda handler for API Gateway REST proxy events."""
    _log_as_the_platform_does(logging.getLogger("mangum"))
    return Mangum(app, lifespan="off", text_mime_types=_TEXT)


def _log_as_the_platform_does(adapter: logging.Logger) -> None:
    """Only failures, in the platform's own lines: with the trace id, without what exceptions quote. By itself it logs
    the path of each request, which may hold what a caller wrote.
    """
    adapter.setLevel(logging.ERROR)
    adapter.propagate = False
    adapter.handlers = [get_logger().registered_handler]
