"""What the routes of people take and answer."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, Field

from functions.api.models import Body, Email, NewPassword, OneTimeToken

if TYPE_CHECKING:
    from agent_platform.identity import invitations, people
    from agent_platform.storage import data_requests

PersonName = Annotated[str, Field(min_length=1, max_length=100, examples=["Ada Lovelace"])]
Roles = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=50)]],
    Field(min_length=1, max_length=20, description="admin, operator, author, user, viewer", examples=[["user"]]),
]
Time = Annotated[datetime, Field(description="RFC 3339, UTC")]


class NewInvitation(Body):
    """Whom to invite, and what they will be."""

    email: Email
    name: PersonName
    roles: Roles


class AcceptInvitationRequest(Body):
    """The token of the mail's link, and what the invited person chose."""

    token: OneTimeToken
    password: NewPassword
    name: PersonName


class RolesRequest(Body):
    """The roles that the account has from now on, and no others."""

    roles: Roles


class EraseMeRequest(Body):
    """The password, as a proof that it is you."""

    password: Annotated[str, Field(min_length=1, max_length=128)]


class Person(BaseModel):
    """An account as administrators see it."""

    id: str = Field(examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])
    email: Email
    name: str
    roles: list[str]
    status: Literal["active", "disabled", "erasing"] = Field(description="erasing: it is being deleted with its data")
    email_verified: bool
    created_at: Time
    disabled_at: datetime | None

    @classmethod
    def of(cls, person: "people.Person") -> Self:
        """What an administrator sees."""
        return cls(
            id=person.id,
            email=person.email,
            name=person.name,
            roles=list(person.roles),
            status=person.status,
            email_verified=person.email_verified,
            created_at=person.created_at,
            disabled_at=person.disabled_at,
        )


class PersonPage(BaseModel):
    """One page of people, by address."""

    items: list[Person]
    next_cursor: str | None


class Invitation(BaseModel):
    """Somebody who was invited and has not come yet."""

    id: str
    email: Email
    name: str
    roles: list[str]
    sent_at: Time
    expires_at: Time = Field(description="Until when the link of the last letter is good")

    @classmethod
    def of(cls, invitation: "invitations.Invitation") -> Self:
        """What an administrator sees; never the link."""
        return cls(
            id=invitation.id,
            email=invitation.email,
            name=invitation.name,
            roles=list(invitation.roles),
            sent_at=invitation.sent_at,
            expires_at=invitation.expires_at,
        )


class InvitationPage(BaseModel):
    """One page of invitations, by address."""

    items: list[Invitation]
    next_cursor: str | None


class DataRequest(BaseModel):
    """An export or erasure of all data about a person, and how far it is."""

    id: str
    kind: Literal["export", "erasure"]
    state: Literal["waiting", "running", "done"]
    step: str = Field(description="What is being worked on; empty before and after")
    counts: dict[str, int] = Field(description="How much was exported or erased, by kind")
    asked_at: Time
    updated_at: Time
    finished_at: datetime | None
    url: str | None = Field(
        default=None, description="Where the finished export, a ZIP file, can be fetched for five minutes"
    )

    @classmethod
    def of(cls, request: "data_requests.DataRequest", url: str | None = None) -> Self:
        """How it stands."""
        return cls(
            id=request.id,
            kind=request.kind,
            state=request.state,
            step=request.step,
            counts=dict(request.counts),
            asked_at=request.asked_at,
            updated_at=request.updated_at,
            finished_at=request.finished_at,
            url=url,
        )


class DataRequestList(BaseModel):
    """The requests about a person, the newest first."""

    items: list[DataRequest]
