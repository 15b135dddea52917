"""From a recorded execution to the bus: the table's real stream, the handler, and whoever listens."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from agent_platform.errors import ConfigurationError, InvalidInput, NotFound
from agent_platform.events.dead_letters import Letter
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.events.relay import UNREADABLE
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.executions import ExecutionRepository
from functions.relay_events import handler as relay_events
from tests.fakes.aws import AGENT_METRICS_TABLE, OUTBOX_TABLE, REGION
from tests.fakes.executions import an_execution
from tests.fakes.gateway import LambdaContext
from tests.fakes.kafka import KafkaBrokers, kafka_brokers

__all__ = ["kafka_brokers"]

ROOT = Path(__file__).parents[3]
DONE: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def environment(executions_table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What every relay knows; gives the URL of its dead-letter queue."""
    letters = str(boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"])
    monkeypatch.setenv("OUTBOX_TABLE", OUTBOX_TABLE)
    monkeypatch.setenv("DEAD_LETTERS_QUEUE_URL", letters)
    relay_events.relay.cache_clear()
    yield letters
    relay_events.relay.cache_clear()


@pytest.fixture
def bus(environment: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a queue that hears everything on the function's bus."""
    url = str(boto3.client("sqs").create_queue(QueueName="heard")["QueueUrl"])
    events = boto3.client("events")
    events.create_event_bus(Name="platform")
    events.put_rule(Name="all", EventBusName="platform", EventPattern='{"detail-type": ["agent.executed"]}')
    arn = f"arn:aws:sqs:{REGION}:{DEFAULT_ACCOUNT_ID}:heard"
    events.put_targets(Rule="all", EventBusName="platform", Targets=[{"Id": "queue", "Arn": arn}])
    monkeypatch.setenv("RELAY_TO", "bus")
    monkeypatch.setenv("EVENT_BUS_NAME", "platform")
    return url


@pytest.fixture
def kafka(environment: str, kafka_brokers: KafkaBrokers, monkeypatch: pytest.MonkeyPatch) -> KafkaBrokers:
    """The brokers that the function publishes to."""
    monkeypatch.setenv("RELAY_TO", "kafka")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka_brokers.bootstrap)
    return kafka_brokers


@pytest.fixture
def stream(executions_table: str) -> Callable[[], list[dict[str, Any]]]:
    """Reads everything in the outbox's stream."""
    boto3.client("dynamodb").update_table(
        TableName=OUTBOX_TABLE, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    )

    def records() -> list[dict[str, Any]]:
        # From the emulated table itself: its stream's own API answers "not yet implemented".
        shard = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_table(OUTBOX_TABLE).stream_shard
        return json.loads(json.dumps(shard.get(shard.starting_sequence_number, 1000), default=str))

    return records


def received(queue: str) -> list[dict[str, Any]]:
    """The bodies of all messages, which are then gone."""
    client, found = boto3.client("sqs"), []
    while messages := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def heard(queue: str) -> list[CloudEvent]:
    return [CloudEvent.model_validate(body["detail"]) for body in received(queue)]


@pytest.fixture
def recorder(executions_table: str) -> OutboxRecorder:
    return OutboxRecorder(ExecutionRepository(executions_table), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))


def test_every_recorded_execution_is_heard_once_in_order(bus: str, stream, recorder: OutboxRecorder):
    executions = [an_execution() for _ in range(13)]
    for execution in executions:
        recorder.record(execution)
    assert relay_events.handler({"Records": stream()}, LambdaContext()) == DONE
    assert [event.data["id"] for event in heard(bus)] == [execution.id for execution in executions]


def test_an_expired_outbox_item_is_not_heard_again(bus: str, stream, recorder: OutboxRecorder):
    recorder.record(an_execution())
    (item,) = boto3.client("dynamodb").scan(TableName=OUTBOX_TABLE)["Items"]
    boto3.client("dynamodb").delete_item(TableName=OUTBOX_TABLE, Key={"subject": item["subject"], "id": item["id"]})
    records = stream()
    assert [record["eventName"] for record in records] == ["INSERT", "REMOVE"]
    assert relay_events.handler({"Records": records}, LambdaContext()) == DONE
    assert len(heard(bus)) == 1


def test_of_a_hundred_records_with_one_poisoned_ninety_nine_are_heard_and_the_one_can_be_redriven(
    bus: str, environment: str, stream, recorder: OutboxRecorder
):
    for _ in range(100):
        recorder.record(an_execution())
    records = stream()
    poisoned = records[40]["dynamodb"]["NewImage"]
    whole, poisoned["event"] = poisoned["event"], {"S": "poison"}
    assert relay_events.handler({"Records": records}, LambdaContext()) == DONE
    assert len(heard(bus)) == 99
    (letter,) = [Letter.model_validate(body) for body in received(environment)]
    assert (letter.source, letter.event_id, letter.reason.code) == ("relay-bus", poisoned["id"]["S"], UNREADABLE)
    # The table has it whole: what was wrong was mended.
    assert relay_events.handler(letter.payload, LambdaContext()) == {"done": 1, "failed": []}
    (event,) = heard(bus)
    assert event == CloudEvent.model_validate_json(whole["S"])
    assert event.id == letter.event_id


