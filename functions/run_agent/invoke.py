"""Execute by direct invoke, as a workflow step does: the same pipeline, without HTTP."""

import secrets
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from agent_platform.agents.definition import AgentId, JsonObject
from agent_platform.errors import FieldError, InvalidInput
from agent_platform.identity.principal import Principal
from agent_platform.observability import get_logger
from functions.run_agent.service import RunAgentService


class DirectCaller(BaseModel):
    """On whose behalf a workflow runs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    user_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    email: str = ""
    roles: list[str] = []


class DirectRequest(BaseModel):
    """The event of a direct invoke. Only roles that may invoke the function by IAM can send one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    agent_id: AgentId
    input: JsonObject
    principal: DirectCaller
    trace_id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")] = Field(
        default_factory=lambda: secrets.token_hex(16)
    )


def execute_direct(service: RunAgentService, event: dict[str, Any]) -> dict[str, Any]:
    """Execute and return the recorded execution as JSON, without its input.

    Raises:
        PlatformError: under its own class name, so that a state machine can retry and catch by name.
    """
    try:
        request = DirectRequest.model_validate(event)
    except ValidationError as error:
        faults = [FieldError(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
        details = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise InvalidInput(f"The event is not an agent execution: {details}", errors=faults) from None
    get_logger().append_keys(trace_id=request.trace_id)
    caller = request.principal
    principal = Principal(caller.user_id, caller.email, frozenset(caller.roles), token_id="")
    execution = service.execute(request.agent_id, request.input, principal, request.trace_id)
    # The state machine has the input already, and Step Functions carries 256 KiB.
    return execution.model_dump(mode="json", exclude={"input"})
