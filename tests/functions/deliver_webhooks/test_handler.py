"""From the queue to the receiver through the function: events, attempts, what cannot be read, and redrives."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from standardwebhooks.webhooks import Webhook

from agent_platform.errors import StorageUnavailable
from agent_platform.events.envelope import CloudEvent
from agent_platform.storage.webhook_deliveries import DeliveryRepository
from functions.deliver_webhooks import handler as deliver_webhooks
from tests.fakes.aws import REGION, WEBHOOKS_TABLE, store_secret
from tests.fakes.gateway import LambdaContext
from tests.fakes.receiver import Receiver, answer, running_receiver
from tests.fakes.webhooks import KEY, Hooks, executed, make_hooks, one_call_at_a_time

__all__ = ["one_call_at_a_time"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def hooks(
    governance_tables: None, one_call_at_a_time: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hooks]:
    with on_real_queues(receiver.allow, monkeypatch) as made:
        yield made


@contextmanager
def on_real_queues(allow: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
    """The function on queues of the emulated account, and what a test needs to look behind it."""
    for name in ("webhooks", "webhooks-slow", "webhooks-dead"):
        boto3.client("sqs").create_queue(QueueName=name)
    environment = {
        "WEBHOOKS_TABLE": WEBHOOKS_TABLE,
        "WEBHOOKS_QUEUE_URL": url("webhooks"),
        "SLOW_WEBHOOKS_QUEUE_URL": url("webhooks-slow"),
        "DEAD_LETTERS_QUEUE_URL": url("webhooks-dead"),
        "WEBHOOK_SECRET_ARN": store_secret("webhook-key", KEY),
        "EGRESS_ALLOW": allow,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    deliver_webhooks.worker.cache_clear()
    yield make_hooks(allow)
    deliver_webhooks.worker.cache_clear()


def url(queue: str) -> str:
    return str(boto3.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"])


def invoke(event: dict[str, Any]) -> dict[str, Any]:
    return deliver_webhooks.handler(event, LambdaContext())


def batch(*bodies: Any) -> dict[str, Any]:
    """What Lambda makes of messages."""
    return {
        "Records": [
            {
                "messageId": str(uuid.uuid4()),
                "body": each if isinstance(each, str) else json.dumps(each),
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for each in bodies
        ]
    }


def from_the_bus(event: CloudEvent) -> dict[str, Any]:
    """What a rule of EventBridge puts into a queue."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": event.type,
        "source": "ai-agents-platform",
        "detail": json.loads(event.model_dump_json(exclude_none=True)),
    }


