"""What operators count: executions by group, refusals by code, and nothing that would name an agent as a dimension."""

import json
from io import StringIO
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.execution import Call, ExecutionPipeline
from agent_platform.agents.execution.call import Proceed
from agent_platform.agents.execution.observe import observe
from agent_platform.agents.execution.record import record
from agent_platform.errors import ModelOverloaded, RateLimited, StorageUnavailable
from agent_platform.identity.principal import Principal
from agent_platform.storage.memory import InMemoryExecutions
from tests.fakes.definitions import a_definition
from tests.fakes.executions import an_execution
from tests.fakes.log import log

__all__ = ["log"]

TRACE = "67a1b2c30123456789abcdef01234567"


@pytest.fixture
def definition() -> AgentDefinition:
    return AgentDefinition.model_validate_json(json.dumps({**a_definition("parcel"), "id": "post/parcel-weigher"}))


@pytest.fixture(autouse=True)
def collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "AgentPlatform-test")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "run_agent")


def answer(call: Call, proceed: Proceed) -> JsonObject:
    return {"tariff_class": "M", "reason": "r"}


def overloaded(call: Call, proceed: Proceed) -> JsonObject:
    raise ModelOverloaded("Busy.")


def too_often(call: Call, proceed: Proceed) -> JsonObject:
    raise RateLimited("Too often.")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was written in the embedded metric format."""
    return [told for line in capsys.readouterr().out.splitlines() if "_aws" in (told := json.loads(line))]


def run(stages: list[Any], definition: AgentDefinition, principal: Principal) -> None:
    ExecutionPipeline([observe, *stages], "offline").execute(definition, {"parcel_grams": 1}, principal, TRACE)


def test_an_execution_is_counted_once_by_its_group(
    definition: AgentDefinition, principal: Principal, capsys: pytest.CaptureFixture[str]
):
    run([record(InMemoryExecutions()), answer], definition, principal)
    told, in_all = lines(capsys)
    assert in_all["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert in_all["CostUsd"] == told["CostUsd"]
    (directive,) = told["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "AgentPlatform-test"
    assert directive["Dimensions"] == [["group", "service"]]
    assert (told["group"], told["service"]) == ("post", "run_agent")
    assert told["Executions"] == [1]
    assert told["FailedExecutions"] == [0]
    assert {metric["Name"] for metric in directive["Metrics"]} >= {"Duration", "CostUsd", "InputTokens", "CacheHits"}
    assert (told["agent_id"], told["trace_id"], told["principal"]) == ("post/parcel-weigher", TRACE, "user-1")


def test_a_failed_execution_is_counted_with_its_code(
    definition: AgentDefinition, principal: Principal, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(ModelOverloaded):
        run([record(InMemoryExecutions()), overloaded], definition, principal)
    by_group, _, by_code = lines(capsys)
    assert (by_group["FailedExecutions"], by_group["error_code"]) == ([1], "model_overloaded")
    assert (by_code["code"], by_code["Failures"]) == ("model_overloaded", [1])


def test_a_refusal_is_counted_by_its_code_and_is_no_execution(
    definition: AgentDefinition, principal: Principal, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(RateLimited):
        run([too_often, record(InMemoryExecutions()), answer], definition, principal)
    (told,) = lines(capsys)
    assert told["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["code", "service"]]
    assert (told["code"], told["Refusals"]) == ("rate_limited", [1])
    assert "Executions" not in told


def test_what_could_not_be_recorded_is_a_failure_and_no_refusal(
    definition: AgentDefinition, principal: Principal, capsys: pytest.CaptureFixture[str], log: StringIO
):
    def unreachable(call: Call, proceed: Proceed) -> JsonObject:
        raise StorageUnavailable("Down.")

    with pytest.raises(StorageUnavailable):
        run([unreachable], definition, principal)
    (told,) = lines(capsys)
    assert (told["code"], told["Failures"]) == ("storage_unavailable", [1])
    assert "agent_refused" not in log.getvalue()


def test_a_replay_is_counted_as_nothing(
    definition: AgentDefinition, principal: Principal, capsys: pytest.CaptureFixture[str]
):
    def replay(call: Call, proceed: Proceed) -> JsonObject:
        call.execution, call.replayed = an_execution(), True
        return {}

    run([replay], definition, principal)
    assert lines(capsys) == []


def test_where_nobody_collects_metrics_nothing_is_written(
    definition: AgentDefinition,
    principal: Principal,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("POWERTOOLS_METRICS_NAMESPACE")
    run([record(InMemoryExecutions()), answer], definition, principal)
    assert lines(capsys) == []
