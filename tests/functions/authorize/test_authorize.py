"""The gateway's authorizer: who passes, who does not, and what it costs to load."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agent_platform.errors import ConfigurationError, StorageUnavailable
from agent_platform.identity.access_tokens import AccessTokens
from agent_platform.identity.principal import Principal
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.settings import AuthorizeSettings
from agent_platform.storage.dynamodb import dynamodb
from functions.authorize import handler as module
from functions.authorize.handler import handler
from tests.fakes.aws import jwt_secret, store_secret, tokens_table
from tests.fakes.gateway import ARN, LambdaContext, authorizer_event
from tests.fakes.log import log

__all__ = ["jwt_secret", "log", "tokens_table"]

ROOT = Path(__file__).parents[3]
UNAUTHORIZED = r"^Unauthorized$"
ADA = {"user_id": "u-1", "email": "ada@example.com", "session_id": "s-1"}


@pytest.fixture(autouse=True)
def environment(jwt_secret: str, tokens_table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The function's environment, and a process that has not seen a request yet."""
    monkeypatch.setenv("JWT_SECRET_ARN", jwt_secret)
    monkeypatch.setenv("TOKENS_TABLE", tokens_table)
    module._authorizer.cache_clear()
    yield
    module._authorizer.cache_clear()


@pytest.fixture
def issuer(jwt_secret: str, tokens_table: str) -> AccessTokens:
    """Another process that issues tokens."""
    settings = AuthorizeSettings(jwt_secret_arn=jwt_secret, tokens_table=tokens_table)
    return AccessTokens(settings, SigningKeys(jwt_secret))


@pytest.fixture
def revocations(tokens_table: str) -> Revocations:
    """Another process that revokes."""
    return Revocations(tokens_table, longest_life=3600)


def ask(token: str | None, *, name: str = "Authorization", path: str = "/api/v1/me") -> dict[str, Any]:
    headers = {} if token is None else {name: f"Bearer {token}"}
    return handler(authorizer_event("GET", path, headers), LambdaContext())


def test_a_valid_token_opens_the_whole_stage_and_says_who_it_is(issuer: AccessTokens) -> None:
    decision = ask(issuer.issue(**ADA, roles=["user", "admin"]))
    assert decision["principalId"] == "u-1"
    assert decision["policyDocument"]["Statement"] == [
        {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{ARN}/*"}
    ]
    assert decision["context"].keys() == {"sub", "email", "roles", "jti"}
    assert all(isinstance(value, str) for value in decision["context"].values())
    json.dumps(decision)


def test_the_context_is_the_principal_that_a_function_reads_back(issuer: AccessTokens) -> None:
    token = issuer.issue(**ADA, roles=["user", "admin"])
    read = Principal.from_authorizer_context(ask(token)["context"])
    assert read == issuer.verify(token).principal


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_the_header_is_found_in_any_case(issuer: AccessTokens, name: str) -> None:
    assert ask(issuer.issue(**ADA, roles=["user"]), name=name)["principalId"] == "u-1"


def test_a_gateway_that_sends_single_headers_only_is_understood(issuer: AccessTokens) -> None:
    event = authorizer_event("GET", "/api/v1/me", {"authorization": f"Bearer {issuer.issue(**ADA, roles=['user'])}"})
    for several in (None, {}):
        assert handler(event | {"multiValueHeaders": several}, LambdaContext())["principalId"] == "u-1"


@pytest.mark.parametrize(
    "headers", [{}, None, {"Authorization": ""}, {"Authorization": "Basic dTpw"}, {"X-Api-Key": "k"}]
)
def test_without_a_bearer_token_nobody_passes(headers: dict[str, str] | None) -> None:
    event = authorizer_event("GET", "/api/v1/me", headers or {})
    if headers is None:
        event |= {"headers": None, "multiValueHeaders": None}
    with pytest.raises(Exception, match=UNAUTHORIZED):
        handler(event, LambdaContext())


def test_two_authorization_headers_are_one_too_many(issuer: AccessTokens) -> None:
    good = f"Bearer {issuer.issue(**ADA, roles=['user'])}"
    event = authorizer_event("GET", "/api/v1/me", {"Authorization": good})
    event["multiValueHeaders"] = {"Authorization": [good, "Bearer other"]}
    with pytest.raises(Exception, match=UNAUTHORIZED):
        handler(event, LambdaContext())


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", "x" * 20_000])
def test_a_token_that_is_none_is_unauthorized(token: str) -> None:
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask(token)


def test_an_account_without_any_role_may_go_nowhere(issuer: AccessTokens) -> None:
    decision = ask(issuer.issue(**ADA, roles=[]))
    assert decision["policyDocument"]["Statement"][0]["Effect"] == "Deny"


def test_a_revocation_made_by_another_process_counts_within_a_second(
    issuer: AccessTokens, revocations: Revocations
) -> None:
    for revoke in (
        lambda token: revocations.revoke_token(token.principal.token_id, expires_at=token.expires_at),
        lambda token: revocations.revoke_session(token.session_id),
        lambda token: revocations.revoke_user(token.principal.user_id),
    ):
        who = {"user_id": f"u-{id(revoke)}", "email": "ada@example.com", "session_id": f"s-{id(revoke)}"}
        token = issuer.issue(**who, roles=["user"])
        ask(token)
        revoke(issuer.verify(token))
        started = time.monotonic()
        with pytest.raises(Exception, match=UNAUTHORIZED):
            ask(token)
        assert time.monotonic() - started < 1


def test_while_revocations_cannot_be_read_nobody_passes(issuer: AccessTokens, tokens_table: str) -> None:
    token = issuer.issue(**ADA, roles=["user"])
    ask(token)
    dynamodb().delete_table(TableName=tokens_table)
    with pytest.raises(StorageUnavailable):
        ask(token)


@pytest.mark.parametrize("secret", [{"active": "k1", "k1": "short"}, {"k1": "x" * 40}, "not json"])
def test_with_an_unusable_signing_key_nobody_passes(issuer: AccessTokens, secret: Any) -> None:
    token = issuer.issue(**ADA, roles=["user"])
    store_secret("jwt", secret)
    with pytest.raises(ConfigurationError):
        ask(token)


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKENS_TABLE")
    with pytest.raises(ConfigurationError, match="TOKENS_TABLE"):
        ask("x")


def test_neither_a_token_nor_a_key_reaches_the_log(issuer: AccessTokens, log: StringIO) -> None:
    token = issuer.issue(**ADA, roles=["user"])
    with pytest.raises(Exception, match=UNAUTHORIZED):
        ask(token[:-2] + "xx")
    assert '"message":"refused"' in log.getvalue()
    assert token[:-2] not in log.getvalue()
    assert "signing-key" not in log.getvalue()


def test_loading_the_function_loads_no_web_framework_no_database_and_no_model_sdk() -> None:
    script = """
import sys
import functions.authorize.handler
heavy = {"anthropic", "fastapi", "starlette", "mangum", "sqlalchemy", "psycopg", "alembic", "argon2", "jsonschema_rs"}
print(sorted(heavy & set(sys.modules)))
"""
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}/layers/platform/python:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == "[]", found.stdout + found.stderr
