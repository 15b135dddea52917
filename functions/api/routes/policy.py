"""The policy: what roles allow, and why something was denied."""

from datetime import UTC, datetime

from fastapi import APIRouter

from agent_platform.agents.resource import as_resource
from agent_platform.errors import (
    AgentNotFound,
    BadRequest,
    Forbidden,
    InvalidInput,
    MalformedJson,
    NotFound,
    PayloadTooLarge,
    PolicyUndecided,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import CurrentPrincipal, problems
from agent_platform.identity.policy import Environment, Question, Resource
from agent_platform.identity.principal import Principal
from functions.api.deps import CurrentServices, Services
from functions.api.policy_models import ExplainRequest, Explanation, PolicyView, explanation, policy_view
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(
    prefix="/policy",
    tags=["policy"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, PolicyUndecided),
)


@router.get("", operation_id="get_policy", responses=NOT_MODIFIED)
def get_policy(principal: CurrentPrincipal, services: CurrentServices) -> PolicyView:
    """The roles there are, what each allows, and which of them are mine."""
    manifest, next_version = services.policies.known()
    return policy_view(manifest, next_version, principal.roles)


@router.post(
    "/explain",
    operation_id="explain_policy",
    responses=problems(
        Forbidden,
        NotFound,
        AgentNotFound,
        InvalidInput,
        BadRequest,
        MalformedJson,
        PayloadTooLarge,
        UnsupportedMediaType,
        StorageUnavailable,
    ),
)
def explain_policy(body: ExplainRequest, principal: CurrentPrincipal, services: CurrentServices) -> Explanation:
    """Whether I may do something, and why or why not; of others, who may manage policies. Nothing is done by asking."""
    who = _meant(body, principal, services)
    address = str(body.source_ip) if body.source_ip else who.source_ip
    moment = (body.at.replace(tzinfo=body.at.tzinfo or UTC)) if body.at else datetime.now(UTC)
    question = Question(who, body.action, _resource(body, services), Environment(address, moment))
    return explanation(
        question, services.policies.decide(question, silently=True), services.policies.in_the_shadow(question)
    )


def _meant(body: ExplainRequest, principal: Principal, services: Services) -> Principal:
    """Who the question is about: somebody else as a person, without the bounds of any key of theirs."""
    if body.user is None or body.user in (principal.user_id, principal.email):
        return principal
    services.policies.require(Question.now(principal, "policies:manage", Resource("policies")))
    try:
        found = services.users.find(body.user) if "@" in body.user else services.users.get(body.user)
    except Unauthenticated:
        found = None
    if found is None:
        raise NotFound(f"There is no user `{body.user}`, or their account is disabled.")
    return Principal(found.id, found.email, frozenset(found.roles), token_id="")


def _resource(body: ExplainRequest, services: Services) -> Resource:
    if body.agent_id is None:
        return Resource(body.action.partition(":")[0])
    definition = services.catalogue.get(body.agent_id)
    cost = body.cost_usd
    if cost is None and body.action == "agents:execute":
        # What a request is made of is not loaded for every start of this function.
        from agent_platform.agents.execution.policy import most_usd_of

        cost = most_usd_of(definition, definition.example.input)
    return as_resource(definition, cost)
