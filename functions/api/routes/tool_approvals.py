"""Approvals of calls of tools: what agents want to do beyond reading, with its exact arguments."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from agent_platform.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotFound,
    BadRequest,
    InvalidCursor,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import CurrentPrincipal, problems
from agent_platform.storage.tool_approvals import ToolApproval, ToolApprovalPage, ToolDecision, ToolInbox
from functions.api.deps import CurrentServices
from functions.api.models import Body

router = APIRouter(
    prefix="/tool-approvals",
    tags=["approvals"],
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)

ApprovalId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]


class DecideToolCallRequest(Body):
    """A decision on one call of a tool."""

    decision: ToolDecision
    comment: str | None = Field(default=None, max_length=2000)


@router.get("", operation_id="list_tool_approvals", responses=problems(InvalidCursor))
def list_tool_approvals(
    principal: CurrentPrincipal,
    services: CurrentServices,
    status: Annotated[ToolInbox, Query(description="decided: also what has expired")] = "pending",
    limit: Annotated[int, Query(ge=1, le=100, description="A page may hold fewer: what expired counts too")] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> ToolApprovalPage:
    """What agents want to do for me and, with the right role, for others; the newest first."""
    return services.tool_decisions.inbox(principal, status=status, limit=limit, cursor=cursor)


@router.get("/{approval_id}", operation_id="get_tool_approval", responses=problems(ApprovalNotFound))
def get_tool_approval(approval_id: ApprovalId, principal: CurrentPrincipal, services: CurrentServices) -> ToolApproval:
    """One call that I may decide on, with its exact arguments."""
    return services.tool_decisions.get(principal, approval_id)


@router.post(
    "/{approval_id}/decide",
    operation_id="decide_tool_approval",
    responses=problems(
        ApprovalNotFound,
        ApprovalDecided,
        ApprovalExpired,
        BadRequest,
        MalformedJson,
        PayloadTooLarge,
        UnsupportedMediaType,
    ),
)
def decide_tool_approval(
    approval_id: ApprovalId, body: DecideToolCallRequest, principal: CurrentPrincipal, services: CurrentServices
) -> ToolApproval:
    """Decide. An approved call can be made once within 15 minutes: send the request again with `tool_approval`."""
    return services.tool_decisions.decide(principal, approval_id, body.decision, body.comment)
