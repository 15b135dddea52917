"""Pages of other origins: those that the deployment names may call the API, and no other learns anything.

The site itself shares the API's origin and needs none of this. There are no cookies, so no credentials are allowed:
a page sends the token that it was given. Source: Fetch standard, section 3.3, "CORS protocol".
"""

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Prefer", "traceparent")
RESPONSE_HEADERS = (
    *("ETag", "Idempotency-Replayed", "Location", "Preference-Applied"),
    *("RateLimit", "RateLimit-Policy", "Retry-After", "X-Trace-Id"),
)
"""What a page may read beside the few headers that every page may."""
PREFLIGHT_SECONDS = 600


class CorsMiddleware:
    """Answers preflights, and lets pages of the named origins read the answers.

    Args:
        origins: as `settings.named_origins` gives them; with none, no answer has a header of CORS.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self.app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._origins:
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        origin = asked.get("origin")
        named = origin if origin in self._origins else None
        if scope["method"] == "OPTIONS" and origin and "access-control-request-method" in asked:
            await _preflight(named, send)
            return

        async def send_for_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if named:
                    headers["Access-Control-Allow-Origin"] = named
                    headers["Access-Control-Expose-Headers"] = ", ".join(RESPONSE_HEADERS)
            await send(message)

        await self.app(scope, receive, send_for_origin)


async def _preflight(named: str | None, send: Send) -> None:
    """The answer without a body. To an origin that is not named it allows nothing, which a browser takes for a no."""
    headers = MutableHeaders({"Vary": "Origin"})
    if named:
        headers["Access-Control-Allow-Origin"] = named
        headers["Access-Control-Allow-Methods"] = ", ".join(METHODS)
        headers["Access-Control-Allow-Headers"] = ", ".join(REQUEST_HEADERS)
        headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    await send({"type": "http.response.start", "status": 204, "headers": headers.raw})
    await send({"type": "http.response.body", "body": b""})
