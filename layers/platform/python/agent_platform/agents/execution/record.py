"""Stage: whatever comes of a run is recorded with its event, in one transaction, before the caller hears of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol

from agent_platform.agents.definition import JsonObject
from agent_platform.agents.execution.call import Call, Proceed, Stage
from agent_platform.agents.guardrails.redaction import for_storage
from agent_platform.errors import ApprovalRequired, ExecutionCancelled, ModelCircuitOpen, ModelError, PlatformError
from agent_platform.observability import get_logger
from agent_platform.storage.executions import Execution, Failure, TokenUsage
from agent_platform.storage.transactions import Rider


class ExecutionRecorder(Protocol):
    """Writes an execution, its event and its counts: all or none."""

    def record(self, execution: Execution, riders: Sequence[Rider] = ()) -> Execution:
        """Write it with whatever rides along, and return what is stored: a cancelled execution stays cancelled.

        Raises StorageUnavailable when nothing was written.
        """


def record(recorder: ExecutionRecorder) -> Stage:
    """The stage that writes to `recorder`."""

    def stage(call: Call, proceed: Proceed) -> JsonObject:
        try:
            output = proceed(call)
        except PlatformError as error:
            failed = _execution(call, None, Failure(code=error.code, message=error.public_detail))
            if call.postpone and error_passes(error) and call.was_free:
                # No end yet: whoever queued it tries again, or writes its end when the tries are over.
                call.postpone([settle(failed) for settle in call.settlements])
                raise
            error.execution_id = call.id
            if isinstance(error, ApprovalRequired):
                failed = failed.model_copy(update={"tool_approval_id": error.approval_id})
            _keep(recorder, call, failed)
            raise
        except Exception:
            # A defect of ours: recorded like any failure, because the model may have been paid already.
            ours = PlatformError("A defect of the platform.")
            _keep(recorder, call, _execution(call, None, Failure(code=ours.code, message=ours.public_detail)))
            raise
        _keep(recorder, call, _execution(call, output, None))
        return output

    return stage


def _keep(recorder: ExecutionRecorder, call: Call, execution: Execution) -> None:
    """Write it, then log what is stored. Where it could not be written, only the log has its cost."""
    try:
        try:
            call.execution = recorder.record(execution, [settle(execution) for settle in call.settlements])
        except ExecutionCancelled:
            # What it used stays used; its output is nobody's, so what rides along is asked anew.
            over = execution.model_copy(update={"status": "cancelled", "output": None, "error": None})
            call.execution = recorder.record(over, [settle(over) for settle in call.settlements])
    except PlatformError:
        get_logger().error("execution_not_recorded", extra=_fields(execution))
        raise
    get_logger().info("agent_executed", extra=_fields(call.execution))


def _fields(execution: Execution) -> dict[str, object]:
    return {
        "execution_id": execution.id,
        "agent_id": execution.agent_id,
        "principal": execution.owner,
        "key_id": execution.key_id,
        "status": execution.status,
        "error_code": execution.error.code if execution.error else None,
        "cost_usd": float(execution.cost_usd),
        "duration_ms": execution.duration_ms,
    }


def error_passes(error: PlatformError) -> bool:
    """Whether another try may succeed: the model is overloaded, out of reach or suspended."""
    return isinstance(error, ModelCircuitOpen) or (isinstance(error, ModelError) and error.transient)


def unfinished(call: Call, status: Literal["queued", "running"]) -> Execution:
    """The execution of a call before its end, as it is recorded while it waits or runs."""
    return _execution(call, None, None).model_copy(update={"status": status, "finished_at": None, "duration_ms": 0})


def _execution(call: Call, output: JsonObject | None, failure: Failure | None) -> Execution:
    finished_at = datetime.now(UTC)
    used = call.meter.usage
    # A fresh count each time: a call may be written more than once, and its input counts once.
    redactions = {**call.redactions}
    return Execution(
        id=call.id,
        agent_id=call.definition.id,
        agent_version=call.definition.version,
        status="failed" if failure else "succeeded",
        model=call.model_id,
        provider=call.meter.provider,
        cost_usd=call.meter.cost_usd,
        duration_ms=round((finished_at - call.started_at).total_seconds() * 1000),
        started_at=call.started_at,
        owner=call.principal.user_id,
        input=for_storage(call.definition, call.input, redactions),
        output=output,
        error=failure,
        usage=TokenUsage(
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cache_read_tokens=used.cache_read_tokens,
            cache_write_tokens=used.cache_write_tokens,
        ),
        tool_calls=call.meter.tool_calls,
        finished_at=finished_at,
        trace_id=call.trace_id,
        cached=call.cached,
        delegated_cost_usd=call.meter.delegated_usd,
        escalation=call.escalation,
        redactions=redactions,
        session_id=call.session_id,
        batch_id=call.batch_id,
        run_id=call.run_id,
        step_id=call.step_id,
        key_id=call.principal.key_id,
        parent_id=call.parent.id if call.parent else None,
    )
