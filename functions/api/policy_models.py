"""What the routes of policies take and answer."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field, IPvAnyAddress

from agent_platform.agents.definition import AGENT_ID, AGENT_ID_LENGTH
from agent_platform.identity.policy import Action, Decision, Question
from functions.api.models import Body

if TYPE_CHECKING:
    from agent_platform.identity.policy.manifest import Manifest

CheckName = Literal["role", "agents_of_roles", "scope", "agents_of_key", "denials"]


class RoleView(BaseModel):
    """A role, and what it allows."""

    name: str
    summary: str
    actions: list[Action]
    mine: bool


class PolicyView(BaseModel):
    """The policy that is enforced, as far as everybody may know it."""

    version: str
    next_version: str | None = Field(description="Of the one that is evaluated beside it, and not enforced")
    actions: list[Action]
    roles: list[RoleView]


class ExplainRequest(Body):
    """A question: may I, or may somebody else, do this?"""

    action: Action
    agent_id: Annotated[
        str | None,
        Field(
            pattern=AGENT_ID,
            max_length=AGENT_ID_LENGTH,
            description="Which agent it is done to, for actions that are done to one",
            examples=["finance-accounting/three-way-match-checker"],
        ),
    ] = None
    user: Annotated[
        str | None,
        Field(min_length=1, max_length=254, description="Id or e-mail address of somebody else; for administrators"),
    ] = None
    cost_usd: Annotated[
        float | None,
        Field(
            ge=0,
            le=1_000_000,
            allow_inf_nan=False,
            description="What an execution may cost; left out, that of the agent's example",
        ),
    ] = None
    source_ip: Annotated[
        IPvAnyAddress | None, Field(description="As if asked from there; left out, from where you ask")
    ] = None
    at: Annotated[datetime | None, Field(strict=False, description="As if asked then; left out, now")] = None


class CheckView(BaseModel):
    """One part of a decision."""

    check: CheckName
    passed: bool
    by: list[str] = Field(description="Roles that allow it, or denials that forbid it")


class Explanation(BaseModel):
    """A decision and why it is so."""

    allowed: bool
    reasons: list[str]
    rules: list[str] = Field(description="What decided: `role:…`, `denial:…`, or what is missing", examples=[["role"]])
    version: str
    checks: list[CheckView] = Field(description="In the order in which they are looked at")
    next: "NextDecision | None" = Field(description="What the next version would decide, where there is one")
    user_id: str
    roles: list[str]
    action: Action
    agent_id: str | None
    tags: list[str]
    cost_usd: float | None


class NextDecision(BaseModel):
    """The decision of the version that is not enforced yet."""

    allowed: bool
    reasons: list[str]
    rules: list[str]
    version: str


def policy_view(manifest: "Manifest", next_version: str | None, mine: frozenset[str]) -> PolicyView:
    """What everybody may know of a policy."""
    roles = [
        RoleView(name=name, summary=role.summary, actions=role.actions, mine=name in mine)
        for name, role in manifest.roles.items()
    ]
    actions = sorted({action for role in roles for action in role.actions})
    return PolicyView(version=manifest.version, next_version=next_version, actions=actions, roles=roles)


def explanation(question: Question, decision: Decision, shadow: Decision | None) -> Explanation:
    """A decision in parts."""
    what = question.resource
    return Explanation(
        allowed=decision.allowed,
        reasons=list(decision.reasons),
        rules=list(decision.rules),
        version=decision.version,
        checks=_checks(question, decision),
        next=NextDecision(
            allowed=shadow.allowed, reasons=list(shadow.reasons), rules=list(shadow.rules), version=shadow.version
        )
        if shadow
        else None,
        user_id=question.principal.user_id,
        roles=sorted(question.principal.roles),
        action=question.action,
        agent_id=what.id if what.kind == "agent" else None,
        tags=list(what.tags),
        cost_usd=what.cost_usd,
    )


def _checks(question: Question, decision: Decision) -> list[CheckView]:
    who, of_agent = question.principal, question.resource.kind == "agent"
    roles = _named("role:", decision)
    denials = _named("denial:", decision)
    found = [CheckView(check="role", passed="role" not in decision.rules, by=roles)]
    if of_agent:
        passed = not {"role", "role_for_agent"} & {*decision.rules}
        found.append(CheckView(check="agents_of_roles", passed=passed, by=roles))
    if who.scopes is not None:
        found.append(CheckView(check="scope", passed="scope" not in decision.rules, by=[]))
    if who.agents is not None and of_agent:
        found.append(CheckView(check="agents_of_key", passed="key_for_agent" not in decision.rules, by=[]))
    return [*found, CheckView(check="denials", passed=not denials, by=denials)]


def _named(prefix: str, decision: Decision) -> list[str]:
    return [each.removeprefix(prefix) for each in decision.rules if each.startswith(prefix)]
