"""Policy: anything but a plain yes denies, and nothing is spent or written then."""

import json
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.execution import ExecutionPipeline
from agent_platform.agents.execution.policy import anybody_signed_in, policy
from agent_platform.agents.execution.record import record
from agent_platform.errors import Forbidden
from agent_platform.identity.principal import Principal
from agent_platform.storage.memory import InMemoryExecutions
from tests.fakes.definitions import a_definition

TRACE = "67a1b2c30123456789abcdef01234567"
DEFINITION = AgentDefinition.model_validate_json(json.dumps({**a_definition("parcel"), "id": "post/parcel-weigher"}))


def execute(decision: Any, principal: Principal) -> InMemoryExecutions:
    executions = InMemoryExecutions()
    stages = [policy(decision), record(executions), lambda *_: {"tariff_class": "M", "reason": "r"}]
    ExecutionPipeline(stages, "offline").execute(DEFINITION, {"parcel_grams": 1}, principal, TRACE)
    return executions


def test_whoever_is_allowed_goes_on(principal: Principal):
    executions = execute(lambda who, what: who is principal and what is DEFINITION, principal)
    assert executions.totals(DEFINITION.id).requests["succeeded"] == 1


@pytest.mark.parametrize("answer", [False, None, 1, "true", [True], {"allow": True}], ids=repr)
def test_anything_but_a_literal_yes_denies(principal: Principal, answer: Any):
    with pytest.raises(Forbidden, match="You may not execute `post/parcel-weigher`") as raised:
        execute(lambda *_: answer, principal)
    assert raised.value.execution_id is None


def test_a_decision_that_fails_lets_nobody_in(principal: Principal):
    def broken(*_: Any) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute(broken, principal)


def test_until_policies_are_written_everybody_who_signed_in_may_execute(principal: Principal):
    assert anybody_signed_in(principal, DEFINITION)
    assert not anybody_signed_in(Principal("", "", frozenset(), token_id=""), DEFINITION)
