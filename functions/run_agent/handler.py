"""Lambda entry of one group's agents: HTTP by the gateway, or a direct invoke by a workflow step."""

from typing import Any

from agent_platform.agents.meter import PATIENT
from agent_platform.observability import get_logger
from agent_platform.tracing import flushed
from functions.run_agent.deadline import within
from functions.run_agent.deps import direct, gateway, wants_warm_up, warm_up, workflow_step

log = get_logger()

if wants_warm_up():
    warm_up()


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> Any:
    """Answer a gateway request; execute `{"agent_id", "input", "principal"}`; record what a state machine gave up."""
    if "agent_id" in event:
        return direct().execute(event, within(PATIENT, context))
    if "workflow_step" in event:
        return workflow_step().execute(event["workflow_step"], within(PATIENT, context))
    if "batch_line" in event:
        return direct().execute_line(event["batch_line"], within(PATIENT, context))
    if "record_failure" in event:
        return direct().record_failure(event["record_failure"])
    return gateway()(event, context)
