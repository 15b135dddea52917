"""Differences of texts: a patch from one to the other, counts that add up, and no texts that take for ever."""

import json
import random
import subprocess
import time
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_platform.agents.tools import registry

TOOL = registry["text_diff"]


def compared(before: str, after: str, **options: Any) -> Any:
    outcome = TOOL.call({"before": before, "after": after, **options})
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def test_lines_are_told_as_a_unified_diff():
    assert compared("one\ntwo\nthree\nfour\n", "one\n2\nthree\nfour\nfive") == {
        "unit": "line",
        "before": 4,
        "after": 5,
        "kept": 3,
        "removed": 1,
        "added": 2,
        "similarity": 0.6667,
        "diff": "--- before\n+++ after\n@@ -1,4 +1,5 @@\n one\n-two\n+2\n three\n four\n+five",
    }


def test_words_are_told_as_changes_at_their_place():
    found = compared(
        "payable within 30 days of invoice", "payable within 60 business days  of\nthe invoice", unit="word"
    )
    assert found["changes"] == [
        {"at_word": 3, "removed": "30", "added": "60 business"},
        {"at_word": 6, "removed": "", "added": "the"},
    ]
    assert (found["kept"], found["removed"], found["added"], found["more_changes"]) == (5, 1, 3, 0)


@pytest.mark.parametrize(
    ("before", "after", "similarity", "diff"),
    [
        ("", "", 1.0, ""),
        ("a\nb", "a\nb", 1.0, ""),
        ("a\nb", "a\nb\n", 1.0, ""),
        ("", "x", 0.0, "--- before\n+++ after\n@@ -0,0 +1 @@\n+x"),
        ("x", "", 0.0, "--- before\n+++ after\n@@ -1 +0,0 @@\n-x"),
        ("a", "b", 0.0, "--- before\n+++ after\n@@ -1 +1 @@\n-a\n+b"),
    ],
)
def test_the_ends_of_the_scale(before: str, after: str, similarity: float, diff: str):
    found = compared(before, after)
    assert (found["similarity"], found["diff"]) == (similarity, diff)


LINES = st.lists(st.sampled_from(["a", "b", "c", "", "longer line", "ü"]), max_size=40)


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(LINES, LINES, st.integers(0, 5))
def test_the_diff_is_that_of_the_standard_library_and_the_counts_add_up(
    before: list[str], after: list[str], context: int
):
    found = compared("\n".join([*before, ""]), "\n".join([*after, ""]), context=context)
    expected = unified_diff(before, after, "before", "after", n=context, lineterm="")
    assert found["diff"].split("\n") == ([*expected] or [""])
    assert found["kept"] + found["removed"] == len(before)
    assert found["kept"] + found["added"] == len(after)


def test_the_diff_can_be_applied(tmp_path: Path):
    chance = random.Random(3)  # noqa: S311 - the same texts every time
    before = [str(chance.randrange(50)) for _ in range(80)]
    after = [line for line in before if chance.random() > 0.2]
    after[10:10] = ["new", "lines"]
    file = tmp_path / "before"
    file.write_text("\n".join(before) + "\n")
    diff = compared("\n".join(before), "\n".join(after))["diff"]
    patch = diff.replace("+++ after", "+++ before", 1) + "\n"
    subprocess.run(["git", "apply", "-p0"], input=patch, text=True, check=True, capture_output=True, cwd=tmp_path)
    assert file.read_text().splitlines() == after


def test_two_hundred_changes_are_shown_and_the_others_counted():
    before = " ".join(f"w{n} same{n}" for n in range(300))
    after = " ".join(f"v{n} same{n}" for n in range(300))
    found = compared(before, after, unit="word")
    assert (len(found["changes"]), found["more_changes"]) == (200, 100)


@pytest.mark.parametrize("unit", ["line", "word"])
def test_texts_that_repeat_themselves_too_much_are_refused(unit: str):
    outcome = TOOL.call({"before": "a\nb\n" * 5000, "after": "b\na\n" * 5000, "unit": unit})
    assert outcome.is_error
    assert outcome.content.startswith("The texts repeat the same parts too often")


@pytest.mark.parametrize("kinds", [1, 2, 50, 24_000])
def test_the_longest_texts_are_compared_in_time(kinds: int):
    chance = random.Random(kinds)  # noqa: S311 - the same texts every time
    length = min(16_000, int((900_000 * kinds) ** 0.5))
    before, after = ("\n".join(str(chance.randrange(kinds)) for _ in range(length))[:50_000] for _ in range(2))
    started = time.monotonic()
    outcome = TOOL.call({"before": before, "after": after})
    assert time.monotonic() - started < 20
    assert not outcome.is_error, outcome.content


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"before": "a"}, "after"),
        ({"before": "a" * 50_001, "after": ""}, "before"),
        ({"before": "a", "after": "b", "unit": "letter"}, "unit"),
        ({"before": "a", "after": "b", "context": 21}, "context"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_arguments_outside_the_schema_are_told_by_name(arguments: dict[str, Any], field: str):
    assert TOOL.call(arguments).content.startswith(f"Arguments refused: {field}: ")
