"""API Gateway in miniature: REST proxy events as it sends them, and the authorizer asked before a function is.

Which routes are public stands in the OpenAPI document; here, as in the API stack, it is a list of its own.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

PUBLIC = {
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/accept-invitation"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/forgot-password"),
    ("POST", "/api/v1/auth/reset-password"),
    ("POST", "/api/v1/auth/verify-email"),
    ("GET", "/api/v1/health"),
    ("GET", "/api/v1/openapi.json"),
}
ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/dev"

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


@pytest.fixture
def event_loop() -> Iterator[None]:
    """The loop of this thread, which the adapter between events and application runs on."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda passes beside the event."""

    function_name: str = "function"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:function"
    aws_request_id: str = "5f9e4c2a-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda stops the function."""
        return 29_000


@dataclass(frozen=True)
class Answer:
    """What the client receives; header names in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The problem's code; fails when the body is no problem details."""
        assert self.headers["content-type"] == "application/problem+json", self
        problem = self.json
        assert problem["type"] == f"/problems/{problem['code']}"
        assert problem["status"] == self.status
        assert problem["trace_id"] == self.headers["x-trace-id"]
        return str(problem["code"])


def proxy_event(
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: str = "",
    body: str | bytes | None = None,
    authorizer: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An event of the Lambda proxy integration of a REST API (payload format 1.0)."""
    sent = {
        "Host": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
        "X-Forwarded-Proto": "https",
        **(headers or {}),
    }
    several = parse_qs(query, keep_blank_values=True)
    context: dict[str, Any] = {
        "resourceId": "r1",
        "resourcePath": "/api/v1/{proxy+}",
        "httpMethod": method,
        "path": f"/dev{path}",
        "accountId": "123456789012",
        "protocol": "HTTP/1.1",
        "stage": "dev",
        "requestId": "8a4c0c54-0000-4000-8000-000000000000",
        "identity": {"sourceIp": "203.0.113.7", "userAgent": "tests"},
        "apiId": "a1b2c3d4e5",
    }
    if authorizer is not None:
        context["authorizer"] = {**authorizer, "integrationLatency": 12}
    return {
        "resource": "/api/v1/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in several.items()} or None,
        "multiValueQueryStringParameters": several or None,
        "pathParameters": {"proxy": path.removeprefix("/api/v1/")},
        "stageVariables": None,
        "requestContext": context,
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }


def authorizer_event(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """An event of a REQUEST authorizer."""
    event = proxy_event(method, path, headers=headers)
    for name in ("body", "isBase64Encoded"):
        del event[name]
    return event | {"type": "REQUEST", "methodArn": f"{ARN}/{method}{path}"}


@dataclass(frozen=True)
class Gateway:
    """Sends a request to the authorizer, where the route wants one, and then to the function."""

    function: Handler
    authorize: Handler
    quirks: Mapping[str, Any] = field(default_factory=dict)
    """Fields that another sender of the same events adds."""

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: str = "",
    ) -> Answer:
        """One HTTP request; `body` is sent as JSON unless it is text or bytes already."""
        sent = dict(headers or {})
        if body is not None and not isinstance(body, str | bytes):
            body = json.dumps(body)
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        context = None
        if (method, path) not in PUBLIC:
            context, refusal = self._authorize(method, path, sent)
            if refusal:
                return refusal
        event = proxy_event(method, path, headers=sent, query=query, body=body, authorizer=context)
        return _answer(self.function({**event, **self.quirks}, LambdaContext()))

    def get(self, path: str, *, token: str | None = None, **more: Any) -> Answer:
        """A GET request."""
        return self.request("GET", path, token=token, **more)

    def post(self, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> Answer:
        """A POST request."""
        return self.request("POST", path, body, token=token, **more)

    def put(self, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> Answer:
        """A PUT request."""
        return self.request("PUT", path, body, token=token, **more)

    def delete(self, path: str, *, token: str | None = None, **more: Any) -> Answer:
        """A DELETE request."""
        return self.request("DELETE", path, token=token, **more)

    def _authorize(
        self, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[dict[str, Any] | None, Answer | None]:
        try:
            decision = self.authorize(authorizer_event(method, path, headers), LambdaContext())
        except Exception as error:  # noqa: BLE001 - the gateway sees any exception of the function as its failure
            refused = str(error) == "Unauthorized"
            return None, Answer(401 if refused else 500, {}, "")
        (statement,) = decision["policyDocument"]["Statement"]
        if statement["Effect"] != "Allow":
            return None, Answer(403, {}, "")
        return {**decision["context"], "principalId": decision["principalId"]}, None


def _answer(result: dict[str, Any]) -> Answer:
    body = result.get("body") or ""
    assert not result.get("isBase64Encoded"), "this API sends text only"
    several = result.get("multiValueHeaders") or {}
    headers = {**result["headers"], **{name: ", ".join(values) for name, values in several.items()}}
    return Answer(result["statusCode"], {name.lower(): value for name, value in headers.items()}, body)
