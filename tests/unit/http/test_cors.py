"""Pages of named origins may call the API; to any other origin no header of CORS tells anything."""

import pytest
from fastapi import FastAPI

from agent_platform.errors import ConfigurationError
from agent_platform.http import create_app
from agent_platform.http.cors import METHODS, REQUEST_HEADERS
from agent_platform.settings import CorsSettings, load, named_origins
from tests.fakes.asgi import Response, ask

HERE = "https://app.example.com"
DEVELOPER = "http://localhost:5173"


def application(*origins: str) -> FastAPI:
    app = create_app("Post", "Weighs parcels.", "1", origins=origins)

    @app.post("/parcels")
    def weigh(body: dict[str, int]) -> int:
        return len(body)

    return app


def preflight(app: FastAPI, origin: str, path: str = "/parcels") -> Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return ask(app, "OPTIONS", path, b"", {"Origin": origin, **asked})


def of_cors(answer: Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def test_a_named_origin_may_send_what_clients_send():
    answer = preflight(application(HERE, DEVELOPER), DEVELOPER)
    assert (answer.status, answer.body) == (204, b"")
    allowed = of_cors(answer)
    assert allowed["access-control-allow-origin"] == DEVELOPER
    assert set(allowed["access-control-allow-methods"].split(", ")) == set(METHODS)
    assert set(allowed["access-control-allow-headers"].split(", ")) == set(REQUEST_HEADERS)
    assert "access-control-allow-credentials" not in allowed
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "https://app.example.com.evil.example", "https://sub.app.example.com"),
        *("http://app.example.com", "https://app.example.com:8443", "HTTPS://APP.EXAMPLE.COM", "null", "*"),
        "http://localhost:5174",
    ],
)
def test_an_unnamed_origin_gets_no_header_of_cors(origin: str):
    app = application(HERE, DEVELOPER)
    assert of_cors(preflight(app, origin)) == {}
    refused = ask(app, "POST", "/parcels", b"{", {"Origin": origin, "Content-Type": "application/json"})
    assert (refused.status, of_cors(refused), refused.headers["vary"]) == (400, {}, "Origin")


def test_refusals_too_can_be_read_by_a_named_origin():
    refused = ask(application(HERE), "POST", "/none", b"", {"Origin": HERE})
    assert refused.problem["code"] == "route_not_found"
    assert of_cors(refused)["access-control-allow-origin"] == HERE
    assert "X-Trace-Id" in of_cors(refused)["access-control-expose-headers"]


def test_without_named_origins_nothing_speaks_of_them():
    app = application()
    assert (preflight(app, HERE).status, of_cors(preflight(app, HERE))) == (405, {})
    assert of_cors(ask(app, "POST", "/none", b"", {"Origin": HERE})) == {}


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", ()),
        (" , ", ()),
        (HERE, (HERE,)),
        (f" {HERE} ,{DEVELOPER},{HERE}", (HERE, DEVELOPER)),
        ("https://a-b.example.co.uk:8443", ("https://a-b.example.co.uk:8443",)),
        ("http://127.0.0.1:80", ("http://127.0.0.1:80",)),
    ],
)
def test_origins_are_named_one_by_one(text: str, origins: tuple[str, ...]):
    assert named_origins(text) == origins


@pytest.mark.parametrize(
    "text",
    [
        *("*", "https://*", "https://*.example.com", f"{HERE},*", "null", "app.example.com", "https://", "https://a"),
        *(f"{HERE}/", f"{HERE}/path", f"{HERE}?q", "http://app.example.com", "https://APP.example.com"),
        *("https://user@app.example.com", "https://app.example.com:123456", "https://-a.example.com", f"{HERE} x"),
        *("http://localhost", "https://app.example.com\nhttps://evil.example", "javascript:alert(1)", "file://"),
    ],
)
def test_a_star_or_what_is_no_origin_refuses_to_start(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("CORS_ORIGINS", text)
    with pytest.raises(ConfigurationError, match="CORS_ORIGINS"):
        load(CorsSettings)
