"""Agents that people write through the API. Executed they are like any other, under `/agents/custom/{name}`."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from agent_platform.agents.catalogue import AgentCard
from agent_platform.agents.definition import Slug, Version
from agent_platform.agents.schemas import json_faults
from agent_platform.errors import (
    AgentFailsGates,
    AgentNameTaken,
    AgentNotFound,
    AgentVersionNotFound,
    Conflict,
    Forbidden,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, problems
from agent_platform.http.few_fields import FewFields
from agent_platform.storage.executions import Timestamp
from functions.api.deps import CurrentServices

if TYPE_CHECKING:
    from agent_platform.storage.custom_agents import CustomAgent

MAX_BYTES = 64 * 1024
"""Of a definition, as of one in a file."""

router = APIRouter(
    tags=["custom agents"], responses=problems(Unauthenticated, Forbidden, InvalidInput, StorageUnavailable)
)

BODY = (MalformedJson, PayloadTooLarge, UnsupportedMediaType)
Name = Annotated[str, Path(max_length=50, pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", examples=["quote-rounder"])]


class DraftBody(FewFields):
    """A definition, with the fields of a file of `agent_defs`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    definition: dict[str, Any] = Field(description="agent_defs/schema.json says which fields there are")


class NewCustomAgent(DraftBody):
    """A name and a first draft."""

    name: Annotated[Slug, StringConstraints(min_length=3), Field(description="Its id becomes custom/<name>")]

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name == "published":
            raise ValueError("is the address of the list of published agents; choose another name")
        return name


class RollBack(FewFields):
    """To which version."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Version


class CustomAgentView(BaseModel):
    """An agent as its author sees it."""

    id: str
    name: str
    live_version: str | None = Field(description="What is executed; null if it is not published")
    draft: dict[str, Any] = Field(description="The definition as it was sent last")
    created_at: Timestamp
    updated_at: Timestamp


class CustomAgentList(BaseModel):
    """All agents of one author."""

    items: list[CustomAgentView]


class PublishedList(BaseModel):
    """The published agents of all authors."""

    items: list[AgentCard]


class Fault(BaseModel):
    """What is wrong at a field."""

    field: str
    message: str


class GateReport(BaseModel):
    """How a draft stands up to the gates of the catalogue."""

    passes: bool
    faults: list[Fault] = Field(description="What is wrong with it in itself, or beside the other agents")
    findings: list[str] = Field(
        description="How it is found and reached among all others; empty while there are faults"
    )


@router.post(
    "/agents",
    operation_id="create_custom_agent",
    status_code=201,
    responses=problems(*BODY, AgentNameTaken),
)
def create_custom_agent(
    body: NewCustomAgent, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> CustomAgentView:
    """Write an agent of your own. It is a draft until it is published."""
    agent = services.custom_agents.create(body.name, _checked(body), owner=principal.user_id)
    response.headers["Location"] = f"{API_PREFIX}/custom-agents/{agent.name}"
    return _view(agent)


@router.get("/custom-agents", operation_id="list_custom_agents")
def list_custom_agents(principal: CurrentPrincipal, services: CurrentServices) -> CustomAgentList:
    """The agents that you wrote, by name; there are a hundred at most."""
    return CustomAgentList(
        items=[_view(each) for each in services.custom_agents.agents.list_by_owner(principal.user_id)]
    )


@router.get("/custom-agents/published", operation_id="list_published_custom_agents")
def list_published_custom_agents(_: CurrentPrincipal, services: CurrentServices) -> PublishedList:
    """The published agents of all authors, by name."""
    found = services.custom_agents.published()
    cards = [AgentCard.model_validate({**dict(each), "group": each.group, "tags": list(each.tags)}) for each in found]
    return PublishedList(items=cards)


@router.get("/custom-agents/{name}", operation_id="get_custom_agent", responses=problems(AgentNotFound))
def get_custom_agent(name: Name, principal: CurrentPrincipal, services: CurrentServices) -> CustomAgentView:
    """One agent that you wrote, with its draft."""
    return _view(services.custom_agents.agents.get(name, owner=principal.user_id))


@router.put("/custom-agents/{name}", operation_id="write_custom_agent", responses=problems(*BODY, AgentNotFound))
def write_custom_agent(
    name: Name, body: DraftBody, principal: CurrentPrincipal, services: CurrentServices
) -> CustomAgentView:
    """Put another draft in the place of the last. What is live stays live."""
    return _view(services.custom_agents.write(name, _checked(body), owner=principal.user_id))


@router.post("/custom-agents/{name}/check", operation_id="check_custom_agent", responses=problems(AgentNotFound))
def check_custom_agent(name: Name, principal: CurrentPrincipal, services: CurrentServices) -> GateReport:
    """Hold the draft to the gates that every shipped agent has passed; it takes some seconds."""
    report = services.custom_agents.check(name, owner=principal.user_id)
    faults = [Fault(field=each.field, message=each.message) for each in report.faults]
    return GateReport(passes=report.passes, faults=faults, findings=list(report.findings))


@router.post(
    "/custom-agents/{name}/publish",
    operation_id="publish_custom_agent",
    responses=problems(AgentNotFound, AgentFailsGates, Conflict),
)
def publish_custom_agent(name: Name, principal: CurrentPrincipal, services: CurrentServices) -> CustomAgentView:
    """Let the draft be what is executed, if it passes the gates and its version says what changed."""
    return _view(services.custom_agents.publish(name, owner=principal.user_id))


@router.post(
    "/custom-agents/{name}/roll-back",
    operation_id="roll_back_custom_agent",
    responses=problems(*BODY, AgentNotFound, AgentVersionNotFound),
)
def roll_back_custom_agent(
    name: Name, body: RollBack, principal: CurrentPrincipal, services: CurrentServices
) -> CustomAgentView:
    """Let a version that was published before be what is executed; the draft stays."""
    return _view(services.custom_agents.roll_back(name, body.version, owner=principal.user_id))


@router.post("/custom-agents/{name}/withdraw", operation_id="withdraw_custom_agent", responses=problems(AgentNotFound))
def withdraw_custom_agent(name: Name, principal: CurrentPrincipal, services: CurrentServices) -> CustomAgentView:
    """Let nothing be executed under its name until a version is published, or rolled back to."""
    return _view(services.custom_agents.withdraw(name, owner=principal.user_id))


@router.delete(
    "/custom-agents/{name}",
    operation_id="delete_custom_agent",
    status_code=204,
    responses=problems(AgentNotFound, Conflict),
)
def delete_custom_agent(name: Name, principal: CurrentPrincipal, services: CurrentServices) -> None:
    """Remove an agent that is not live, with its draft and its versions; executions of it stay on record."""
    services.custom_agents.delete(name, owner=principal.user_id)


def _checked(body: DraftBody) -> dict[str, Any]:
    faults = json_faults(body.definition, root="definition", max_bytes=MAX_BYTES)
    if faults:
        raise InvalidInput("The definition cannot be stored.", errors=faults)
    return body.definition


def _view(agent: "CustomAgent") -> CustomAgentView:
    return CustomAgentView(
        id=agent.id,
        name=agent.name,
        live_version=agent.live_version,
        draft=agent.draft,
        created_at=agent.created_at,
        updated_at=agent.updated_at,
    )
