"""From AWS's message to the work done: each source's letters, as the keeper reads them, redriven for real."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from sqlalchemy import Engine

from agent_platform.errors import FunctionFailed
from agent_platform.events.dead_letters import Letter, Reason, Source, send_letter
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.executions import agent_executed
from agent_platform.events.redrive import Redrive
from agent_platform.events.workflows import workflow_ended
from agent_platform.identity.principal import Principal
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.dead_letters import DeadLetter, DeadLetterRepository
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.outbox import OutboxEvent
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.postgres import open_engine
from agent_platform.storage.queues import sqs
from agent_platform.storage.runs import RunRepository
from agent_platform.storage.schedules import Schedules
from agent_platform.storage.triggers import TriggerRepository
from agent_platform.storage.workflow_definitions import WorkflowDefinitions
from agent_platform.workflows.trigger_order import TriggerOrder
from agent_platform.workflows.triggers import Triggers
from functions.deliver_webhooks import handler as deliver_webhooks
from functions.keep_dead_letters.keeper import Keeper
from functions.project_events import handler as project_events
from functions.relay_events import handler as relay_events
from functions.track_workflow import handler as track_workflow
from functions.trigger_workflow import handler as trigger_workflow
from tests.fakes.aws import DEAD_LETTERS_TABLE, OUTBOX_TABLE, PAYLOADS_BUCKET, REGION, RUNS_TABLE
from tests.fakes.eventbridge import DELIVERY, make_eventbridge, rules_of
from tests.fakes.executions import an_execution
from tests.fakes.gateway import LambdaContext
from tests.fakes.machines import MachinesInMemory
from tests.fakes.platform_events import an_event
from tests.fakes.postgres import Server, database, engine
from tests.fakes.published_workflows import a_startable_workflow, a_user
from tests.fakes.receiver import Receiver
from tests.fakes.runs import a_run
from tests.fakes.webhooks import Hooks, executed, one_call_at_a_time
from tests.functions.deliver_webhooks.test_handler import batch, from_the_bus, hooks, receiver, waiting
from tests.functions.project_events.test_handler import letters as projections_queue
from tests.functions.track_workflow.test_track_workflow import machines, start, status_change
from tests.functions.trigger_workflow.test_handler import environment
from tests.unit.events.test_letter_shapes import ASYNCHRONOUS, STREAM, message, of_a_queue, of_a_rule

__all__ = [
    "database",
    "engine",
    "environment",
    "hooks",
    "machines",
    "one_call_at_a_time",
    "projections_queue",
    "receiver",
]

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
ARN = "arn:aws:sqs:eu-central-1:123456789012:dead"


class Operator:
    """Keeps what comes and does it again, by calling the handler where Lambda would be invoked."""

    def __init__(self, source: Source, handler: Handler) -> None:
        self._letters = DeadLetterRepository(DEAD_LETTERS_TABLE, PayloadStore(PAYLOADS_BUCKET))
        self._keeper = Keeper(self._letters, {ARN: source})
        self._source: Source = source
        self._handler = handler

    def redrive(self, record: dict[str, Any]) -> list[DeadLetter]:
        """What became of each letter of a message."""
        assert self._keeper.take([{**record, "eventSourceARN": ARN}]) == {"batchItemFailures": []}
        service = Redrive(self._letters, {self._source: "function"}, self._call)
        kept = self._letters.list_of("open", [self._source]).items
        assert kept
        return [service.redrive(each.id, "ada") for each in kept]

    def _call(self, _: str, payload: dict[str, Any], **__: Any) -> Any:
        try:
            # As Lambda does: the event and the answer travel as JSON.
            return json.loads(json.dumps(self._handler(json.loads(json.dumps(payload)), LambdaContext())))
        except Exception as error:
            raise FunctionFailed(str(error), kind=type(error).__name__) from error


def states(letters: list[DeadLetter]) -> list[tuple[str, str]]:
    return [(each.state, each.code if each.state == "open" else "") for each in letters]


REDRIVEN = [("redriven", "")]


@pytest.fixture
def bus(governance_tables: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The relay to a bus; the URL of a queue that hears everything there."""
    url = str(boto3.client("sqs").create_queue(QueueName="heard")["QueueUrl"])
    events = boto3.client("events")
    events.create_event_bus(Name="platform")
    events.put_rule(Name="all", EventBusName="platform", EventPattern='{"source": [{"prefix": ""}]}')
    target = {"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{DEFAULT_ACCOUNT_ID}:heard"}
    events.put_targets(Rule="all", EventBusName="platform", Targets=[target])
    for name, value in {
        "RELAY_TO": "bus",
        "EVENT_BUS_NAME": "platform",
        "OUTBOX_TABLE": OUTBOX_TABLE,
        "DEAD_LETTERS_QUEUE_URL": url,
    }.items():
        monkeypatch.setenv(name, value)
    relay_events.relay.cache_clear()
    yield url
    relay_events.relay.cache_clear()


def received(url: str) -> list[Any]:
    client, found = boto3.client("sqs"), list[Any]()
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for each in messages:
            found.append(json.loads(each["Body"]))
            client.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return found


