"""What may be spent: one's own budget, and the ceilings that administrators set."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from agent_platform.errors import (
    AgentNotFound,
    BadRequest,
    Forbidden,
    InvalidInput,
    MalformedJson,
    NotFound,
    PayloadTooLarge,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import CurrentPrincipal, problems
from agent_platform.resilience.account import agent_account, user_account
from agent_platform.resilience.budgets import Budget
from functions.api.deps import CurrentServices, Services
from functions.api.models import Body
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(
    tags=["budgets"], route_class=RevalidatedRoute, responses=problems(Unauthenticated, StorageUnavailable)
)
FOR_ADMINISTRATORS = problems(Forbidden, NotFound, InvalidInput)
OF_AGENTS = problems(Forbidden, NotFound, AgentNotFound, InvalidInput)
CHANGING = problems(BadRequest, MalformedJson, PayloadTooLarge, UnsupportedMediaType)

UserId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]
Segment = Annotated[str, Path(max_length=50)]


class CeilingRequest(Body):
    """A ceiling in USD a calendar month (UTC)."""

    ceiling_usd: Annotated[
        float | None,
        Field(ge=0, le=1_000_000, allow_inf_nan=False, description="null gives back the default", examples=[250.0]),
    ]

    @property
    def exact(self) -> Decimal | None:
        """The number as it was written."""
        return None if self.ceiling_usd is None else Decimal(str(self.ceiling_usd))


@router.get("/me/budget", operation_id="get_my_budget", responses=NOT_MODIFIED)
def get_my_budget(principal: CurrentPrincipal, services: CurrentServices) -> Budget:
    """What I may still spend this month."""
    return services.budgets.read(user_account(principal.user_id), services.user_monthly_usd)


@router.get("/budgets/users/{user_id}", operation_id="get_user_budget", responses=NOT_MODIFIED | FOR_ADMINISTRATORS)
def get_user_budget(_: CurrentPrincipal, services: CurrentServices, user_id: UserId) -> Budget:
    """What a user may still spend this month; for administrators."""
    return services.budgets.read(_user(services, user_id), services.user_monthly_usd)


@router.put("/budgets/users/{user_id}", operation_id="set_user_budget", responses=FOR_ADMINISTRATORS | CHANGING)
def set_user_budget(_: CurrentPrincipal, services: CurrentServices, user_id: UserId, body: CeilingRequest) -> Budget:
    """Give a user a ceiling from now on, this month included; for administrators."""
    return services.budgets.set_ceiling(_user(services, user_id), body.exact, services.user_monthly_usd)


@router.get("/budgets/agents/{group}/{name}", operation_id="get_agent_budget", responses=NOT_MODIFIED | OF_AGENTS)
def get_agent_budget(_: CurrentPrincipal, services: CurrentServices, group: Segment, name: Segment) -> Budget:
    """What an agent may still spend this month, over all users; for administrators."""
    return services.budgets.read(*_agent(services, f"{group}/{name}"))


@router.put("/budgets/agents/{group}/{name}", operation_id="set_agent_budget", responses=OF_AGENTS | CHANGING)
def set_agent_budget(
    _: CurrentPrincipal, services: CurrentServices, group: Segment, name: Segment, body: CeilingRequest
) -> Budget:
    """Give an agent a ceiling over all users from now on, this month included; for administrators."""
    account, default = _agent(services, f"{group}/{name}")
    return services.budgets.set_ceiling(account, body.exact, default)


def _user(services: Services, user_id: str) -> str:
    """The account of a user who exists; their id can be written in several ways, of which one names the account."""
    try:
        return user_account(services.users.get(user_id).id)
    except Unauthenticated:
        raise NotFound(f"There is no user `{user_id}`, or their account is disabled.") from None


def _agent(services: Services, agent_id: str) -> tuple[str, Decimal]:
    """The account of an agent, with the ceiling of its definition.

    Raises:
        AgentNotFound: there is no such agent.
        NotFound: it has no account, because its definition names no ceiling.
    """
    ceiling = services.catalogue.get(agent_id).limits.monthly_cost_usd
    if ceiling is None:
        raise NotFound(
            f"`{agent_id}` has no budget of its own: only its users' budgets limit it. "
            "Set limits.monthly_cost_usd in its definition first."
        )
    return agent_account(agent_id), Decimal(str(ceiling))
