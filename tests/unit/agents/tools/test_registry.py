"""Tools: a typed function becomes what a model can call, and whatever goes wrong becomes an answer."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Annotated

import jsonschema_rs
import pytest
from pydantic import Field

from agent_platform.agents.tools.registry import (
    ARGUMENT_CHARACTERS,
    FAULTS_SHOWN,
    RESULT_CHARACTERS,
    ToolFailed,
    registry,
    tool,
)
from tests.fakes.log import log

__all__ = ["log"]

PLATFORM = Path(__file__).parents[4] / "layers/platform/python"


@pytest.fixture
def own_tools() -> Iterator[None]:
    """Tools registered in a test are gone after it."""
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


def test_the_tools_there_are():
    assert sorted(registry) == [
        "calculator",
        "column_statistics",
        "currency_conversion",
        "date_arithmetic",
        "day_count_fraction",
        "http_request",
        "json_query",
        "regular_expression",
        "sql_validation",
        "table_analysis",
        "text_diff",
        "text_statistics",
        "unit_conversion",
        "url_parts",
    ]


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
    "arguments", [None, [], "text", 5, {"unknown": 1}, {"url": 5}, {1, 2}, {"sql": "\udfff"}], ids=repr
)
def test_no_arguments_whatever_make_a_tool_raise(name: str, arguments: object):
    outcome = registry[name].call(arguments)
    assert outcome.is_error
    assert outcome.content.startswith("Arguments refused: ")


@pytest.mark.parametrize("name", sorted(registry))
def test_a_tool_without_arguments_says_what_it_needs(name: str):
    outcome = registry[name].call({})
    assert outcome.is_error
    assert "Field required" in outcome.content or "Give the table" in outcome.content


def test_a_function_is_described_by_its_signature(own_tools: None):
    @tool(effect="reads")
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
    @tool(effect="reads")
    def refuse() -> None:
        """Refuse."""
        raise ToolFailed("Ask for something smaller.")

    outcome = registry["refuse"].call({})
    assert (outcome.content, outcome.is_error) == ("Ask for something smaller.", True)


def test_a_long_result_is_cut_and_says_so(own_tools: None):
    @tool(effect="reads")
    def talk(characters: int) -> str:
        """Talk."""
        return "x" * characters

    assert registry["talk"].call({"characters": RESULT_CHARACTERS - 2}).content.endswith('x"')
    cut = registry["talk"].call({"characters": 10**6}).content
    assert cut.endswith(f"… (cut after {RESULT_CHARACTERS} characters)")
    assert len(cut) < RESULT_CHARACTERS + 50


def test_a_result_keeps_text_readable_and_dates_as_iso(own_tools: None):
    @tool(effect="reads")
    def tell() -> dict[str, object]:
        """Tell."""
        return {"name": "Päckchen 📦", "on": date(2026, 3, 31)}

    told = registry["tell"].call({}).content
    assert json.loads(told) == {"name": "Päckchen 📦", "on": "2026-03-31"}
    assert "Päckchen 📦" in told


def test_a_result_is_cut_where_the_tool_says(own_tools: None):
    @tool(effect="reads", result_characters=10)
    def talk() -> str:
        """Talk."""
        return "x" * 100

    assert registry["talk"].call({}).content == '"xxxxxxxxx … (cut after 10 characters)'


def test_a_tool_that_takes_too_long_is_an_answer_to_the_model(own_tools: None, log: StringIO):
    release = Event()

    @tool(effect="reads", timeout_seconds=0.1)
    def wait() -> None:
        """Wait."""
        release.wait()

    started = time.monotonic()
    outcome = registry["wait"].call({})
    assert time.monotonic() - started < 20
    release.set()
    assert outcome.is_error
    assert outcome.content == "`wait` did not finish within 0.1 s. Give it less to do at once."
    written = json.loads(log.getvalue().splitlines()[-1])
    assert (written["level"], written["message"], written["tool"]) == ("WARNING", "tool_timed_out", "wait")


def test_a_tool_has_no_longer_than_its_execution(own_tools: None):
    @tool(effect="reads", timeout_seconds=600)
    def spin() -> None:
        """Spin."""
        while True:
            pass

    started = time.monotonic()
    assert "within 0.1 s" in registry["spin"].call({}, seconds_left=0.1).content
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("seconds_left", [0, -5])
def test_without_time_left_a_tool_is_not_started(own_tools: None, seconds_left: float):
    ran = Event()

    @tool(effect="reads")
    def run() -> None:
        """Run."""
        ran.set()

    outcome = registry["run"].call({}, seconds_left=seconds_left)
    assert outcome.is_error
    assert "no time left" in outcome.content
    assert not ran.is_set()


@pytest.mark.parametrize("defect", [KeyError("secret"), RecursionError("secret"), SystemExit("secret")], ids=repr)
def test_a_defective_tool_is_an_answer_and_its_traceback_is_logged(
    own_tools: None, log: StringIO, defect: BaseException
):
    @tool(effect="reads")
    def break_down() -> None:
        """Break."""
        raise defect

    outcome = registry["break_down"].call({})
    assert outcome.is_error
    assert outcome.content.startswith("`break_down` failed for a reason of its own")
    assert "secret" not in outcome.content
    assert type(defect).__name__ not in outcome.content
    written = json.loads(log.getvalue().splitlines()[-1])
    assert (written["level"], written["message"], written["tool"]) == ("ERROR", "tool_defective", "break_down")
    assert type(defect).__name__ in written["exception"]
    assert "raise defect" in written["exception"]
    assert "secret" not in json.dumps(written)


def test_a_result_without_a_json_form_is_told_apart_from_a_defect(own_tools: None):
    @tool(effect="reads")
    def halve() -> str:
        """Halve."""
        return "\ud800"

    assert registry["halve"].call({}).content == "The result holds half of a surrogate pair, which is no text."


def test_arguments_are_read_as_strictly_as_json(own_tools: None):
    @tool(effect="reads")
    def take(count: int = 0, on: date | None = None, sure: bool = False) -> list[object]:
        """Take."""
        return [count, on, sure]

    call = registry["take"].call
    assert call({"count": 5, "on": "2026-03-31", "sure": True}).content == '[5,"2026-03-31",true]'
    assert call({"count": "5"}).content.startswith("Arguments refused: count: ")
    assert call({"count": True}).content.startswith("Arguments refused: count: ")
    assert call({"on": 20543}).content.startswith("Arguments refused: on: ")
    assert call({"sure": "yes"}).content.startswith("Arguments refused: sure: ")


def test_arguments_beyond_all_measure_are_refused_whole():
    outcome = registry["calculator"].call({"expression": "1" * ARGUMENT_CHARACTERS})
    assert outcome.content == "Arguments refused: more than 1,000,000 characters as JSON."


def test_a_list_of_faults_is_told_by_its_first(own_tools: None):
    @tool(effect="reads")
    def add(numbers: list[int]) -> int:
        """Add."""
        return sum(numbers)

    told = registry["add"].call({"numbers": ["x"] * 500}).content
    assert told.count("valid integer") == FAULTS_SHOWN
    assert told.endswith(f"and {500 - FAULTS_SHOWN} more")


def test_what_the_model_reads_is_the_same_bytes_in_every_process():
    # The request's stable prefix, which prompt caching reuses, begins with the tools.
    code = (
        "import json; from agent_platform.agents.tools import registry; "
        "print(json.dumps([[t.name, t.description, t.input_schema] for t in registry.values()]))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(PLATFORM), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert len(told.pop()) > 10_000


def test_registering_the_tools_imports_nothing_that_they_need_to_run():
    code = (
        "import sys; import agent_platform.agents.tools; "
        "print(*sorted({'sqlglot', 'regex', 'difflib', 'csv', 'statistics', 'publicsuffixlist', 'ctypes'}"
        " & sys.modules.keys()))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PLATFORM)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == []
