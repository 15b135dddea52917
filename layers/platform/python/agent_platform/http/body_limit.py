"""Refuse a body that is too large: by what it declares before a byte of it is read, else by what is read."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_platform.errors import BadRequest, PayloadTooLarge, PlatformError
from agent_platform.http.problems import problem_response


class BodyLimitMiddleware:
    """Answers 413 as a problem; Starlette's own limit would answer in plain text, and replace ours by it."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Request(scope)) if scope["type"] == "http" else None
        if refusal:
            await problem_response(Request(scope), refusal)(scope, receive, send)
        else:
            await self.app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        size = 0

        async def receive_within_limit() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.max_bytes:
                # FastAPI reports any other exception while it reads a body as a malformed one.
                raise HTTPException(413)
            return message

        return receive_within_limit

    def _refusal(self, request: Request) -> PlatformError | None:
        declared = request.headers.get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()):
            return BadRequest("Content-Length is not a number.")
        if int(declared) > self.max_bytes:
            return PayloadTooLarge(f"The body has {int(declared):,} bytes. Send at most {self.max_bytes:,}.")
        return None
