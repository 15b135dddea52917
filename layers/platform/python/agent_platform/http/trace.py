"""One trace id per request: from the gateway where it set one, else new; in every log line and every response."""

import re
import secrets
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_platform.observability import get_logger, trace_id_of

_W3C = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class TraceMiddleware:
    """Puts `trace_id` (32 hex digits) into the request's state, the logger's keys and the `X-Trace-Id` header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = _W3C.fullmatch(headers.get("traceparent", ""))
        trace_id = given.group(1) if given else trace_id_of(headers.get("x-amzn-trace-id")) or secrets.token_hex(16)
        scope.setdefault("state", {})["trace_id"] = trace_id
        get_logger().append_keys(trace_id=trace_id)

        async def send_with_trace(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Trace-Id"] = trace_id
            await send(message)

        await self.app(scope, receive, send_with_trace)


def trace_id(request: Request) -> str:
    """The trace id of a request."""
    return str(getattr(request.state, "trace_id", "0" * 32))


CurrentTrace = Annotated[str, Depends(trace_id)]
