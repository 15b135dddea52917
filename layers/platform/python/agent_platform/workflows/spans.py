"""The spans of runs and their steps. A run has no process of its own: its span is written when it is over."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent_platform import tracing
from agent_platform.storage.runs import Run
from agent_platform.workflows.step_requests import StepRequest


@contextmanager
def step_span(request: StepRequest, kind: str) -> Iterator[None]:
    """Around one step, under the span of its run."""
    run = request.run
    about: dict[str, tracing.Value | None] = {
        "agent_platform.run.id": run.id,
        "agent_platform.step.id": request.step,
        "agent_platform.step.kind": kind,
        "agent_platform.workflow.id": run.workflow_id,
        "agent_platform.workflow.version": run.version,
    }
    with (
        tracing.continue_trace(run.trace_id, tracing.span_id_of(run.id)),
        tracing.span(f"step {request.step}", attributes=about),
    ):
        yield


def record_attempt(run: Run) -> None:
    """The span of an attempt that is over: the first is the run itself, a later one stands under it."""
    own, first = tracing.span_id_of(run.id), run.attempt == 1
    outer = tracing.span_id_of(run.parent_run_id) if run.parent_run_id else None
    tracing.past_span(
        f"invoke_workflow {run.workflow_name}",
        run.trace_id,
        run.began_at,
        run.finished_at or run.began_at,
        {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.agent.name": run.workflow_name,
            "gen_ai.workflow.name": run.workflow_name,
            "agent_platform.run.id": run.id,
            "agent_platform.run.attempt": run.attempt,
            "agent_platform.run.source": run.source.kind,
            "agent_platform.workflow.id": run.workflow_id,
            "agent_platform.workflow.version": run.version,
            "agent_platform.cost_usd": float(run.cost_usd or 0),
        },
        span_id=own if first else None,
        parent=outer if first else own,
        error_type=run.error.code if run.error else None,
    )
