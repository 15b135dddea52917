"""Events: conforming CloudEvents that tell the outcome and never the content."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from agent_platform.events.envelope import CloudEvent, traceparent
from agent_platform.events.executions import agent_executed
from agent_platform.storage.executions import Failure
from agent_platform.storage.outbox import RETENTION_SECONDS
from tests.fakes.executions import an_execution

CLOUDEVENTS = {
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {"type": "string", "minLength": 1},
        "dataschema": {"type": "string", "minLength": 1, "format": "uri"},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "minLength": 1, "format": "date-time"},
        "data_base64": {"type": "string"},
    },
}
"""The JSON Schema of CloudEvents 1.0.2 (github.com/cloudevents/spec, formats/cloudevents.json), without nulls."""

NAMES = re.compile(r"^[a-z0-9]{1,20}$")
"""Attribute names (CloudEvents 1.0.2, section 3.1)."""


def event_of(**changes: Any) -> dict[str, Any]:
    outgoing = agent_executed(an_execution(**changes), "outbox")
    event = json.loads(outgoing.event)
    assert isinstance(event, dict)
    return event


@pytest.mark.parametrize(
    "changes",
    [{}, {"status": "failed", "output": None, "error": Failure(code="model_refused", message="No.")}],
    ids=str,
)
def test_an_event_conforms_to_cloudevents(changes: dict[str, Any]):
    event = event_of(**changes)
    assert [*jsonschema_rs.Draft202012Validator(CLOUDEVENTS, validate_formats=True).iter_errors(event)] == []
    assert all(NAMES.match(name) for name in event)
    assert None not in event.values()
    assert event["datacontenttype"] == "application/json"


def test_an_event_tells_who_ran_what_with_which_outcome_and_cost():
    execution = an_execution()
    event = event_of(id=execution.id, cost_usd=Decimal("0.000123"))
    assert (event["type"], event["subject"], event["source"]) == (
        "agent.executed",
        "post/parcel-weigher",
        "/ai-agents-platform",
    )
    assert event["time"] == "2026-03-31T12:00:01.323456Z"
    assert event["data"] == {
        "id": execution.id,
        "agent_id": "post/parcel-weigher",
        "agent_version": "1.0.0",
        "status": "succeeded",
        "model": "claude-sonnet-5-5",
        "provider": "offline",
        "cost_usd": 0.000123,
        "duration_ms": 1200,
        "started_at": "2026-03-31T12:00:00.123456Z",
        "finished_at": "2026-03-31T12:00:01.323456Z",
        "owner": "user-1",
        "key_id": None,
        "error": None,
        "usage": {"input_tokens": 10, "output_tokens": 20, "cache_read_tokens": 30, "cache_write_tokens": 40},
        "tool_calls": 2,
        "cached": False,
        "delegated_cost_usd": 0,
        "escalation": None,
        "parent_id": None,
        "session_id": None,
        "batch_id": None,
        "run_id": None,
        "step_id": None,
        "redactions": {},
    }


def test_neither_input_nor_output_leaves_in_an_event():
    outgoing = agent_executed(
        an_execution(
            input={"secret-field": "secret-value"},
            output={"secret-answer": "secret-text"},
            escalation={"rule": "A broken seal", "reason": "The note says secret-text"},
        ),
        "outbox",
    )
    assert "secret" not in outgoing.event
    assert json.loads(outgoing.event)["data"]["escalation"] == {"rule": "A broken seal"}


def test_the_trace_goes_on_in_the_form_of_w3c():
    found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", event_of()["traceparent"])
    assert found is not None
    assert found[1] == "67a1b2c30123456789abcdef01234567"
    assert found[2] != "0" * 16
    assert event_of()["traceparent"] != event_of()["traceparent"], "each execution is a span of its own"
    assert traceparent("a" * 32, "b" * 16) == f"00-{'a' * 32}-{'b' * 16}-01"


def test_every_event_has_an_id_of_its_own_even_of_the_same_execution():
    execution = an_execution()
    assert agent_executed(execution, "outbox").id != agent_executed(execution, "outbox").id


def test_an_event_waits_in_the_outbox_for_a_week_under_its_subject():
    outgoing = agent_executed(an_execution(), "outbox")
    written = datetime(2026, 4, 7, 12, 0, 0, 123_456, UTC)  # whatever the execution's time was
    put = outgoing.put(written)
    assert put["TableName"] == "outbox"
    assert put["Item"] == {
        "subject": {"S": "post/parcel-weigher"},
        "id": {"S": json.loads(outgoing.event)["id"]},
        "event": {"S": outgoing.event},
        "written_at": {"N": str(int(written.timestamp()) * 1000 + 123)},
        "expires_at": {"N": str(int(written.timestamp()) + RETENTION_SECONDS)},
    }
    assert "attribute_not_exists" in put["ConditionExpression"]


def test_an_event_survives_the_way_through_json():
    event = CloudEvent(
        type="agent.executed",
        subject="a/b",
        time=datetime(2026, 3, 31, 14, tzinfo=timezone(timedelta(hours=2))),
        data={"é": ["📦", 1.5]},
    )
    again = CloudEvent.model_validate_json(event.model_dump_json(exclude_none=True))
    assert again == event
    assert again.time == datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [{"type": "agent.imagined"}, {"specversion": "0.3"}, {"subject": None}, {"data": "text"}, {"time": "yesterday"},
     {"datacontenttype": "text/plain"}],
    ids=str,
)  # fmt: skip
def test_what_is_no_event_of_the_platform_is_refused(changes: dict[str, Any]):
    with pytest.raises(ValidationError):
        CloudEvent.model_validate_json(json.dumps({**event_of(), **changes}))
