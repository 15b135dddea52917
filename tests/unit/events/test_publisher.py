"""The publisher, held against an emulated bus whose events end in a queue."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.botocore_stubber import MockRawResponse

from agent_platform.events import publisher
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.publisher import ENTRIES_PER_CALL, EventBridgePublisher
from tests.fakes.aws import REGION

BUS = "platform"


def events(count: int, **fields: Any) -> list[CloudEvent]:
    return [CloudEvent(type="agent.executed", subject="a/b", data={"number": n}, **fields) for n in range(count)]


@pytest.fixture
def queue(aws: None) -> str:
    """The URL of a queue that hears everything on the bus."""
    url = str(boto3.client("sqs").create_queue(QueueName="heard")["QueueUrl"])
    bus = boto3.client("events")
    bus.create_event_bus(Name=BUS)
    bus.put_rule(Name="all", EventBusName=BUS, EventPattern=json.dumps({"source": ["ai-agents-platform"]}))
    arn = f"arn:aws:sqs:{REGION}:{DEFAULT_ACCOUNT_ID}:heard"
    bus.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def heard(queue: str) -> list[dict[str, Any]]:
    """What came through, oldest first."""
    client, found = boto3.client("sqs"), []
    while messages := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_an_event_arrives_whole_with_its_type(queue: str):
    (event,) = events(1, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    assert EventBridgePublisher(BUS).publish([event]) == set()
    (message,) = heard(queue)
    assert (message["source"], message["detail-type"]) == ("ai-agents-platform", "agent.executed")
    assert CloudEvent.model_validate(message["detail"]) == event


@pytest.mark.parametrize("count", [0, 1, ENTRIES_PER_CALL, ENTRIES_PER_CALL + 1, 35])
def test_any_number_of_events_arrives_in_order(queue: str, count: int):
    assert EventBridgePublisher(BUS).publish(events(count)) == set()
    assert [message["detail"]["data"]["number"] for message in heard(queue)] == list(range(count))


@pytest.fixture
def refusing(queue: str) -> Iterator[list[dict[str, Any]]]:
    """The bus answers what a test puts here, call by call."""
    answers: list[dict[str, Any]] = []

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        if not answers:
            return None
        request.url = "https://intercepted.invalid/"
        return AWSResponse(request.url, 200, {}, MockRawResponse(json.dumps(answers.pop(0))))

    emitter = publisher._eventbridge().meta.events
    emitter.register_first("before-send.eventbridge", answer)
    yield answers
    emitter.unregister("before-send.eventbridge", answer)


TAKEN, THROTTLED = {"EventId": "e"}, {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}


def test_events_that_the_bus_refuses_are_told_by_id(queue: str, refusing: list[dict[str, Any]]):
    batch = events(10)
    refusing.append({"FailedEntryCount": 2, "Entries": [*[TAKEN] * 3, THROTTLED, *[TAKEN] * 5, THROTTLED]})
    assert EventBridgePublisher(BUS).publish(batch) == {batch[3].id, batch[9].id}


def test_nothing_overtakes_an_event_that_was_refused(queue: str, refusing: list[dict[str, Any]]):
    batch = events(25)
    refusing.append({"FailedEntryCount": 1, "Entries": [*[TAKEN] * 9, THROTTLED]})
    assert EventBridgePublisher(BUS).publish(batch) == {event.id for event in batch[9:]}
    assert heard(queue) == []
