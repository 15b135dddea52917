"""Evaluations: how an agent's answers stand up to its cases, by version."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import ConfigDict, Field

from agent_platform.agents.definition import AGENT_ID, AGENT_ID_LENGTH, AgentId, Version
from agent_platform.agents.resource import as_resource
from agent_platform.errors import (
    AgentNotFound,
    AgentVersionNotFound,
    EvaluationNotFound,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    PlatformError,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, CurrentTrace, problems
from agent_platform.http.few_fields import FewFields
from agent_platform.identity.policy import Question
from agent_platform.ids import new_id
from agent_platform.storage.evaluations import Evaluation, EvaluationPage
from agent_platform.storage.executions import Failure
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(
    prefix="/evaluations",
    tags=["evaluations"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)

INTERRUPTED = Failure(code="interrupted", message="The evaluation was interrupted. Start another one.")


class NewEvaluation(FewFields):
    """Which agent is evaluated, and how."""

    model_config = ConfigDict(extra="forbid", strict=True)

    agent_id: AgentId
    version: Version | None = Field(default=None, description="One that was deployed; left out, today's")
    judge: bool = Field(default=False, description="Whether a judge reads the answers too, as executions of its own")


@router.post(
    "",
    operation_id="create_evaluation",
    status_code=202,
    responses=problems(
        *(Forbidden, AgentNotFound, AgentVersionNotFound, MalformedJson, PayloadTooLarge, UnsupportedMediaType)
    ),
)
def create_evaluation(
    body: NewEvaluation,
    principal: CurrentPrincipal,
    services: CurrentServices,
    trace_id: CurrentTrace,
    response: Response,
) -> Evaluation:
    """Run an agent in each of its cases, as executions of mine, and hold its answers to what the cases expect."""
    definition = services.versions.get(body.agent_id, body.version)
    services.policies.require(Question.now(principal, "agents:execute", as_resource(definition)))
    evaluation = Evaluation(
        id=new_id(),
        agent_id=definition.id,
        agent_version=definition.version,
        status="running",
        judge=body.judge,
        started_at=datetime.now(UTC),
    )
    services.evaluations.put(evaluation)
    order = {
        "evaluation_id": evaluation.id,
        "principal": principal.to_document().model_dump(mode="json"),
        "trace_id": trace_id,
    }
    try:
        services.evaluate_agent.start(evaluation.id, order, trace_id=trace_id)
    except PlatformError as error:  # else it would be listed as running for ever
        failed = {"status": "failed", "error": Failure(code=error.code, message=error.public_detail)}
        services.evaluations.put(evaluation.model_copy(update=failed | {"finished_at": datetime.now(UTC)}))
        raise
    response.headers["Location"] = f"{API_PREFIX}/evaluations/{evaluation.id}"
    response.headers["Retry-After"] = "2"
    return evaluation


@router.get("", operation_id="list_evaluations", responses=NOT_MODIFIED | problems(InvalidCursor))
def list_evaluations(
    _: CurrentPrincipal,
    services: CurrentServices,
    agent: Annotated[str, Query(pattern=AGENT_ID, max_length=AGENT_ID_LENGTH, description="group/name")],
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> EvaluationPage:
    """An agent's evaluations in all its versions, newest first."""
    return services.evaluations.list_by_agent(agent, limit=limit, cursor=cursor)


@router.get("/{evaluation_id}", operation_id="get_evaluation", responses=NOT_MODIFIED | problems(EvaluationNotFound))
def get_evaluation(
    evaluation_id: Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])],
    _: CurrentPrincipal,
    services: CurrentServices,
    response: Response,
) -> Evaluation:
    """One evaluation: each case with its checks, and the judge's verdicts."""
    evaluation = services.evaluations.get(evaluation_id)
    if evaluation.status != "running":
        return evaluation
    if services.evaluate_agent.status(evaluation.id) in ("ABORTED", "FAILED", "TIMED_OUT"):
        # Its end may have been written meanwhile; if not, nobody will write it.
        again = services.evaluations.get(evaluation_id)
        ended = {"status": "failed", "error": INTERRUPTED}
        return again if again.status != "running" else again.model_copy(update=ended)
    response.headers["Retry-After"] = "2"
    return evaluation
