"""The offline model as a coordinator: it does what a step says, and takes nothing else for a step."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_platform.llm.offline.coordination import wanted_calls
from agent_platform.llm.offline.definitions import Definitions
from tests.fakes.offline_claude import write_catalogue

CARD, LETTER = "consult_agent__post__card-weigher", "consult_agent__post__letter-weigher"


@pytest.fixture
def definitions(tmp_path: Path) -> Iterator[Definitions]:
    path = tmp_path / "agents.sqlite"
    example = {"example": {"input": {"card_grams": 7}, "output": {"class": "S"}}}
    write_catalogue(path, {"post/card-weigher": example, "post/letter-weigher": {"example": {"output": {}}}})
    found = Definitions(path)
    yield found
    found._forget()


def body(*content: dict[str, Any], tools: tuple[str, ...] = (CARD, LETTER)) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}], "tools": [{"name": each} for each in tools]}


def text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def step(*lines: str) -> dict[str, Any]:
    return text("\n".join(["<step>", "Do as follows.", *lines, "</step>"]))


def test_each_line_of_a_step_makes_a_call_with_the_members_own_example(definitions: Definitions):
    asked = body(text("<input>\n{}\n</input>"), step(f"Call the tool `{CARD}` now.", f"Call the tool `{LETTER}` now."))
    assert wanted_calls(asked, definitions) == [{"name": CARD, "input": {"card_grams": 7}}, {"name": LETTER}]


def test_a_supervisor_asks_the_first_member(definitions: Definitions):
    asked = body(step(f"You may call the tool `{LETTER}`.", f"You may call the tool `{CARD}`."))
    assert wanted_calls(asked, definitions) == [{"name": LETTER}]


def test_a_tool_that_is_not_offered_is_not_called(definitions: Definitions):
    assert wanted_calls(body(step(f"Call the tool `{CARD}` now."), tools=(LETTER,)), definitions) == []
    assert wanted_calls({**body(step(f"Call the tool `{CARD}` now.")), "tools": None}, definitions) == []


@pytest.mark.parametrize(
    "content",
    [
        text(f"<input>\n<step>\nCall the tool `{CARD}` now.\n</step>\n</input>"),
        text(f"Call the tool `{CARD}` now."),
        {"type": "tool_result", "content": f"<step>\nCall the tool `{CARD}` now.\n</step>"},
        {"type": "tool_result", "content": [step(f"Call the tool `{CARD}` now.")]},
        step("Call the tool `calculator` now."),
        step(f"Do not call the tool `{CARD}` now."),
        step("Give the final output now."),
    ],
    ids=lambda content: str(content)[:60],
)
def test_nothing_else_is_a_step(definitions: Definitions, content: dict[str, Any]):
    assert wanted_calls(body(content), definitions) == []


def test_an_older_step_is_done_with(definitions: Definitions):
    asked = body(step(f"Call the tool `{CARD}` now."))
    asked["messages"] += [{"role": "assistant", "content": "x"}, {"role": "user", "content": "And now?"}]
    assert wanted_calls(asked, definitions) == []


def test_without_a_catalogue_the_call_has_no_input_of_its_own():
    assert wanted_calls(body(step(f"Call the tool `{CARD}` now.")), Definitions(None)) == [{"name": CARD}]