def waits(event: OutboxEvent) -> CloudEvent:
    """Put an event into the outbox."""
    put: Any = event.put()
    dynamodb().put_item(**put)
    return CloudEvent.model_validate_json(event.event)


def gave_up(first: datetime, last: datetime) -> dict[str, Any]:
    """What Lambda sends of a batch of the stream whose records arrived between these moments."""
    info = {
        **STREAM["DDBStreamBatchInfo"],
        "approximateArrivalOfFirstRecord": f"{first:%Y-%m-%dT%H:%M:%SZ}",
        "approximateArrivalOfLastRecord": f"{last:%Y-%m-%dT%H:%M:%SZ}",
    }
    return message({**STREAM, "DDBStreamBatchInfo": info})


def test_a_batch_that_the_relay_gave_up_is_published_and_the_end_of_a_long_run_in_it(bus: str) -> None:
    now = datetime.now(UTC)
    began = now - timedelta(hours=3)
    run = a_run(began_at=began, started_at=began, status="succeeded", finished_at=now)
    events = [waits(agent_executed(an_execution(), OUTBOX_TABLE)), waits(workflow_ended(run, OUTBOX_TABLE))]
    operator = Operator("relay-bus", relay_events.handler)
    assert states(operator.redrive(gave_up(now, now))) == REDRIVEN
    assert {each["detail"]["id"] for each in received(bus)} == {each.id for each in events}


def test_a_batch_that_the_outbox_has_no_more_stays_open_and_says_where_it_is(bus: str) -> None:
    day = datetime.now(UTC) - timedelta(days=8)
    (letter,) = Operator("relay-bus", relay_events.handler).redrive(gave_up(day, day))
    assert (letter.state, letter.code) == ("open", "not_found")
    assert "archive" in letter.message


