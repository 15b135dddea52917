"""Switch agents off and on while the platform runs."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from agent_platform.agents.custom import GROUP
from agent_platform.errors import (
    AgentNotFound,
    Forbidden,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import CurrentPrincipal, problems
from agent_platform.http.few_fields import FewFields
from agent_platform.observability import get_logger
from agent_platform.storage.agent_switches import SwitchedOff
from functions.api.deps import CurrentServices, Services

ALL = "*"
"""In place of a name: every agent of the group."""

router = APIRouter(
    prefix="/agent-switches",
    tags=["agents"],
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)


class Switch(BaseModel):
    """An agent, or all of a group, that is off."""

    agent: str = Field(description="group/name, or group/* for all agents of a group")
    reason: str
    since: datetime


class AgentSwitchList(BaseModel):
    """Everything that is off."""

    items: list[Switch]


class NewSwitch(FewFields):
    """On, or off for a reason."""

    model_config = ConfigDict(extra="forbid", strict=True)

    on: bool
    reason: Annotated[
        str | None,
        StringConstraints(min_length=3, max_length=300, strip_whitespace=True),
        Field(description="What whoever wants to execute it is told; needed to switch it off"),
    ] = None

    @model_validator(mode="after")
    def _says_why(self) -> "NewSwitch":
        if not self.on and self.reason is None:
            raise ValueError("an agent is switched off for a `reason`, which its users are told")
        return self


@router.get("", operation_id="list_agent_switches")
def list_agent_switches(_: CurrentPrincipal, services: CurrentServices) -> AgentSwitchList:
    """Every agent, and every group, that is switched off; all others are on."""
    off = services.switch_board.read().off
    return AgentSwitchList(
        items=[Switch(agent=agent, reason=each.reason, since=each.since) for agent, each in off.items()]
    )


@router.put(
    "/{group}/{name}",
    operation_id="set_agent_switch",
    responses=problems(Forbidden, AgentNotFound, MalformedJson, PayloadTooLarge, UnsupportedMediaType),
)
def set_agent_switch(
    group: Annotated[str, Path(max_length=50)],
    name: Annotated[str, Path(max_length=100, description="Or `*` for every agent of the group")],
    body: NewSwitch,
    principal: CurrentPrincipal,
    services: CurrentServices,
) -> AgentSwitchList:
    """Switch an agent off, or on again; every function knows within fifteen seconds. What runs by then runs on."""
    _check_exists(services, group, name)
    off = None if body.on else SwitchedOff(reason=body.reason or "", since=datetime.now(UTC))
    switches = services.switch_board.change(f"{group}/{name}", off)
    about = {"agent_id": f"{group}/{name}", "on": body.on, "reason": body.reason, "principal": principal.user_id}
    get_logger().info("agent_switched", extra=about)
    return AgentSwitchList(
        items=[Switch(agent=agent, reason=each.reason, since=each.since) for agent, each in switches.off.items()]
    )


def _check_exists(services: Services, group: str, name: str) -> None:
    if name != ALL:
        services.catalogue.get(f"{group}/{name}")
    elif group != GROUP and not services.catalogue.ids(group):
        raise AgentNotFound(f"There is no agent in a group `{group[:50]}`. GET /api/v1/groups lists the groups.")
