"""Regular expressions: every match is found, and no pattern can hold the function up."""

import json
import time
from typing import Any

import pytest

from agent_platform.agents.tools import registry, regular_expression
from agent_platform.agents.tools.registry import RESULT_CHARACTERS, ToolOutcome

TOOL = registry["regular_expression"]
PATIENCE = 30
"""Seconds: many times the limit of the tool, since machines that run tests are busy."""


def call(pattern: str, text: str, **flags: bool) -> ToolOutcome:
    started = time.monotonic()
    outcome = TOOL.call({"pattern": pattern, "text": text, **flags})
    assert time.monotonic() - started < PATIENCE
    return outcome


def found(pattern: str, text: str, **flags: bool) -> Any:
    outcome = call(pattern, text, **flags)
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def matches(pattern: str, text: str, **flags: bool) -> list[str]:
    return [each["match"] for each in found(pattern, text, **flags)["matches"]]


def test_a_match_is_told_with_its_place_and_groups():
    assert found(r"(?P<year>\d{4})-(\d{2})(-\d{2})?", "from 2026-03 on") == {
        "count": 1,
        "matches": [
            {"match": "2026-03", "start": 5, "end": 12, "groups": ["2026", "03", None], "named": {"year": "2026"}}
        ],
    }


@pytest.mark.parametrize(
    ("pattern", "text", "flags", "expected"),
    [
        ("a+", "caaandaat", {}, ["aaa", "aa"]),
        ("x*", "ab", {}, ["", "", ""]),
        ("CAFÉ", "café", {"ignore_case": True}, ["café"]),
        ("^b$", "a\nb\nc", {}, []),
        ("^b$", "a\nb\nc", {"multiline": True}, ["b"]),
        (r"\bGB\d{9}\b", "VAT GB123456789.", {}, ["GB123456789"]),
        ("\0", "a\0b", {}, ["\0"]),
        (r"[0-9a-f]{8}-[0-9a-f]{4}", "id 019ab2c4-7d10", {}, ["019ab2c4-7d10"]),
        (r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}\d+", "at 10.0.0.255", {}, ["10.0.0.255"]),
        (r"[(]{2}\({1}[]]{2}", "(((]]", {}, ["(((]]"]),
        ("a{2,}b{,2}c{1}", "aabbc", {}, ["aabbc"]),
        ("a{x}{}", "a{x}{}", {}, ["a{x}{}"]),
        ("(?:ab)++c", "ababc", {}, ["ababc"]),
        (r"\d{1,50000}", "1" * 60, {}, ["1" * 60]),
        ("nothing", "here", {}, []),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_matches_are_those_of_pythons_syntax(pattern: str, text: str, flags: dict[str, bool], expected: list[str]):
    assert matches(pattern, text, **flags) == expected


def test_all_matches_are_counted_and_the_first_hundred_shown():
    answer = found("b", "ab" * 5000)
    assert answer["count"] == 5000
    assert [each["start"] for each in answer["matches"]] == list(range(1, 200, 2))


def test_large_matches_are_cut_but_counted():
    outcome = call(r"(?=([\s\S]*))", "x" * 20_000)
    assert not outcome.is_error
    assert "20001" in outcome.content[:20]
    assert len(outcome.content) < RESULT_CHARACTERS + 100


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing )"),
        (")", "unbalanced"),
        ("[", "unterminated character set"),
        ("\\", "bad escape"),
        ("a{2,1}", "min repeat"),
        ("(?P<1>a)", "group name"),
        ("*", "nothing to repeat"),
        (r"\L<names>", "undefined named list"),
        ("(?<=a", "missing )"),
    ],
)
def test_a_pattern_that_is_wrong_is_told_with_the_reason(pattern: str, reason: str):
    outcome = call(pattern, "text")
    assert outcome.is_error
    assert outcome.content.startswith("The pattern is not valid")
    assert reason in outcome.content


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a|aa)+$", "a" * 60 + "b"),
        (r"(\w+\s?)*$", "word " * 1000 + "!"),
        ("()" * 400, "a" * 100_000),
        ("(?b)(?:abcdefghij){e<=9}", "xyz" * 30_000),
    ],
    ids=lambda value: value[:20],
)
def test_a_pattern_that_backtracks_is_given_up(monkeypatch: pytest.MonkeyPatch, pattern: str, text: str):
    monkeypatch.setattr(regular_expression, "SECONDS", 0.1)
    outcome = call(pattern, text)
    assert outcome.is_error
    assert outcome.content.startswith("The pattern took longer than 0.1 s")


@pytest.mark.parametrize(
    "pattern",
    [
        "((a{100}){100}){100}",
        "(((a{100}){100}){100}){100}",
        "(?:(?:(?:a{50}){50}){50}){50}",
        "(a{0,1000}){0,1000}",
        "(a{1000}){1000,}",
        "(a{20}){20}{20}{20}{20}",
        "(?x)(a{1000}){1000}",
        "(" * 12 + "a{1000}" + ")+" * 12,
        "(" * 200 + "a" + ")+" * 200,
        "a{1000000000}",
        "a{" + "9" * 400 + "}",
        "(?:" * 100 + "a" + "){2}" * 100,
    ],
    ids=lambda pattern: pattern[:30],
)
def test_a_pattern_that_would_fill_the_memory_is_refused_before_it_is_compiled(pattern: str):
    outcome = call(pattern, "a" * 100)
    assert outcome.is_error
    assert "repeat counts of the pattern multiply" in outcome.content


@pytest.mark.parametrize(
    "pattern", ["(?:" * 240 + "a" + ")" * 240 + "?", "(" * 300 + "a" + ")?" * 300], ids=lambda text: text[:6]
)
def test_a_pattern_nested_beyond_reason_is_an_answer_and_no_crash(pattern: str):
    outcome = call(pattern, "a")
    assert outcome.is_error is (outcome.content == "The pattern is nested too deeply.")


@pytest.mark.parametrize("pattern", ["(?R)", "a|(?R)*", "(a)(?1)", "(?P<x>a)(?&x)", "(?P<x>a)(?P>x)", "(?0)"])
def test_a_pattern_cannot_call_itself(pattern: str):
    outcome = call(pattern, "aaa")
    assert outcome.is_error
    assert "cannot call itself" in outcome.content


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"pattern": "", "text": "a"}, "pattern"),
        ({"pattern": "a" * 1001, "text": "a"}, "pattern"),
        ({"pattern": "a", "text": "a" * 100_001}, "text"),
        ({"pattern": "a"}, "text"),
        ({"pattern": "a", "text": "\ud800"}, "arguments"),
        ({"pattern": "a", "text": "a", "dotall": True}, "dotall"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_arguments_outside_the_schema_are_told_by_name(arguments: dict[str, Any], field: str):
    outcome = TOOL.call(arguments)
    assert outcome.is_error
    assert outcome.content.startswith(f"Arguments refused: {field}: ")
