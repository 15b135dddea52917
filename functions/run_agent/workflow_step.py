"""Execute an agent as a step of a workflow: its input is made here, and the pipeline is the one of every entry."""

import hashlib
import json
from typing import Any

from agent_platform.agents.definition import JsonObject, Team
from agent_platform.agents.meter import PATIENT, Patience
from agent_platform.errors import ExecutionCancelled, PlatformError
from agent_platform.identity.principal import Principal
from agent_platform.observability import get_logger
from agent_platform.storage.caught_failures import error_of
from agent_platform.storage.executions import Execution, payload_key
from agent_platform.storage.payloads import is_large
from agent_platform.workflows.references import filled
from agent_platform.workflows.spans import step_span
from agent_platform.workflows.step_data import Entry, StepData
from agent_platform.workflows.step_requests import AgentStepRequest, read_agent_step
from functions.run_agent.service import RunAgentService

LONGEST_KEY = 255
"""Characters of an idempotency key."""


class WorkflowStepEntry:
    """The function as the state machine of a workflow sees it."""

    def __init__(self, service: RunAgentService, data: StepData) -> None:
        self._service = service
        self._data = data

    def execute(self, event: dict[str, Any], patience: Patience = PATIENT) -> Entry:
        """Execute the agent on the filled template and return the entry of the step.

        Tried again, also by a run that repeats this one, a step that succeeded is answered from its record.

        Raises:
            PlatformError: under its own class name, so that a state machine can retry and catch by name; also where
                the record tells of a failure.
        """
        request = read_agent_step(event)
        get_logger().append_keys(trace_id=request.run.trace_id, run_id=request.run.id, step_id=request.step)
        with step_span(request, "team" if request.team else "agent"):
            return self._executed(request, patience)

    def _executed(self, request: AgentStepRequest, patience: Patience) -> Entry:
        value = filled(request.template, self._data.scope(request))
        call = self._service.call(
            request.agent_id,
            value,
            Principal.from_document(request.run.principal),
            request.run.trace_id,
            patience,
            request.team,
            idempotency_key=step_key(request, value),
            run_id=request.run.id,
            step_id=request.step,
        )
        return self._entry(request, self._service.carry_out(call))

    def _entry(self, request: AgentStepRequest, execution: Execution) -> Entry:
        if execution.status != "succeeded":
            raise _error(execution)
        output = execution.output or {}
        detail = {
            "execution_id": execution.id,
            "cost_usd": float(execution.cost_usd + execution.delegated_cost_usd),
            **({"escalated": execution.escalation.rule} if execution.escalation else {}),
        }
        stored_at = payload_key(execution.id, "output", output) if is_large(output) else None
        return self._data.entry(request, output, detail, stored_at=stored_at)


def step_key(request: AgentStepRequest, value: JsonObject) -> str:
    """The idempotency key of a step: of its run or the one that this repeats, its place there, and its input."""
    digest = _digest(value, request.team)
    key = f"{request.run.key}:{request.place}{request.step}:{digest}"
    if len(key) <= LONGEST_KEY:
        return key
    place = hashlib.sha256(request.place.encode()).hexdigest()[:32]
    return f"{request.run.key}:{place}/{request.step}:{digest}"


def _digest(value: JsonObject, team: Team | None) -> str:
    asked: Any = {"input": value, "team": team.model_dump(mode="json")} if team else value
    canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _error(execution: Execution) -> PlatformError:
    """What a recorded execution without success means for the step."""
    if execution.error is None:
        return ExecutionCancelled(f"The execution `{execution.id}` was {execution.status}.")
    error = error_of(execution.error)
    error.execution_id = execution.id
    return error
