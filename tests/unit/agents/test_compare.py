"""Which version number a change of a definition asks for."""

import copy
from typing import Any

import pytest

from agent_platform.agents.compare import Bump, changes, needed, next_version, says_enough
from agent_platform.agents.definition import DefinitionFile
from tests.fakes.definitions import a_definition

OLD = a_definition()


def changed(path: str, value: Any) -> DefinitionFile:
    """The definition with the value at a dotted path set, or taken away where it is None."""
    document: Any = copy.deepcopy(OLD)
    *steps, last = path.split(".")
    place = document
    for step in steps:
        place = place.setdefault(step, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return DefinitionFile.model_construct(**{**dict(DefinitionFile.model_validate(OLD)), **_read(document)})


def _read(document: dict[str, Any]) -> dict[str, Any]:
    """The fields as the model holds them; their agreement with the example is not what these tests are about."""
    valid = DefinitionFile.model_validate({**document, "input": OLD["input"], "output": OLD["output"]})
    return {**dict(valid), "input": document["input"], "output": document["output"]}


@pytest.mark.parametrize(
    ("path", "value", "bump"),
    [
        ("summary", "Weighs a parcel twice and names its class.", Bump.PATCH),
        ("asks", ["one ask", "two asks", "three asks"], Bump.PATCH),
        ("instructions", OLD["instructions"] + "Then weigh it once more.", Bump.MINOR),
        ("tools", ["calculator"], Bump.MINOR),
        ("model", "deep", Bump.MINOR),
        ("guardrails", {"refuse": ["Opening the parcel", "Weighing people"]}, Bump.MINOR),
        ("input.properties.colour", {"type": "string"}, Bump.MINOR),
        ("input.properties.sent_on", None, Bump.MAJOR),
        ("input.required", ["parcel_grams", "sent_on"], Bump.MAJOR),
        ("input.required", [], Bump.MINOR),
        ("input.properties.parcel_grams.minimum", 5, Bump.MAJOR),
        ("input.properties.parcel_grams.type", "string", Bump.MAJOR),
        ("input.properties.parcel_grams.description", "Grams", Bump.PATCH),
        ("output.properties.colour", {"type": "string"}, Bump.MINOR),
        ("output.properties.reason", None, Bump.MAJOR),
        ("output.properties.tariff_class.enum", ["S", "M", "L", "XL"], Bump.MAJOR),
        ("output.properties.tariff_class.enum", ["S", "M"], Bump.MINOR),
        ("output.properties.tariff_class.enum", None, Bump.MAJOR),
        ("input.properties.sent_on.enum", ["2026-01-01"], Bump.MAJOR),
    ],
)
def test_a_change_asks_for_the_part_of_the_version_that_callers_would_feel(path: str, value: Any, bump: Bump):
    found = changes(DefinitionFile.model_validate(OLD), changed(path, value))
    assert needed(found) is bump
    assert found[0].field.startswith(path.replace(".properties", "").rpartition(".")[0] or path)


def test_an_input_that_takes_more_values_is_minor_and_one_that_takes_fewer_is_major():
    two, three = ({"type": "object", "properties": {"size": {"enum": list(sizes)}}} for sizes in ("SM", "SML"))
    old, new = (
        DefinitionFile.model_construct(**{**dict(DefinitionFile.model_validate(OLD)), "input": each})
        for each in (two, three)
    )
    assert needed(changes(old, new)) is Bump.MINOR
    assert needed(changes(new, old)) is Bump.MAJOR


def test_nothing_changed_asks_for_nothing():
    same = DefinitionFile.model_validate(OLD)
    assert changes(same, same) == []
    assert says_enough("1.2.3", "1.2.3", Bump.NONE)
    assert not says_enough("1.2.3", "1.2.4", Bump.NONE)


@pytest.mark.parametrize(
    ("bump", "lowest"), [(Bump.PATCH, "1.2.4"), (Bump.MINOR, "1.3.0"), (Bump.MAJOR, "2.0.0"), (Bump.NONE, "1.2.3")]
)
def test_the_next_version_raises_that_part_and_clears_those_behind(bump: Bump, lowest: str):
    assert next_version("1.2.3", bump) == lowest
    assert says_enough("1.2.3", lowest, bump)


@pytest.mark.parametrize(
    ("new", "bump"), [("1.2.3", Bump.PATCH), ("1.2.9", Bump.MINOR), ("1.9.0", Bump.MAJOR), ("0.9.9", Bump.PATCH)]
)
def test_a_version_that_rises_too_little_does_not_say_enough(new: str, bump: Bump):
    assert not says_enough("1.2.3", new, bump)


@pytest.mark.parametrize(("new", "bump"), [("2.0.0", Bump.PATCH), ("1.10.0", Bump.MINOR)])
def test_a_version_may_rise_by_more(new: str, bump: Bump):
    assert says_enough("1.2.3", new, bump)
