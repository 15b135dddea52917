"""Rules and schedules on an emulated EventBridge: which events call, and with what."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from agent_platform.events.envelope import CloudEvent
from agent_platform.events.executions import agent_executed
from agent_platform.events.filters import read_filter
from agent_platform.events.publisher import EventBridgePublisher, _eventbridge
from agent_platform.events.publishing import Outcome
from agent_platform.events.workflows import workflow_ended
from agent_platform.ids import new_id
from agent_platform.storage import schedules as aws_schedules
from agent_platform.storage.executions import Failure
from agent_platform.storage.runs import RunFailure
from agent_platform.storage.schedules import Delivery, Schedules
from functions.trigger_workflow.request import read_request
from infra_cdk.local.environment import cloud_environment
from tests.fakes.emulator import running_emulator
from tests.fakes.executions import an_execution
from tests.fakes.runs import a_run

ADA, EVE = new_id(), new_id()
CLIENTS = (aws_schedules._scheduler, aws_schedules._events, _eventbridge)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Delivery]:
    """The platform's bus; what it calls is a queue, so that a test can read it."""
    with running_emulator("events,scheduler,sqs") as url:
        for name, value in cloud_environment(url).items():
            monkeypatch.setenv(name, value)
        for client in CLIENTS:
            client.cache_clear()
        boto3.client("events").create_event_bus(Name="platform")
        boto3.client("scheduler").create_schedule_group(Name="triggers")
        queue = boto3.client("sqs").create_queue(QueueName="called")["QueueUrl"]
        asked = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        arn = asked["Attributes"]["QueueArn"]
        yield Delivery("triggers", "platform", "AgentPlatform-local-trigger-", arn, "arn:aws:iam::000000000000:role/r")
        for client in CLIENTS:
            client.cache_clear()


def called() -> list[Any]:
    """What the queue was given since it was last asked."""
    client, found = boto3.client("sqs"), list[Any]()
    queue = client.get_queue_url(QueueName="called")["QueueUrl"]
    while messages := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def publish(*events: Any) -> None:
    told = [CloudEvent.model_validate_json(each.event) for each in events]
    assert EventBridgePublisher("platform").publish(told) == Outcome()


def test_only_the_owners_own_events_that_match_call_and_bring_the_whole_event(bus: Delivery) -> None:
    trigger_id, schedules = new_id(), Schedules(bus)
    wanted = read_filter({"type": "agent.executed", "match": {"status": ["failed"], "error.code": ["model_refused"]}})
    schedules.put_rule(trigger_id, wanted.pattern(ADA))
    failure = Failure(code="model_refused", message="No.")
    match = an_execution(owner=ADA, status="failed", output=None, error=failure)
    others = [
        an_execution(owner=EVE, status="failed", output=None, error=failure),
        an_execution(owner=ADA, status="succeeded"),
        an_execution(owner=ADA, status="failed", output=None, error=Failure(code="model_timed_out", message="Late.")),
        an_execution(owner=ADA, status="failed", output=None, error=failure, parent_id=new_id()),
    ]
    ended = a_run(owner=ADA, status="failed", error=RunFailure(code="model_refused", message="No."))
    publish(*(agent_executed(each, "outbox") for each in (match, *others)), workflow_ended(ended, "outbox"))
    (call,) = called()
    request = read_request(call)
    assert request.trigger_id == trigger_id
    assert request.event
    assert request.event.data["id"] == match.id
    assert request.event.data["agent_id"] == match.agent_id


def test_a_run_calls_by_its_end_until_the_rule_rests(bus: Delivery) -> None:
    trigger_id, schedules = new_id(), Schedules(bus)
    pattern = read_filter({"type": "workflow.failed", "match": {"source.kind": ["api"]}}).pattern(ADA)
    schedules.put_rule(trigger_id, pattern)
    failed = a_run(owner=ADA, status="failed", error=RunFailure(code="run_stopped", message="Stopped."))
    publish(workflow_ended(failed, "outbox"), workflow_ended(a_run(owner=ADA, status="succeeded"), "outbox"))
    (call,) = called()
    event = read_request(call).event
    assert event
    assert (event.subject, event.data["workflow_name"]) == (failed.id, "pay-invoice")
    schedules.put_rule(trigger_id, pattern, enabled=False)
    publish(workflow_ended(a_run(owner=ADA, status="failed"), "outbox"))
    schedules.put_rule(trigger_id, pattern)
    schedules.remove_rule(trigger_id)
    publish(workflow_ended(a_run(owner=ADA, status="failed"), "outbox"))
    assert called() == []


def test_a_schedule_calls_at_its_moment(bus: Delivery) -> None:
    trigger_id, schedules = new_id(), Schedules(bus)
    schedules.put_schedule(trigger_id, "at(2026-01-01T00:00:00)", "UTC")
    schedules.put_schedule(new_id(), "at(2026-01-01T00:00:00)", "UTC", enabled=False)
    calls, deadline = list[Any](), time.monotonic() + 30
    while not calls and time.monotonic() < deadline:  # the emulator looks every ten seconds
        time.sleep(0.5)
        calls = called()
    (call,) = calls
    request = read_request(call)
    assert (request.trigger_id, request.event) == (trigger_id, None)
    assert request.occasion("request-1")
