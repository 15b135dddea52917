"""The standard agent contract over HTTP: execute, health, metrics and info for every agent of a group."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent_platform.agents.definition import (
    VERSION,
    Diversion,
    Example,
    Guardrails,
    JsonObject,
    Limits,
    ModelTier,
    Team,
)
from agent_platform.agents.meter import PATIENT, Patience
from agent_platform.agents.resource import as_resource
from agent_platform.errors import (
    AgentNotFound,
    AgentSwitchedOff,
    AgentVersionNotFound,
    ApprovalNotFound,
    ApprovalRequired,
    BadRequest,
    BudgetExceeded,
    CostLimitReached,
    DeadlineExceeded,
    DeclinedByRule,
    Forbidden,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    InvalidInput,
    MalformedJson,
    ModelError,
    PayloadTooLarge,
    PlatformError,
    PolicyUndecided,
    RateLimited,
    SessionBusy,
    SessionNotFound,
    StorageUnavailable,
    TeamFailed,
    ToolApprovalUnusable,
    ToolLoopExceeded,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, CurrentTrace, create_app, problems
from agent_platform.http.few_fields import FewFields
from agent_platform.http.rate_limits import rate_limit_headers
from agent_platform.identity.policy import Action, Policies, Question
from agent_platform.storage.agent_switches import SwitchedOff
from agent_platform.storage.definitions import PublishedVersion
from agent_platform.storage.executions import Execution
from functions.run_agent.deadline import within
from functions.run_agent.metrics import CONTENT_TYPE, exposition
from functions.run_agent.service import RunAgentService


class ExecuteRequest(FewFields):
    """What to execute an agent with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input: JsonObject = Field(description="Matches the agent's input schema")
    session_id: str | None = Field(
        default=None, max_length=100, description="The conversation that this is the next turn of"
    )
    tool_approval: str | None = Field(
        default=None,
        max_length=100,
        pattern="^[0-9A-Za-z-]+$",
        description="The approved call of a tool that the agent may make now: `approval_id` of the request before",
    )


class AgentInfo(BaseModel):
    """An agent as its users see it."""

    id: str
    group: str
    name: str
    version: str
    summary: str
    use_when: str
    not_when: list[Diversion]
    tags: list[str]
    model: ModelTier
    effort: str | None
    framework: str
    memory: str
    tools: list[str]
    hosts: list[str] = Field(description="Where its tools may send requests")
    approval: str = Field(description="Which calls of its tools a person must approve: `required` means all that write")
    consults: list[str] = Field(description="Agents that this one may ask")
    team: Team | None = Field(description="Agents that work under this one")
    input: dict[str, Any] = Field(description="JSON Schema of the input")
    output: dict[str, Any] = Field(description="JSON Schema of the output")
    example: Example
    guardrails: Guardrails
    limits: Limits
    switched_off: SwitchedOff | None = Field(description="Why it is not executed for now; null if it is")


class AgentVersions(BaseModel):
    """The versions of an agent; `current` is executed where none is named."""

    current: str
    items: list[PublishedVersion]


class AgentHealth(BaseModel):
    """Whether the agent can execute."""

    status: Literal["healthy", "switched_off"]
    reason: str | None = Field(default=None, description="Why it is switched off")


def service(request: Request) -> RunAgentService:
    """The service of this application."""
    found: RunAgentService = request.app.state.service
    return found


def agent_id(group: Annotated[str, Path()], name: Annotated[str, Path()]) -> str:
    """The agent's id: its two path segments."""
    return f"{group}/{name}"


Service = Annotated[RunAgentService, Depends(service)]
AgentId = Annotated[str, Depends(agent_id)]
AskedVersion = Annotated[
    str | None,
    Query(max_length=20, pattern=VERSION, description="A version that was deployed before; left out, the current one"),
]


def may_read(request: Request, run_agent: Service, agent: AgentId, principal: CurrentPrincipal) -> None:
    """Ask whether the caller may read about the agent.

    Raises:
        Forbidden: the policy says no; the message has the reasons.
        PolicyUndecided: there is no decision.
    """
    policies: Policies | None = request.app.state.policies
    if policies:
        asked = as_resource(run_agent.definition(agent))
        policies.require(Question.now(principal, "agents:read", asked))


MayRead = Depends(may_read)
AGENT = f"{API_PREFIX}/agents/{{group}}/{{name}}"
ACTIONS: dict[str, Action] = {
    "get_agent": "agents:read",
    "get_agent_health": "agents:read",
    "get_agent_metrics": "agents:read",
    "list_agent_versions": "agents:read",
    "execute_agent": "agents:execute",
}
"""Which action each operation is. The last is asked by the pipeline, as it is of every other entry."""
KNOWN = problems(Unauthenticated, AgentNotFound, AgentVersionNotFound)
READABLE = problems(Unauthenticated, AgentNotFound, AgentVersionNotFound, Forbidden, PolicyUndecided)
REFUSALS: tuple[type[PlatformError], ...] = (
    *(MalformedJson, BadRequest, PayloadTooLarge, UnsupportedMediaType, InvalidInput, Forbidden),
    *(IdempotencyInProgress, IdempotencyKeyReused, RateLimited, BudgetExceeded, SessionNotFound, SessionBusy),
    *(AgentSwitchedOff, ApprovalNotFound, ToolApprovalUnusable),
)
"""What stops an execution before it is one."""
FAILURES: tuple[type[PlatformError], ...] = (
    ModelError,
    *ModelError.__subclasses__(),
    ToolLoopExceeded,
    TeamFailed,
    CostLimitReached,
    DeclinedByRule,
    ApprovalRequired,
    DeadlineExceeded,
    StorageUnavailable,
    PolicyUndecided,
)
"""What an execution can end with."""


