"""What a link in a mail carries: good for one purpose, once, for a while."""

import json
import time

import pytest

from agent_platform.errors import OneTimeTokenInvalid, StorageUnavailable
from agent_platform.identity.one_time_tokens import OneTimeTokens
from agent_platform.storage.dynamodb import dynamodb


class Clock:
    """A clock that the test moves; in Unix seconds."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tokens_table: str, clock: Clock) -> OneTimeTokens:
    return OneTimeTokens(tokens_table, clock)


def test_a_token_has_256_random_bits_and_is_not_in_the_table(tokens: OneTimeTokens, tokens_table: str) -> None:
    issued = tokens.issue("reset-password", "u-1", 60)
    assert len(issued) == 43
    assert issued not in json.dumps(dynamodb().scan(TableName=tokens_table)["Items"])
    assert len({tokens.issue("reset-password", "u-1", 60) for _ in range(20)}) == 20


def test_a_token_is_redeemed_once(tokens: OneTimeTokens) -> None:
    token = tokens.issue("reset-password", "u-1", 60)
    assert tokens.read("reset-password", token) == "u-1"
    assert tokens.redeem("reset-password", token) == "u-1"
    for again in (tokens.redeem, tokens.read):
        with pytest.raises(OneTimeTokenInvalid):
            again("reset-password", token)


def test_a_token_for_one_purpose_is_nothing_for_another(tokens: OneTimeTokens) -> None:
    token = tokens.issue("verify-email", "u-1", 60)
    for use in (tokens.read, tokens.redeem):
        with pytest.raises(OneTimeTokenInvalid):
            use("reset-password", token)
    assert tokens.redeem("verify-email", token) == "u-1"


def test_a_token_expires_though_its_item_is_still_there(tokens: OneTimeTokens, clock: Clock, tokens_table: str) -> None:
    token = tokens.issue("reset-password", "u-1", 60)
    clock.now += 59
    assert tokens.read("reset-password", token) == "u-1"
    clock.now += 1
    for use in (tokens.read, tokens.redeem):
        with pytest.raises(OneTimeTokenInvalid):
            use("reset-password", token)
    assert dynamodb().scan(TableName=tokens_table)["Count"] == 1


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 128, "x" * 129, "x" * 100_000, "é", "\ud800", "a\nb"])
def test_an_invented_token_is_worth_nothing(tokens: OneTimeTokens, token: str) -> None:
    tokens.issue("reset-password", "u-1", 60)
    for use in (tokens.read, tokens.redeem):
        with pytest.raises(OneTimeTokenInvalid):
            use("reset-password", token)


def test_the_digest_in_the_table_is_no_token(tokens: OneTimeTokens, tokens_table: str) -> None:
    tokens.issue("reset-password", "u-1", 60)
    (item,) = dynamodb().scan(TableName=tokens_table)["Items"]
    for shown in (item["pk"]["S"], item["pk"]["S"].removeprefix("once#")):
        with pytest.raises(OneTimeTokenInvalid):
            tokens.redeem("reset-password", shown)


def test_without_the_table_nothing_is_redeemed(tokens: OneTimeTokens, tokens_table: str) -> None:
    token = tokens.issue("reset-password", "u-1", 60)
    dynamodb().delete_table(TableName=tokens_table)
    with pytest.raises(StorageUnavailable):
        tokens.redeem("reset-password", token)
