"""People, for administrators: who there is, whom to invite, what they may do, and the end of an account."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from agent_platform.errors import (
    AddressUnconfirmed,
    BadRequest,
    Conflict,
    EmailTaken,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    InvitationNotFound,
    LastAdministrator,
    MailUnavailable,
    MalformedJson,
    PayloadTooLarge,
    PersonNotFound,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import problems
from functions.api.deps import Administrator, CurrentServices
from functions.api.people_models import (
    DataRequest,
    DataRequestList,
    Invitation,
    InvitationPage,
    NewInvitation,
    Person,
    PersonPage,
    RolesRequest,
)

router = APIRouter(
    prefix="/users",
    tags=["users"],
    responses=problems(Unauthenticated, Forbidden, InvalidInput, StorageUnavailable),
)

_NO_NUL = r"^[^\x00]*$"
"""Postgres stores NUL in no text, so it asks for none."""

UserId = Annotated[str, Path(max_length=100, pattern=_NO_NUL, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]
InvitationId = Annotated[str, Path(max_length=100, pattern=_NO_NUL, examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])]
Words = Annotated[str, Query(max_length=200, pattern=_NO_NUL, description="All of these words, in address or name")]
RoleFilter = Annotated[str | None, Query(max_length=50, pattern=_NO_NUL, examples=["admin"])]
StatusFilter = Annotated[Literal["active", "disabled", "erasing"] | None, Query()]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")]

_BODY = (BadRequest, MalformedJson, PayloadTooLarge, UnsupportedMediaType)


@router.get("", operation_id="list_users", responses=problems(InvalidCursor))
def list_users(
    _: Administrator,
    services: CurrentServices,
    q: Words = "",
    role: RoleFilter = None,
    status: StatusFilter = None,
    limit: Limit = 24,
    cursor: Cursor = None,
) -> PersonPage:
    """Accounts, by address."""
    page = services.people.people.list_all(words=q, role=role, status=status, limit=limit, cursor=cursor)
    return PersonPage(items=[Person.of(each) for each in page.items], next_cursor=page.next_cursor)


@router.get("/invitations", operation_id="list_invitations", responses=problems(InvalidCursor))
def list_invitations(
    _: Administrator, services: CurrentServices, limit: Limit = 24, cursor: Cursor = None
) -> InvitationPage:
    """Who was invited and has not come yet, by address; expired invitations stay until they are withdrawn."""
    page = services.people.invitations.list_all(limit=limit, cursor=cursor)
    return InvitationPage(items=[Invitation.of(each) for each in page.items], next_cursor=page.next_cursor)


@router.post(
    "/invitations",
    operation_id="invite_user",
    status_code=201,
    responses=problems(EmailTaken, Conflict, MailUnavailable, StorageUnavailable, *_BODY),
)
def invite_user(body: NewInvitation, caller: Administrator, services: CurrentServices) -> Invitation:
    """Send somebody a link, good for 7 days and once, by which they make their account with these roles."""
    return Invitation.of(services.people.invite(body.email, body.name, body.roles, by=caller.user_id))


@router.post(
    "/invitations/{invitation_id}/resend",
    operation_id="resend_invitation",
    responses=problems(InvitationNotFound, Conflict, MailUnavailable, StorageUnavailable),
)
def resend_invitation(invitation_id: InvitationId, caller: Administrator, services: CurrentServices) -> Invitation:
    """Send a new link; those before stop working."""
    return Invitation.of(services.people.invite_again(invitation_id, by=caller.user_id))


@router.delete(
    "/invitations/{invitation_id}",
    operation_id="withdraw_invitation",
    status_code=204,
    responses=problems(InvitationNotFound),
)
def withdraw_invitation(invitation_id: InvitationId, caller: Administrator, services: CurrentServices) -> None:
    """Take an invitation back: its link stops working."""
    services.people.withdraw_invitation(invitation_id, by=caller.user_id)


@router.get("/{user_id}", operation_id="get_user", responses=problems(PersonNotFound))
def get_user(user_id: UserId, _: Administrator, services: CurrentServices) -> Person:
    """One account."""
    return Person.of(services.people.people.get(user_id))


@router.put(
    "/{user_id}/roles",
    operation_id="set_user_roles",
    responses=problems(PersonNotFound, LastAdministrator, AddressUnconfirmed, Conflict, *_BODY),
)
def set_user_roles(user_id: UserId, body: RolesRequest, caller: Administrator, services: CurrentServices) -> Person:
    """Give an account exactly these roles; new ones to a confirmed address alone. Sessions end, keys follow."""
    return Person.of(services.people.set_roles(user_id, body.roles, by=caller.user_id))


@router.post(
    "/{user_id}/disable", operation_id="disable_user", responses=problems(PersonNotFound, LastAdministrator, Conflict)
)
def disable_user(user_id: UserId, caller: Administrator, services: CurrentServices) -> Person:
    """Let nobody in with this account. Sessions, API keys, triggers and webhooks stop at once."""
    return Person.of(services.people.disable(user_id, by=caller.user_id))


@router.post("/{user_id}/enable", operation_id="enable_user", responses=problems(PersonNotFound, Conflict))
def enable_user(user_id: UserId, caller: Administrator, services: CurrentServices) -> Person:
    """Let its owner in again; they sign in anew, and their keys, triggers and webhooks work again."""
    return Person.of(services.people.enable(user_id, by=caller.user_id))


@router.delete(
    "/{user_id}",
    operation_id="erase_user",
    status_code=202,
    responses=problems(PersonNotFound, LastAdministrator),
)
def erase_user(user_id: UserId, caller: Administrator, services: CurrentServices) -> DataRequest:
    """Close an account at once, and erase all that belongs to it. Sent again, an erasure that broke off goes on."""
    return DataRequest.of(services.personal_data.erase(user_id, by=caller.user_id))


@router.post("/{user_id}/export", operation_id="export_user", status_code=202, responses=problems(PersonNotFound))
def export_user(user_id: UserId, caller: Administrator, services: CurrentServices) -> DataRequest:
    """Have all that the platform holds about a person collected into one file, or the one of the last hour."""
    return DataRequest.of(services.personal_data.export(user_id, by=caller.user_id))


@router.get("/{user_id}/data-requests", operation_id="list_user_data_requests")
def list_user_data_requests(user_id: UserId, _: Administrator, services: CurrentServices) -> DataRequestList:
    """Exports and erasures of a person's data, the newest first; those of an account that is gone too."""
    desk = services.personal_data
    return DataRequestList(items=[DataRequest.of(each, desk.link(each)) for each in desk.of(user_id)])
