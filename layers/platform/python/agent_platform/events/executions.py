"""The event of an execution."""

from agent_platform.events.envelope import CloudEvent
from agent_platform.storage.executions import Execution
from agent_platform.storage.outbox import OutboxEvent
from agent_platform.tracing import span_id_of, traceparent_in


def agent_executed(execution: Execution, table: str) -> OutboxEvent:
    """`agent.executed`, ready for the outbox: cost and outcome, never content, which stays in one place."""
    event = CloudEvent(
        type="agent.executed",
        subject=execution.agent_id,
        time=execution.finished_at or execution.started_at,
        traceparent=traceparent_in(execution.trace_id, span_id_of(execution.id)),
        # Why something was handed to a person may quote the input.
        data=execution.model_dump(
            mode="json",
            exclude=dict.fromkeys(("input", "output", "trace_id", "tool_approval_id"), True)
            | {"escalation": {"reason"}},
        ),
    )
    return OutboxEvent(
        table=table,
        id=event.id,
        subject=event.subject,
        event=event.model_dump_json(exclude_none=True),
    )
