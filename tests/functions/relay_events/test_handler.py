"""From a recorded execution to the bus: the table's real stream, the handler, and whoever listens."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from agent_platform.errors import ConfigurationError
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.recorder import OutboxRecorder
from agent_platform.storage.counters import AgentCounters
from agent_platform.storage.executions import ExecutionRepository
from functions.relay_events import handler as relay_events
from tests.fakes.aws import AGENT_METRICS_TABLE, OUTBOX_TABLE, REGION
from tests.fakes.executions import an_execution
from tests.fakes.gateway import LambdaContext
from tests.fakes.log import log

__all__ = ["log"]

ROOT = Path(__file__).parents[3]


@pytest.fixture
def bus(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a queue that hears everything on the function's bus."""
    url = str(boto3.client("sqs").create_queue(QueueName="heard")["QueueUrl"])
    events = boto3.client("events")
    events.create_event_bus(Name="platform")
    events.put_rule(Name="all", EventBusName="platform", EventPattern='{"detail-type": ["agent.executed"]}')
    arn = f"arn:aws:sqs:{REGION}:{DEFAULT_ACCOUNT_ID}:heard"
    events.put_targets(Rule="all", EventBusName="platform", Targets=[{"Id": "queue", "Arn": arn}])
    monkeypatch.setenv("EVENT_BUS_NAME", "platform")
    relay_events.publisher.cache_clear()
    yield url
    relay_events.publisher.cache_clear()


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


def heard(queue: str) -> list[CloudEvent]:
    client, found = boto3.client("sqs"), []
    while messages := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(CloudEvent.model_validate(json.loads(message["Body"])["detail"]))
            client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


@pytest.fixture
def recorder(executions_table: str) -> OutboxRecorder:
    return OutboxRecorder(ExecutionRepository(executions_table), OUTBOX_TABLE, AgentCounters(AGENT_METRICS_TABLE))


def test_every_recorded_execution_is_heard_once_in_order(bus: str, stream, recorder: OutboxRecorder):
    executions = [an_execution() for _ in range(13)]
    for execution in executions:
        recorder.record(execution)
    assert relay_events.handler({"Records": stream()}, LambdaContext()) == {"batchItemFailures": []}
    assert [event.data["id"] for event in heard(bus)] == [execution.id for execution in executions]


def test_an_expired_outbox_item_is_not_heard_again(bus: str, stream, recorder: OutboxRecorder):
    recorder.record(an_execution())
    (item,) = boto3.client("dynamodb").scan(TableName=OUTBOX_TABLE)["Items"]
    boto3.client("dynamodb").delete_item(TableName=OUTBOX_TABLE, Key={"subject": item["subject"], "id": item["id"]})
    records = stream()
    assert [record["eventName"] for record in records] == ["INSERT", "REMOVE"]
    assert relay_events.handler({"Records": records}, LambdaContext()) == {"batchItemFailures": []}
    assert len(heard(bus)) == 1


def test_a_poison_record_is_named_so_that_lambda_can_set_it_aside(
    bus: str, stream, recorder: OutboxRecorder, log: StringIO
):
    for _ in range(3):
        recorder.record(an_execution())
    records = stream()
    records[1]["dynamodb"]["NewImage"]["event"]["S"] = "poison"
    answer = relay_events.handler({"Records": records}, LambdaContext())
    assert answer == {"batchItemFailures": [{"itemIdentifier": records[1]["dynamodb"]["SequenceNumber"]}]}
    assert len(heard(bus)) == 1
    assert "outbox_event_unreadable" in log.getvalue()
    assert relay_events.handler({"Records": records[2:]}, LambdaContext()) == {"batchItemFailures": []}
    assert len(heard(bus)) == 1


def test_a_bus_that_is_not_named_is_told(monkeypatch: pytest.MonkeyPatch):
    relay_events.publisher.cache_clear()
    monkeypatch.delenv("EVENT_BUS_NAME", raising=False)
    with pytest.raises(ConfigurationError, match="EVENT_BUS_NAME"):
        relay_events.handler({"Records": []}, LambdaContext())


def test_importing_the_handler_loads_nothing_heavy():
    code = "import sys, functions.relay_events.handler; print(*sys.modules)"
    path = f"{ROOT / 'layers/platform/python'}:{ROOT}"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert not {"anthropic", "boto3", "sqlalchemy", "fastapi", "agent_platform.agents"} & set(done.stdout.split())
