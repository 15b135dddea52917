"""The whole door of the API in this process: gateway, the real authorizer, the control plane and a group of agents.

A test module imports the fixtures (`from tests.security.door import catalogue, door, …`); pytest finds them by name.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest

from agent_platform.errors import Forbidden, PlatformError, StorageUnavailable, Unauthenticated
from agent_platform.events.redrive import Redrive
from agent_platform.identity.access_tokens import AccessTokens
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.ids import new_id
from agent_platform.settings import AuthorizeSettings
from agent_platform.storage.step_functions import step_functions
from functions.api.choosing import Chooser
from functions.authorize import handler as authorize
from tests.fakes.aws import REDRIVE_FUNCTIONS, WEBHOOK_SECRET, WEBHOOKS_QUEUE_URL, store_secret
from tests.fakes.eventbridge import make_eventbridge
from tests.fakes.gateway import PUBLIC, Handler, LambdaContext, authorizer_event, proxy_event
from tests.fakes.machines import MachinesInMemory
from tests.fakes.webhooks import KEY
from tests.functions.api.conftest import PASSWORD, Platform
from tests.functions.run_agent.conftest import GROUP, Function

__all__ = ["catalogue", "door"]

AGENTS = f"/api/v1/agents/{GROUP}/"
PUBLIC_PATHS = {path for _, path in PUBLIC}
"""What the gateway lets in without a token; a method that such a path does not have is the function's to refuse."""
SOURCE = "203.0.113.7"
"""Where requests come from."""
MOST_BODY = 10 * 1024 * 1024
"""Bytes that API Gateway takes."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""What no header may hold: a line break in one would begin another."""


@dataclass(frozen=True)
class Sent:
    """What a client receives; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def is_problem(self) -> bool:
        """Whether this is problem details as every failure of the API has to be."""
        if self.headers.get("content-type") != "application/problem+json":
            return False
        problem = self.json
        return bool(problem["status"] == self.status and problem["code"] and problem["trace_id"])


@dataclass
class Door:
    """Sends what comes in through the authorizer, where the route wants one, and then to the function it belongs to.

    It is an ASGI application as well, for tools that send requests to one.
    """

    control_plane: Handler
    agents: Handler
    tokens: AccessTokens
    thread: ThreadPoolExecutor
    """The one thread that functions run in, with a loop of its own: an instance of Lambda takes one event at a time."""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Who may sign in here, by role: what their access tokens are issued for."""

    def token(self, role: str) -> str:
        """A fresh access token, of a session of its own: whatever revokes it, the next one is good."""
        return self.tokens.issue(**self.people[role], session_id=new_id())

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        query: str = "",
        source: str = SOURCE,
    ) -> Sent:
        """One HTTP request from an address; `path` is as it stands in the request line."""
        return self.thread.submit(self._send, method, path, body, headers or {}, query, source).result()

    def _send(
        self, method: str, path: str, body: bytes, headers: dict[str, str], query: str, source: str = SOURCE
    ) -> Sent:
        sent = {name: value for name, value in headers.items() if value}
        if len(body) > MOST_BODY:
            return _refusal(413, "payload_too_large", "Payload too large")
        context = None
        if path not in PUBLIC_PATHS:
            decision = self._authorize(method, path, sent)
            if isinstance(decision, Sent):
                return decision
            context = decision
        text: str | bytes | None = body or None
        try:
            text = body.decode() or None
        except UnicodeDecodeError:
            text = body
        event = proxy_event(method, path, headers=sent, query="", body=text, authorizer=context)
        several = parse_qs(query, keep_blank_values=True)
        event["queryStringParameters"] = {name: values[-1] for name, values in several.items()} or None
        event["multiValueQueryStringParameters"] = several or None
        event["requestContext"]["identity"]["sourceIp"] = source
        function = self.agents if path.startswith(AGENTS) else self.control_plane
        result = function(event, LambdaContext())
        assert not result.get("isBase64Encoded"), "this API sends text only"
        assert not any(_CONTROL.search(value) for value in result["headers"].values()), result["headers"]
        several_headers = result.get("multiValueHeaders") or {}
        found = {**result["headers"], **{name: ", ".join(values) for name, values in several_headers.items()}}
        return Sent(
            result["statusCode"],
            {name.lower(): value for name, value in found.items()},
            (result.get("body") or "").encode(),
        )

    def _authorize(self, method: str, path: str, headers: dict[str, str]) -> dict[str, Any] | Sent:
        if not any(name.lower() == "authorization" for name in headers):
            return _refusal_as(Unauthenticated)
        try:
            decision = authorize.handler(authorizer_event(method, path, headers), LambdaContext())
        except Exception as error:  # noqa: BLE001 - the gateway sees any exception of the function as its failure
            return _refusal_as(Unauthenticated if str(error) == "Unauthorized" else StorageUnavailable)
        (statement,) = decision["policyDocument"]["Statement"]
        if statement["Effect"] != "Allow":
            return _refusal_as(Forbidden)
        return {**decision["context"], "principalId": decision["principalId"]}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] != "http":
            raise NotImplementedError("There is no lifespan here.")
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode("latin-1").title(): value.decode("latin-1") for name, value in scope["headers"]}
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        ask = partial(self._send, scope["method"], path, body, headers, query)
        answer = await asyncio.get_running_loop().run_in_executor(self.thread, ask)
        told = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": told})
        await send({"type": "http.response.body", "body": answer.body})


