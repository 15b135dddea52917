"""Signing up, in, on and out, with a real Postgres and the tokens table."""

import time
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from agent_platform.errors import StorageUnavailable, Unauthenticated
from agent_platform.identity.access_tokens import AccessTokens
from agent_platform.identity.attempts import Attempts
from agent_platform.identity.refresh_tokens import RefreshTokens
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.sessions import Sessions, SignedIn
from agent_platform.identity.sign_in_limits import SignInLimits
from agent_platform.identity.users import User, Users
from agent_platform.settings import TokenSettings
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.models import UserRecord, UserRole
from agent_platform.storage.postgres import transaction

EMAIL, PASSWORD = "ada@example.com", "four words make one"


@pytest.fixture
def users(engine: Engine) -> Users:
    return Users(engine)


@pytest.fixture
def sessions(users: Users, access_tokens: AccessTokens, revocations: Revocations, settings: TokenSettings) -> Sessions:
    refresh_tokens = RefreshTokens(settings.tokens_table, lifetime=3600, revocations=revocations)
    limits = SignInLimits(Attempts(settings.tokens_table), per_source=100)
    return Sessions(users, access_tokens, refresh_tokens, revocations, limits)


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
    assert principal.user_id == signed_in.user.id
    assert principal.roles == {"user"}


def test_a_token_names_an_address_only_once_it_was_proved_to_be_the_users(
    sessions: Sessions, users: Users, access_tokens: AccessTokens
) -> None:
    first = sessions.register(EMAIL, PASSWORD, "Ada")
    assert access_tokens.verify(first.access_token).principal.email == ""
    users.verify_email(first.user.id, EMAIL)
    second = sessions.refresh(first.refresh_token)
    assert access_tokens.verify(second.access_token).principal.email == EMAIL


def test_all_sessions_of_a_user_end_at_once_and_nobody_elses(
    sessions: Sessions, access_tokens: AccessTokens, revocations: Revocations
) -> None:
    laptop, phone = sessions.register(EMAIL, PASSWORD, "Ada"), sessions.login(EMAIL, PASSWORD)
    eve = sessions.register("eve@example.com", PASSWORD, "Eve")
    assert sessions.revoke_all(laptop.user.id, start_anew=False) is None
    for ended in (laptop, phone):
        assert is_over(ended, access_tokens, revocations)
        with pytest.raises(Unauthenticated):
            sessions.refresh(ended.refresh_token)
    assert not is_over(eve, access_tokens, revocations)


def test_the_session_that_begins_where_all_others_end_goes_on(
    sessions: Sessions, access_tokens: AccessTokens, revocations: Revocations
) -> None:
    laptop = sessions.register(EMAIL, PASSWORD, "Ada")
    for _ in range(20):
        anew = sessions.revoke_all(laptop.user.id, start_anew=True)
        assert anew is not None
        assert not is_over(anew, access_tokens, revocations)
    assert is_over(laptop, access_tokens, revocations)
    sessions.refresh(anew.refresh_token)


def test_an_account_that_cannot_be_signed_in_is_not_made(sessions: Sessions, engine: Engine, tokens_table: str) -> None:
    dynamodb().delete_table(TableName=tokens_table)
    with pytest.raises(StorageUnavailable):
        sessions.register(EMAIL, PASSWORD, "Ada")
    with transaction(engine, PLATFORM) as session:
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


@pytest.mark.parametrize("change", ["password", "roles", "disabled"])
def test_a_sign_in_under_way_does_not_outlive_a_change_of_the_account(
    sessions: Sessions,
    users: Users,
    engine: Engine,
    revocations: Revocations,
    tokens_table: str,
    change: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user_id = sessions.register(EMAIL, PASSWORD, "Ada").user.id
    authenticate = users.authenticate

    def and_then_it_is_changed(email: str, password: str) -> User:
        found = authenticate(email, password)
        with transaction(engine, PLATFORM) as session:
            record = session.get_one(UserRecord, UUID(user_id))
            match change:
                case "password":
                    record.password_changed_at = datetime.now(UTC)
                case "roles":
                    record.grants = [UserRole(role="admin")]
                case _:
                    record.disabled_at = datetime.now(UTC)
        revocations.revoke_user(user_id)
        return found

    monkeypatch.setattr(users, "authenticate", and_then_it_is_changed)
    with pytest.raises(Unauthenticated):
        sessions.login(EMAIL, PASSWORD)
    markers = dynamodb().scan(TableName=tokens_table)["Items"]
    begun = {item["session_id"]["S"] for item in markers if "session_id" in item}
    ended = {item["pk"]["S"].removeprefix("session#") for item in markers if item["pk"]["S"].startswith("session#")}
    assert len(begun - ended) == 1  # the first one, which the user's marker ends
