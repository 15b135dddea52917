"""One origin for site and API, as CloudFront is in the cloud: static files here, `/api/*` to the emulated API Gateway.

Run as `python -m infra_cdk.local.gateway --socket FD --api URL [--site FOLDER]`.
"""

import argparse
import re
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra_cdk.local.ports import LOOPBACK
from infra_cdk.local.site import Site
from infra_cdk.security_headers import SECURITY_HEADERS

# API Gateway's own limits: 10 MB of body, 29 s until a function must have answered.
MAX_BODY_BYTES = 10 * 1024 * 1024
ANSWER_SECONDS = 29.0
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# RFC 9110, section 7.6.1: these belong to one connection and are not passed on.
HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_DOT_SEGMENT = re.compile(r"(^|[/\\])\.{1,2}([/\\]|$)")


class SecurityHeaders:
    """Adds the security headers to every response that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class ApiProxy:
    """Passes a request on to the API and streams the answer back."""

    def __init__(self, api: str, client: httpx.AsyncClient) -> None:
        self._api = httpx.URL(api)
        self._client = client

    async def __call__(self, request: Request) -> Response:
        path: bytes = request.scope["raw_path"]
        # Resolved on the way, `..` would leave the API and reach the emulator's own control paths.
        if _DOT_SEGMENT.search(unquote(path.decode("ascii", "replace"))):
            return problem(400, "bad_request", "Bad request", "The path must not contain `.` or `..` segments.")
        body = await _body_within_limit(request)
        if body is None:
            limit = MAX_BODY_BYTES // 2**20
            return problem(413, "payload_too_large", "Payload too large", f"Send at most {limit} MB.")
        query: bytes = request.scope["query_string"]
        try:
            target = self._api.copy_with(
                raw_path=self._api.raw_path.rstrip(b"/") + path + (b"?" + query if query else b"")
            )
        except httpx.InvalidURL:
            return problem(400, "bad_request", "Bad request", "The address holds a character that belongs encoded.")
        outgoing = self._client.build_request(
            request.method,
            target,
            headers=[(name, value) for name, value in request.headers.raw if _end_to_end(name, request)]
            + _forwarded(request),
            content=body,
        )
        try:
            answer = await self._client.send(outgoing, stream=True)
        except httpx.ReadTimeout:
            detail = f"No answer within {ANSWER_SECONDS:g} s. What was asked for may still be done."
            return problem(504, "timed_out", "Timed out", detail)
        except httpx.TransportError as error:
            detail = f"The emulated cloud does not answer ({type(error).__name__}): see .local/logs/emulator.log."
            return problem(502, "bad_gateway", "Bad gateway", detail)
        response = StreamingResponse(_as_it_comes(answer), status_code=answer.status_code)
        dropped = HOP_BY_HOP | {b"date", b"server"}  # our own server writes them
        response.raw_headers = [(n.lower(), v) for n, v in answer.headers.raw if n.lower() not in dropped]
        return response


def problem(status: int, code: str, title: str, detail: str) -> Response:
    """An error of the gateway itself, in the form of the API's errors."""
    trace_id = secrets.token_hex(16)
    return JSONResponse(
        {
            "type": f"/problems/{code}",
            "title": title,
            "status": status,
            "detail": detail,
            "code": code,
            "trace_id": trace_id,
        },
        status,
        {"X-Trace-Id": trace_id},
        "application/problem+json",
    )


def create_gateway(api: str, site: Path | None, transport: httpx.AsyncBaseTransport | None = None) -> Starlette:
    """The application.

    Args:
        api: base URL of the API's stage; the request's path is appended.
        site: folder of the built site; None serves the API alone.
        transport: how to reach the API, for tests.
    """
    client = httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=5.0, pool=None),
        limits=httpx.Limits(max_connections=None),
        trust_env=False,  # loopback traffic never takes a proxy
        follow_redirects=False,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    routes = [Route("/api/{path:path}", ApiProxy(api, client).__call__, methods=METHODS)]
    if site is not None:
        routes.append(Route("/{path:path}", Site(site).__call__, methods=["GET", "HEAD"]))
    return Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: _refused},
        lifespan=lifespan,
    )


async def _refused(_: Request, error: Exception) -> Response:
    """What Starlette refuses itself: a method or an address that there is not."""
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette dispatches by this type
    code, title = (
        ("method_not_allowed", "Method not allowed") if error.status_code == 405 else ("not_found", "Not found")
    )
    answer = problem(error.status_code, code, title, f"{error.detail}.")
    answer.headers.update(error.headers or {})
    return answer


async def _as_it_comes(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()


async def _body_within_limit(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _end_to_end(name: bytes, request: Request) -> bool:
    named = request.headers.get("connection", "").lower().split(",")
    dropped = {option.strip().encode() for option in named} | HOP_BY_HOP | {b"host", b"content-length"}
    return name not in dropped and not name.startswith(b"x-forwarded-")


def _forwarded(request: Request) -> list[tuple[bytes, bytes]]:
    client = request.client.host if request.client else LOOPBACK
    host = request.headers.get("host", LOOPBACK)
    return [
        (b"x-forwarded-for", client.encode()),
        (b"x-forwarded-host", host.encode("latin-1")),
        (b"x-forwarded-proto", request.url.scheme.encode()),
    ]


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="descriptor of the listening socket to serve on")
    parser.add_argument("--api", required=True, help="base URL of the API's stage")
    parser.add_argument("--site", type=Path, help="folder of the built site")
    options = parser.parse_args()
    config = uvicorn.Config(
        create_gateway(options.api, options.site),
        server_header=False,
        access_log=False,  # it would keep what somebody wrongly puts into a query, such as a token
        proxy_headers=False,  # nobody in front of us is trusted to say who the client is
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=options.socket)])


if __name__ == "__main__":
    main()
