"""What the platform holds about the caller: to take along, and to have it erased."""

from fastapi import APIRouter

from agent_platform.errors import (
    BadRequest,
    Forbidden,
    InvalidInput,
    LastAdministrator,
    MalformedJson,
    PayloadTooLarge,
    StorageUnavailable,
    TooManyAttempts,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import problems
from functions.api.deps import CurrentServices, Person
from functions.api.people_models import DataRequest, DataRequestList, EraseMeRequest

router = APIRouter(prefix="/me", tags=["auth"], responses=problems(Unauthenticated, Forbidden, StorageUnavailable))


@router.post("/export", operation_id="export_me", status_code=202)
def export_me(principal: Person, services: CurrentServices) -> DataRequest:
    """Have all that the platform holds about me collected into one file. One of the last hour is answered again."""
    return DataRequest.of(services.personal_data.export(principal.user_id, by=principal.user_id))


@router.get("/export", operation_id="list_my_exports")
def list_my_exports(principal: Person, services: CurrentServices) -> DataRequestList:
    """My exports, the newest first, with a link to each that is finished; files are kept for 7 days."""
    desk = services.personal_data
    requests = desk.of(principal.user_id, kind="export")
    return DataRequestList(items=[DataRequest.of(each, desk.link(each)) for each in requests])


@router.post(
    "/erasure",
    operation_id="erase_me",
    status_code=202,
    responses=problems(
        BadRequest,
        MalformedJson,
        PayloadTooLarge,
        UnsupportedMediaType,
        InvalidInput,
        LastAdministrator,
        TooManyAttempts,
    ),
)
def erase_me(body: EraseMeRequest, principal: Person, services: CurrentServices) -> DataRequest:
    """Delete my account and all that belongs to it. It is closed at once, and cannot be brought back."""
    return DataRequest.of(services.personal_data.erase_mine(principal.user_id, body.password))
