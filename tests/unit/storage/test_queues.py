"""A queue on an emulated SQS."""

import json
from typing import Any

import boto3
import pytest

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.storage.queues import MAX_DELAY_SECONDS, Queue, sqs


@pytest.fixture
def queue(aws: None) -> Queue:
    return Queue(boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"])


def received(queue: Queue) -> list[Any]:
    client, found = boto3.client("sqs"), list[Any]()
    while messages := client.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(each["Body"]) for each in messages]
    return found


def test_all_messages_are_sent_however_many(queue: Queue) -> None:
    queue.send([{"n": number} for number in range(23)])
    assert sorted(each["n"] for each in received(queue)) == list(range(23))
    queue.send([])
    assert received(queue) == []


def test_what_is_delayed_comes_later(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[int]()
    send = sqs().send_message_batch

    def watch(**request: Any) -> Any:
        asked.extend(each["DelaySeconds"] for each in request["Entries"])
        return send(**request)

    monkeypatch.setattr(sqs(), "send_message_batch", watch)
    queue.send([{"n": 1}], delay_seconds=30.4)
    queue.send([{"n": 2}], delay_seconds=7200)
    queue.send([{"n": 3}], delay_seconds=-1)
    assert asked == [30, MAX_DELAY_SECONDS, 0]
    assert received(queue) == [{"n": 3}]


def test_only_what_was_refused_is_sent_again(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[int]()
    send = sqs().send_message_batch

    def refuses_every_second(**request: Any) -> Any:
        entries = request["Entries"]
        asked.append(len(entries))
        if len(asked) > 1:
            return send(**request)
        send(**{**request, "Entries": entries[::2]})
        return {"Successful": [], "Failed": [{"Id": each["Id"]} for each in entries[1::2]]}

    monkeypatch.setattr(sqs(), "send_message_batch", refuses_every_second)
    queue.send([{"n": number} for number in range(10)])
    assert asked == [10, 5]
    assert sorted(each["n"] for each in received(queue)) == list(range(10))


def test_what_is_refused_again_and_again_is_raised(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    with pytest.raises(StorageUnavailable):
        queue.send([{}])


def test_a_missing_queue_is_a_fault_of_the_deployment(aws: None) -> None:
    with pytest.raises(ConfigurationError):
        Queue("https://sqs.eu-central-1.amazonaws.com/123456789012/none").send([{}])
