"""Signing up, in, on and out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from agent_platform.errors import (
    BadRequest,
    EmailTaken,
    InvalidInput,
    MalformedJson,
    PayloadTooLarge,
    StorageUnavailable,
    Unauthenticated,
    UnsupportedMediaType,
)
from agent_platform.http import CurrentPrincipal, problems
from functions.api.deps import CurrentServices
from functions.api.models import LoginRequest, LogoutRequest, RefreshRequest, RegisterRequest, Session


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


@router.post("/register", operation_id="register", status_code=201, responses=problems(EmailTaken))
def register(body: RegisterRequest, services: CurrentServices) -> Session:
    """Make an account and sign it in."""
    signed_in = services.sessions.register(body.email, body.password, body.name)
    return Session.of(signed_in, expires_in=services.access_token_seconds)


@router.post("/login", operation_id="login", responses=problems(Unauthenticated))
def login(body: LoginRequest, services: CurrentServices) -> Session:
    """Sign in. A wrong password and an unknown address get the same answer."""
    signed_in = services.sessions.login(body.email, body.password)
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
