"""A principal on its way from the authorizer to a function."""

import pytest

from agent_platform.errors import Unauthenticated
from agent_platform.identity.principal import Principal


@pytest.mark.parametrize("key_id", [None, "key-1"])
def test_a_principal_passes_the_gateway_whole_as_text(key_id: str | None):
    ada = Principal("user-1", "ada@example.com", frozenset({"user", "admin"}), "jti-1", key_id)
    context = ada.to_authorizer_context()
    assert all(isinstance(value, str) for value in context.values())
    assert Principal.from_authorizer_context(context) == ada


def test_without_an_authorizer_there_is_no_principal():
    with pytest.raises(Unauthenticated):
        Principal.from_authorizer_context({"email": "ada@example.com"})