def wants_async(prefer: str | None) -> bool:
    """Whether a `Prefer` header (RFC 7240) asks for an answer before the work is done."""
    return any(wish.partition(";")[0].strip().lower() == "respond-async" for wish in (prefer or "").split(","))


def create_run_agent_app(
    run_agent: RunAgentService | None = None,
    patience: Patience = PATIENT,
    *,
    origins: Sequence[str] = (),
    policies: Policies | None,
) -> FastAPI:
    """The application of one group; without a service it only describes itself (for the OpenAPI document).

    Args:
        policies: say who may read about an agent; the pipeline asks who may execute it. None, where everybody
            may, is for one agent alone on a laptop.
    """
    app = create_app("Agents", "Execute an agent and ask how it is.", "1", origins=origins)
    app.state.service = run_agent
    app.state.policies = policies

    @app.get(AGENT, operation_id="get_agent", tags=["agents"], responses=READABLE, dependencies=[MayRead])
    def get_agent(run_agent: Service, agent: AgentId, _: CurrentPrincipal, version: AskedVersion = None) -> AgentInfo:
        """Info: what the agent is for, what it takes and returns, and an example."""
        definition = run_agent.definition(agent, version)
        more = {"group": definition.group, "switched_off": run_agent.switched_off(agent)}
        return AgentInfo.model_validate({**dict(definition), **more})

    @app.get(
        f"{AGENT}/versions",
        operation_id="list_agent_versions",
        tags=["agents"],
        responses=READABLE | problems(StorageUnavailable),
        dependencies=[MayRead],
    )
    def versions(run_agent: Service, agent: AgentId, _: CurrentPrincipal) -> AgentVersions:
        """Every version that can be executed by `?version=`, the highest first."""
        return AgentVersions(current=run_agent.definition(agent).version, items=run_agent.versions(agent))

    @app.post(
        f"{AGENT}/execute",
        operation_id="execute_agent",
        tags=["agents"],
        responses=KNOWN
        | {202: {"model": Execution, "description": "Accepted: `Location` tells when it is done"}}
        | problems(*REFUSALS, *FAILURES),
    )
    def execute(
        body: ExecuteRequest,
        run_agent: Service,
        agent: AgentId,
        principal: CurrentPrincipal,
        trace_id: CurrentTrace,
        request: Request,
        response: Response,
        idempotency_key: Annotated[
            str | None,
            Header(description="The same key again within 24 hours gets the first answer; nothing is run twice"),
        ] = None,
        prefer: Annotated[
            str | None,
            Header(description="`respond-async`: accept now, run for as long as the agent may, and tell by `Location`"),
        ] = None,
        version: AskedVersion = None,
    ) -> Execution:
        """Run the agent on one input; the answer is the recorded execution."""
        call = run_agent.call(
            agent,
            body.input,
            principal,
            trace_id,
            within(patience, request.scope.get("aws.context")),
            version=version,
            idempotency_key=idempotency_key,
            session_id=body.session_id,
            tool_approval=body.tool_approval,
        )
        if wants_async(prefer):
            execution = run_agent.submit(call)
            response.status_code = 202
            response.headers["Preference-Applied"] = "respond-async"
            response.headers["Retry-After"] = "1"
        else:
            execution = run_agent.carry_out(call)
        response.headers["Location"] = f"{API_PREFIX}/executions/{execution.id}"
        if call.rate:
            response.headers.update(rate_limit_headers(call.rate.limit, call.rate.remaining, call.rate.reset_seconds))
        if call.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return execution

    @app.get(
        f"{AGENT}/health",
        operation_id="get_agent_health",
        tags=["agents"],
        responses=READABLE,
        dependencies=[MayRead],
        response_model_exclude_none=True,
    )
    def health(run_agent: Service, agent: AgentId, _: CurrentPrincipal) -> AgentHealth:
        """Whether the agent is deployed, its definition loads and nobody switched it off; the model is not asked."""
        run_agent.definition(agent)
        if off := run_agent.switched_off(agent):
            return AgentHealth(status="switched_off", reason=off.reason)
        return AgentHealth(status="healthy")

    @app.get(
        f"{AGENT}/metrics",
        operation_id="get_agent_metrics",
        tags=["agents"],
        response_class=Response,
        responses=READABLE | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        dependencies=[MayRead],
    )
    def metrics(run_agent: Service, agent: AgentId, _: CurrentPrincipal) -> Response:
        """Prometheus metrics of the agent, summed over all instances of its function."""
        return Response(exposition(agent, run_agent.totals(agent)), media_type=CONTENT_TYPE)

    return app
