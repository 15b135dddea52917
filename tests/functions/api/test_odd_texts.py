"""Text that is none: half a surrogate pair and NUL, wherever a body takes text, are the caller's fault and not ours."""

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from functions.api.app import create_api_app
from tests.fakes.aws import WEBHOOK_SECRET, WEBHOOKS_QUEUE_URL, store_secret
from tests.fakes.webhooks import KEY
from tests.functions.api.conftest import PASSWORD, Platform

HALF = "\ud800"


@pytest.fixture
def admin(platform: Platform) -> str:
    """The access token of somebody who may use every route."""
    store_secret(WEBHOOK_SECRET, KEY)
    boto3.client("sqs").create_queue(QueueName=WEBHOOKS_QUEUE_URL.rpartition("/")[2])
    platform.services.users.ensure("root@example.com", PASSWORD, "Root", ["admin", "user"])
    return str(platform.login("root@example.com").json["access_token"])


def bodies(schema: dict[str, Any], odd: str) -> Iterator[dict[str, Any]]:
    """Bodies with an odd text as the name of a field, as each of the fields, and deep in those that take more."""
    yield {odd: 1}
    fields = schema.get("properties", {})
    usual = {name: field["examples"][0] for name, field in fields.items() if "examples" in field}
    usual |= {"url": "https://93.184.216.34/", "events": ["agent.executed"]} if "url" in fields else {}
    deep = {"type": "agent.executed", "match": {"agent_id": [odd]}}, {"type": "agent.executed", "match": {odd: ["x"]}}
    for name in fields:
        for value in (odd, [odd], {odd: [1]}, {"agent_id": [odd]}, *deep):
            yield usual | {name: value}


@pytest.mark.parametrize("odd", [HALF, "a\0b"], ids=["half a pair", "NUL"])
def test_no_route_takes_it_for_a_fault_of_the_platform(platform: Platform, admin: str, odd: str) -> None:
    described = create_api_app().openapi()
    asked = 0
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            takes = json.dumps(operation.get("requestBody", {}).get("content", {}).get("application/json"))
            named = re.search(r"#/components/schemas/(\w+)", takes)
            if named is None or operation["operationId"] == "logout":
                continue
            for body in bodies(described["components"]["schemas"][named[1]], odd):
                url = re.sub(r"\{\w+\}", "x", path)
                answer = platform.gateway.request(method.upper(), url, body, token=admin)
                assert answer.status < 500, f"{method} {path} {body!a}: {answer.text}"
                asked += 1
    assert asked > 100


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"match": {"agent_id": ["a", HALF]}}, "match.agent_id.1"),
        ({"match": {HALF: ["x"]}}, "match"),
        ({"description": HALF}, "description"),
        ({HALF: "x"}, "body"),
    ],
)
def test_half_a_pair_is_refused_by_field(platform: Platform, admin: str, body: dict[str, Any], field: str) -> None:
    path = "/api/v1/webhooks"
    usual = {"url": "https://93.184.216.34/hook", "events": ["agent.executed"]}
    refused = platform.gateway.post(path, usual | body, token=admin)
    assert (refused.status, refused.code) == (422, "invalid_input")
    assert [each["field"] for each in refused.json["errors"]] == [field]
    made = platform.gateway.post(path, usual, token=admin).headers["location"]
    refused = platform.gateway.request("PATCH", made, body, token=admin)
    assert (refused.status, [each["field"] for each in refused.json["errors"]]) == (422, [field])
