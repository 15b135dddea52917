"""One trace id per request: from the caller or the gateway, else new; in every log line, span and response."""

import asyncio
import secrets
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_platform import tracing
from agent_platform.observability import get_logger, trace_id_of

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TraceMiddleware:
    """Puts `trace_id` (32 hex digits) into the request's state, the logger's keys and the `X-Trace-Id` header.

    Where spans are recorded, the request is one, named for its route: its path and query may hold what a caller wrote.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = tracing.trace_id_of_traceparent(headers.get("traceparent"))
        trace_id = given or trace_id_of(headers.get("x-amzn-trace-id")) or secrets.token_hex(16)
        scope.setdefault("state", {})["trace_id"] = trace_id
        get_logger().append_keys(trace_id=trace_id)
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        about = {"http.request.method": method, "url.scheme": scope["scheme"]}

        async def send_with_trace(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Trace-Id"] = trace_id
                span.set({"http.response.status_code": message["status"]})
                if message["status"] >= 500:
                    span.fail(str(message["status"]))
            await send(message)

        with (
            tracing.continue_trace(headers["traceparent"] if given else trace_id),
            tracing.span(method, "server", about) as span,
        ):
            try:
                await self.app(scope, receive, send_with_trace)
            finally:
                if route := getattr(scope.get("route"), "path", None):
                    span.rename(f"{method} {route}")
                    span.set({"http.route": route})
        if tracing.is_on() and "aws.event" not in scope:
            await asyncio.to_thread(tracing.flush)  # behind a plain server; a Lambda handler does it itself


def trace_id(request: Request) -> str:
    """The trace id of a request."""
    return str(getattr(request.state, "trace_id", "0" * 32))


CurrentTrace = Annotated[str, Depends(trace_id)]
