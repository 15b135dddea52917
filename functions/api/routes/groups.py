"""The domains of the catalogue, and its tags."""

from fastapi import APIRouter
from pydantic import BaseModel

from agent_platform.agents.catalogue import Group, Tag
from agent_platform.errors import Unauthenticated
from agent_platform.http import CurrentPrincipal, problems
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(tags=["catalogue"], route_class=RevalidatedRoute, responses=NOT_MODIFIED | problems(Unauthenticated))


class GroupList(BaseModel):
    """Every group, by name."""

    items: list[Group]


class TagList(BaseModel):
    """Every tag in use, the most used first."""

    items: list[Tag]


@router.get("/groups", operation_id="list_groups")
def list_groups(_: CurrentPrincipal, services: CurrentServices) -> GroupList:
    """The groups of agents, with the number of agents in each."""
    return GroupList(items=services.catalogue.groups())


@router.get("/tags", operation_id="list_tags")
def list_tags(_: CurrentPrincipal, services: CurrentServices) -> TagList:
    """The tags by which agents can be filtered."""
    return TagList(items=services.catalogue.tags())
