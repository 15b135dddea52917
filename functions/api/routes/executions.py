"""Past executions."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from agent_platform.agents.definition import AGENT_ID
from agent_platform.errors import ExecutionNotFound, InvalidCursor, InvalidInput, StorageUnavailable, Unauthenticated
from agent_platform.http import CurrentPrincipal, problems
from agent_platform.storage.executions import Execution, ExecutionPage
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(
    prefix="/executions",
    tags=["executions"],
    route_class=RevalidatedRoute,
    responses=NOT_MODIFIED | problems(Unauthenticated, InvalidInput, StorageUnavailable),
)


@router.get("", operation_id="list_executions", responses=problems(InvalidCursor))
def list_executions(
    principal: CurrentPrincipal,
    services: CurrentServices,
    agent_id: Annotated[
        str | None, Query(max_length=101, pattern=AGENT_ID, description="Only those of this agent")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> ExecutionPage:
    """My executions, newest first."""
    return services.executions.list_by_owner(principal.user_id, agent_id=agent_id, limit=limit, cursor=cursor)


@router.get("/{execution_id}", operation_id="get_execution", responses=problems(ExecutionNotFound))
def get_execution(
    execution_id: Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])],
    principal: CurrentPrincipal,
    services: CurrentServices,
) -> Execution:
    """One execution of mine, with input and output; an administrator may read anybody's."""
    return services.executions.get(execution_id, owner=None if principal.is_admin else principal.user_id)
