"""JMESPath: the language as specified, sums without binary rounding, and no expression that fills memory or time."""

import json
import time
from typing import Any

import pytest

from agent_platform.agents.tools import json_query, registry
from agent_platform.agents.tools.registry import ToolOutcome

TOOL = registry["json_query"]
PATIENCE = 30
"""Seconds: many times the limit of the tool, since machines that run tests are busy."""

ORDER = {
    "id": "A-1",
    "items": [
        {"name": "pen", "price": 0.1, "count": 3, "tags": ["blue", "ink"]},
        {"name": "pad", "price": 0.2, "count": 1, "tags": ["paper"]},
        {"name": "ruler", "price": 12.5, "count": 0, "tags": []},
    ],
    "by-city": {"Bonn": 2, "Ulm": 5},
    "note": None,
}


def call(expression: str, document: object = ORDER) -> ToolOutcome:
    text = document if isinstance(document, str) else json.dumps(document)
    started = time.monotonic()
    outcome = TOOL.call({"document": text, "expression": expression})
    assert time.monotonic() - started < PATIENCE
    return outcome


def result(expression: str, document: object = ORDER) -> Any:
    outcome = call(expression, document)
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)["result"]


def refusal(expression: str, document: object = ORDER) -> str:
    outcome = call(expression, document)
    assert outcome.is_error, outcome.content
    return outcome.content


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("id", "A-1"),
        ("nothing", None),
        ("nothing.further", None),
        ("items[*].name", ["pen", "pad", "ruler"]),
        ("items[?price > `0.1`].name", ["pad", "ruler"]),
        ("items[?contains(tags, 'ink')] | [0].name", "pen"),
        ("items[].tags[]", ["blue", "ink", "paper"]),
        ("items[-1].{n: name, p: price}", {"n": "ruler", "p": 12.5}),
        ("items[0:2].[name, count]", [["pen", 3], ["pad", 1]]),
        ('"by-city".Ulm', 5),
        ('max("by-city".*)', 5),
        ('sort(keys("by-city"))', ["Bonn", "Ulm"]),
        ("sort_by(items, &price)[-1].name", "ruler"),
        ("max_by(items, &count).name", "pen"),
        ("length(items)", 3),
        ("join(', ', items[*].name)", "pen, pad, ruler"),
        ("map(&to_string(count), items)", ["3", "1", "0"]),
        ("not_null(note, id)", "A-1"),
        ("type(note)", "null"),
        ("items[?!tags].name", ["ruler"]),
        ("`[1, 2]`", [1, 2]),
    ],
)
def test_expressions_mean_what_the_specification_says(expression: str, expected: object):
    assert result(expression) == expected


@pytest.mark.parametrize(
    ("expression", "document", "expected"),
    [
        ("sum(@)", "[0.1, 0.2]", 0.3),
        ("sum(@)", "[0.1, 0.2, 0.3, -0.6]", 0.0),
        ("sum(@)", "[1e30, 1, -1e30]", 1.0),
        ("sum(@)", "[]", 0),
        ("sum(@)", "[9007199254740993, 1]", 9007199254740994),
        ("avg(@)", "[0.1, 0.2]", 0.15),
        ("avg(@)", "[1, 2]", 1.5),
        ("avg(@)", "[]", None),
    ],
)
def test_sums_and_averages_add_in_decimals(expression: str, document: str, expected: object):
    assert result(expression, document) == expected


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("items[", "Incomplete expression"),
        ("items.name)", "Parse error at column 10"),
        ("items + 1", "Unknown token"),
        ("wish(@)", "Unknown function: wish()"),
        ("sum(items)", "In function sum(), invalid type"),
        ("length(@, @)", "Expected 1 argument for function length(), received 2"),
        ("sort_by(items, &tags)", "invalid type"),
        ("&name", "`&` stands before an argument"),
        ("[&name]", "`&` stands before an argument"),
        ("ceil(`1e999`)", "does not work on this document"),
        ("sum([`1e999`])", "does not work on this document"),
    ],
)
def test_an_expression_that_is_wrong_is_told_with_the_reason(expression: str, told: str):
    assert told in refusal(expression)


@pytest.mark.parametrize("document", ["", "{", "{'a': 1}", "[1, NaN]", "[Infinity]", "\0", "[" * 100_000, "9" * 5000])
def test_a_document_that_is_no_json_is_told(document: str):
    assert refusal("@", document).startswith("`document` is not JSON: ")


@pytest.mark.parametrize(
    "expression",
    [
        "|".join(["[@,@]"] * 60),
        "|".join(["[@,@][]"] * 60),
        "|".join(["{a:@,b:@}"] * 60),
        "|".join(["[@,@]"] * 60) + " | to_string(@)",
        "|".join(["[@,@]"] * 45) + " == " + "|".join(["[@,@]"] * 45),
        "[to_string(@)]" + "|[join('',@),join('',@)]" * 38,
        "|".join(["map(&[@,@],[@,@])"] * 40),
        "items[*].[@,@,@,@,@,@,@,@][].[@,@,@,@,@,@,@,@][].[@,@,@,@,@,@,@,@][].[@,@,@,@,@,@,@,@][].[@,@,@,@,@,@,@][]",
    ],
    ids=lambda text: text[:20],
)
def test_an_expression_that_multiplies_is_stopped_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch, expression: str
):
    monkeypatch.setattr(json_query, "STEPS", 100_000)
    assert refusal(expression[:1000]).startswith("The expression asks for too much")


@pytest.mark.parametrize(
    "expression", ["[" * 400 + "]" * 400, "!" * 999 + "@", "(" * 900, "@" + "[0]" * 300, "a" * 1000]
)
def test_an_expression_nested_beyond_reason_is_an_answer(expression: str):
    outcome = call(expression)
    assert outcome.is_error or json.loads(outcome.content) == {"result": None}


def test_a_result_nested_beyond_reason_is_refused_and_its_parts_are_not():
    deep = "[" * 300 + "7" + "]" * 300
    assert "nested more than 100 deep" in refusal("@", deep)
    assert result("@" + "[0]" * 250, deep) == json.loads("[" * 50 + "7" + "]" * 50)


def test_a_large_document_is_answered():
    rows = [{"n": n, "group": n % 3} for n in range(7000)]
    assert result("length([?group == `1`])", rows) == 2333
    assert result("sum([?group == `1`].n)", rows) == sum(range(1, 7000, 3))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"document": "{}"}, "expression"),
        ({"document": "{}", "expression": ""}, "expression"),
        ({"document": "{}", "expression": "a" * 1001}, "expression"),
        ({"document": {"a": 1}, "expression": "a"}, "document"),
        ({"document": " " * 200_001, "expression": "a"}, "document"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_arguments_outside_the_schema_are_told_by_name(arguments: dict[str, Any], field: str):
    outcome = TOOL.call(arguments)
    assert outcome.is_error
    assert outcome.content.startswith(f"Arguments refused: {field}: ")
