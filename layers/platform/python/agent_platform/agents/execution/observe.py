"""Stage: what came of a call is counted, refusals as well, which leave no execution behind."""

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed
from agent_platform.errors import PlatformError
from agent_platform.observability import Amount, count, get_logger
from agent_platform.storage.executions import Execution


def observe(call: Call, proceed: Proceed) -> JsonObject:
    """Count the execution once it is recorded, or the refusal by its code; a replay is counted as neither."""
    recorded_before = call.execution
    try:
        return proceed(call)
    except PlatformError as error:
        if call.execution is None:
            _count_unrecorded(call, error)
        raise
    finally:
        if call.execution is not recorded_before and call.execution is not None and not call.replayed:
            _count_execution(call.execution, call.definition.group)


def _count_execution(execution: Execution, group: str) -> None:
    amounts: dict[str, Amount] = {
        "Executions": ("Count", 1),
        "FailedExecutions": ("Count", int(execution.status == "failed")),
        "CacheHits": ("Count", int(execution.cached)),
        "Escalations": ("Count", int(execution.escalation is not None)),
        "Duration": ("Milliseconds", execution.duration_ms),
        "InputTokens": ("Count", execution.usage.input_tokens),
        "OutputTokens": ("Count", execution.usage.output_tokens),
        "CostUsd": ("None", float(execution.cost_usd)),
    }
    about = {
        "agent_id": execution.agent_id,
        "execution_id": execution.id,
        "trace_id": execution.trace_id,
        "principal": execution.owner,
        "key_id": execution.key_id or "",
        "error_code": execution.error.code if execution.error else "",
    }
    count({"group": group}, amounts, about)
    # An alarm can add up ten metrics at most, and there are more groups than that.
    count({}, {"CostUsd": amounts["CostUsd"]}, {})
    if execution.error:
        count({"code": execution.error.code}, {"Failures": ("Count", 1)}, about)


def _count_unrecorded(call: Call, error: PlatformError) -> None:
    """A refusal; or a failure of ours, such as a table that does not answer, which is logged where it happened."""
    about = {
        "agent_id": call.definition.id,
        "trace_id": call.trace_id,
        "principal": call.principal.user_id,
        "key_id": call.principal.key_id or "",
    }
    if error.status >= 500:
        count({"code": error.code}, {"Failures": ("Count", 1)}, about)
        return
    get_logger().info("agent_refused", extra={**about, "error_code": error.code})
    count({"code": error.code}, {"Refusals": ("Count", 1)}, about)
