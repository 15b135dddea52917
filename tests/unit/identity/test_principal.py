"""A principal on its way from the authorizer to a function."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from agent_platform.errors import Unauthenticated
from agent_platform.identity.principal import Principal
from agent_platform.storage.principal_document import PrincipalDocument

ADA = Principal("user-1", "ada@example.com", frozenset({"user", "admin"}), "jti-1")
KEY = replace(
    ADA,
    key_id="key-1",
    scopes=frozenset({"agents:execute", "workflows:*"}),
    agents=frozenset({"finance-accounting/*", "support/triage"}),
)
EVERY_KIND = [ADA, KEY, replace(KEY, agents=None), replace(KEY, scopes=frozenset(), agents=frozenset())]


@pytest.mark.parametrize("principal", EVERY_KIND)
def test_a_principal_passes_the_gateway_whole_as_text(principal: Principal):
    context = principal.to_authorizer_context()
    assert all(isinstance(value, str) and value for value in context.values())
    seen = Principal.from_authorizer_context(context, source_ip="203.0.113.7")
    assert seen == replace(principal, source_ip="203.0.113.7")


@pytest.mark.parametrize("principal", EVERY_KIND)
def test_work_goes_on_as_the_same_principal_without_its_token(principal: Principal):
    asked = replace(principal, source_ip="203.0.113.7")
    written = json.loads(json.dumps(asked.to_document().model_dump(mode="json")))
    assert Principal.from_document(PrincipalDocument.model_validate(written)) == replace(asked, token_id="")


def test_what_was_written_before_keys_had_bounds_reads_as_it_was_meant():
    old = {"user_id": "user-1", "email": "ada@example.com", "roles": ["user"], "key_id": None}
    principal = Principal.from_document(PrincipalDocument.model_validate(old))
    assert principal == Principal("user-1", "ada@example.com", frozenset({"user"}), token_id="")


def test_a_field_that_is_not_known_is_refused_because_it_may_narrow():
    with pytest.raises(ValidationError):
        PrincipalDocument.model_validate({"user_id": "user-1", "only_on": "mondays"})


def test_without_an_authorizer_there_is_no_principal():
    with pytest.raises(Unauthenticated):
        Principal.from_authorizer_context({"email": "ada@example.com"})
