"""One origin: the site here, the API behind it. The API of these tests is a server that tells what it was asked."""

import asyncio
import http.client
import json
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from infra_cdk.local import gateway as module
from infra_cdk.local.gateway import MAX_BODY_BYTES, create_gateway
from infra_cdk.local.ports import LOOPBACK, next_free
from infra_cdk.security_headers import SECURITY_HEADERS
from tests.unit.local.conftest import Serve

STAGE = "/restapis/abc/local/_user_request_"


async def echo(request: Request) -> Response:
    """What the API got."""
    return JSONResponse(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "headers": dict(request.headers),
            "body": (await request.body()).decode(),
        },
        headers={"X-Trace-Id": "t1"},
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A built site."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>Agents</title>")
    (tmp_path / "assets" / "app-1a2b3c.js").write_text("console.log(1)")
    return tmp_path


@pytest.fixture
def address(serve: Serve, site: Path) -> str:
    """A gateway in front of the site and of an API that echoes."""
    api = serve(Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]))
    return serve(create_gateway(f"{api}{STAGE}", site))


def raw_get(address: str, path: str) -> tuple[int, bytes]:
    """A GET whose path no client library has tidied up."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        connection.putrequest("GET", path)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_api_gets_method_path_query_body_and_token_as_they_were_sent(address: str, method: str) -> None:
    answer = httpx.request(
        method,
        f"{address}/api/v1/agents/a%2Fb/execute?q=caf%C3%A9+au%20lait&q=2",
        content=b'{"input": {}}',
        headers={"Authorization": "Bearer t", "Content-Type": "application/json"},
    )

    got = answer.json()
    assert got["method"] == method
    assert got["path"] == f"{STAGE}/api/v1/agents/a%2Fb/execute"
    assert got["query"] == "q=caf%C3%A9+au%20lait&q=2"
    assert got["body"] == '{"input": {}}'
    assert got["headers"]["authorization"] == "Bearer t"
    assert got["headers"]["content-type"] == "application/json"
    assert answer.headers["x-trace-id"] == "t1"


def test_headers_of_one_connection_are_not_passed_on(address: str) -> None:
    sent = {"Connection": "keep-alive, X-Private", "X-Private": "1", "TE": "trailers", "Proxy-Authorization": "Basic x"}

    got = httpx.get(f"{address}/api/v1/health", headers=sent).json()["headers"]

    assert not {"x-private", "te", "proxy-authorization"} & got.keys()


def test_the_api_learns_the_true_client_and_not_a_claimed_one(address: str) -> None:
    got = httpx.get(f"{address}/api/v1/health", headers={"X-Forwarded-For": "203.0.113.9"}).json()["headers"]

    assert got["x-forwarded-for"] == "127.0.0.1"
    assert got["x-forwarded-proto"] == "http"
    assert got["x-forwarded-host"] == urlsplit(address).netloc


@pytest.mark.parametrize(
    "path",
    [
        "/api/../_ministack/reset",
        "/api/v1/../../../../../_ministack/reset",
        "/api/%2e%2e/%2E%2e/_ministack/reset",
        "/api/v1/..%2f..%2f_ministack/reset",
        "/api/..",
        "/api/v1/./me",
    ],
)
def test_no_path_leads_out_of_the_api(address: str, path: str) -> None:
    status, body = raw_get(address, path)

    assert status == 400
    assert json.loads(body)["code"] == "bad_request"


def test_dots_within_a_name_are_a_name(address: str) -> None:
    status, body = raw_get(address, "/api/v1/agents/a..b/v1.2")

    assert status == 200
    assert json.loads(body)["path"].endswith("/agents/a..b/v1.2")


def test_a_body_over_the_limit_of_api_gateway_is_refused_as_a_problem(address: str) -> None:
    answer = httpx.post(f"{address}/api/v1/auth/login", content=b"x" * (MAX_BODY_BYTES + 1))

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["trace_id"] == answer.headers["x-trace-id"]
    assert "10 MB" in answer.json()["detail"]


def test_a_body_at_the_limit_passes(address: str) -> None:
    answer = httpx.post(f"{address}/api/v1/x", content=b"x" * MAX_BODY_BYTES, timeout=30)

    assert len(answer.json()["body"]) == MAX_BODY_BYTES


def test_an_api_that_is_down_is_a_bad_gateway(serve: Serve, site: Path) -> None:
    address = serve(create_gateway(f"http://{LOOPBACK}:{next_free(24000)}", site))

    answer = httpx.get(f"{address}/api/v1/health")

    assert (answer.status_code, answer.json()["code"]) == (502, "bad_gateway")
    assert "emulator.log" in answer.json()["detail"]


def test_an_api_that_does_not_answer_in_time_is_a_timeout(
    serve: Serve, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    with socket.create_server((LOOPBACK, 0)) as silent:
        address = serve(create_gateway(f"http://{LOOPBACK}:{silent.getsockname()[1]}", site))

        answer = httpx.get(f"{address}/api/v1/health")

    assert (answer.status_code, answer.json()["code"]) == (504, "timed_out")


def test_an_answer_is_passed_on_as_it_comes(serve: Serve, site: Path) -> None:
    may_go_on = threading.Event()

    async def slowly(_: Request) -> Response:
        async def parts() -> Any:
            yield b"first"
            while not may_go_on.is_set():
                await asyncio.sleep(0.01)
            yield b"second"

        return StreamingResponse(parts())

    api = serve(Starlette(routes=[Route("/{path:path}", slowly)]))
    address = serve(create_gateway(api, site))

    with httpx.stream("GET", f"{address}/api/v1/stream") as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"first"  # the second part was not even made yet
        may_go_on.set()
        assert next(parts) == b"second"


@pytest.mark.parametrize("path", ["/", "/agents/finance-accounting/three-way-match-checker", "/sign-in"])
def test_every_address_of_the_site_is_its_one_page(address: str, path: str) -> None:
    answer = httpx.get(f"{address}{path}")

    assert answer.status_code == 200
    assert answer.text == "<title>Agents</title>"
    assert answer.headers["cache-control"] == "no-cache"


def test_a_hashed_file_is_kept_for_ever(address: str) -> None:
    answer = httpx.get(f"{address}/assets/app-1a2b3c.js")

    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path", ["/assets/app-old.js", "/robots.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/a%00.js"]
)
def test_a_file_that_is_not_there_is_not_the_page(address: str, site: Path, path: str) -> None:
    (site.parent / "secret.txt").write_text("secret")

    status, body = raw_get(address, path)

    assert (status, body) == (404, b"Not found\n")


def test_a_site_that_is_not_built_says_how_to_build_it(serve: Serve, tmp_path: Path) -> None:
    address = serve(create_gateway("http://127.0.0.1:9", tmp_path / "dist"))

    answer = httpx.get(f"{address}/")

    assert answer.status_code == 503
    assert "make web" in answer.text


@pytest.mark.parametrize("path", ["/", "/assets/app-1a2b3c.js", "/robots.txt", "/api/v1/health", "/api/v1/./me"])
def test_every_answer_carries_the_security_headers_of_the_cloud(address: str, path: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.request("GET", path)
    headers = connection.getresponse().headers
    connection.close()

    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert headers.get_all("date") is not None
    assert len(headers.get_all("date") or []) == 1
