"""Policy: anything but a plain yes denies, and nothing is spent or written then."""

import json
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.execution import ExecutionPipeline
from agent_platform.agents.execution.policy import most_usd_of, policy
from agent_platform.agents.execution.record import record
from agent_platform.errors import Forbidden
from agent_platform.identity.policy import Decision, Question, Resource
from agent_platform.identity.principal import Principal
from agent_platform.storage.memory import InMemoryExecutions
from tests.fakes.definitions import a_definition

TRACE = "67a1b2c30123456789abcdef01234567"
FIELDS = {**a_definition("parcel"), "id": "post/parcel-weigher"}
DEFINITION = AgentDefinition.model_validate_json(json.dumps(FIELDS))


def execute(decide: Any, principal: Principal) -> InMemoryExecutions:
    executions = InMemoryExecutions()
    stages = [policy(decide), record(executions), lambda *_: {"tariff_class": "M", "reason": "r"}]
    ExecutionPipeline(stages, "offline").execute(DEFINITION, {"parcel_grams": 1}, principal, TRACE)
    return executions


def test_whoever_is_allowed_goes_on(principal: Principal):
    asked: list[Question] = []

    def decide(question: Question) -> Decision:
        asked.append(question)
        return Decision(True, (), "v1")

    executions = execute(decide, principal)
    assert executions.totals(DEFINITION.id).requests["succeeded"] == 1
    (question,) = asked
    assert (question.principal, question.action) == (principal, "agents:execute")
    cost = most_usd_of(DEFINITION, {"parcel_grams": 1})
    assert question.resource == Resource("agent", DEFINITION.id, tuple(DEFINITION.tags), cost)
    assert cost > 0


@pytest.mark.parametrize("answer", [False, None, 1, "true", [True], {"allow": True}], ids=repr)
def test_anything_but_a_literal_yes_denies(principal: Principal, answer: Any):
    with pytest.raises(Forbidden, match=r"^You may not execute `post/parcel-weigher`\. It is late\.$") as raised:
        execute(lambda _: Decision(answer, ("It is late.",), "v1"), principal)
    assert raised.value.execution_id is None


def test_a_decision_that_fails_lets_nobody_in(principal: Principal):
    def broken(*_: Any) -> Decision:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute(broken, principal)


def test_what_its_definition_lets_no_execution_cost_is_what_one_may_cost_at_most():
    limited = AgentDefinition.model_validate_json(json.dumps({**FIELDS, "limits": {"max_cost_usd": 0.000001}}))
    assert most_usd_of(limited, {"parcel_grams": 1}) == 0.000001
