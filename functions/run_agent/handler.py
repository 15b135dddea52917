"""Lambda entry of one group's agents: HTTP by the gateway, or a direct invoke by a workflow step."""

from typing import Any

from agent_platform.observability import get_logger
from functions.run_agent.deps import gateway, service, wants_warm_up, warm_up
from functions.run_agent.invoke import execute_direct

log = get_logger()

if wants_warm_up():
    warm_up()


@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> Any:
    """Answer a gateway request, or execute `{"agent_id", "input", "principal"}` and return the execution."""
    if "agent_id" in event:
        return execute_direct(service(), event)
    return gateway()(event, context)
