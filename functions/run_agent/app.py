"""The standard agent contract over HTTP: execute, health, metrics and info for every agent of a group."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agent_platform.agents.definition import Diversion, Example, Guardrails, JsonObject, Limits, ModelTier
from agent_platform.agents.meter import PATIENT, Patience
from agent_platform.errors import (
    AgentNotFound,
    BadRequest,
    InvalidInput,
    MalformedJson,
    ModelError,
    PayloadTooLarge,
    StorageUnavailable,
    ToolLoopExceeded,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, CurrentTrace, create_app, problems
from agent_platform.storage.executions import Execution
from functions.run_agent.metrics import CONTENT_TYPE, exposition
from functions.run_agent.service import RunAgentService


class ExecuteRequest(BaseModel):
    """What to execute an agent with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input: JsonObject = Field(description="Matches the agent's input schema")


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
    input: dict[str, Any] = Field(description="JSON Schema of the input")
    output: dict[str, Any] = Field(description="JSON Schema of the output")
    example: Example
    guardrails: Guardrails
    limits: Limits


class AgentHealth(BaseModel):
    """Whether the agent can execute."""

    status: str = Field(examples=["healthy"])


def service(request: Request) -> RunAgentService:
    """The service of this application."""
    found: RunAgentService = request.app.state.service
    return found


def agent_id(group: Annotated[str, Path()], name: Annotated[str, Path()]) -> str:
    """The agent's id: its two path segments."""
    return f"{group}/{name}"


Service = Annotated[RunAgentService, Depends(service)]
AgentId = Annotated[str, Depends(agent_id)]
AGENT = f"{API_PREFIX}/agents/{{group}}/{{name}}"
KNOWN = problems(Unauthenticated, AgentNotFound)


def create_run_agent_app(run_agent: RunAgentService | None = None, patience: Patience = PATIENT) -> FastAPI:
    """The application of one group; without a service it only describes itself (for the OpenAPI document)."""
    app = create_app("Agents", "Execute an agent and ask how it is.", "1")
    app.state.service = run_agent

    @app.get(AGENT, operation_id="get_agent", tags=["agents"], responses=KNOWN)
    def get_agent(run_agent: Service, agent: AgentId, _: CurrentPrincipal) -> AgentInfo:
        """Info: what the agent is for, what it takes and returns, and an example."""
        definition = run_agent.definition(agent)
        return AgentInfo.model_validate({**dict(definition), "group": definition.group})

    @app.post(
        f"{AGENT}/execute",
        operation_id="execute_agent",
        tags=["agents"],
        responses=KNOWN
        | problems(
            MalformedJson,
            BadRequest,
            PayloadTooLarge,
            UnsupportedMediaType,
            InvalidInput,
            StorageUnavailable,
            ToolLoopExceeded,
            ModelError,
            *ModelError.__subclasses__(),
        ),
    )
    def execute(
        body: ExecuteRequest,
        run_agent: Service,
        agent: AgentId,
        principal: CurrentPrincipal,
        trace_id: CurrentTrace,
        response: Response,
    ) -> Execution:
        """Run the agent on one input; the answer is the recorded execution."""
        execution = run_agent.execute(agent, body.input, principal, trace_id, patience)
        response.headers["Location"] = f"{API_PREFIX}/executions/{execution.id}"
        return execution

    @app.get(f"{AGENT}/health", operation_id="get_agent_health", tags=["agents"], responses=KNOWN)
    def health(run_agent: Service, agent: AgentId, _: CurrentPrincipal) -> AgentHealth:
        """Whether the agent is deployed and its definition loads; the model is not asked."""
        run_agent.definition(agent)
        return AgentHealth(status="healthy")

    @app.get(
        f"{AGENT}/metrics",
        operation_id="get_agent_metrics",
        tags=["agents"],
        response_class=Response,
        responses=KNOWN | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def metrics(run_agent: Service, agent: AgentId, _: CurrentPrincipal) -> Response:
        """Prometheus metrics of the agent, summed over all instances of its function."""
        return Response(exposition(agent, run_agent.totals(agent)), media_type=CONTENT_TYPE)

    return app
