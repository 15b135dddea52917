"""Make a FastAPI application with the platform's edge."""

from collections.abc import Mapping, Sequence

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from agent_platform.http.body_limit import BodyLimitMiddleware
from agent_platform.http.cors import CorsMiddleware
from agent_platform.http.problems import add_problem_handlers
from agent_platform.http.response_headers import ResponseHeadersMiddleware
from agent_platform.http.trace import TraceMiddleware

API_PREFIX = "/api/v1"

MAX_BODY_BYTES = 5 * 1024 * 1024
"""API Gateway takes 10 MB, but Lambda's synchronous invocations carry 6 MB, with the rest of the request."""

_NO_TELEMETRY_OF_ITS_OWN: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI would tell paths and the words of exceptions, which may quote a caller. `TraceMiddleware` does it instead."""


def create_app(
    title: str,
    description: str,
    version: str,
    *,
    origins: Sequence[str] = (),
    body_limits: Mapping[str, int] | None = None,
) -> FastAPI:
    """An application that answers every failure as problem+json, with a trace id on every response.

    It serves no documentation pages of its own: one OpenAPI document describes all functions together.

    Args:
        origins: whose pages may call it from other origins than its own.
        body_limits: bytes that a body may have where that is less than `MAX_BODY_BYTES`, by how the path begins.
    """
    app = FastAPI(
        title=title,
        description=description,
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY_OF_ITS_OWN,
    )
    add_problem_handlers(app)
    app.add_middleware(BodyLimitMiddleware, max_bytes=MAX_BODY_BYTES, narrower=body_limits or {})
    app.add_middleware(CorsMiddleware, origins=origins)
    app.add_middleware(ResponseHeadersMiddleware)
    app.add_middleware(TraceMiddleware)  # the outermost: every answer has a trace id
    return app
