"""The SDK's errors in the platform's words, each provoked for real on the offline server."""

import socket
import time

import anthropic
import pytest

from agent_platform.errors import (
    ModelError,
    ModelOverloaded,
    ModelRejectedRequest,
    ModelTimedOut,
    ModelUnreachable,
)
from agent_platform.llm.client import claude_client, translate, translated_errors
from agent_platform.settings import ClaudeSettings


def ask(client: anthropic.Anthropic, **changes):
    fields = {
        "model": "claude-haiku-5-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hello"}],
        **changes,
    }
    with translated_errors():
        return client.messages.create(**fields)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ModelRejectedRequest),
        (401, ModelRejectedRequest),
        (402, ModelRejectedRequest),
        (403, ModelRejectedRequest),
        (404, ModelRejectedRequest),
        (408, ModelTimedOut),
        (413, ModelRejectedRequest),
        (429, ModelOverloaded),
        (500, ModelError),
        (502, ModelError),
        (503, ModelOverloaded),
        (504, ModelTimedOut),
        (529, ModelOverloaded),
    ],
)
def test_each_upstream_status_becomes_one_error_that_keeps_what_upstream_said(claude, offline_claude, status, expected):
    offline_claude.plan("status", status=status, message="The reason upstream gave")
    with pytest.raises(ModelError) as raised:
        ask(claude)
    assert type(raised.value) is expected
    asked = offline_claude.requests()[0]
    for part in (str(status), "The reason upstream gave", asked["request_id"]):
        assert part in raised.value.detail
    assert isinstance(raised.value.__cause__, anthropic.APIStatusError)


def test_an_answer_that_comes_too_late_is_a_timeout(offline_claude, client_for):
    offline_claude.plan("stall", seconds=5)
    with pytest.raises(ModelTimedOut):
        ask(client_for(offline_claude, timeout_seconds=0.2))


def test_a_stream_that_stops_flowing_is_a_timeout(offline_claude, client_for):
    offline_claude.plan("slow_stream", seconds=5)
    with pytest.raises(ModelTimedOut), translated_errors():
        list(
            client_for(offline_claude, timeout_seconds=0.2).messages.create(
                model="claude-haiku-5-5", max_tokens=100, messages=[{"role": "user", "content": "Hello"}], stream=True
            )
        )


def test_a_connection_that_breaks_is_unreachable(claude, offline_claude):
    offline_claude.plan("disconnect")
    with pytest.raises(ModelUnreachable):
        ask(claude)


def test_nobody_listening_is_unreachable_and_says_why():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    with (
        claude_client(ClaudeSettings(claude_base_url=url), max_retries=0, timeout_seconds=2) as client,
        pytest.raises(ModelUnreachable, match=r"Connection refused.*CLAUDE_BASE_URL"),
    ):
        ask(client)


def test_an_error_in_the_middle_of_a_stream_keeps_its_kind(claude, offline_claude):
    offline_claude.plan("stream_error", type="overloaded_error")
    with (
        pytest.raises(ModelOverloaded, match="overloaded_error"),
        translated_errors(),
        claude.messages.stream(
            model="claude-haiku-5-5", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
        ) as stream,
    ):
        stream.until_done()


def test_a_body_that_is_no_json_is_a_model_error(claude, offline_claude):
    offline_claude.plan("broken_body")
    with pytest.raises(ModelError):
        ask(claude)


def test_an_error_that_is_not_the_sdks_passes_unchanged():
    assert translate(ValueError("mine")) is None
    with pytest.raises(ValueError, match="mine"), translated_errors():
        raise ValueError("mine")


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (2, 3)])
def test_an_overloaded_upstream_is_tried_as_often_as_asked(offline_claude, client_for, retries, tries):
    offline_claude.plan("status", status=529, times=None)
    with pytest.raises(ModelOverloaded):
        ask(client_for(offline_claude, max_retries=retries))
    assert [each["sdk_retry"] for each in offline_claude.requests()] == list(range(tries))


def test_a_retry_waits_as_long_as_upstream_asks_and_then_succeeds(offline_claude, client_for):
    offline_claude.plan("status", status=429, retry_after=1)
    started = time.monotonic()
    answer = ask(client_for(offline_claude, max_retries=1))
    assert answer.stop_reason == "end_turn"
    assert time.monotonic() - started >= 1
    assert [each["status"] for each in offline_claude.requests()] == [429, 200]