def _refusal_as(error: type[PlatformError]) -> Sent:
    return _refusal(error.status, error.code, error.title)


def _refusal(status: int, code: str, title: str) -> Sent:
    """What the gateway answers by itself (`infra_cdk/constructs/gateway_errors.py`)."""
    trace = new_id()
    problem = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": title,
        "code": code,
        "trace_id": trace,
    }
    headers = {"content-type": "application/problem+json", "x-trace-id": trace}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return Sent(status, headers, json.dumps(problem).encode())


@pytest.fixture(scope="session")
def catalogue(catalogue_file: Path) -> Path:
    """The compiled starter agents, for the control plane and the agents alike."""
    return catalogue_file


@pytest.fixture
def door(platform: Platform, function: Function, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The door of a platform where a user and an administrator have accounts, and everything behind it runs."""
    step_functions.cache_clear()
    make_eventbridge()
    store_secret(WEBHOOK_SECRET, KEY)
    boto3.client("sqs").create_queue(QueueName=WEBHOOKS_QUEUE_URL.rpartition("/")[2])
    wait = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 600, "End": True}}})
    for name in ("run_agent", "run_batch", "evaluate_agent"):
        role = "arn:aws:iam::123456789012:role/states"
        boto3.client("stepfunctions").create_state_machine(name=name, definition=wait, roleArn=role)
    services, machines = platform.services, MachinesInMemory()
    monkeypatch.setattr(services.workflows._runs, "machines", machines)
    monkeypatch.setattr(services.workflows._history, "_machines", machines)
    monkeypatch.setattr(services, "begin_personal_data", lambda _: None)
    redriven = Redrive(services.dead_letters, REDRIVE_FUNCTIONS, lambda *_, **__: {})
    monkeypatch.setitem(vars(services), "redrive", redriven)
    chosen = {"id": new_id(), "output": {"number": 1, "reason": "It does this."}, "provider": "offline"}
    chooser = Chooser(services.catalogue, platform.settings.agent_function_name, lambda *_, **__: chosen)
    monkeypatch.setitem(vars(services), "chooser", chooser)
    monkeypatch.setattr(services.webhooks._egress, "_resolve", lambda *_: ["93.184.216.34"])
    users = services.users
    users.ensure("root@example.com", PASSWORD, "Root", ["admin", "user"])
    platform.register("ada@example.com")
    arn = platform.settings.jwt_secret_arn
    environment = AuthorizeSettings(jwt_secret_arn=arn, tokens_table=platform.settings.tokens_table)
    monkeypatch.setattr(authorize, "_settings", lambda: environment, raising=False)
    tokens = AccessTokens(environment, SigningKeys(arn))
    with ThreadPoolExecutor(1, initializer=lambda: asyncio.set_event_loop(asyncio.new_event_loop())) as thread:
        found = Door(platform.gateway.function, function.gateway.function, tokens, thread)
        for role, email in (("admin", "root@example.com"), ("user", "ada@example.com")):
            user = users.authenticate(email, PASSWORD)
            found.people[role] = {"user_id": user.id, "email": user.email, "roles": list(user.roles)}
        yield found
        thread.submit(_close_loop).result()


def _close_loop() -> None:
    loop = asyncio.get_event_loop()
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()
