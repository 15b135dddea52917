"""Refresh tokens work once; a second use ends the session."""

import json
import time

import pytest

from agent_platform.errors import StorageUnavailable, Unauthenticated
from agent_platform.identity import refresh_tokens as module
from agent_platform.identity.refresh_tokens import RefreshTokens
from agent_platform.identity.revocations import Revocations
from agent_platform.storage.dynamodb import dynamodb

LIFETIME = 3600


class Clock:
    """A clock that the test moves; in Unix seconds."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tokens_table: str, clock: Clock) -> RefreshTokens:
    revocations = Revocations(tokens_table, longest_life=LIFETIME, clock=clock)
    return RefreshTokens(tokens_table, lifetime=LIFETIME, revocations=revocations, clock=clock)


def test_a_token_has_256_random_bits_and_is_not_in_the_table(tokens: RefreshTokens, tokens_table: str) -> None:
    issued = tokens.start("u-1").token
    stored = json.dumps(dynamodb().scan(TableName=tokens_table)["Items"])
    assert len(issued) == 43
    assert issued not in stored
    assert len({tokens.start("u-1").token for _ in range(20)}) == 20


def test_each_use_brings_the_next_token_of_the_same_session(tokens: RefreshTokens, clock: Clock) -> None:
    began = int(clock.now * 1000)
    first = tokens.start("u-1")
    clock.now += 10
    second = tokens.rotate(tokens.read(first.token))
    clock.now += 10
    third = tokens.rotate(tokens.read(second.token))
    assert first.session_id == second.session_id == third.session_id
    assert len({first.token, second.token, third.token}) == 3
    latest = tokens.read(third.token)
    assert (latest.user_id, latest.session_id, latest.started_ms) == ("u-1", first.session_id, began)


def test_using_a_token_twice_ends_the_session_for_whoever_holds_its_latest_token(tokens: RefreshTokens) -> None:
    first = tokens.start("u-1")
    second = tokens.rotate(tokens.read(first.token))
    with pytest.raises(Unauthenticated, match="used before"):
        tokens.read(first.token)
    with pytest.raises(Unauthenticated, match="revoked"):
        tokens.rotate(tokens.read(second.token))


def test_reuse_is_noticed_generations_later(tokens: RefreshTokens) -> None:
    first = tokens.start("u-1")
    latest = first
    for _ in range(5):
        latest = tokens.rotate(tokens.read(latest.token))
    with pytest.raises(Unauthenticated, match="used before"):
        tokens.read(first.token)
    with pytest.raises(Unauthenticated, match="revoked"):
        tokens.rotate(tokens.read(latest.token))


def test_of_two_who_use_a_token_at_the_same_moment_one_wins_and_the_session_ends(tokens: RefreshTokens) -> None:
    first = tokens.start("u-1")
    one, other = tokens.read(first.token), tokens.read(first.token)
    winner = tokens.rotate(one)
    with pytest.raises(Unauthenticated, match="used before"):
        tokens.rotate(other)
    with pytest.raises(Unauthenticated, match="revoked"):
        tokens.rotate(tokens.read(winner.token))


def test_another_session_of_the_same_user_goes_on(tokens: RefreshTokens) -> None:
    laptop, phone = tokens.start("u-1"), tokens.start("u-1")
    tokens.rotate(tokens.read(laptop.token))
    with pytest.raises(Unauthenticated):
        tokens.read(laptop.token)
    assert tokens.rotate(tokens.read(phone.token)).session_id == phone.session_id


def test_revoking_the_user_ends_sessions_that_began_before_and_none_after(
    tokens: RefreshTokens, tokens_table: str, clock: Clock
) -> None:
    before = tokens.start("u-1")
    clock.now += 1
    Revocations(tokens_table, longest_life=LIFETIME, clock=clock).revoke_user("u-1")
    clock.now += 1
    after = tokens.start("u-1")
    with pytest.raises(Unauthenticated, match="revoked"):
        tokens.rotate(tokens.read(before.token))
    tokens.rotate(tokens.read(after.token))


def test_an_unused_token_expires_although_the_table_still_holds_it(tokens: RefreshTokens, clock: Clock) -> None:
    issued = tokens.start("u-1")
    clock.now += LIFETIME - 1
    tokens.read(issued.token)
    clock.now += 2
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.read(issued.token)


@pytest.mark.parametrize("text", ["", "unknown", "x" * 43, "x" * 1_000_000, "\x00", "\ud800", "é", "a#b"])
def test_what_was_never_issued_is_refused(tokens: RefreshTokens, text: str) -> None:
    with pytest.raises(Unauthenticated, match="not valid"):
        tokens.read(text)
    assert tokens.owner_and_session(text) is None


def test_a_digest_from_the_table_is_no_token(tokens: RefreshTokens, tokens_table: str) -> None:
    tokens.start("u-1")
    (item,) = dynamodb().scan(TableName=tokens_table)["Items"]
    for text in (item["pk"]["S"], item["pk"]["S"].removeprefix("refresh#")):
        with pytest.raises(Unauthenticated):
            tokens.read(text)


def test_a_used_token_still_tells_whose_session_it_was(tokens: RefreshTokens) -> None:
    first = tokens.start("u-1")
    tokens.rotate(tokens.read(first.token))
    assert tokens.owner_and_session(first.token) == ("u-1", first.session_id)


def test_a_rotation_that_keeps_colliding_says_try_again_and_uses_nothing_up(
    tokens: RefreshTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tokens.start("u-1")
    grant = tokens.read(first.token)
    conflict = {"CancellationReasons": [{"Code": "TransactionConflict"}] * 4, "Error": {"Code": "x"}}
    tries = []

    def collide(**_: object) -> None:
        tries.append(1)
        raise dynamodb().exceptions.TransactionCanceledException(conflict, "TransactWriteItems")

    with monkeypatch.context() as patched:
        patched.setattr(dynamodb(), "transact_write_items", collide)
        with pytest.raises(StorageUnavailable, match="another request"):
            tokens.rotate(grant)
    assert len(tries) == module.CONFLICT_TRIES
    tokens.rotate(grant)


def test_without_the_table_nothing_is_issued(tokens: RefreshTokens, tokens_table: str) -> None:
    issued = tokens.start("u-1")
    grant = tokens.read(issued.token)
    dynamodb().delete_table(TableName=tokens_table)
    for attempt in (lambda: tokens.start("u-1"), lambda: tokens.read(issued.token), lambda: tokens.rotate(grant)):
        with pytest.raises(StorageUnavailable):
            attempt()
