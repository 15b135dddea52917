"""Triggers: schedules and events that start runs by themselves."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from agent_platform.errors import (
    BadRequest,
    Conflict,
    InvalidCursor,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    StorageUnavailable,
    TriggerNotFound,
    Unauthenticated,
    UnsupportedMediaType,
    WorkflowArchived,
    WorkflowNotFound,
    WorkflowNotPublished,
)
from agent_platform.http import API_PREFIX, CurrentPrincipal, problems
from functions.api.deps import CurrentServices
from functions.api.revalidation import NOT_MODIFIED, RevalidatedRoute
from functions.api.trigger_models import NewTrigger, TriggerPage, TriggerView

router = APIRouter(
    prefix="/triggers",
    tags=["triggers"],
    route_class=RevalidatedRoute,
    responses=problems(Unauthenticated, InvalidInput, StorageUnavailable),
)

TriggerId = Annotated[str, Path(max_length=100, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]


@router.post(
    "",
    operation_id="create_trigger",
    status_code=201,
    responses=problems(
        WorkflowNotFound,
        WorkflowNotPublished,
        WorkflowArchived,
        Conflict,
        BadRequest,
        MalformedJson,
        PayloadTooLarge,
        UnsupportedMediaType,
    ),
)
def create_trigger(
    body: NewTrigger, principal: CurrentPrincipal, services: CurrentServices, response: Response
) -> TriggerView:
    """Run a workflow by the clock or after events, as me: with the rights I have whenever it runs."""
    trigger = services.triggers.create(principal, body.order)
    response.headers["Location"] = f"{API_PREFIX}/triggers/{trigger.id}"
    return TriggerView.of(trigger)


@router.get("", operation_id="list_triggers", responses=NOT_MODIFIED | problems(InvalidCursor))
def list_triggers(
    principal: CurrentPrincipal,
    services: CurrentServices,
    workflow_id: Annotated[str | None, Query(max_length=100, description="Only those of this workflow")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
) -> TriggerPage:
    """My triggers, the newest first."""
    page = services.triggers.mine(principal, workflow_id=workflow_id, limit=limit, cursor=cursor)
    return TriggerPage(items=[TriggerView.of(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/{trigger_id}", operation_id="get_trigger", responses=NOT_MODIFIED | problems(TriggerNotFound))
def get_trigger(trigger_id: TriggerId, principal: CurrentPrincipal, services: CurrentServices) -> TriggerView:
    """One trigger of mine: when it runs next, and what came of the last time."""
    return TriggerView.of(services.triggers.get(principal, trigger_id))


@router.delete("/{trigger_id}", operation_id="delete_trigger", status_code=204, responses=problems(TriggerNotFound))
def delete_trigger(trigger_id: TriggerId, principal: CurrentPrincipal, services: CurrentServices) -> None:
    """Delete a trigger. The runs that it started stay."""
    services.triggers.delete(principal, trigger_id)


@router.post("/{trigger_id}/pause", operation_id="pause_trigger", responses=problems(TriggerNotFound))
def pause_trigger(trigger_id: TriggerId, principal: CurrentPrincipal, services: CurrentServices) -> TriggerView:
    """Start no runs until it is resumed. What would have been started meanwhile is not made up for."""
    return TriggerView.of(services.triggers.pause(principal, trigger_id))


@router.post("/{trigger_id}/resume", operation_id="resume_trigger", responses=problems(TriggerNotFound, Conflict))
def resume_trigger(trigger_id: TriggerId, principal: CurrentPrincipal, services: CurrentServices) -> TriggerView:
    """Start runs again. A moment that has passed meanwhile cannot be resumed."""
    return TriggerView.of(services.triggers.resume(principal, trigger_id))
