"""Fixtures of the identity tests."""

import pytest

from agent_platform.identity.access_tokens import AccessTokens
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.settings import TokenSettings
from tests.fakes.aws import jwt_secret, tokens_table
from tests.fakes.postgres import database, engine

__all__ = ["database", "engine", "jwt_secret", "tokens_table"]


@pytest.fixture
def settings(jwt_secret: str, tokens_table: str) -> TokenSettings:
    """Token settings of a deployment with the default lifetimes."""
    return TokenSettings(jwt_secret_arn=jwt_secret, tokens_table=tokens_table)


@pytest.fixture
def access_tokens(settings: TokenSettings) -> AccessTokens:
    """The issuer and verifier of that deployment."""
    return AccessTokens(settings, SigningKeys(settings.jwt_secret_arn))


@pytest.fixture
def revocations(settings: TokenSettings) -> Revocations:
    """The revocations of that deployment."""
    return Revocations(settings.tokens_table, longest_life=settings.refresh_token_seconds)
