"""Approvals: the decisions that runs wait for, in the inbox of whoever may take them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

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
from agent_platform.storage.approvals import ApprovalPage, InboxStatus
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute
from functions.api.run_models import ApprovalView, DecideRequest

router = APIRouter(
    prefix="/approvals",
    tags=["approvals"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)

ApprovalId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]


@router.get("", operation_id="list_approvals", responses=NOT_MODIFIED | problems(InvalidCursor))
def list_approvals(
    principal: CurrentPrincipal,
    services: CurrentServices,
    status: Annotated[InboxStatus, Query(description="decided: also what has expired or was withdrawn")] = "pending",
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> ApprovalPage:
    """What I may decide, by my address, my roles, or because the run is mine; the newest first."""
    return services.approvals.inbox(principal, status=status, limit=limit, cursor=cursor)


@router.get("/{approval_id}", operation_id="get_approval", responses=NOT_MODIFIED | problems(ApprovalNotFound))
def get_approval(approval_id: ApprovalId, principal: CurrentPrincipal, services: CurrentServices) -> ApprovalView:
    """One approval that I may decide, with what it is about."""
    return ApprovalView.of(services.approvals.get(principal, approval_id))


@router.post(
    "/{approval_id}/decide",
    operation_id="decide_approval",
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
def decide_approval(
    approval_id: ApprovalId, body: DecideRequest, principal: CurrentPrincipal, services: CurrentServices
) -> ApprovalView:
    """Decide, and let the run go on. The first decision counts; sending the same one again gets the same answer."""
    return ApprovalView.of(services.approvals.decide(principal, approval_id, body.decision, body.comment, body.form))
