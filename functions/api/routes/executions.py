"""Past executions."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from agent_platform.agents.definition import AGENT_ID
from agent_platform.errors import (
    AlreadyFinished,
    ExecutionNotFound,
    InvalidCursor,
    InvalidInput,
    StorageUnavailable,
    Unauthenticated,
)
from agent_platform.http import CurrentPrincipal, problems
from agent_platform.storage.executions import Execution, ExecutionPage, ExecutionStatus
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(
    prefix="/executions",
    tags=["executions"],
    route_class=RevalidatedRoute,
    responses=NOT_MODIFIED | problems(Unauthenticated, InvalidInput, StorageUnavailable),
)


ExecutionId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]

LONGEST_WAIT = 30
"""Seconds after which a caller should look again at the latest."""


@router.get("", operation_id="list_executions", responses=problems(InvalidCursor))
def list_executions(
    principal: CurrentPrincipal,
    services: CurrentServices,
    agent_id: Annotated[
        str | None, Query(max_length=101, pattern=AGENT_ID, description="Only those of this agent")
    ] = None,
    status: Annotated[ExecutionStatus | None, Query(description="Only those that stand so")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> ExecutionPage:
    """My executions, newest first."""
    return services.executions.list_by_owner(
        principal.user_id, agent_id=agent_id, status=status, limit=limit, cursor=cursor
    )


@router.get("/{execution_id}", operation_id="get_execution", responses=problems(ExecutionNotFound))
def get_execution(
    execution_id: ExecutionId, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> Execution:
    """One execution of mine, with input and output; an administrator may read anybody's.

    While it waits or runs, `Retry-After` says when to look again.
    """
    owner = None if principal.is_admin else principal.user_id
    return _with_patience(services.executions.get(execution_id, owner=owner), response)


@router.post(
    "/{execution_id}/cancel",
    operation_id="cancel_execution",
    status_code=202,
    responses=problems(ExecutionNotFound, AlreadyFinished),
)
def cancel_execution(
    execution_id: ExecutionId, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> Execution:
    """Cancel an execution of mine that was accepted with `Prefer: respond-async`, or is a line of a batch.

    One that waits is over at once. One that runs is marked: what the model is doing is paid and thrown away, and its
    cost is added when it comes. An execution whose caller waits for the answer has no record yet and is not found.
    """
    owner = None if principal.is_admin else principal.user_id
    execution = services.recorder.cancel(execution_id, owner=owner)
    if execution.finished_at is not None:
        services.run_agent.stop(execution_id, "cancelled by its owner")
    return _with_patience(execution, response)


def _with_patience(execution: Execution, response: Response) -> Execution:
    if execution.status in ("queued", "running") or execution.finished_at is None:
        age = (datetime.now(UTC) - execution.started_at).total_seconds()
        response.headers["Retry-After"] = str(max(1, min(LONGEST_WAIT, round(age / 4))))
    return execution
