"""Finding agents. Running one is not here: the gateway sends /agents/{group}/… straight to the group's own function."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent_platform.agents.catalogue import AgentCard
from agent_platform.errors import AgentNotFound, InvalidCursor, InvalidInput, Unauthenticated
from agent_platform.http import CurrentPrincipal, problems
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(tags=["catalogue"], route_class=RevalidatedRoute)

Slug = Annotated[str | None, Query(max_length=50, pattern=r"^[a-z][a-z0-9-]*$")]


class AgentPage(BaseModel):
    """One page of agents."""

    items: list[AgentCard]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")
    total: int = Field(description="How many agents match on all pages together")


@router.get(
    "/agents",
    operation_id="list_agents",
    responses=NOT_MODIFIED | problems(Unauthenticated, InvalidCursor, InvalidInput),
)
def list_agents(
    _: CurrentPrincipal,
    services: CurrentServices,
    q: Annotated[str, Query(max_length=200, description="Words to look for, best match first")] = "",
    group: Slug = None,
    tag: Slug = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> AgentPage:
    """The agents of the catalogue that match, or all of them by id."""
    page = services.catalogue.search(q, group, tag, limit=limit, cursor=cursor)
    return AgentPage(items=page.items, next_cursor=page.next_cursor, total=page.total)


@router.api_route(
    "/agents/{group}/{rest:path}",
    methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"],
    include_in_schema=False,
)
def unknown_group(_: CurrentPrincipal, group: str) -> None:
    """Every group that exists has its own function, so what arrives here names one that does not."""
    raise AgentNotFound(f"There is no group `{group[:50]}` of agents. GET /api/v1/groups lists those there are.")
