"""Conditional reads (RFC 9110, section 13): an unchanged answer is not sent again."""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged since the `ETag` in `If-None-Match`"}}


class RevalidatedRoute(APIRoute):
    """A route whose successful answers carry an `ETag`; a client that has that version gets 304 without a body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the route's own handler."""
        answer = super().get_route_handler()

        async def revalidate(request: Request) -> Response:
            response = await answer(request)
            if request.method not in {"GET", "HEAD"} or response.status_code != 200:
                return response
            etag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
            # Only the caller may keep it, and must ask each time: what is listed depends on who asks.
            headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
            if _matches(request.headers.get("if-none-match", ""), etag):
                return Response(status_code=304, headers=headers)
            response.headers.update(headers)
            return response

        return revalidate


def _matches(if_none_match: str, etag: str) -> bool:
    # Weak comparison: proxies that compress an answer mark its tag as weak.
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags
