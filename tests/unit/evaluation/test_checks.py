"""The deterministic checks of an answer."""

from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.cases import Case
from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import AgentLoader
from agent_platform.evaluation.checks import checks
from tests.fakes.definitions import write_definition

ANSWER = {"tariff_class": "L", "reason": "At 9 kg it is too heavy for class M (5.00 kg); 1480 g over."}


@pytest.fixture
def definition(tmp_path: Path) -> AgentDefinition:
    return AgentLoader(tmp_path).load(write_definition(tmp_path, "post/parcel-weigher", "parcel"))


def a_case(**fields: Any) -> Case:
    document = {"name": "heavy", "why": "It is carried at a loss.", "input": {"parcel_grams": 9000}, **fields}
    return Case.model_validate(document)


def outcome(definition: AgentDefinition, answer: dict[str, Any] | None = None, **fields: Any) -> list[tuple[str, bool]]:
    return [(each.kind, each.passed) for each in checks(definition, a_case(**fields), answer or ANSWER)][1:]


def test_the_schema_is_always_checked(definition: AgentDefinition):
    (right, *_) = checks(definition, a_case(never=["free"]), ANSWER)
    (wrong, *_) = checks(definition, a_case(never=["free"]), {"tariff_class": "XL"})

    assert (right.kind, right.passed, wrong.passed) == ("schema", True, False)
    assert "output.reason is required" in (wrong.found or "")


@pytest.mark.parametrize(
    ("expect", "passed"),
    [
        ({"tariff_class": "L"}, True),
        ({"tariff_class": "M"}, False),
        ({"length(reason)": {"at_least": 10}}, True),
        ({"length(tariff_class)": {"about": 2}}, False),
        ({"abs(reason)": 1}, False),  # an error of the expression on this answer
        ({"price": None}, True),
    ],
)
def test_an_expected_value_is_looked_up_by_its_expression(
    definition: AgentDefinition, expect: dict[str, Any], passed: bool
):
    assert outcome(definition, expect=expect) == [("expected", passed)]


def test_one_is_not_true(definition: AgentDefinition):
    assert outcome(definition, {"tariff_class": "L", "reason": "", "n": 1}, expect={"n": True}) == [("expected", False)]
    assert outcome(definition, {"tariff_class": "L", "reason": "", "n": 1.0}, expect={"n": 1}) == [("expected", True)]


@pytest.mark.parametrize(
    ("fact", "passed"),
    [
        ("TOO HEAVY", True),
        (["nine kilograms", "9 kg"], True),
        ("480", False),  # inside of 1480
        ("5", False),  # inside of 5.00
        ("5.00 kg", True),
        ("too  heavy\nfor", True),
        ("heavy parcel", False),
    ],
)
def test_a_required_fact_stands_in_the_answer_as_whole_words(
    definition: AgentDefinition, fact: str | list[str], passed: bool
):
    assert outcome(definition, mentions=[fact]) == [("fact", passed)]


def test_numbers_are_read_as_people_write_them(definition: AgentDefinition):
    answer = {"tariff_class": "L", "reason": "", "due": 789.0, "lines": [{"rate": 1.8}]}

    assert outcome(definition, answer, mentions=["789", "1.8"]) == [("fact", True), ("fact", True)]


def test_a_forbidden_claim_fails_and_is_quoted(definition: AgentDefinition):
    *_, check = checks(definition, a_case(never=["too heavy for class M"]), ANSWER)

    assert (check.kind, check.passed, check.found) == ("forbidden", False, "too heavy for class M")
