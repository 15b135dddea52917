"""Ten megabytes are refused within a second wherever a body is taken, declared or not, before any of it is parsed.

The second is one of the processor's: what else runs on a machine is no fault of the refusal.
"""

import json
import time
from typing import Any

import pytest
from fastapi import FastAPI

from agent_platform.http.gateway import gateway_handler
from functions.api.app import SIGN_IN_BYTES, create_api_app
from functions.openapi import TARGET
from functions.run_agent.app import create_run_agent_app
from infra_cdk.repository import ROOT
from tests.fakes.asgi import ask
from tests.fakes.gateway import LambdaContext, event_loop, proxy_event

__all__ = ["event_loop"]

TEN_MEGABYTES = 10_000_000
NO_ID = "00000000-0000-7000-8000-000000000000"
AGENT = "/api/v1/agents/{group}/{name}/execute"
DOCUMENT: dict[str, Any] = json.loads((ROOT / TARGET).read_text())
ENTRIES = [
    (verb.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for verb, operation in operations.items()
    if "requestBody" in operation
]


@pytest.fixture(scope="module")
def applications() -> dict[bool, FastAPI]:
    """By whether it has the agents: nothing behind these applications is there, so whoever gets further fails."""
    return {False: create_api_app(), True: create_run_agent_app(policies=None)}


def concrete(path: str) -> str:
    """The path with something in its parameters' places."""
    for name in ("group", "name"):
        path = path.replace(f"{{{name}}}", "x")
    return "/".join(
        "00000000-0000-7000-8000-000000000000" if step.startswith("{") else step for step in path.split("/")
    )


def test_every_route_with_a_body_is_among_them():
    assert len(ENTRIES) >= 20
    assert ("POST", AGENT) in ENTRIES


@pytest.mark.parametrize(("verb", "path"), ENTRIES)
@pytest.mark.parametrize("declares", [True, False])
def test_ten_megabytes_are_refused_within_a_second(
    applications: dict[bool, FastAPI], verb: str, path: str, declares: bool
):
    app = applications[path == AGENT]
    piece = b'{"a":"' + b"x" * 1_000_000
    headers = {"Content-Type": "application/json"} | ({"Content-Length": str(TEN_MEGABYTES)} if declares else {})
    started = time.process_time()
    answer = ask(app, verb, concrete(path), [piece] * 10, headers)
    assert time.process_time() - started < 1
    if answer.status == 401:  # the caller is asked for before the body is
        assert not declares
        return
    assert (answer.status, answer.problem["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("path", ["/api/v1/batches", AGENT])
def test_through_the_gateway_as_well(applications: dict[bool, FastAPI], path: str, event_loop: None):
    body = '{"a":"' + "x" * TEN_MEGABYTES + '"}'
    sent = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    event = proxy_event("POST", concrete(path), headers=sent, body=body, authorizer={"sub": "u", "roles": "user"})
    handler = gateway_handler(applications[path == AGENT])
    started = time.process_time()
    answer = handler(event, LambdaContext())
    assert time.process_time() - started < 1
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (413, "payload_too_large")


def test_a_sign_in_takes_sixteen_kibibytes_and_no_more(applications: dict[bool, FastAPI]):
    def sign_in(size: int) -> int:
        body = b'{"email": "' + b"x" * (size - 13) + b'"}'
        return ask(
            applications[False],
            "POST",
            "/api/v1/auth/login",
            body,
            {"Content-Type": "application/json", "Content-Length": str(len(body))},
        ).status

    assert (sign_in(SIGN_IN_BYTES), sign_in(SIGN_IN_BYTES + 1)) == (422, 413)