def test_a_time_of_the_outbox_is_published_again_and_each_subject_in_order(bus: str, recorder: OutboxRecorder):
    before = datetime.now(UTC)
    executions = [an_execution(agent_id=f"post/agent-{number % 3}") for number in range(12)]
    for execution in executions:
        recorder.record(execution)
    hour = {"from": before.isoformat(), "to": (before + timedelta(hours=1)).isoformat()}
    answer = relay_events.handler({"redrive": hour}, LambdaContext())
    assert answer == {"done": 12, "set_aside": 0, "failed": []}
    events = heard(bus)
    assert {event.data["id"] for event in events} == {execution.id for execution in executions}
    for subject in {event.subject for event in events}:
        heard_of = [event.id for event in events if event.subject == subject]
        assert heard_of == sorted(heard_of)
    earlier = {"from": (before - timedelta(hours=1)).isoformat(), "to": (before - timedelta(seconds=1)).isoformat()}
    nothing = relay_events.handler({"redrive": earlier}, LambdaContext())
    assert (nothing["done"], [each["code"] for each in nothing["failed"]]) == (0, ["not_found"])


def test_a_time_that_one_call_is_too_short_for_is_gone_on_with(
    bus: str, recorder: OutboxRecorder, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("agent_platform.events.relay.CHUNK", 5)
    monkeypatch.setattr(LambdaContext, "get_remaining_time_in_millis", lambda _: relay_events.RESERVE_MILLISECONDS)
    before = datetime.now(UTC)
    executions = [an_execution(agent_id=f"post/agent-{number % 3}") for number in range(12)]
    for execution in executions:
        recorder.record(execution)
    order, done = {"from": before.isoformat(), "to": datetime.now(UTC).isoformat()}, list[int]()
    while order:
        answer = json.loads(json.dumps(relay_events.handler({"redrive": order}, LambdaContext())))
        assert answer["failed"] == []
        done.append(answer["done"])
        order = answer.get("next")
    assert done == [5, 5, 2]
    assert sorted(event.data["id"] for event in heard(bus)) == sorted(execution.id for execution in executions)


def test_what_the_outbox_has_no_more_cannot_be_published_again(bus: str):
    with pytest.raises(NotFound, match="seven days"):
        relay_events.handler({"redrive": {"subject": "a/b", "event_id": "gone"}}, LambdaContext())


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"event_id": "e"},
        {"event_id": "", "subject": "a/b"},
        {"from": "yesterday", "to": "today"},
        {"from": "2026-03-31T12:00:00Z", "to": "2026-03-31T11:00:00Z"},
    ],
)
def test_an_order_that_names_nothing_is_refused(bus: str, order: dict[str, str]):
    with pytest.raises(InvalidInput):
        relay_events.handler({"redrive": order}, LambdaContext())


def test_the_other_relay_publishes_on_kafka(kafka: KafkaBrokers, environment: str, stream, recorder: OutboxRecorder):
    executions = [an_execution() for _ in range(13)]
    for execution in executions:
        recorder.record(execution)
    records = stream()
    records[5]["dynamodb"]["NewImage"]["event"]["S"] = "poison"
    assert relay_events.handler({"Records": records}, LambdaContext()) == DONE
    told = [json.loads(message.value() or b"")["data"]["id"] for message in kafka.read("agent.executed")]
    assert told == [execution.id for execution in executions if execution is not executions[5]]
    assert [body["source"] for body in received(environment)] == ["relay-kafka"]


@pytest.mark.parametrize(("to", "missing"), [("bus", "EVENT_BUS_NAME"), ("kafka", "KAFKA_BOOTSTRAP")])
def test_a_destination_that_is_not_named_is_told(
    environment: str, stream, recorder: OutboxRecorder, monkeypatch: pytest.MonkeyPatch, to: str, missing: str
):
    monkeypatch.setenv("RELAY_TO", to)
    monkeypatch.delenv(missing, raising=False)
    recorder.record(an_execution())
    with pytest.raises(ConfigurationError, match=missing):
        relay_events.handler({"Records": stream()}, LambdaContext())


def test_importing_the_handler_loads_nothing_heavy():
    code = "import sys, functions.relay_events.handler; print(*sys.modules)"
    path = f"{ROOT / 'layers/platform/python'}:{ROOT}"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    heavy = {"anthropic", "boto3", "confluent_kafka", "sqlalchemy", "fastapi", "agent_platform.agents"}
    assert not heavy & set(done.stdout.split())
