"""Refuse a body that is too large: by what it declares before a byte of it is read, else by what is read.

A compressed one is refused altogether.
"""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_platform.errors import BadRequest, PayloadTooLarge, PlatformError, UnsupportedMediaType
from agent_platform.http.problems import problem_response


class BodyLimitMiddleware:
    """Answers 413 as a problem; Starlette's own limit would answer in plain text, and replace ours by it.

    Args:
        max_bytes: the limit of every path.
        narrower: lower limits by how a path begins; the first that fits counts.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, narrower: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self._narrower = dict(narrower or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        refusal = _refusal(Request(scope), limit)
        if refusal:
            await problem_response(Request(scope), refusal)(scope, receive, send)
        else:
            await self.app(scope, self._counted(receive, limit), send)

    def _limit(self, path: str) -> int:
        return next((limit for start, limit in self._narrower.items() if path.startswith(start)), self.max_bytes)

    def _counted(self, receive: Receive, limit: int) -> Receive:
        size = 0

        async def receive_within_limit() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                # FastAPI reports any other exception while it reads a body as a malformed one.
                raise HTTPException(413)
            return message

        return receive_within_limit


def _refusal(request: Request, limit: int) -> PlatformError | None:
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        return BadRequest("Content-Length is not a number.")
    if int(declared[:20]) > limit:
        return PayloadTooLarge(f"The body has {int(declared[:20]):,} bytes. Send at most {limit:,}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        # Nothing here unpacks a body: no gzip bomb goes off, and no other reader may take it for something else.
        return UnsupportedMediaType("Send the body as it is, without `Content-Encoding`.")
    return None
