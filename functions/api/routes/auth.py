"""Signing up, in, on and out, and what keeps an account its owner's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from agent_platform.errors import (
    BadRequest,
    Conflict,
    EmailTaken,
    Forbidden,
    InvalidInput,
    MailUnavailable,
    MalformedJson,
    OneTimeTokenInvalid,
    PayloadTooLarge,
    StorageUnavailable,
    TooManyAttempts,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import CurrentPrincipal, problems
from agent_platform.http.source import CurrentSource
from agent_platform.observability import get_logger
from functions.api.deps import CurrentServices, Person
from functions.api.models import (
    ChangePasswordRequest,
    ForgotPasswordRequest,
    LoginRequest,
    LogoutRequest,
    RefreshRequest,
    RegisterRequest,
    ResetPasswordRequest,
    RevokeAllRequest,
    Session,
    VerifyEmailRequest,
)
from functions.api.people_models import AcceptInvitationRequest


def _never_stored(response: Response) -> None:
    # RFC 6749, section 5.1: an answer with tokens must not be kept by any cache.
    response.headers["Cache-Control"] = "no-store"


router = APIRouter(
    prefix="/auth",
    tags=["auth"],
    dependencies=[Depends(_never_stored)],
    responses=problems(
        BadRequest, MalformedJson, PayloadTooLarge, UnsupportedMediaType, InvalidInput, StorageUnavailable
    ),
)


@router.post("/register", operation_id="register", status_code=201, responses=problems(EmailTaken, TooManyAttempts))
def register(body: RegisterRequest, services: CurrentServices, source: CurrentSource) -> Session:
    """Make an account and sign it in. A mail asks to confirm the address; until then it names nobody."""
    signed_in = services.sessions.register(body.email, body.password, body.name, source)
    try:
        services.account_security.send_verification(signed_in.user.id)
    except (MailUnavailable, StorageUnavailable) as error:
        # The account is there, and the mail can be asked for again.
        get_logger().warning("verification_not_sent", extra={"code": error.code, "reason": error.detail})
    return Session.of(signed_in, expires_in=services.access_token_seconds)


@router.post("/login", operation_id="login", responses=problems(Unauthenticated, TooManyAttempts))
def login(body: LoginRequest, services: CurrentServices, source: CurrentSource) -> Session:
    """Sign in. A wrong password and an unknown address get the same answer; after five of them there is a wait."""
    signed_in = services.sessions.login(body.email, body.password, source)
    return Session.of(signed_in, expires_in=services.access_token_seconds)


@router.post("/refresh", operation_id="refresh", responses=problems(Unauthenticated))
def refresh(body: RefreshRequest, services: CurrentServices) -> Session:
    """Exchange a refresh token for the next session. Using one twice ends every session that descends from it."""
    signed_in = services.sessions.refresh(body.refresh_token)
    return Session.of(signed_in, expires_in=services.access_token_seconds)


@router.post("/logout", operation_id="logout", status_code=204, responses=problems(Unauthenticated))
def logout(
    _: CurrentPrincipal,
    services: CurrentServices,
    body: LogoutRequest | None = None,
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> None:
    """End this session at once: its access tokens and its refresh token stop working everywhere."""
    services.sessions.logout(authorization, body.refresh_token if body else None)


@router.post("/revoke-all", operation_id="revoke_all", responses=problems(Unauthenticated, Forbidden))
def revoke_all(principal: Person, services: CurrentServices, body: RevokeAllRequest | None = None) -> Session | None:
    """End every session of mine at once, everywhere. API keys stay: they are revoked one by one."""
    signed_in = services.sessions.revoke_all(principal.user_id, start_anew=body is not None and body.start_anew)
    return Session.of(signed_in, expires_in=services.access_token_seconds) if signed_in else None


@router.post(
    "/password",
    operation_id="change_password",
    responses=problems(Unauthenticated, Forbidden, Conflict, TooManyAttempts),
)
def change_password(body: ChangePasswordRequest, principal: Person, services: CurrentServices) -> Session:
    """Set another password. Every session ends, and the answer brings a new one for this client."""
    signed_in = services.account_security.change_password(principal.user_id, body.current_password, body.password)
    return Session.of(signed_in, expires_in=services.access_token_seconds)


@router.post(
    "/forgot-password",
    operation_id="forgot_password",
    status_code=202,
    responses=problems(TooManyAttempts, MailUnavailable, StorageUnavailable),
)
def forgot_password(body: ForgotPasswordRequest, services: CurrentServices, source: CurrentSource) -> None:
    """Have a link mailed that sets a new password. The answer is the same whether or not the address has an account."""
    services.account_security.forgot_password(body.email, source)


@router.post(
    "/reset-password",
    operation_id="reset_password",
    status_code=204,
    responses=problems(BadRequest, MalformedJson, OneTimeTokenInvalid, TooManyAttempts),
)
def reset_password(body: ResetPasswordRequest, services: CurrentServices, source: CurrentSource) -> None:
    """Set a new password by the token of a mail. Every session ends: sign in with the new password."""
    services.account_security.reset_password(body.token, body.password, source)


@router.post(
    "/accept-invitation",
    operation_id="accept_invitation",
    status_code=201,
    responses=problems(BadRequest, MalformedJson, OneTimeTokenInvalid, EmailTaken, TooManyAttempts),
)
def accept_invitation(body: AcceptInvitationRequest, services: CurrentServices, source: CurrentSource) -> Session:
    """Make the account that a mail invited to, or take over one of its address that nobody confirmed; sign it in."""
    services.sign_in_limits.asking("accept-invitation", source)
    user_id = services.people.accept_invitation(body.token, body.password, body.name)
    signed_in = services.sessions.begin(user_id)
    return Session.of(signed_in, expires_in=services.access_token_seconds)


@router.post(
    "/verify-email",
    operation_id="verify_email",
    status_code=204,
    responses=problems(BadRequest, MalformedJson, OneTimeTokenInvalid, TooManyAttempts),
)
def verify_email(body: VerifyEmailRequest, services: CurrentServices, source: CurrentSource) -> None:
    """Confirm an address by the token of a mail. The next access token says so: refresh the session."""
    services.account_security.verify_email(body.token, source)


@router.post(
    "/verify-email/send",
    operation_id="send_verification",
    status_code=202,
    responses=problems(Unauthenticated, Forbidden, MailUnavailable, StorageUnavailable),
)
def send_verification(principal: Person, services: CurrentServices) -> None:
    """Have the mail sent again that asks to confirm my address; five within half an hour, and no more."""
    services.account_security.send_verification(principal.user_id)
