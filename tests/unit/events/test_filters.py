"""Which events somebody waits for: only fields that events have, and the same whoever judges the filter."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.events.models import EventPattern, EventPatternParser

from agent_platform.errors import InvalidInput
from agent_platform.events.envelope import CloudEvent, EventType
from agent_platform.events.executions import agent_executed
from agent_platform.events.filters import FIELDS, SOURCE, EventFilter, Value, read_events, read_filter
from agent_platform.storage.executions import Execution, Failure
from agent_platform.storage.runs import Run
from tests.fakes.executions import an_execution


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
    forged = EventFilter(("workflow.failed",), {"owner": ["somebody-else"]})
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


@pytest.mark.parametrize(
    ("types", "match", "fields"),
    [
        ([], {}, ["events"]),
        (["agent.executed", "user.registered"], {}, ["events"]),
        (["agent.executed", "workflow.failed"], {"status": ["failed"]}, []),
        (
            ["agent.executed", "workflow.failed"],
            {"agent_id": ["a/b"], "workflow_id": ["w"]},
            ["match.agent_id", "match.workflow_id"],
        ),
        (["workflow.failed"], {"source.kind": []}, ["match.source.kind"]),
        (["workflow.failed"], {"owner": ["eve"]}, ["match.owner"]),
        (["workflow.failed"], {"name": ["x" * 2048]}, ["match"]),
    ],
)
def test_several_types_are_asked_for_what_they_have_in_common(
    types: list[str], match: dict[str, list[Value]], fields: list[str]
) -> None:
    if not fields:
        assert read_events(types, match).types == tuple(types)
        return
    with pytest.raises(InvalidInput) as raised:
        read_events(types, match)
    assert [fault.field for fault in raised.value.errors] == fields


def executed(**changes: Any) -> CloudEvent:
    return CloudEvent.model_validate_json(agent_executed(an_execution(**changes), "outbox").event)


@pytest.mark.parametrize(
    ("match", "changes", "taken"),
    [
        ({}, {}, True),
        ({"status": ["succeeded"]}, {}, True),
        ({"status": ["failed", "succeeded"]}, {}, True),
        ({"status": ["failed"]}, {}, False),
        ({"status": ["Succeeded"]}, {}, False),
        ({"status": ["succeeded"], "cached": [True]}, {}, False),
        ({"cached": [False]}, {}, True),
        ({"cached": [0]}, {}, False),
        ({"cached": ["false"]}, {}, False),
        ({"session_id": ["s"]}, {}, False),
        ({"error.code": ["model_refused"]}, {}, False),
        (
            {"error.code": ["model_refused"]},
            {"status": "failed", "error": Failure(code="model_refused", message="")},
            True,
        ),
        ({"error.code": ["model_refused"]}, {"status": "failed", "error": Failure(code="x", message="")}, False),
    ],
)
def test_an_event_is_taken_if_each_field_has_one_of_its_values(
    match: dict[str, list[Value]], changes: dict[str, Any], taken: bool
) -> None:
    event, found = executed(owner="ada", **changes), read_events(["agent.executed"], match)
    assert found.matches(event, "ada") is taken
    assert found.matches(event, None) is taken
    assert not found.matches(event, "eve")
    assert not read_events(["workflow.failed"], {}).matches(event, "ada")


def test_what_another_agent_put_to_work_is_told_to_webhooks_and_starts_no_runs() -> None:
    event = executed(owner="ada", parent_id="execution-1")
    assert read_events(["agent.executed"], {}).matches(event, "ada")
    assert not read_filter({"type": "agent.executed"}).matches(event, "ada")
    assert read_filter({"type": "agent.executed"}).matches(executed(owner="ada"), "ada")


# The emulator's EventBridge holds true and 1 for equal, which AWS does not: so no 0 and no 1.
TEXTS, PLAIN = st.sampled_from(["a", "b", "A", ""]), st.sampled_from(["a", "b", "A", "", 2, 3, True, False])
NAMES = st.sampled_from(["status", "agent_id", "error.code", "error.step_id", "source.kind", "parent_id"])
DATA = st.fixed_dictionaries(
    {"owner": st.sampled_from(["ada", "eve"])},
    optional={
        "status": PLAIN,
        "agent_id": PLAIN,
        "parent_id": st.none() | TEXTS,
        "error": st.none() | TEXTS | st.dictionaries(st.sampled_from(["code", "step_id", "other"]), PLAIN),
        "source": st.dictionaries(st.sampled_from(["kind", "id"]), PLAIN),
    },
)


@given(
    types=st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=3, unique=True),
    match=st.dictionaries(NAMES, st.lists(PLAIN, min_size=1, max_size=3), max_size=3),
    kind=st.sampled_from(sorted(FIELDS)),
    data=DATA,
    owner=st.sampled_from(["ada", None]),
    delegated=st.booleans(),
)
def test_the_platform_judges_as_eventbridge_does(
    types: list[EventType],
    match: dict[str, list[Value]],
    kind: EventType,
    data: dict[str, Any],
    owner: str | None,
    delegated: bool,
) -> None:
    found = EventFilter(tuple(types), match, delegated)
    event = CloudEvent(type=kind, subject="s", data=data)
    on_the_bus = {
        "source": SOURCE,
        "detail-type": kind,
        "detail": json.loads(event.model_dump_json(exclude_none=True)),
    }
    pattern = EventPatternParser(json.dumps(found.pattern(owner))).parse()
    expected = EventPattern(None, pattern).matches_event(cast("Any", on_the_bus))
    assert found.matches(event, owner) is expected