def test_a_large_batch_is_published_by_as_many_redrives_as_it_takes(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_platform.events.relay.CHUNK", 2)
    monkeypatch.setattr(LambdaContext, "get_remaining_time_in_millis", lambda _: 0)
    events = [waits(agent_executed(an_execution(), OUTBOX_TABLE)) for _ in range(5)]
    now, operator = datetime.now(UTC), Operator("relay-bus", relay_events.handler)
    told = [operator.redrive(gave_up(now, now))[0] for _ in range(3)]
    assert [(each.state, each.code) for each in told[:2]] == [("open", "unfinished")] * 2
    assert told[2].state == "redriven"
    assert sorted(each["detail"]["id"] for each in received(bus)) == sorted(each.id for each in events)


def test_an_event_that_the_bus_refused_is_published_from_its_letter_when_the_outbox_has_lost_it(
    bus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item: Any = agent_executed(an_execution(), OUTBOX_TABLE).put()["Item"]  # never put: its week is over
    record = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": item}}
    with monkeypatch.context() as small:
        small.setattr("agent_platform.events.publisher.BYTES_PER_CALL", 1)
        assert relay_events.handler({"Records": [record]}, LambdaContext()) == {"batchItemFailures": []}
    (letter,) = received(bus)
    assert letter["reason"]["code"] == "event_too_large"
    assert states(Operator("relay-bus", relay_events.handler).redrive(message(letter))) == REDRIVEN
    assert [each["detail"]["id"] for each in received(bus)] == [item["id"]["S"]]


def test_an_event_that_the_relay_set_aside_is_published_once_it_is_mended(bus: str) -> None:
    event = agent_executed(an_execution(), OUTBOX_TABLE)
    spoilt: Any = event.put()["Item"]
    dynamodb().put_item(TableName=OUTBOX_TABLE, Item={**spoilt, "event": {"S": "no event"}})
    record = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": {**spoilt, "event": {"S": "?"}}}}
    assert relay_events.handler({"Records": [record]}, LambdaContext()) == {"batchItemFailures": []}
    (letter,) = received(bus)
    operator = Operator("relay-bus", relay_events.handler)
    assert states(operator.redrive(message(letter))) == [("open", "event_unreadable")]
    waits_again = event.put()["Item"]
    dynamodb().put_item(TableName=OUTBOX_TABLE, Item=waits_again)
    assert states(operator.redrive(message(letter))) == REDRIVEN
    assert [each["detail"]["id"] for each in received(bus)] == [event.id]


@pytest.mark.parametrize("shape", [of_a_queue, of_a_rule])
def test_an_event_that_was_not_projected_is(
    projections_queue: str, governance_tables: None, engine: Engine, shape: Any
) -> None:
    event = an_event(note="Päckchen 📦")
    operator = Operator("projections", project_events.handler)
    assert states(operator.redrive(shape(from_the_bus(event)))) == REDRIVEN
    assert [each.event_id for each in AuditLog(engine).export()] == [event.id]


def test_a_letter_of_the_projections_own_fails_again_with_the_reason(
    projections_queue: str, governance_tables: None, engine: Engine
) -> None:
    kafka = {"eventSource": "aws:sqs", "messageId": "m", "body": '{"detail": {"id": "e-9", "type": 1}}'}
    project_events.handler({"Records": [kafka]}, LambdaContext())
    (letter,) = received(projections_queue)
    operator = Operator("projections", project_events.handler)
    assert states(operator.redrive(message(letter))) == [("open", "event_unreadable")]


@pytest.mark.parametrize("shape", [of_a_queue, of_a_rule])
def test_an_event_that_never_reached_the_webhooks_is_fanned_out(hooks: Hooks, receiver: Receiver, shape: Any) -> None:
    hooks.subscribe(receiver.url)
    event = executed()
    operator = Operator("webhooks", deliver_webhooks.handler)
    assert states(operator.redrive(shape(from_the_bus(event)))) == REDRIVEN
    (due,) = waiting()
    # The attempt itself, set aside by its queue.
    assert states(operator.redrive({**of_a_queue(due), "messageId": "another"})) == REDRIVEN
    assert [json.loads(each.body)["id"] for each in receiver.received] == [event.id]


def test_a_delivery_that_was_given_up_is_tried_until_the_receiver_takes_it(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_platform.webhooks.schedule.PAUSES", ())
    hooks.subscribe(receiver.url)
    receiver.answers(500)
    deliver_webhooks.handler(batch(from_the_bus(executed())), LambdaContext())
    deliver_webhooks.handler(batch(*waiting()), LambdaContext())
    (letter,) = waiting("webhooks-dead")
    operator = Operator("webhooks", deliver_webhooks.handler)
    (failed,) = operator.redrive(message(letter))
    assert (failed.state, failed.tries) == ("open", letter["tries"] + 1)
    receiver.answers(204)
    assert states(operator.redrive(message(letter))) == REDRIVEN


@pytest.mark.parametrize("shape", [of_a_rule, lambda told: message({**ASYNCHRONOUS, "requestPayload": told})])
def test_the_end_of_a_run_that_nobody_heard_of_is_written(machines: MachinesInMemory, shape: Any) -> None:
    run = start()
    operator = Operator("tracking", track_workflow.handler)
    machines.down = True
    assert states(operator.redrive(shape(status_change(run)))) == [("open", "StorageUnavailable")]
    machines.down = False
    machines.end(run.execution_arn, "SUCCEEDED", output={"output": 1, "output_ref": None})
    assert states(operator.redrive(shape(status_change(run)))) == REDRIVEN
    assert track_workflow.tracker().settle(run.id)["status"] == "succeeded"


def test_a_sweep_that_was_not_delivered_is_made(machines: MachinesInMemory) -> None:
    told = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}, "resources": []}
    assert states(Operator("tracking", track_workflow.handler).redrive(of_a_rule(told))) == REDRIVEN


def test_a_triggers_event_starts_its_run_however_it_was_lost(
    environment: pytest.MonkeyPatch, postgres: Server, database: str
) -> None:
    make_eventbridge()
    engine = open_engine(lambda: postgres.credentials(database))
    owner = a_user(engine)
    workflow = a_startable_workflow(engine, owner)
    triggers = Triggers(TriggerRepository(engine), Schedules(DELIVERY), WorkflowDefinitions(engine))
    ada = Principal(owner, "ada@example.com", frozenset({"user"}), token_id="jti")
    wanted = TriggerOrder(workflow.id, None, None, {"type": "agent.executed"}, {"day": "${event.id}"})
    made = triggers.create(ada, wanted)
    (rule,) = rules_of()
    event = an_event()
    operator = Operator("triggers", trigger_workflow.handler)

    assert states(operator.redrive(of_a_rule(from_the_bus(event), rule["Name"]))) == REDRIVEN
    called = {"trigger_id": made.id, "event": from_the_bus(event)["detail"]}
    lost = message({**ASYNCHRONOUS, "requestPayload": called})
    assert states(operator.redrive({**lost, "messageId": "another"})) == REDRIVEN
    (item,) = dynamodb().scan(TableName=OUTBOX_TABLE)["Items"]  # the start of one run
    run = RunRepository(RUNS_TABLE, PayloadStore(PAYLOADS_BUCKET)).get(item["subject"]["S"], owner=owner)
    assert (run.input, run.source.id) == ({"day": event.id}, made.id)
    engine.dispose()
    trigger_workflow._firing()._triggers._engine.dispose()
    trigger_workflow._firing.cache_clear()


def test_a_functions_own_letter_travels_by_its_queue(governance_tables: None) -> None:
    sqs.cache_clear()
    url = boto3.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    payload = {"redrive": {"kafka": {"topic": "t", "partition": 0, "first": 1, "last": 1}}}
    given_up = Letter(source="projections", reason=Reason(code="c", message="m"), payload={"x": "y" * 300_000}, tries=3)
    send_letter(url, given_up, by_reference=payload)
    (letter,) = received(url)
    asked = list[Any]()

    def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
        asked.append(event)
        return {"done": 1, "failed": []}

    assert states(Operator("projections", handler).redrive(message(letter))) == REDRIVEN
    assert asked == [payload]
