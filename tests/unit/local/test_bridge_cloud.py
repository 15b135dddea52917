"""The bridge's side of the cloud: what a function's end means, and the letter of a record that was given up."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from agent_platform.storage.queues import sqs
from infra_cdk.local.bridge_cloud import Functions, ProjectionDeadLetters, Unreachable
from tests.fakes.aws import REGION
from tests.fakes.platform_events import an_event
from tests.unit.local.test_kafka_event import Sent

REASON = ("ValueError", "no event")


class Lambda:
    """A client of Lambda that answers as told."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self._answer = answer

    def invoke(self, **_: object) -> dict[str, Any]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def functions(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | Exception) -> Functions:
    monkeypatch.setattr("boto3.client", lambda *_, **__: Lambda(answer))
    return Functions()


def payload(value: object) -> io.BytesIO:
    return io.BytesIO(json.dumps(value).encode())


def test_an_answer_is_told_apart_from_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    done = functions(monkeypatch, {"Payload": payload({"batchItemFailures": []})})
    assert done.invoke("project", {}) == ({"batchItemFailures": []}, None)

    fault = {"errorType": "StorageUnavailable", "errorMessage": "The database does not answer."}
    failed = functions(monkeypatch, {"FunctionError": "Unhandled", "Payload": payload(fault)})
    assert failed.invoke("project", {})[1] == ("StorageUnavailable", "The database does not answer.")


def test_a_cloud_that_does_not_answer_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = functions(monkeypatch, EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"))

    with pytest.raises(Unreachable):
        gone.invoke("project", {})


@pytest.fixture
def queue(aws: None) -> Any:
    sqs.cache_clear()
    client = boto3.client("sqs", region_name=REGION)
    yield client, client.create_queue(QueueName="projections")["QueueUrl"]
    sqs.cache_clear()


def letter(queue: Any, value: bytes) -> dict[str, Any]:
    client, url = queue
    ProjectionDeadLetters(url).keep(Sent(partition_=2, offset_=7, value_=value), REASON, 3)
    (message,) = client.receive_message(QueueUrl=url)["Messages"]
    told: dict[str, Any] = json.loads(message["Body"])
    return told


def test_a_record_that_was_given_up_is_a_letter_with_all_that_a_redrive_needs(queue: Any) -> None:
    event = an_event()
    raw = event.model_dump_json(exclude_none=True)

    told = letter(queue, raw.encode())

    assert told["source"] == "projections"
    assert (told["event_id"], told["type"], told["subject"]) == (event.id, event.type, event.subject)
    assert told["reason"] == {"code": "ValueError", "message": "agent.executed-2 at 7: no event"}
    assert told["payload"] == {"redrive": {"event": raw}}
    assert told["tries"] == 3
    assert datetime.fromisoformat(told["failed_at"]) <= datetime.now(UTC)


def test_a_record_that_nobody_can_read_is_kept_as_it_is(queue: Any) -> None:
    told = letter(queue, b"\xff no event")

    assert told["event_id"] is None
    assert told["payload"] == {"redrive": {"event": "\N{REPLACEMENT CHARACTER} no event"}}


def test_a_queue_that_is_not_there_is_no_refusal_of_the_record(queue: Any) -> None:
    with pytest.raises(Unreachable):
        ProjectionDeadLetters(f"{queue[1]}-gone").keep(Sent(), REASON, 1)
