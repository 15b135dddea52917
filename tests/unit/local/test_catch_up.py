"""What the brokers of the last run held is published again: all that the audit log lacks, and nothing else."""

import threading
from collections.abc import Iterator
from typing import Any, cast

import boto3
import psycopg
import pytest
from sqlalchemy import Engine

from agent_platform.events.envelope import CloudEvent
from agent_platform.ids import new_id
from agent_platform.storage.audit import AuditLog
from infra_cdk.local import catch_up
from infra_cdk.local.bridge_cloud import Functions, Unreachable
from infra_cdk.local.catch_up import AuditLogIds, CatchUp, Place
from tests.fakes.aws import DEAD_LETTERS_TABLE, OUTBOX_TABLE, REGION, make_execution_tables
from tests.fakes.platform_events import an_event, kept
from tests.fakes.postgres import Server, database, engine

__all__ = ["database", "engine"]

RELAY = "relay-to-kafka"


class Relay:
    """The relay's function, as the bridge invokes it; `outages` are failures before the first success."""

    def __init__(self, *outages: Exception | tuple[str, str]) -> None:
        self.published: list[str] = []
        self._outages = list(outages)

    def invoke(self, name: str, event: dict[str, Any]) -> tuple[Any, tuple[str, str] | None]:
        assert name == RELAY
        if self._outages:
            outage = self._outages.pop(0)
            if isinstance(outage, Exception):
                raise outage
            return {}, outage
        self.published.append(event["redrive"]["event_id"])
        return {"done": 1, "failed": []}, None


@pytest.fixture
def tables(aws: None) -> Any:
    """The outbox and the dead letters, empty."""
    make_execution_tables()
    client = boto3.client("dynamodb", region_name=REGION)
    if DEAD_LETTERS_TABLE not in client.list_tables()["TableNames"]:
        client.create_table(
            TableName=DEAD_LETTERS_TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return client


@pytest.fixture
def log(engine: Engine) -> AuditLog:
    return AuditLog(engine)


def put(tables: Any, *events: CloudEvent) -> None:
    for event in events:
        item = {"subject": {"S": event.subject}, "id": {"S": event.id}, "event": {"S": event.model_dump_json()}}
        tables.put_item(TableName=OUTBOX_TABLE, Item=item)


def put_letter(tables: Any, state: str, event_id: str | None = None) -> None:
    item = {"id": {"S": new_id()}, "state": {"S": state}} | ({"event_id": {"S": event_id}} if event_id else {})
    tables.put_item(TableName=DEAD_LETTERS_TABLE, Item=item)


def some_events(count: int) -> list[CloudEvent]:
    """In the order of their ids."""
    return sorted((an_event() for _ in range(count)), key=lambda event: event.id)


def catching_up(tables: Any, relay: Relay, postgres: Server, database: str) -> CatchUp:
    return CatchUp(
        cast("Functions", relay),
        tables,
        relay=RELAY,
        outbox=OUTBOX_TABLE,
        dead_letters=DEAD_LETTERS_TABLE,
        known=AuditLogIds({**postgres.secret(database)}).among,
    )


def test_what_the_audit_log_lacks_is_published_again_in_the_order_in_which_it_happened(
    tables: Any, log: AuditLog, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "ASKED_AT_ONCE", 2)
    events = some_events(7)
    put(tables, *reversed(events))
    log.append([kept(event) for event in (events[0], events[3], events[4])])
    relay = Relay()

    catching_up(tables, relay, postgres, database).run(threading.Event())

    assert relay.published == [events[index].id for index in (1, 2, 5, 6)]


def test_what_became_a_dead_letter_is_left_to_the_operator(tables: Any, postgres: Server, database: str) -> None:
    lost, *given_up = some_events(4)
    put(tables, lost, *given_up)
    for event, state in zip(given_up, ("open#relay-kafka", "open#projections", "discarded#projections"), strict=True):
        put_letter(tables, state, event.id)
    put_letter(tables, "open#relay-kafka")  # a range of time names no event

    found = catching_up(tables, Relay(), postgres, database).missing()

    assert found == [Place(lost.id, lost.subject)]


@pytest.mark.parametrize("state", ["open#webhooks", "open#relay-bus", "redriven#relay-kafka", "redriven#projections"])
def test_a_letter_about_something_else_or_done_again_keeps_no_event_out_of_the_audit_log(
    tables: Any, postgres: Server, database: str, state: str
) -> None:
    (event,) = some_events(1)
    put(tables, event)
    put_letter(tables, state, event.id)

    found = catching_up(tables, Relay(), postgres, database).missing()

    assert found == [Place(event.id, event.subject)]


def test_a_relay_that_fails_or_is_not_reached_is_asked_again(
    tables: Any, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "PAUSE_SECONDS", 0.0)
    (event,) = some_events(1)
    put(tables, event)
    relay = Relay(Unreachable("starting"), ("StorageUnavailable", "Kafka does not answer."))

    catching_up(tables, relay, postgres, database).run(threading.Event())

    assert relay.published == [event.id]


def test_a_database_that_does_not_answer_yet_is_asked_again(tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "PAUSE_SECONDS", 0.0)
    (event,) = some_events(1)
    put(tables, event)
    answers: Iterator[Exception | set[str]] = iter([psycopg.OperationalError("starting up"), set[str]()])

    def known(_: object) -> set[str]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    relay = Relay()
    catching = CatchUp(
        cast("Functions", relay),
        tables,
        relay=RELAY,
        outbox=OUTBOX_TABLE,
        dead_letters=DEAD_LETTERS_TABLE,
        known=known,
    )

    catching.run(threading.Event())

    assert relay.published == [event.id]
