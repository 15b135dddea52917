"""Tools: a typed function becomes what a model can call, and whatever goes wrong becomes an answer."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Annotated

import jsonschema_rs
import pytest
from pydantic import Field

from agent_platform.agents.tools.registry import RESULT_CHARACTERS, ToolFailed, registry, tool


@pytest.fixture
def own_tools() -> Iterator[None]:
    """Tools registered in a test are gone after it."""
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


def test_the_tools_there_are():
    assert sorted(registry) == ["calculator", "date_arithmetic", "regular_expression", "url_parts"]


@pytest.mark.parametrize("name", sorted(registry))
def test_a_model_is_told_what_a_tool_does_and_takes(name: str):
    found = registry[name]
    assert found.name == name
    assert len(found.description) > 80
    jsonschema_rs.meta.validate(found.input_schema)
    assert found.input_schema["type"] == "object"
    assert found.input_schema["additionalProperties"] is False


@pytest.mark.parametrize("name", sorted(registry))
@pytest.mark.parametrize(
    "arguments", [None, [], "text", 5, {}, {"unknown": 1}, {"url": None}, {"expression": ["1"]}], ids=str
)
def test_no_arguments_whatever_make_a_tool_raise(name: str, arguments: object):
    outcome = registry[name].call(arguments)
    assert outcome.is_error
    assert outcome.content.startswith("Arguments refused: ")


def test_a_function_is_described_by_its_signature(own_tools: None):
    @tool
    def weigh(grams: Annotated[int, Field(ge=0, description="What the scale shows")], on: date, unit: str = "g") -> str:
        """Weigh a parcel."""
        return f"{grams} {unit} on {on:%d %B}"

    found = registry["weigh"]
    assert weigh(5, date(2026, 3, 31)) == "5 g on 31 March"
    assert found.description == "Weigh a parcel."
    assert found.input_schema["required"] == ["grams", "on"]
    assert found.input_schema["properties"]["grams"]["description"] == "What the scale shows"
    assert found.call({"grams": 5, "on": "2026-03-31"}).content == '"5 g on 31 March"'


def test_a_failure_that_a_tool_foresees_is_told_to_the_model(own_tools: None):
    @tool
    def refuse() -> None:
        """Refuse."""
        raise ToolFailed("Ask for something smaller.")

    outcome = registry["refuse"].call({})
    assert (outcome.content, outcome.is_error) == ("Ask for something smaller.", True)


def test_a_long_result_is_cut_and_says_so(own_tools: None):
    @tool
    def talk(characters: int) -> str:
        """Talk."""
        return "x" * characters

    assert registry["talk"].call({"characters": RESULT_CHARACTERS - 2}).content.endswith('x"')
    cut = registry["talk"].call({"characters": 10**6}).content
    assert cut.endswith(f"… (cut after {RESULT_CHARACTERS} characters)")
    assert len(cut) < RESULT_CHARACTERS + 50


def test_a_result_keeps_text_readable_and_dates_as_iso(own_tools: None):
    @tool
    def tell() -> dict[str, object]:
        """Tell."""
        return {"name": "Päckchen 📦", "on": date(2026, 3, 31)}

    told = registry["tell"].call({}).content
    assert json.loads(told) == {"name": "Päckchen 📦", "on": "2026-03-31"}
    assert "Päckchen 📦" in told
