"""Conversations with agents: a session is made here and continued by executing its agent with the `session_id`."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from agent_platform.agents.definition import AGENT_ID, AGENT_ID_LENGTH
from agent_platform.errors import (
    AgentNotFound,
    BadRequest,
    FieldError,
    InvalidCursor,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    SessionNotFound,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, problems
from agent_platform.storage.sessions import AgentSession, AgentSessionPage, SessionTurnPage
from functions.api.deps import CurrentServices, Services
from functions.api.models import Body
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute

router = APIRouter(
    prefix="/sessions",
    tags=["sessions"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)

SessionId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")]


class CreateSessionRequest(Body):
    """A new conversation."""

    agent_id: Annotated[
        str,
        Field(
            pattern=AGENT_ID,
            max_length=AGENT_ID_LENGTH,
            description="An agent whose `memory` is not `none`",
            examples=["it-service-desk/remote-access-failure-isolator"],
        ),
    ]
    title: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=120,
            pattern=r"^[^\x00-\x1f\x7f]+$",
            description="What to call it, kept as it is; by default, the first input's gist",
        ),
    ] = None


@router.post(
    "",
    operation_id="create_session",
    status_code=201,
    responses=problems(BadRequest, MalformedJson, PayloadTooLarge, UnsupportedMediaType),
)
def create_session(
    body: CreateSessionRequest, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> AgentSession:
    """Begin a conversation with an agent that remembers. Send its id as `session_id` when you execute the agent."""
    _require_memory(services, body.agent_id)
    session = services.conversations.create(principal.user_id, body.agent_id, body.title)
    response.headers["Location"] = f"{API_PREFIX}/sessions/{session.id}"
    return session


@router.get("", operation_id="list_sessions", responses=NOT_MODIFIED | problems(InvalidCursor))
def list_sessions(
    principal: CurrentPrincipal,
    services: CurrentServices,
    agent_id: Annotated[
        str | None, Query(max_length=AGENT_ID_LENGTH, pattern=AGENT_ID, description="Only those with this agent")
    ] = None,
    limit: Limit = 24,
    cursor: Cursor = None,
) -> AgentSessionPage:
    """My conversations, the newest first."""
    return services.conversations.list_by_owner(principal.user_id, agent_id=agent_id, limit=limit, cursor=cursor)


@router.get("/{session_id}", operation_id="get_session", responses=NOT_MODIFIED | problems(SessionNotFound))
def get_session(session_id: SessionId, principal: CurrentPrincipal, services: CurrentServices) -> AgentSession:
    """One conversation of mine, without its turns. Nobody else can read it, administrators included."""
    return services.conversations.get(session_id, owner=principal.user_id)


@router.get(
    "/{session_id}/turns",
    operation_id="list_session_turns",
    responses=NOT_MODIFIED | problems(SessionNotFound, InvalidCursor),
)
def list_session_turns(
    session_id: SessionId,
    principal: CurrentPrincipal,
    services: CurrentServices,
    limit: Limit = 24,
    cursor: Cursor = None,
) -> SessionTurnPage:
    """What was said, the newest turn first, so that the end of a conversation shows at once. A page may be shorter."""
    return services.conversations.turns(session_id, owner=principal.user_id, limit=limit, cursor=cursor)


@router.delete("/{session_id}", operation_id="delete_session", status_code=204, responses=problems(SessionNotFound))
def delete_session(session_id: SessionId, principal: CurrentPrincipal, services: CurrentServices) -> None:
    """Delete a conversation with all its turns. The executions stay; a turn that is running is not added any more."""
    services.conversations.delete(session_id, owner=principal.user_id)


def _require_memory(services: Services, agent_id: str) -> None:
    try:
        remembers = services.catalogue.get(agent_id).memory != "none"
        fault = "keeps no conversations; execute it without a session"
    except AgentNotFound:
        remembers, fault = False, "there is no such agent"
    if not remembers:
        raise InvalidInput(
            f"There can be no session with `{agent_id}`: choose an agent whose `memory` is not `none`.",
            errors=[FieldError("agent_id", fault)],
        )
