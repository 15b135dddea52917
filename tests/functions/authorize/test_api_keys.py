"""Machines at the gateway: an API key in the Authorization header passes as its owner, within its bounds."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest

from agent_platform.errors import StorageUnavailable
from agent_platform.identity.api_keys import ApiKeys, KeyOrder
from agent_platform.identity.key_text import new_key
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.storage.dynamodb import dynamodb
from functions.authorize import handler as module
from functions.authorize.handler import handler
from tests.fakes.aws import jwt_secret, tokens_table
from tests.fakes.gateway import LambdaContext, authorizer_event
from tests.fakes.log import log

__all__ = ["jwt_secret", "log", "tokens_table"]

ADA = "019ab2c4-0000-7000-8000-00000000000a"
UNAUTHORIZED = r"^Unauthorized$"


@pytest.fixture(autouse=True)
def environment(jwt_secret: str, tokens_table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The function's environment, and a process that has not seen a request yet."""
    monkeypatch.setenv("JWT_SECRET_ARN", jwt_secret)
    monkeypatch.setenv("TOKENS_TABLE", tokens_table)
    module._authorizer.cache_clear()
    yield
    module._authorizer.cache_clear()


@pytest.fixture
def keys(tokens_table: str) -> ApiKeys:
    """Another process that makes and ends keys."""
    return ApiKeys(tokens_table)


@pytest.fixture
def made(keys: ApiKeys) -> tuple[str, str]:
    """A key: its id and its text."""
    order = KeyOrder("Nightly", ["agents:execute"], agents=["finance-accounting/*"])
    stored, text = keys.create(ADA, lambda: ("ada@example.com", ("user",)), order, new_id())
    return stored.key.id, text


def ask(text: str, **headers: str) -> dict[str, Any]:
    sent = {"Authorization": f"Bearer {text}", **headers}
    return handler(authorizer_event("GET", "/api/v1/agents", sent), LambdaContext())


def test_a_key_passes_as_its_owner_and_the_function_learns_its_bounds(made: tuple[str, str]) -> None:
    key_id, text = made
    decision = ask(text)
    assert decision["principalId"] == ADA
    assert decision["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    assert all(isinstance(value, str) for value in decision["context"].values())
    principal = Principal.from_authorizer_context(decision["context"])
    assert (principal.key_id, principal.scopes, principal.agents) == (
        key_id,
        frozenset({"agents:execute"}),
        frozenset({"finance-accounting/*"}),
    )
    assert text[37:] not in json.dumps(decision)


def test_the_gateway_logs_which_key_it_was_and_not_what_it_is(made: tuple[str, str], log: StringIO) -> None:
    _, text = made
    ask(text)
    for broken in (text[:-1], f"{text}\0", text * 100, new_key(made[0])[0]):
        with pytest.raises(Exception, match=UNAUTHORIZED):
            ask(broken)
    assert made[0] in log.getvalue()
    assert text[37:-6] not in log.getvalue()


def test_a_key_in_another_header_is_none(made: tuple[str, str]) -> None:
    event = authorizer_event("GET", "/api/v1/agents", {"X-API-Key": made[1]})
    with pytest.raises(Exception, match=UNAUTHORIZED):
        handler(event, LambdaContext())
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask("none", **{"X-API-Key": made[1]})


def test_a_key_as_the_password_of_basic_authentication_is_none(made: tuple[str, str]) -> None:
    event = authorizer_event("GET", "/api/v1/agents", {"Authorization": f"Basic {made[1]}"})
    with pytest.raises(Exception, match=UNAUTHORIZED):
        handler(event, LambdaContext())


def test_a_revocation_made_by_another_process_counts_within_a_second(keys: ApiKeys, made: tuple[str, str]) -> None:
    key_id, text = made
    ask(text)
    keys.revoke(ADA, key_id)
    started = time.monotonic()
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask(text)
    assert time.monotonic() - started < 1


def test_a_rotation_counts_at_once_and_leaves_the_old_secret_its_grace(keys: ApiKeys, made: tuple[str, str]) -> None:
    key_id, text = made
    _, second = keys.rotate(ADA, key_id, grace=timedelta(minutes=5))
    assert ask(text)["context"] == ask(second)["context"]
    _, third = keys.rotate(ADA, key_id, grace=timedelta())
    for old in (text, second):
        with pytest.raises(Exception, match=UNAUTHORIZED):
            ask(old)
    ask(third)


def test_a_disabled_owner_and_one_without_roles_are_refused(keys: ApiKeys, made: tuple[str, str]) -> None:
    keys.owner_changed(ADA, list)
    assert ask(made[1])["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    keys.owner_changed(ADA, lambda: None)
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask(made[1])


def test_while_keys_cannot_be_read_nobody_passes(made: tuple[str, str], tokens_table: str) -> None:
    ask(made[1])
    dynamodb().delete_table(TableName=tokens_table)
    with pytest.raises(StorageUnavailable):
        ask(made[1])
