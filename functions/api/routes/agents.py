"""Finding agents, by words or by what somebody asks for.

Running one is not here: the gateway sends /agents/{group}/… straight to the group's own function.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from agent_platform.agents.catalogue import AgentCard
from agent_platform.agents.definition import ModelTier
from agent_platform.errors import (
    AgentNotFound,
    AgentSwitchedOff,
    BudgetExceeded,
    DeadlineExceeded,
    DeclinedByRule,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    MalformedJson,
    ModelError,
    PayloadTooLarge,
    PolicyUndecided,
    RateLimited,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.finding.choosing import CANDIDATES
from agent_platform.http import CurrentPrincipal, CurrentTrace, problems
from agent_platform.http.few_fields import FewFields
from functions.api.choosing import Choice
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(tags=["catalogue"], route_class=RevalidatedRoute)

Slug = Annotated[str | None, Query(max_length=50, pattern=r"^[a-z][a-z0-9-]*$")]


class Facets(BaseModel):
    """How many of the matching agents have which value; a filter's own counts leave that filter out."""

    group: dict[str, int] = Field(description="Agents by group, the most frequent first")
    tag: dict[str, int] = Field(description="Agents by tag, the most frequent first")
    model: dict[str, int] = Field(description="Agents by model tier, the most frequent first")


class AgentPage(BaseModel):
    """One page of agents."""

    items: list[AgentCard]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")
    total: int = Field(description="How many agents match on all pages together")
    facets: Facets


class AskToRoute(FewFields):
    """What somebody wants, in their own words."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ask: str = Field(min_length=1, max_length=2_000, description="As one would say it to a colleague")
    limit: int = Field(default=5, ge=1, le=20, description="How many agents to name at most")
    choose: bool = Field(
        default=False,
        description="Whether Claude picks among the nearest ten: some seconds, and an execution of yours that costs",
    )


class RoutedAgent(BaseModel):
    """One agent for an ask."""

    agent: AgentCard
    score: float = Field(description="How sure it is that this agent is meant: 0 to 1")
    reason: str = Field(description="What speaks for it")


class RoutedAsk(BaseModel):
    """The agents for an ask, best first."""

    fits: bool = Field(description="False: none is sure enough to send anybody there; `agents` are only the nearest")
    agents: list[RoutedAgent]
    floor: float = Field(description="The score that the first agent needs to fit")
    choice: Choice | None = Field(description="With `choose`: what Claude chose. It decides `fits`, and comes first")


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
    model: Annotated[ModelTier | None, Query(description="Only agents of this model tier")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> AgentPage:
    """The agents of the catalogue that match, or all of them by id.

    A word may be the beginning of one, and mistyped by a letter or two.
    """
    page = services.search.search(q, group, tag, model, limit=limit, cursor=cursor)
    return AgentPage(
        items=page.items, next_cursor=page.next_cursor, total=page.total, facets=Facets.model_validate(page.facets)
    )


@router.post(
    "/agents/route",
    operation_id="route_ask",
    responses=problems(
        Unauthenticated,
        Forbidden,
        MalformedJson,
        PayloadTooLarge,
        UnsupportedMediaType,
        InvalidInput,
        RateLimited,
        BudgetExceeded,
        AgentSwitchedOff,
        PolicyUndecided,
        StorageUnavailable,
        DeclinedByRule,
        DeadlineExceeded,
        ModelError,
        *ModelError.__subclasses__(),
    ),
)
def route_ask(
    principal: CurrentPrincipal, services: CurrentServices, trace_id: CurrentTrace, body: AskToRoute
) -> RoutedAsk:
    """Which agents do what is asked for, each with a reason; or, below the floor, that none fits.

    With `choose`, Claude reads what the nearest ten do, and says which it is, or that it is none of them.
    """
    found = services.router.route(body.ask, max(body.limit, CANDIDATES) if body.choose else body.limit)
    choice, fits, matches = None, found.fits, found.matches
    if body.choose and matches:
        choice = services.chooser.choose(body.ask, matches[:CANDIDATES], principal, trace_id)
        fits = choice.agent_id is not None
        matches = sorted(matches, key=lambda each: each.card.id != choice.agent_id)
    agents = [RoutedAgent(agent=each.card, score=each.score, reason=each.reason) for each in matches[: body.limit]]
    return RoutedAsk(fits=fits, agents=agents, floor=services.router.floor, choice=choice)


@router.api_route(
    "/agents/{group}/{rest:path}",
    methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"],
    include_in_schema=False,
)
def unknown_group(_: CurrentPrincipal, group: str) -> None:
    """Every group that exists has its own function, so what arrives here names one that does not."""
    raise AgentNotFound(f"There is no group `{group[:50]}` of agents. GET /api/v1/groups lists those there are.")
