"""Switched off: refused with the reason, before anything is spent or written."""

import json
from datetime import UTC, datetime

import pytest

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.execution import ExecutionPipeline
from agent_platform.agents.execution.record import record
from agent_platform.agents.execution.switched_on import switched_on
from agent_platform.errors import AgentSwitchedOff
from agent_platform.identity.principal import Principal
from agent_platform.storage.agent_switches import SwitchedOff, Switches
from agent_platform.storage.memory import InMemoryExecutions
from tests.fakes.definitions import a_definition

DEFINITION = AgentDefinition.model_validate_json(json.dumps({**a_definition("parcel"), "id": "post/parcel-weigher"}))
OFF = SwitchedOff(reason="It invents tariffs.", since=datetime(2026, 3, 31, 12, tzinfo=UTC))


def execute(switches: Switches, principal: Principal) -> InMemoryExecutions:
    executions = InMemoryExecutions()
    stages = [switched_on(switches.of), record(executions), lambda *_: {"tariff_class": "M", "reason": "r"}]
    ExecutionPipeline(stages, "offline").execute(DEFINITION, {"parcel_grams": 1}, principal, "0" * 32)
    return executions


@pytest.mark.parametrize("name", ["post/parcel-weigher", "post/*"])
def test_an_agent_that_is_off_is_refused_with_the_reason(principal: Principal, name: str):
    with pytest.raises(AgentSwitchedOff) as raised:
        execute(Switches(off={name: OFF}), principal)

    told = "`post/parcel-weigher` is switched off since 2026-03-31 12:00 UTC: It invents tariffs."
    assert (raised.value.detail, raised.value.status, raised.value.execution_id) == (told, 409, None)


def test_every_other_agent_goes_on(principal: Principal):
    executions = execute(Switches(off={"post/letter-weigher": OFF, "postal/*": OFF}), principal)

    assert executions.totals(DEFINITION.id).requests["succeeded"] == 1
