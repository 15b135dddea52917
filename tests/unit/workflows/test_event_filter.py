"""Which events a trigger waits for: always its owner's own, and only fields that events have."""

from typing import Any

import pytest

from agent_platform.errors import InvalidInput
from agent_platform.storage.executions import Execution
from agent_platform.storage.runs import Run
from agent_platform.workflows.event_filter import FIELDS, EventFilter, read_filter


def test_the_pattern_asks_for_the_owner_whatever_else_it_asks_for() -> None:
    found = read_filter({"type": "workflow.failed", "match": {"error.code": ["run_stopped"], "source.kind": ["api"]}})
    assert found.pattern("user-1") == {
        "source": ["ai-agents-platform"],
        "detail-type": ["workflow.failed"],
        "detail": {
            "data": {"owner": ["user-1"], "error": {"code": ["run_stopped"]}, "source": {"kind": ["api"]}},
        },
    }
    with pytest.raises(InvalidInput):
        read_filter({"type": "workflow.failed", "match": {"owner": ["somebody-else"]}})
    forged = EventFilter("workflow.failed", {"owner": ["somebody-else"]})
    assert forged.pattern("user-1")["detail"]["data"]["owner"] == ["user-1"]


def test_an_execution_that_another_agent_put_to_work_starts_nothing() -> None:
    pattern = read_filter({"type": "agent.executed", "match": {}}).pattern("user-1")
    assert pattern["detail"]["data"] == {"owner": ["user-1"], "parent_id": [None, {"exists": False}]}


@pytest.mark.parametrize(("kind", "model"), [("agent.executed", Execution), ("workflow.failed", Run)])
def test_every_field_that_can_be_asked_for_is_one_of_the_event(kind: Any, model: Any) -> None:
    assert {field.split(".")[0] for field in FIELDS[kind]} <= set(model.model_fields)


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, ["event.type"]),
        ({"type": "user.registered"}, ["event.type"]),
        (
            {"type": "agent.executed", "match": {"output": ["x"], "agentid": ["y"]}},
            ["event.match.output", "event.match.agentid"],
        ),
        ({"type": "agent.executed", "match": {"agent_id": []}}, ["event.match.agent_id"]),
        ({"type": "agent.executed", "match": {"agent_id": ["x" * 2048]}}, ["event.match"]),
    ],
)
def test_what_no_event_has_is_refused_with_every_fault(settings: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_filter(settings)
    assert [fault.field for fault in raised.value.errors] == fields
