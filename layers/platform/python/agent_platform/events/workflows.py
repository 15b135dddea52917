"""The events of a run: that an attempt of it began, and how it ended."""

from agent_platform.events.envelope import CloudEvent, EventType, traceparent
from agent_platform.ids import fixed_id
from agent_platform.storage.outbox import OutboxEvent
from agent_platform.storage.runs import Run, RunSummary
from agent_platform.tracing import span_id_of


def workflow_started(run: Run, table: str) -> OutboxEvent:
    """`workflow.started` of the run's present attempt, ready for the outbox."""
    return _event("workflow.started", run, table)


def workflow_ended(run: Run, table: str) -> OutboxEvent:
    """`workflow.completed` of a run that succeeded, `workflow.failed` of one that failed or was stopped."""
    return _event("workflow.completed" if run.status == "succeeded" else "workflow.failed", run, table)


def _event(kind: EventType, run: Run, table: str) -> OutboxEvent:
    """The facts of the run, never what went in or came out, which stays in one place.

    Its id is made of run, attempt and whether it tells of the beginning or the end, so nobody can tell that twice;
    among the events of one run, ids sort in the order of what happened.
    """
    begins = kind == "workflow.started"
    event = CloudEvent(
        id=fixed_id(run.began_at, f"{run.id}:{run.attempt}:{'start' if begins else 'end'}", order=0 if begins else 1),
        type=kind,
        subject=run.id,
        time=run.began_at if begins else run.finished_at or run.began_at,
        traceparent=traceparent(run.trace_id, span_id_of(run.id)),
        data={**run.model_dump(mode="json", include=set(RunSummary.model_fields)), "owner": run.owner},
    )
    return OutboxEvent(
        table=table,
        id=event.id,
        subject=event.subject,
        event=event.model_dump_json(exclude_none=True),
    )
