"""Both shapes in which Lambda hands over events tell the same."""

import base64
import json
from typing import Any

import pytest

from agent_platform.events.incoming import incoming, read_event, shape
from tests.fakes.platform_events import an_event

EVENT = an_event(note="Päckchen 📦")
TEXT = EVENT.model_dump_json(exclude_none=True)

# As EventBridge delivers an event to a queue (Amazon EventBridge User Guide, "Events").
ENVELOPE = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "agent.executed",
    "source": "ai-agents-platform",
    "account": "111122223333",
    "time": "2026-03-31T12:00:00Z",
    "region": "eu-central-1",
    "resources": [],
}


def from_queue(body: str) -> dict[str, Any]:
    return {"Records": [{"messageId": "m-1", "body": body, "attributes": {}, "eventSource": "aws:sqs"}]}


def from_kafka(**record: Any) -> dict[str, Any]:
    fields = {"topic": "agent.executed", "partition": 2, "offset": 7, "timestamp": 1, "headers": []}
    return {"eventSource": "aws:kafka", "records": {"agent.executed-2": [fields | record]}}


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def test_an_event_of_a_queue_is_the_detail_of_what_the_bus_delivers() -> None:
    event = from_queue(json.dumps({**ENVELOPE, "detail": json.loads(TEXT)}))
    (found,) = incoming(event)
    assert (shape(event), found.place, found.event, found.fault) == ("sqs", "m-1", EVENT, None)
    assert read_event(found.raw).event == EVENT


def test_an_event_of_kafka_is_the_value_of_its_record() -> None:
    event = from_kafka(key=encoded(EVENT.subject.encode()), value=encoded(TEXT.encode()))
    (found,) = incoming(event)
    assert (shape(event), found.place, found.event) == ("kafka", "agent.executed-2-7", EVENT)
    assert found.raw == TEXT


def test_records_come_in_their_order_partition_by_partition() -> None:
    value = encoded(TEXT.encode())
    records = {
        f"agent.executed-{partition}": [
            {"topic": "agent.executed", "partition": partition, "offset": offset, "value": value} for offset in (4, 5)
        ]
        for partition in (1, 0)
    }
    places = [each.place for each in incoming({"eventSource": "SelfManagedKafka", "records": records})]
    assert places == ["agent.executed-1-4", "agent.executed-1-5", "agent.executed-0-4", "agent.executed-0-5"]


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "7", "{}", '{"detail": 7}', '{"detail": {"id": "x"}}'])
def test_a_message_that_is_no_event_has_a_fault(body: str) -> None:
    (found,) = incoming(from_queue(body))
    assert found.event is None
    assert found.fault


@pytest.mark.parametrize("record", [{}, {"value": None}, {"value": "%"}, {"value": encoded(b"\xff")}])
def test_a_record_that_is_no_text_has_a_fault(record: dict[str, Any]) -> None:
    (found,) = incoming(from_kafka(**record))
    assert (found.place, found.event) == ("agent.executed-2-7", None)
    assert found.fault


def test_a_fault_names_fields_and_never_their_values() -> None:
    found = read_event(json.dumps({**json.loads(TEXT), "type": "SECRET", "time": "SECRET"}))
    assert found.fault
    assert "type" in found.fault
    assert "time" in found.fault
    assert "SECRET" not in found.fault
