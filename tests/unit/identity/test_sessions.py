"""Signing up, in, on and out, with a real Postgres and the tokens table."""

import time

import pytest
from sqlalchemy import Engine, select

from agent_platform.errors import StorageUnavailable, Unauthenticated
from agent_platform.identity.access_tokens import AccessTokens
from agent_platform.identity.refresh_tokens import RefreshTokens
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.sessions import Sessions, SignedIn
from agent_platform.identity.users import Users
from agent_platform.settings import TokenSettings
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.models import UserRecord
from agent_platform.storage.postgres import transaction

EMAIL, PASSWORD = "ada@example.com", "four words make one"


@pytest.fixture
def users(engine: Engine) -> Users:
    return Users(engine)


@pytest.fixture
def sessions(users: Users, access_tokens: AccessTokens, revocations: Revocations, settings: TokenSettings) -> Sessions:
    refresh_tokens = RefreshTokens(settings.tokens_table, lifetime=3600, revocations=revocations)
    return Sessions(users, access_tokens, refresh_tokens, revocations)


def authorization(signed_in: SignedIn) -> str:
    return f"Bearer {signed_in.access_token}"


def is_over(signed_in: SignedIn, access_tokens: AccessTokens, revocations: Revocations) -> bool:
    try:
        revocations.check(access_tokens.verify(signed_in.access_token))
    except Unauthenticated:
        return True
    return False


def test_a_new_account_is_signed_in_with_a_token_of_its_own(sessions: Sessions, access_tokens: AccessTokens) -> None:
    signed_in = sessions.register(EMAIL, PASSWORD, "Ada")
    principal = access_tokens.verify(signed_in.access_token).principal
    assert (principal.user_id, principal.email) == (signed_in.user.id, EMAIL)
    assert principal.roles == {"user"}


def test_an_account_that_cannot_be_signed_in_is_not_made(sessions: Sessions, engine: Engine, tokens_table: str) -> None:
    dynamodb().delete_table(TableName=tokens_table)
    with pytest.raises(StorageUnavailable):
        sessions.register(EMAIL, PASSWORD, "Ada")
    with transaction(engine) as session:
        assert session.scalars(select(UserRecord)).all() == []


def test_a_refreshed_session_carries_the_roles_of_now(
    sessions: Sessions, users: Users, access_tokens: AccessTokens
) -> None:
    first = sessions.register(EMAIL, PASSWORD, "Ada")
    users.ensure(EMAIL, PASSWORD, "Ada", ["author", "user"])
    second = sessions.refresh(first.refresh_token)
    assert access_tokens.verify(second.access_token).principal.roles == {"author", "user"}


def test_reuse_ends_the_access_tokens_of_the_session_as_well(
    sessions: Sessions, access_tokens: AccessTokens, revocations: Revocations
) -> None:
    first = sessions.register(EMAIL, PASSWORD, "Ada")
    elsewhere = sessions.login(EMAIL, PASSWORD)
    second = sessions.refresh(first.refresh_token)
    with pytest.raises(Unauthenticated, match="used before"):
        sessions.refresh(first.refresh_token)
    assert is_over(first, access_tokens, revocations)
    assert is_over(second, access_tokens, revocations)
    assert not is_over(elsewhere, access_tokens, revocations)


def test_a_changed_password_ends_sessions_at_their_next_refresh(
    sessions: Sessions, users: Users, access_tokens: AccessTokens, revocations: Revocations
) -> None:
    before = sessions.register(EMAIL, PASSWORD, "Ada")
    users.ensure(EMAIL, "five other words make two", "Ada", ["user"])
    with pytest.raises(Unauthenticated, match="password was changed"):
        sessions.refresh(before.refresh_token)
    assert is_over(before, access_tokens, revocations)
    after = sessions.login(EMAIL, "five other words make two")
    sessions.refresh(after.refresh_token)


def test_a_user_who_was_thrown_out_can_sign_in_again_at_once(
    sessions: Sessions, access_tokens: AccessTokens, revocations: Revocations
) -> None:
    before = sessions.register(EMAIL, PASSWORD, "Ada")
    revocations.revoke_user(before.user.id)
    time.sleep(0.002)
    after = sessions.login(EMAIL, PASSWORD)
    assert is_over(before, access_tokens, revocations)
    assert not is_over(after, access_tokens, revocations)
    sessions.refresh(after.refresh_token)


def test_logging_out_ends_access_and_refresh_of_this_session_only(
    sessions: Sessions, access_tokens: AccessTokens, revocations: Revocations
) -> None:
    laptop, phone = sessions.register(EMAIL, PASSWORD, "Ada"), sessions.login(EMAIL, PASSWORD)
    sessions.logout(authorization(laptop))
    assert is_over(laptop, access_tokens, revocations)
    with pytest.raises(Unauthenticated):
        sessions.refresh(laptop.refresh_token)
    assert not is_over(phone, access_tokens, revocations)
    sessions.refresh(phone.refresh_token)


def test_logging_out_may_end_another_session_of_mine(
    sessions: Sessions, access_tokens: AccessTokens, revocations: Revocations
) -> None:
    laptop, phone = sessions.register(EMAIL, PASSWORD, "Ada"), sessions.login(EMAIL, PASSWORD)
    sessions.logout(authorization(laptop), phone.refresh_token)
    assert is_over(phone, access_tokens, revocations)


def test_nobody_ends_the_session_of_somebody_else(
    sessions: Sessions, access_tokens: AccessTokens, revocations: Revocations
) -> None:
    ada = sessions.register(EMAIL, PASSWORD, "Ada")
    eve = sessions.register("eve@example.com", PASSWORD, "Eve")
    sessions.logout(authorization(eve), ada.refresh_token)
    assert is_over(eve, access_tokens, revocations)
    assert not is_over(ada, access_tokens, revocations)
    sessions.refresh(ada.refresh_token)


def test_a_logout_that_failed_half_way_can_be_repeated(
    sessions: Sessions, access_tokens: AccessTokens, revocations: Revocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop, phone = sessions.register(EMAIL, PASSWORD, "Ada"), sessions.login(EMAIL, PASSWORD)
    real = Revocations.revoke_session

    def fails_for_the_caller(self: Revocations, session_id: str) -> None:
        if session_id == access_tokens.verify(laptop.access_token).session_id:
            raise StorageUnavailable("throttled")
        real(self, session_id)

    with monkeypatch.context() as patched:
        patched.setattr(Revocations, "revoke_session", fails_for_the_caller)
        with pytest.raises(StorageUnavailable):
            sessions.logout(authorization(laptop), phone.refresh_token)
    assert not is_over(laptop, access_tokens, revocations)
    sessions.logout(authorization(laptop), phone.refresh_token)
    assert is_over(laptop, access_tokens, revocations)
    assert is_over(phone, access_tokens, revocations)
