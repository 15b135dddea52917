"""Runs of workflows: seeing them, stopping them, retrying them."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from agent_platform.errors import (
    AlreadyFinished,
    InvalidCursor,
    InvalidInput,
    RunNotFound,
    RunNotRetryable,
    StorageUnavailable,
    Unauthenticated,
    WorkflowArchived,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, CurrentTrace, problems
from agent_platform.storage.runs import RunPage, RunStatus
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute
from functions.api.run_models import RunDetail, RunView

router = APIRouter(
    prefix="/runs",
    tags=["runs"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)

LONGEST_WAIT = 15
"""Seconds after which a caller should look again at the latest."""

RunId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]


@router.get("", operation_id="list_runs", responses=NOT_MODIFIED | problems(InvalidCursor))
def list_runs(
    principal: CurrentPrincipal,
    services: CurrentServices,
    workflow_id: Annotated[str | None, Query(max_length=100, description="Only those of this workflow")] = None,
    status: Annotated[RunStatus | None, Query(description="Only those that stand so")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> RunPage:
    """My runs, the newest first, those that schedules and events started included."""
    return services.workflows.runs(
        principal.user_id, workflow_id=workflow_id, status=status, limit=limit, cursor=cursor
    )


@router.get("/{run_id}", operation_id="get_run", responses=NOT_MODIFIED | problems(RunNotFound))
def get_run(run_id: RunId, principal: CurrentPrincipal, services: CurrentServices, response: Response) -> RunDetail:
    """One run of mine with every step; an administrator may read anybody's.

    While it runs, `Retry-After` says when to look again.
    """
    detail = RunDetail.showing(services.workflows.run(run_id, principal))
    if detail.status == "running":
        age = (datetime.now(UTC) - detail.started_at).total_seconds()
        response.headers["Retry-After"] = str(max(1, min(LONGEST_WAIT, round(age / 10))))
    return detail


@router.post(
    "/{run_id}/stop", operation_id="stop_run", status_code=202, responses=problems(RunNotFound, AlreadyFinished)
)
def stop_run(run_id: RunId, principal: CurrentPrincipal, services: CurrentServices) -> RunView:
    """Stop a run of mine: no further step begins, and approvals it waits for are withdrawn.

    An agent that is at work finishes and is paid.
    """
    return RunView.of(services.workflows.stop(run_id, owner=principal.user_id))


@router.post(
    "/{run_id}/retry",
    operation_id="retry_run",
    status_code=202,
    responses=problems(RunNotFound, RunNotRetryable, WorkflowArchived),
)
def retry_run(
    run_id: RunId, principal: CurrentPrincipal, services: CurrentServices, trace_id: CurrentTrace, response: Response
) -> RunView:
    """Go on with a run of mine that failed or was stopped, from the step that failed.

    What succeeded is kept. The answer is the run that goes on: the same one with the next `attempt`, or, where that is
    not possible any more, a new one with `retry_of`, whose agents are not paid twice within 24 hours.
    """
    run = services.workflows.retry(run_id, principal, trace_id=trace_id)
    response.headers["Location"] = f"{API_PREFIX}/runs/{run.id}"
    return RunView.of(run)
