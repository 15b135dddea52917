"""The model of a definition: ids, and what is trusted when it comes from the compiled catalogue."""

import json

import pytest
from pydantic import ValidationError

from agent_platform.agents.definition import AgentDefinition, is_agent_id
from tests.fakes.definitions import a_definition


@pytest.mark.parametrize(
    "text",
    ["a/b", "tax-audit/vat-checker", "post/scope-2-parcels", "a1/b2", f"post/{'x' * 80}", f"{'x' * 34}/{'y' * 50}"],
)
def test_words_and_hyphens_in_two_segments_are_an_id(text: str):
    assert is_agent_id(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a/", "/b", "a/b/c", "A/b", "a/B", "a/-b", "a/b-", "a/b--c", "a/b_c", "a/b.c", "1a/b", "a/1b"),
        *("a /b", "a/b\n", "ä/b", "a/..", f"post/{'x' * 81}", f"{'x' * 35}/y"),
    ],
)
def test_anything_else_is_none(text: str):
    assert not is_agent_id(text)


def compiled(**changes: object) -> str:
    return json.dumps({**a_definition(), "id": "post/parcel", **changes})


def test_a_definition_comes_back_from_the_catalogue_as_it_went_in():
    written = AgentDefinition.model_validate_json(compiled())
    again = AgentDefinition.trusted(written.model_dump_json())
    assert again == written
    assert again.group == "post"
    assert AgentDefinition.trusted(written.model_dump_json().encode()) == written


def test_what_the_build_has_checked_is_not_checked_again():
    assert AgentDefinition.trusted(compiled(instructions="Short.")).instructions == "Short."


@pytest.mark.parametrize(
    "document",
    ["", "{", "null", "[]", "{}", compiled(model="huge"), compiled(id="nobody"), compiled(extra=1), compiled()[:-20]],
    ids=lambda text: text[-20:],
)
def test_a_damaged_entry_is_noticed(document: str):
    with pytest.raises(ValidationError):
        AgentDefinition.trusted(document)


def test_a_definition_cannot_be_changed_once_it_is_loaded():
    definition = AgentDefinition.trusted(compiled())
    with pytest.raises(ValidationError, match="frozen"):
        definition.model = "deep"
