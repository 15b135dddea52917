"""What holds for every tool: described and bounded schemas, and an answer in time to whatever the schema allows."""

import json
import time
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_platform.agents.tools import registry
from agent_platform.agents.tools.registry import RESULT_CHARACTERS, TIMEOUT_SECONDS
from tests.fakes.log import log

__all__ = ["log"]

NAMES = sorted(registry)
LARGEST = 1_000_000

PIECES = [
    "a", "7", " ", "\n", "(", "[", "{", "<", "'", '"', "`", "*", "+", "|", "\\", "%", "-", ".", ",", ";", "/", "@", "&",
    "€", "ß", "İ", "📦", "\0", "\u202e", "a+)+", "((a{9}){9}", "[@,@]|", "9**", "1e9", "--x\n", "select ", "from t,",
    " union ", "WITH RECURSIVE ", "now", "http://", "xn--", "\"\"", "NaN", "null", "0001-01-01", "km/h", "EUR",
]  # fmt: skip
"""What texts of hostile arguments are made of: marks of every syntax that a tool reads, and characters that trip."""


def parts(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside one, with its place."""
    yield path, schema
    for key, child in [*schema.get("properties", {}).items(), *schema.get("$defs", {}).items()]:
        yield from parts(child, f"{path}.{key}")
    for key in ("items", "propertyNames", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from parts(schema[key], f"{path}.{key}")
    for child in schema.get("anyOf", []):
        yield from parts(child, path)


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return root["$defs"][name] if name else schema


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_described(name: str):
    schema = registry[name].input_schema
    named = [*schema["properties"].items()]
    for definition in schema.get("$defs", {}).values():
        named += definition.get("properties", {}).items()
    assert [key for key, child in named if len(child.get("description", "")) < 10] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_text_list_and_object_is_bounded(name: str):
    for path, part in parts(registry[name].input_schema):
        kind = part.get("type")
        bounded = {
            "string": "enum" in part or "maxLength" in part or part.get("format") == "date",
            "array": "maxItems" in part,
            "object": part.get("additionalProperties") is False or "maxProperties" in part,
        }
        assert bounded.get(kind, True), f"{name}{path} has no greatest size"
        assert part.get("maxLength", 0) <= LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_unknown_arguments_are_refused(name: str):
    outcome = registry[name].call({"surely_unknown": 1})
    assert outcome.is_error
    assert "surely_unknown: Extra inputs are not permitted" in outcome.content


@pytest.mark.parametrize("name", NAMES)
def test_a_description_fits_beside_the_task(name: str):
    found = registry[name]
    assert 80 < len(found.description) < 1_200
    assert len(json.dumps(found.input_schema)) < 5_000
    assert 0 < found.timeout_seconds <= 30


def hostile(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema allows, with a taste for the unpleasant."""
    schema = resolved(schema, root)
    if "anyOf" in schema:
        return st.one_of([hostile(each, root) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True).filter(
                lambda text: len(text) <= schema.get("maxLength", LARGEST) and "\n" not in text
            )
        case "string" if schema.get("format") == "date":
            return st.dates().map(str)
        case "string":
            most = schema["maxLength"]
            filled = st.builds(
                lambda pieces, times: ("".join(pieces) * times)[:most] or "a",
                st.lists(st.sampled_from(PIECES), min_size=1, max_size=6),
                st.sampled_from([1, 2, 30, most]),
            )
            return st.one_of(filled, st.text(min_size=schema.get("minLength", 0), max_size=min(most, 50)))
        case "integer":
            return st.integers(schema.get("minimum", -(10**30)), schema.get("maximum", 10**30))
        case "number":
            return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            few = st.lists(hostile(schema["items"], root), min_size=schema.get("minItems", 0), max_size=5)
            return st.builds(
                lambda values, times: (values * times)[: schema["maxItems"]], few, st.sampled_from([1, 100])
            )
        case "object" if "properties" in schema:
            required = schema.get("required", [])
            children = {key: hostile(child, root) for key, child in schema["properties"].items()}
            return st.fixed_dictionaries(
                {key: child for key, child in children.items() if key in required},
                optional={key: child for key, child in children.items() if key not in required},
            )
        case "object":
            return st.dictionaries(st.text(max_size=20), hostile(schema["additionalProperties"], root), max_size=5)
    raise AssertionError(schema)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_the_schema_allows_is_answered_in_time_and_without_a_defect(name: str, log):
    found = registry[name]
    schema = found.input_schema
    valid = jsonschema_rs.validator_for(schema)

    @settings(
        max_examples=40,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example],
    )
    @given(hostile(schema, schema))
    def answers(arguments: dict[str, Any]) -> None:
        assert valid.is_valid(arguments)
        started = time.monotonic()
        outcome = found.call(arguments)
        # More than the limit: the machine that runs tests may be busy.
        assert time.monotonic() - started < 4 * TIMEOUT_SECONDS
        assert 0 < len(outcome.content) < RESULT_CHARACTERS + 100
        assert "Arguments refused" not in outcome.content or "pattern" in outcome.content
        assert "for a reason of its own" not in outcome.content, (arguments, log.getvalue()[-3000:])

    answers()
