"""What the routes of accounts and sessions take and answer; these become the OpenAPI document and the web client."""

import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agent_platform.errors import InvalidInput
from agent_platform.http.few_fields import FewFields
from agent_platform.http.text import text_faults
from agent_platform.identity.password_rule import MAX_LENGTH, MIN_LENGTH

if TYPE_CHECKING:
    from agent_platform.identity import users
    from agent_platform.identity.sessions import SignedIn


def _printable(text: str) -> str:
    if not all(each.isprintable() or unicodedata.category(each) == "Zs" for each in text):
        raise ValueError("must be printable: no controls, nor marks that turn the direction of what stands beside them")
    return text


Printable = AfterValidator(_printable)
"""For names that others are shown: what cannot be printed could make one look like another."""

Email = Annotated[
    str, Field(min_length=3, max_length=254, description="E-mail address of the account", examples=["ada@example.com"])
]
NewPassword = Annotated[
    str,
    Field(
        min_length=MIN_LENGTH,
        max_length=MAX_LENGTH,
        description="At least 15 characters of any kind; several words make a good one",
        examples=["correct horse battery staple"],
    ),
]
OneTimeToken = Annotated[
    str, Field(min_length=1, max_length=128, description="What stands after `#token=` in the link; it works once")
]
RefreshToken = Annotated[
    str, Field(min_length=1, max_length=128, description="The latest refresh token of the session; it works once")
]


class Body(FewFields):
    """A request body: no field but those named, each of exactly its type, and all text is text."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _is_text(cls, sent: Any) -> Any:
        # Pydantic looks at plain fields only: names in an object, unions and free JSON pass, and nothing stores them.
        if faults := text_faults(sent):
            raise InvalidInput("The request holds what is no text.", errors=faults)
        return sent


class RegisterRequest(Body):
    """A new account."""

    email: Email
    password: NewPassword
    name: Annotated[str, Field(min_length=1, max_length=100, description="How to call you", examples=["Ada Lovelace"])]


class LoginRequest(Body):
    """Address and password of an account."""

    email: Email
    password: Annotated[str, Field(min_length=1, max_length=MAX_LENGTH, examples=["correct horse battery staple"])]


class RefreshRequest(Body):
    """The refresh token to exchange."""

    refresh_token: RefreshToken


class RevokeAllRequest(Body):
    """Which sessions end."""

    start_anew: Annotated[
        bool, Field(description="true: all end, and the answer brings a new one for this client, which stays signed in")
    ] = False


class ChangePasswordRequest(Body):
    """The current password, and the one to use from now on."""

    current_password: Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
    password: NewPassword


class ForgotPasswordRequest(Body):
    """The address of the account."""

    email: Email


class ResetPasswordRequest(Body):
    """The token of the mail's link, and the password to use from now on."""

    token: OneTimeToken
    password: NewPassword


class VerifyEmailRequest(Body):
    """The token of the mail's link."""

    token: OneTimeToken


class LogoutRequest(Body):
    """Optionally another session to end as well."""

    refresh_token: RefreshToken | None = None


class User(BaseModel):
    """An account."""

    id: str = Field(examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])
    email: Email
    name: str = Field(examples=["Ada Lovelace"])
    roles: list[str] = Field(description="What the account may do: admin, operator, author, user, viewer")
    created_at: datetime = Field(description="RFC 3339, UTC")
    email_verified: bool = Field(description="Whether the address was confirmed; until then it names nobody")

    @classmethod
    def of(cls, user: "users.User") -> Self:
        """The public face of an account."""
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            roles=list(user.roles),
            created_at=user.created_at,
            email_verified=user.email_verified_at is not None,
        )


class Session(BaseModel):
    """A signed-in client. Keep the refresh token secret and use it once; each refresh brings the next one."""

    access_token: str = Field(description="Send it as `Authorization: Bearer <access token>`")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the scheme's name, no secret
    expires_in: int = Field(description="Seconds until the access token expires", examples=[900])
    refresh_token: str
    user: User

    @classmethod
    def of(cls, signed_in: "SignedIn", *, expires_in: int) -> Self:
        """The answer to a sign-in."""
        return cls(
            access_token=signed_in.access_token,
            expires_in=expires_in,
            refresh_token=signed_in.refresh_token,
            user=User.of(signed_in.user),
        )
