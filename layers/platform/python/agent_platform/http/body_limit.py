"""Refuse a body that declares itself too large before a byte of it is read."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from agent_platform.errors import BadRequest, PayloadTooLarge, PlatformError
from agent_platform.http.problems import problem_response


class BodyLimitMiddleware:
    """Answers 413 as a problem; Starlette's own limit answers in plain text."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Request(scope)) if scope["type"] == "http" else None
        if refusal:
            await problem_response(Request(scope), refusal)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _refusal(self, request: Request) -> PlatformError | None:
        declared = request.headers.get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()):
            return BadRequest("Content-Length is not a number.")
        if int(declared) > self.max_bytes:
            return PayloadTooLarge(f"The body has {int(declared):,} bytes. Send at most {self.max_bytes:,}.")
        return None
