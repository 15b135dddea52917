"""What the offline Claude answers, asked by the real SDK."""

import asyncio
import json
from pathlib import Path

import anthropic
import pytest
from pydantic import BaseModel

from agent_platform.llm.usage import Usage
from tests.fakes.offline_claude import OfflineServer, running_offline_claude, write_catalogue

HELLO = [{"role": "user", "content": "Hello"}]
EXAMPLE = {"verdict": "match", "lines": [{"amount": "12.50", "note": "für Größe 4"}], "open": None}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["verdict", "score"],
    "properties": {"verdict": {"type": "string", "enum": ["match", "differs"]}, "score": {"type": "integer"}},
}
TOOL = {
    "name": "add",
    "description": "Adds",
    "input_schema": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
}


class Verdict(BaseModel):
    verdict: str
    score: int
    remark: str | None


def ask(client: anthropic.Anthropic, **changes):
    return client.messages.create(**{"model": "claude-haiku-5-5", "max_tokens": 1_000, "messages": HELLO, **changes})


def text_of(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A server with three agents: one whole, one without an example, one damaged."""
    path: Path = tmp_path_factory.mktemp("catalogue") / "agents.sqlite"
    whole = {"example": {"input": {}, "output": EXAMPLE}, "output": SCHEMA}
    write_catalogue(path, {"finance/matcher": whole, "finance/draft": {"output": SCHEMA}, "finance/damaged": "{"})
    with running_offline_claude("--catalogue", str(path)) as server:
        yield server


@pytest.fixture
def librarian(library: OfflineServer, shared_client: anthropic.Anthropic) -> anthropic.Anthropic:
    """The SDK's client on that server."""
    library.reset()
    return shared_client.with_options(base_url=library.url)


@pytest.mark.parametrize(
    "system",
    [
        "Agent: finance/matcher 1.0.0\n\nYou match invoices.",
        "Agent: finance/matcher",
        [{"type": "text", "text": "Shared."}, {"type": "text", "text": "Agent: finance/matcher 1.0.0\nYou match."}],
    ],
)
def test_an_agent_of_the_catalogue_gets_its_own_example(librarian, system):
    assert json.loads(text_of(ask(librarian, system=system))) == EXAMPLE


def test_the_example_comes_before_the_schema_that_is_asked_for(librarian):
    wanted = {"format": {"type": "json_schema", "schema": SCHEMA}}
    message = ask(librarian, system="Agent: finance/matcher 1.0.0\n", output_config=wanted)
    assert json.loads(text_of(message)) == EXAMPLE


def test_an_agent_without_an_example_gets_the_smallest_value_of_its_output_schema(librarian):
    message = ask(librarian, system="Agent: finance/draft 1.0.0\n")
    assert json.loads(text_of(message)) == {"verdict": "match", "score": 0}


@pytest.mark.parametrize("agent", ["finance/damaged", "finance/unheard-of"])
def test_an_agent_it_cannot_read_or_find_is_answered_by_the_schema(librarian, agent):
    wanted = {"format": {"type": "json_schema", "schema": SCHEMA}}
    message = ask(librarian, system=f"Agent: {agent} 1.0.0\n", output_config=wanted)
    assert json.loads(text_of(message)) == {"verdict": "match", "score": 0}


def test_an_agent_named_only_by_the_user_is_not_believed(librarian):
    message = ask(librarian, messages=[{"role": "user", "content": "Agent: finance/matcher 1.0.0\n"}])
    assert "offline model" in text_of(message)


def test_every_answer_says_that_it_is_the_offline_model(claude):
    message = ask(claude)
    assert message.model == "offline/claude-haiku-5-5"
    assert message.id.startswith("msg_offline_")
    assert "offline model" in text_of(message)
    assert message.stop_reason == "end_turn"


def test_the_same_question_gets_the_same_words(claude):
    assert text_of(ask(claude)) == text_of(ask(claude))


def test_structured_output_parses_into_the_model_asked_for(claude):
    parsed = claude.messages.parse(
        model="claude-sonnet-5-5", max_tokens=500, messages=HELLO, output_format=Verdict
    ).parsed_output
    assert parsed == Verdict(verdict="offline", score=0, remark="offline")


def test_a_stream_tells_the_same_as_the_whole_answer(librarian):
    question = {"system": "Agent: finance/matcher 1.0.0\n", "model": "claude-sonnet-5-5", "max_tokens": 500}
    whole = ask(librarian, **question)
    with librarian.messages.stream(messages=HELLO, **question) as stream:
        pieces = list(stream.text_stream)
        streamed = stream.get_final_message()
    assert "".join(pieces) == text_of(whole) == text_of(streamed)
    assert len(pieces) > 1
    assert Usage.from_message(streamed) == Usage.from_message(whole)
    assert streamed.stop_reason == whole.stop_reason


def test_a_thinking_block_leads_unless_the_effort_is_low_or_thinking_is_off(claude):
    def kinds(**changes):
        return [block.type for block in ask(claude, **changes).content]

    assert kinds() == ["thinking", "text"]
    assert kinds(output_config={"effort": "low"}) == ["text"]
    assert kinds(thinking={"type": "disabled"}) == ["text"]
    assert kinds(model="claude-sonnet-5-5", thinking={"type": "between_tools"}) == ["text"]


def test_thoughts_are_shown_only_when_a_summary_is_asked_for(claude):
    assert ask(claude).content[0].thinking == ""
    shown = ask(claude, thinking={"type": "adaptive", "display": "summarized"})
    assert "offline" in shown.content[0].thinking


def test_an_answer_longer_than_max_tokens_is_cut_off_and_says_so(claude):
    message = ask(claude, max_tokens=5)
    assert message.stop_reason == "max_tokens"
    assert len(text_of(message)) == 20
    assert message.usage.output_tokens == 5


def test_asked_to_call_a_tool_it_calls_first_and_answers_after_the_result(claude, offline_claude):
    offline_claude.plan("tool_call", name="add", input={"a": 7})
    first = ask(claude, tools=[TOOL])
    assert first.stop_reason == "tool_use"
    call = next(block for block in first.content if block.type == "tool_use")
    assert (call.name, call.input) == ("add", {"a": 7})

    result = {"type": "tool_result", "tool_use_id": call.id, "content": "7"}
    turns = [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = ask(claude, tools=[TOOL], messages=turns)
    assert second.stop_reason == "end_turn"
    assert "offline model" in text_of(second)


def test_a_tool_call_without_particulars_takes_the_first_tool_and_the_smallest_input(claude, offline_claude):
    offline_claude.plan("tool_call")
    call = ask(claude, tools=[TOOL], output_config={"effort": "low"}).content[0]
    assert (call.name, call.input) == ("add", {"a": 0})


def test_several_tools_can_be_called_in_one_turn_over_a_stream(claude, offline_claude):
    offline_claude.plan("tool_call", calls=[{"name": "add", "input": {"a": 1}}, {"name": "add", "input": {"a": 2}}])
    with claude.messages.stream(
        model="claude-haiku-5-5", max_tokens=100, messages=HELLO, tools=[TOOL], thinking={"type": "disabled"}
    ) as stream:
        calls = stream.get_final_message().content
    assert [call.input for call in calls] == [{"a": 1}, {"a": 2}]
    assert calls[0].id != calls[1].id


def test_the_sdks_tool_runner_works_through_as_many_rounds_as_planned(claude, offline_claude):
    seen = []

    @anthropic.beta_tool
    def add(a: int) -> str:
        """Adds one.

        Args:
            a: The number.
        """
        seen.append(a)
        return str(a + 1)

    offline_claude.plan("tool_call", input={"a": 3}, rounds=3, times=None)
    runner = claude.beta.messages.tool_runner(model="claude-haiku-5-5", max_tokens=500, messages=HELLO, tools=[add])
    final = runner.until_done()
    assert seen == [3, 3, 3]
    assert final.stop_reason == "end_turn"
    assert len(offline_claude.requests()) == 4


def test_haiku_obeys_a_forced_tool_choice(claude):
    message = ask(claude, tools=[TOOL], tool_choice={"type": "tool", "name": "add"})
    assert [block.name for block in message.content if block.type == "tool_use"] == ["add"]


def test_tokens_are_counted_as_they_are_billed(claude):
    question = {"model": "claude-haiku-5-5", "system": "x" * 400, "messages": HELLO, "tools": [TOOL]}
    counted = claude.messages.count_tokens(**question)
    assert counted.input_tokens == ask(claude, **question).usage.input_tokens > 100


def test_the_models_listed_are_those_of_the_catalogue(claude):
    listed = [model.id for model in claude.models.list()]
    assert listed == ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"]
    assert claude.models.retrieve("claude-opus-5-5").max_tokens == 128_000


def test_the_asynchronous_client_works_too(offline_claude):
    async def ask_asynchronously():
        async with anthropic.AsyncAnthropic(api_key="any", base_url=offline_claude.url, max_retries=0) as client:
            return await client.messages.create(model="claude-opus-5-5", max_tokens=100, messages=HELLO)

    assert asyncio.run(ask_asynchronously()).model == "offline/claude-opus-5-5"


def test_a_message_thread_keeps_the_conversation_so_that_a_turn_sends_only_what_is_new(librarian, library):
    fields = {"model": "claude-haiku-5-5", "max_tokens": 500, "betas": ["message-threads-2026-08-12"]}
    start = {"system": "Agent: finance/matcher 1.0.0\n", "messages": HELLO, "thread": {"type": "create"}}
    first = librarian.beta.messages.create(**fields, **start)
    following = {"type": "continue", "previous_message_id": first.id}
    second = librarian.beta.messages.create(**fields, messages=HELLO, thread=following)
    assert json.loads(text_of(second)) == EXAMPLE
    assert second.usage.input_tokens > first.usage.input_tokens
    with pytest.raises(anthropic.NotFoundError) as lost:
        librarian.beta.messages.create(**fields, messages=HELLO, thread=following)
    assert lost.value.error_code == "thread_not_found"
    assert [each["agent"] for each in library.requests()] == ["finance/matcher", "finance/matcher", None]
