"""Every answer of the API tells a browser to keep nothing and to guess nothing."""

import pytest
from fastapi import FastAPI, Response

from agent_platform.http import create_app
from agent_platform.http.response_headers import API_HEADERS, STRICT_TRANSPORT_SECURITY
from infra_cdk.constructs.gateway_errors import HARDENING
from tests.fakes.asgi import ask


@pytest.fixture(scope="module")
def app() -> FastAPI:
    app = create_app("Post", "Weighs parcels.", "1", body_limits={"/scales/": 100})

    @app.get("/parcels")
    def parcels() -> list[str]:
        return ["a"]

    @app.get("/kept")
    def kept(response: Response) -> str:
        response.headers["Cache-Control"] = "private, no-cache"
        return "kept"

    @app.get("/defect")
    def defect() -> None:
        raise ZeroDivisionError

    @app.post("/scales/{name}")
    def scale(name: str, body: dict[str, str]) -> str:
        return name + str(len(body))

    return app


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/parcels", 200), ("GET", "/none", 404), ("DELETE", "/parcels", 405), ("GET", "/defect", 500)],
)
def test_answers_refusals_and_defects_alike_carry_the_headers(app: FastAPI, method: str, path: str, status: int):
    answer = ask(app, method, path)
    assert answer.status == status
    for name, value in API_HEADERS.items():
        assert answer.headers[name.lower()] == value
    assert not {"server", "x-powered-by"} & set(answer.headers)


def test_a_route_that_says_itself_how_long_it_may_be_kept_is_heard(app: FastAPI):
    assert ask(app, "GET", "/kept").headers["cache-control"] == "private, no-cache"


def test_only_an_answer_over_tls_demands_tls_from_now_on(app: FastAPI):
    assert ask(app, "GET", "/parcels").headers["strict-transport-security"] == STRICT_TRANSPORT_SECURITY
    assert "strict-transport-security" not in ask(app, "GET", "/parcels", scope={"scheme": "http"}).headers


def test_the_gateways_own_answers_carry_the_same_headers():
    assert {name: API_HEADERS[name] for name in HARDENING} == HARDENING
    assert set(API_HEADERS) - set(HARDENING) == {"Content-Security-Policy"}


@pytest.mark.parametrize("declares", [True, False])
def test_a_route_may_take_less_than_the_others(app: FastAPI, declares: bool):
    def post(path: str, size: int) -> int:
        body = b'{"a": "' + b"x" * (size - 9) + b'"}'
        headers = {"Content-Type": "application/json"} | ({"Content-Length": str(len(body))} if declares else {})
        return ask(app, "POST", path, body, headers).status

    assert (post("/scales/one", 100), post("/scales/one", 101)) == (200, 413)
    assert post("/parcels", 101) == 405
