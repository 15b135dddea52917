"""What the platform refuses, through the real front door: always a problem with a code and a trace id."""

import http.client
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.conftest import REFERENCE
from tests.e2e.platform_process import PlatformProcess

EXECUTE = f"/api/v1/agents/{REFERENCE}/execute"
JSON = {"Content-Type": "application/json"}


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems/{code}")
    assert problem["detail"]
    assert problem["trace_id"] == answer.headers["x-trace-id"]
    assert "$context" not in answer.text


@pytest.mark.parametrize("path", [EXECUTE, "/api/v1/agents/no-such-group/agent/execute"])
@pytest.mark.parametrize("token", [None, "Bearer", "Bearer nonsense", "Basic ZGVtbzpkZW1v"])
def test_without_a_valid_token_nothing_is_executed(client: httpx.Client, path: str, token: str | None) -> None:
    headers = {"Authorization": token} if token else {}

    assert_problem(client.post(path, json={"input": {}}, headers=headers), 401, "unauthenticated")


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/agents", "/api/v1/groups", "/api/v1/executions"])
def test_without_a_token_nothing_is_listed(client: httpx.Client, path: str) -> None:
    assert_problem(client.get(path), 401, "unauthenticated")


@pytest.mark.parametrize("body", ["{", "", "nul", '{"input": }', "\ufeff{}", "[" * 10_000])
def test_malformed_json_is_refused(demo: httpx.Client, body: str) -> None:
    answer = demo.post(EXECUTE, content=body.encode(), headers=JSON)

    assert answer.status_code in (400, 422)
    assert_problem(answer, answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    "body", [{}, {"input": None}, {"input": []}, {"input": "text"}, {"input": {}, "more": 1}, [], 1, "text"]
)
def test_a_wrong_shape_is_named_field_by_field(demo: httpx.Client, body: object) -> None:
    answer = demo.post(EXECUTE, json=body)

    assert_problem(answer, 422, "invalid_input")
    assert answer.json()["errors"]


def test_an_input_against_the_agents_schema_is_refused_before_anything_is_spent(demo: httpx.Client) -> None:
    before = demo.get("/api/v1/executions").json()

    answer = demo.post(EXECUTE, json={"input": {"invoice": 1}})

    assert_problem(answer, 422, "invalid_input")
    assert demo.get("/api/v1/executions").json() == before


@pytest.mark.parametrize("agent", ["finance-accounting/no-such-agent", "no-such-group/agent"])
def test_an_unknown_agent_is_not_found(demo: httpx.Client, agent: str) -> None:
    assert_problem(demo.post(f"/api/v1/agents/{agent}/execute", json={"input": {}}), 404, "agent_not_found")


@pytest.mark.parametrize("size", [5_300_000, 7_000_000, 11 * 1024 * 1024])
def test_an_oversized_body_is_refused(demo: httpx.Client, size: int) -> None:
    answer = demo.post(EXECUTE, json={"input": {"text": "x" * size}})

    assert_problem(answer, 413, "payload_too_large")


def test_another_content_type_is_refused(demo: httpx.Client) -> None:
    answer = demo.post(EXECUTE, content=b"input=1", headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("body", [{"email": 1, "password": "x"}, {"email": "a@example.org"}, {}, []])
def test_a_sign_in_of_the_wrong_shape_is_refused(client: httpx.Client, body: object) -> None:
    assert_problem(client.post("/api/v1/auth/login", json=body), 422, "invalid_input")


def test_a_wrong_password_tells_nothing_about_the_account(client: httpx.Client) -> None:
    known = client.post("/api/v1/auth/login", json={"email": "demo@example.com", "password": "wrong pass phrase"})
    unknown = client.post("/api/v1/auth/login", json={"email": "nobody@example.com", "password": "wrong pass phrase"})

    assert_problem(known, 401, "unauthenticated")
    assert {**known.json(), "trace_id": ""} == {**unknown.json(), "trace_id": ""}


def test_the_emulators_own_controls_cannot_be_reached_through_the_front_door(platform: PlatformProcess) -> None:
    connection = http.client.HTTPConnection(urlsplit(platform.running["site"]).netloc, timeout=30)
    connection.request("POST", "/api/v1/../../../../../_ministack/reset")
    assert connection.getresponse().status == 400
    connection.close()

    with platform.client() as client:
        assert client.get("/api/v1/health").status_code == 200