def waiting(queue: str = "webhooks") -> list[Any]:
    client, found = boto3.client("sqs"), list[Any]()
    while messages := client.receive_message(QueueUrl=url(queue), MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            client.delete_message(QueueUrl=url(queue), ReceiptHandle=message["ReceiptHandle"])
    return found


def test_an_event_of_the_bus_reaches_the_receiver_by_way_of_a_message_of_its_own(
    hooks: Hooks, receiver: Receiver
) -> None:
    subscription, secret = hooks.subscribe(receiver.url)
    event = executed()
    assert invoke(batch(from_the_bus(event))) == {"batchItemFailures": []}
    assert receiver.received == []
    (message,) = waiting()
    assert message["delivery"]["event_id"] == event.id
    assert invoke(batch(message)) == {"batchItemFailures": []}
    (got,) = receiver.received
    assert Webhook(secret).verify(got.body, dict(got.headers))["id"] == event.id
    assert hooks.log(subscription)[0].state == "delivered"
    assert waiting() == []


def test_the_buss_own_envelope_is_read(hooks: Hooks, receiver: Receiver) -> None:
    events, name = boto3.client("events"), "platform"
    events.create_event_bus(Name=name)
    events.put_rule(Name="webhooks", EventBusName=name, EventPattern='{"source": ["ai-agents-platform"]}')
    arn = f"arn:aws:sqs:{REGION}:{DEFAULT_ACCOUNT_ID}:webhooks"
    events.put_targets(Rule="webhooks", EventBusName=name, Targets=[{"Id": "queue", "Arn": arn}])
    hooks.subscribe(receiver.url)
    event = executed(agent_id="post/päckchen-📦")
    entry: Any = {
        "EventBusName": name,
        "Source": "ai-agents-platform",
        "DetailType": event.type,
        "Detail": event.model_dump_json(exclude_none=True),
    }
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    invoke(batch(*waiting()))
    invoke(batch(*waiting()))
    (got,) = receiver.received
    assert json.loads(got.body) == json.loads(event.model_dump_json(exclude_none=True))


def test_a_slow_receiver_does_not_hold_up_the_others_of_its_batch(hooks: Hooks, receiver: Receiver) -> None:
    everybody_asked, asked = threading.Event(), list[int]()

    def waits_for_all(handler: BaseHTTPRequestHandler) -> None:
        asked.append(1)
        if len(asked) == 5:
            everybody_asked.set()
        answer(handler, 200 if everybody_asked.wait(60) else 500)

    subscription, _ = hooks.subscribe(receiver.url)
    hooks.know(subscription)
    receiver.behave = waits_for_all
    invoke(batch(*(from_the_bus(executed()) for _ in range(5))))
    assert invoke(batch(*waiting())) == {"batchItemFailures": []}
    # None was answered before all had been asked.
    assert len(receiver.received) == 5
    assert waiting() == []


def test_what_storage_does_not_take_comes_again_and_nothing_else(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription, _ = hooks.subscribe(receiver.url)
    hooks.know(subscription)
    invoke(batch(from_the_bus(executed())))
    (message,) = waiting()
    other = from_the_bus(executed(owner="nobody"))
    with monkeypatch.context() as away:
        away.setattr(DeliveryRepository, "claim", _does_not_answer)
        events = batch(message, other)
        failed = invoke(events)
    assert failed == {"batchItemFailures": [{"itemIdentifier": events["Records"][0]["messageId"]}]}
    assert receiver.received == []
    invoke(batch(message))
    assert hooks.log(subscription)[0].state == "delivered"


@pytest.mark.parametrize(
    "body", ["", "no json", "{}", '{"delivery": {"webhook_id": "w"}}', '{"detail": {"type": "user.registered"}}', "[1]"]
)
def test_what_nobody_can_read_becomes_a_dead_letter_and_the_rest_goes_on(
    hooks: Hooks, receiver: Receiver, body: str
) -> None:
    hooks.subscribe(receiver.url)
    assert invoke(batch(body, from_the_bus(executed()))) == {"batchItemFailures": []}
    assert len(waiting()) == 1
    (letter,) = waiting("webhooks-dead")
    assert (letter["letter"], letter["source"], letter["event_id"]) == (1, "webhooks", None)
    assert letter["reason"]["code"] == "invalid_input"
    assert letter["payload"] == {"redrive": {"message": body}}
    answered = invoke(letter["payload"])
    assert (answered["done"], answered["failed"][0]["code"]) == (0, "invalid_input")


def test_what_was_given_up_is_a_dead_letter_whose_redrive_delivers(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_platform.webhooks.schedule.PAUSES", ())
    subscription, _ = hooks.subscribe(receiver.url)
    event = executed()
    receiver.answers(500, b"planted-answer")
    invoke(batch(from_the_bus(event)))
    assert invoke(batch(*waiting())) == {"batchItemFailures": []}
    (letter,) = waiting("webhooks-dead")
    assert (letter["event_id"], letter["type"], letter["subject"]) == (event.id, event.type, event.subject)
    assert (letter["tries"], letter["reason"]["code"]) == (1, "webhook_undelivered")
    assert "planted" not in json.dumps(letter)
    assert receiver.url not in json.dumps(letter)
    answered = invoke(letter["payload"])
    assert answered["done"] == 0
    assert answered["failed"][0] | {"message": ""} == {
        "event_id": event.id,
        "code": "webhook_undelivered",
        "message": "",
    }
    receiver.answers(200)
    assert invoke(letter["payload"]) == {"done": 1, "failed": []}
    assert hooks.log(subscription)[0].state == "delivered"
    assert {each.headers["webhook-id"] for each in receiver.received} == {event.id}
    assert waiting() == waiting("webhooks-dead") == []


def test_a_message_that_the_queue_set_aside_can_be_given_to_the_function_as_it_is(
    hooks: Hooks, receiver: Receiver
) -> None:
    hooks.subscribe(receiver.url)
    assert invoke(from_the_bus(executed())) == {"done": 1, "failed": []}
    (message,) = waiting()
    assert invoke(message) == {"done": 1, "failed": []}
    assert len(receiver.received) == 1


def test_the_log_of_the_function_tells_no_address_and_no_secret(
    hooks: Hooks, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    _, secret = hooks.subscribe(f"{receiver.url}?token=planted-token")
    receiver.answers(500, b"planted-answer")
    invoke(batch(from_the_bus(executed())))
    invoke(batch(*waiting()))
    said = "".join(capsys.readouterr())
    assert "planted" not in said
    assert secret not in said


def _does_not_answer(*_: Any, **__: Any) -> None:
    raise StorageUnavailable("DynamoDB does not answer.")
