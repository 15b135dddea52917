"""Facts leave the platform: an execution becomes one event on the bus."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from tests.e2e.conftest import REFERENCE
from tests.e2e.platform_process import PlatformProcess

PATIENCE_SECONDS = 30.0
QUEUE = "everything-on-the-bus"
REGION = "us-east-1"


@pytest.fixture
def events(platform: PlatformProcess) -> Iterator["Events"]:
    """Everything that is put on the bus from now on."""
    listening = Events(platform)
    yield listening
    listening.close()


class Events:
    """A queue behind a rule that matches every event of this account."""

    def __init__(self, platform: PlatformProcess) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        at = {"endpoint_url": platform.running["emulator"]}
        self._sqs: Any = session.client("sqs", **at)
        self._bus: Any = session.client("events", **at)
        self._name = platform.outputs["AgentPlatform-local-Events"]["EventBusName"]
        self._queue = self._sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        pattern = json.dumps({"account": ["000000000000"]})
        self._bus.put_rule(Name=QUEUE, EventBusName=self._name, EventPattern=pattern)
        self._bus.put_targets(Rule=QUEUE, EventBusName=self._name, Targets=[{"Id": "queue", "Arn": arn}])

    def until(self, execution_id: str) -> list[dict[str, Any]]:
        """The events about one execution: waits for the first, then takes what there is."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        found: list[dict[str, Any]] = []
        while not found:
            assert time.monotonic() < deadline, "no event came"
            messages = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            bodies = [json.loads(message["Body"]) for message in messages.get("Messages", [])]
            found = [body for body in bodies if execution_id in json.dumps(body["detail"])]
        return found

    def close(self) -> None:
        """Take rule and queue away."""
        self._bus.remove_targets(Rule=QUEUE, EventBusName=self._name, Ids=["queue"])
        self._bus.delete_rule(Name=QUEUE, EventBusName=self._name)
        self._sqs.delete_queue(QueueUrl=self._queue)


def execute(client: httpx.Client, example_input: dict[str, object]) -> str:
    answer = client.post(f"/api/v1/agents/{REFERENCE}/execute", json={"input": example_input})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def test_an_execution_is_announced_once_as_a_cloud_event(
    events: Events, demo: httpx.Client, example_input: dict[str, object]
) -> None:
    execution = execute(demo, example_input)

    (event,) = events.until(execution)

    assert event["detail-type"] == "agent.executed"
    assert event["detail"]["specversion"] == "1.0"
    assert event["detail"]["type"] == "agent.executed"
    assert event["detail"]["subject"] == REFERENCE
