"""A direct invoke, as a workflow step makes it: the same pipeline, and errors under their own names."""

import json
from io import StringIO
from typing import Any

import pytest

from agent_platform import errors
from agent_platform.errors import AgentNotFound, InvalidInput, PlatformError
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.executions import ExecutionRepository
from functions.run_agent import deps
from tests.fakes.aws import EXECUTIONS_TABLE
from tests.functions.run_agent.conftest import AGENT, Function

TRACE = "67a1b2c30123456789abcdef01234567"


@pytest.fixture
def event(example: dict[str, Any]) -> dict[str, Any]:
    """What a state machine sends."""
    return {
        "agent_id": AGENT,
        "input": example,
        "principal": {"user_id": "user-7", "email": "eve@example.com", "roles": ["user"]},
        "trace_id": TRACE,
    }


def test_a_step_gets_the_recorded_execution_as_json(function: Function, event: dict[str, Any]):
    execution = function.invoke(event)
    assert json.loads(json.dumps(execution)) == execution
    assert (execution["status"], execution["owner"], execution["trace_id"]) == ("succeeded", "user-7", TRACE)
    recorded = ExecutionRepository(EXECUTIONS_TABLE).get(execution["id"], owner="user-7")
    assert recorded.model_dump(mode="json", exclude={"input"}) == execution
    assert recorded.input == event["input"]


def test_without_a_trace_a_new_one_begins(function: Function, event: dict[str, Any]):
    del event["trace_id"]
    first, second = function.invoke(event), function.invoke(event)
    assert len(first["trace_id"]) == 32
    assert first["trace_id"] != second["trace_id"]


def test_the_log_of_a_step_carries_its_trace(function: Function, event: dict[str, Any], log: StringIO):
    execution = function.invoke(event)
    (line,) = [json.loads(line) for line in log.getvalue().splitlines() if '"agent_executed"' in line]
    assert (line["trace_id"], line["execution_id"]) == (TRACE, execution["id"])


def test_of_the_caller_user_and_roles_suffice(function: Function, event: dict[str, Any]):
    event["principal"] = {"user_id": "user-7", "roles": ["user"]}
    assert function.invoke(event)["owner"] == "user-7"


def test_a_caller_without_a_role_is_refused(function: Function, event: dict[str, Any]):
    event["principal"] = {"user_id": "user-7"}
    with pytest.raises(errors.Forbidden):
        function.invoke(event)
    assert function.claude.requests() == []


@pytest.mark.parametrize(
    ("plan", "name"),
    [
        ({"mode": "status", "status": 529}, "ModelOverloaded"),
        ({"mode": "status", "status": 500}, "ModelError"),
        ({"mode": "disconnect"}, "ModelUnreachable"),
        ({"mode": "refusal"}, "ModelRefused"),
        ({"mode": "invalid_json"}, "ModelOutputInvalid"),
        ({"mode": "tool_call", "rounds": 99, "times": None}, "ToolLoopExceeded"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_failure_is_raised_under_its_class_name_so_that_a_state_machine_can_catch_it(
    function: Function, event: dict[str, Any], plan: dict[str, Any], name: str
):
    function.claude.plan(**plan)
    with pytest.raises(PlatformError) as raised:
        function.invoke(event)
    assert type(raised.value).__name__ == name
    assert getattr(errors, name) is type(raised.value)
    assert ExecutionRepository(EXECUTIONS_TABLE).get(raised.value.execution_id or "", owner="user-7").status == "failed"


def test_a_step_leaves_every_further_try_to_the_state_machine(
    function: Function, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(deps, "MAX_RETRIES", 5)
    function.claude.plan("status", status=529, times=None)
    with pytest.raises(errors.ModelOverloaded):
        function.invoke(event)
    assert len(function.claude.requests()) == 1


def test_a_table_that_is_down_is_raised_as_storage_unavailable(function: Function, event: dict[str, Any]):
    dynamodb().delete_table(TableName=EXECUTIONS_TABLE)
    with pytest.raises(errors.StorageUnavailable):
        function.invoke(event)


@pytest.mark.parametrize("agent_id", ["sales/commit-deal-inspector", "finance-accounting/nobody"])
def test_an_agent_that_this_function_does_not_serve_is_not_found(
    function: Function, event: dict[str, Any], agent_id: str
):
    with pytest.raises(AgentNotFound):
        function.invoke({**event, "agent_id": agent_id})
    assert function.claude.requests() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"agent_id": "three-way-match-checker"}, "agent_id"),
        ({"agent_id": None}, "agent_id"),
        ({"input": None}, "input"),
        ({"input": "text"}, "input"),
        ({"principal": None}, "principal"),
        ({"principal": {}}, "principal.user_id"),
        ({"principal": {"user_id": ""}}, "principal.user_id"),
        ({"principal": {"user_id": 7}}, "principal.user_id"),
        ({"principal": {"user_id": "u", "roles": "admin"}}, "principal.roles"),
        ({"principal": {"user_id": "u", "is_admin": True}}, "principal.is_admin"),
        ({"trace_id": "short"}, "trace_id"),
        ({"trace_id": "G" * 32}, "trace_id"),
        ({"requestContext": {"authorizer": {"sub": "u"}}}, "requestContext"),
    ],
    ids=str,
)
def test_an_event_of_another_shape_is_refused_by_field(
    function: Function, event: dict[str, Any], changes: dict[str, Any], field: str
):
    with pytest.raises(InvalidInput) as raised:
        function.invoke({**event, **changes})
    assert [error.field for error in raised.value.errors] == [field]
    assert field in str(raised.value)
    assert function.claude.requests() == []


def test_an_input_outside_the_agents_schema_is_refused_by_field(function: Function, event: dict[str, Any]):
    with pytest.raises(InvalidInput) as raised:
        function.invoke({**event, "input": {"invoice": {}}})
    assert "input.purchase_order" in [error.field for error in raised.value.errors]
