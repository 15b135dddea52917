"""How the offline Claude counts tokens and bills the prompt cache."""

import pytest

from agent_platform.llm.offline.accounting import PromptCache, output_tokens, prompt_tokens
from agent_platform.llm.usage import Usage

LONG = "x" * 4_000
MINIMUM = 512
MARK = {"cache_control": {"type": "ephemeral"}}


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> PromptCache:
    return PromptCache(clock)


def request(*, system: str = LONG, ask: str = "y" * 400, mark: dict | None = None, **more) -> dict:
    control = MARK if mark is None else mark
    return {
        "system": [{"type": "text", "text": system, **control}],
        "messages": [{"role": "user", "content": ask}],
        **more,
    }


def billed(cache: PromptCache, body: dict, model: str = "m", minimum: int = MINIMUM) -> tuple[int, int, int]:
    prompt = cache.account(body, model, minimum)
    assert prompt.total == prompt_tokens(body)
    return prompt.fresh, prompt.read, prompt.written_5m


def test_four_characters_are_one_token_and_a_rest_is_one_more():
    assert prompt_tokens({"messages": [{"role": "user", "content": "12345"}]}) == 2
    assert output_tokens([{"type": "text", "text": "12345678"}]) == 2
    assert output_tokens([]) == 1


def test_tools_images_and_tool_results_count():
    image = {"type": "image", "source": {"type": "base64", "data": "A" * 100_000}}
    assert prompt_tokens({"messages": [{"role": "user", "content": [image]}]}) == 1_600
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x" * 40}]}
    assert prompt_tokens({"messages": [{"role": "user", "content": [result]}]}) == 10
    assert prompt_tokens({"tools": [{"name": "t", "input_schema": {"type": "object"}}]}) > 5


def test_without_a_breakpoint_nothing_is_cached(cache):
    body = request(mark={})
    assert billed(cache, body) == (1_100, 0, 0)
    assert billed(cache, body) == (1_100, 0, 0)


def test_a_marked_prefix_is_written_once_and_then_read(cache):
    assert billed(cache, request()) == (100, 0, 1_000)
    assert billed(cache, request()) == (100, 1_000, 0)
    assert billed(cache, request(ask="another question")) == (4, 1_000, 0)


def test_a_prefix_that_differs_in_one_character_is_written_anew(cache):
    billed(cache, request())
    assert billed(cache, request(system=LONG[:-1] + "z")) == (100, 0, 1_000)


def test_tools_come_before_the_system_prompt_so_changing_them_loses_the_prefix(cache):
    tool = {"name": "add", "input_schema": {"type": "object"}}
    billed(cache, request(tools=[tool]))
    _, read, written = billed(cache, request(tools=[{**tool, "name": "sub"}]))
    assert (read, written > 1_000) == (0, True)


def test_a_prefix_shorter_than_the_models_minimum_is_not_cached(cache):
    assert billed(cache, request(system="x" * 2_044)) == (611, 0, 0)
    assert billed(cache, request(system="x" * 2_048)) == (100, 0, 512)


def test_each_model_has_a_cache_of_its_own(cache):
    billed(cache, request(), "claude-haiku-5-5")
    assert billed(cache, request(), "claude-opus-5-5") == (100, 0, 1_000)


def test_an_entry_lives_five_minutes_from_its_last_use(cache, clock):
    billed(cache, request())
    clock.now += 299
    assert billed(cache, request()) == (100, 1_000, 0)
    clock.now += 299
    assert billed(cache, request()) == (100, 1_000, 0)
    clock.now += 301
    assert billed(cache, request()) == (100, 0, 1_000)


def test_an_hour_long_entry_is_billed_apart_and_lives_an_hour(cache, clock):
    body = request(mark={"cache_control": {"type": "ephemeral", "ttl": "1h"}})
    prompt = cache.account(body, "m", MINIMUM)
    assert (prompt.written_1h, prompt.written_5m) == (1_000, 0)
    clock.now += 3_599
    assert billed(cache, body) == (100, 1_000, 0)


def test_a_growing_conversation_reads_what_it_wrote_and_writes_only_what_is_new(cache):
    turns = [{"role": "user", "content": LONG}]
    first = cache.account({"messages": turns, **MARK}, "m", MINIMUM)
    turns += [{"role": "assistant", "content": "z" * 400}, {"role": "user", "content": "w" * 800}]
    second = cache.account({"messages": turns, **MARK}, "m", MINIMUM)
    assert (first.fresh, first.read, first.written_5m) == (0, 0, 1_000)
    assert (second.fresh, second.read, second.written_5m) == (0, 1_000, 300)


def test_moving_the_breakpoint_does_not_change_the_prefix(cache):
    plain, marked = {"type": "text", "text": LONG}, {"type": "text", "text": LONG, **MARK}
    ask = [{"role": "user", "content": "q"}]
    billed(cache, {"system": [marked], "messages": ask})
    later = {"system": [plain, {**marked, "text": "s" * 4_000}], "messages": ask}
    assert billed(cache, later) == (1, 1_000, 1_000)


def test_the_sdk_sees_what_was_written_and_read(claude):
    fields = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": LONG, **MARK}],
        "messages": [{"role": "user", "content": "four"}],
    }
    written, read = (Usage.from_message(claude.messages.create(**fields)) for _ in range(2))
    assert (written.cache_write_tokens, written.cache_read_tokens, written.input_tokens) == (1_000, 0, 1)
    assert (read.cache_write_tokens, read.cache_read_tokens, read.input_tokens) == (0, 1_000, 1)
    with claude.messages.stream(**fields) as stream:
        assert Usage.from_message(stream.get_final_message()) == read
