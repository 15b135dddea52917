"""What the real API refuses is refused offline, with the same status and kind of error."""

from typing import get_type_hints

import anthropic
import pytest
from anthropic.types.message_create_params import MessageCreateParamsBase

from agent_platform.llm.offline.validation import FIELDS

HELLO = [{"role": "user", "content": "Hello"}]
BASE = {"model": "claude-haiku-5-5", "max_tokens": 100, "messages": HELLO}
TOOL = {"name": "add", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}
OBJECT = {"type": "object", "additionalProperties": False, "required": [], "properties": {}}


def post(client: anthropic.Anthropic, body: object, path: str = "/v1/messages"):
    return client.post(path, body=body, cast_to=dict)


def wanted(schema: dict) -> dict:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def call(call_id: str) -> dict:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": call_id, "name": "add", "input": {}}]}


def result(*call_ids: str) -> dict:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": each} for each in call_ids]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"temperature": 0}, "temperature"),
        ({"top_p": 0.5}, "top_p"),
        ({"top_k": 3}, "top_k"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 128_001}, "128000, the maximum for claude-haiku-5-5"),
        ({"modle": "x"}, "modle: Extra inputs are not permitted"),
        ({"model": None}, "model: Field required"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0.content"),
        ({"messages": [{"role": "assistant", "content": "x"}, *HELLO]}, "first message must use the 'user' role"),
        ({"messages": [*HELLO, {"role": "assistant", "content": "{"}]}, "prefill"),
        ({"messages": [*HELLO, call("t1"), *HELLO]}, "`tool_use` ids were found without `tool_result` blocks.*t1"),
        ({"messages": [*HELLO, call("t1"), result("t1", "t2")]}, "unexpected `tool_use_id`.*t2"),
        ({"tools": [TOOL, TOOL]}, "unique"),
        ({"tools": [{"name": "add"}]}, "input_schema"),
        ({"tools": [{**TOOL, "strict": True}]}, "'additionalProperties' must be explicitly set to false"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "sub"}}, "no tool 'sub'"),
        ({"tools": [TOOL], "tool_choice": {"type": "always"}}, "tool_choice.type"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.type.enabled"),
        ({"output_config": {"effort": "extreme"}}, "output_config.effort"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "max"}}, "needs adaptive thinking"),
        ({"output_config": {"format": {"type": "json"}}}, "output_config.format"),
        (wanted({"type": "object", "properties": {}}), "additionalProperties"),
        (wanted({**OBJECT, "properties": {"a": {"type": "integer", "minimum": 1}}}), "properties.a: 'minimum'"),
        (wanted({**OBJECT, "properties": {"a": {"type": "array", "minItems": 2}}}), "minItems"),
        (wanted({**OBJECT, "required": ["a"], "properties": {"a": {"$ref": "#"}}}), "contains itself"),
        (wanted({**OBJECT, "required": ["a"], "properties": {"a": {"$ref": "http://x/y"}}}), "leads nowhere"),
        ({"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5}, "maximum of 4"),
    ],
)
def test_a_request_the_real_api_would_refuse_is_refused(claude, change, said):
    body = {key: value for key, value in {**BASE, **change}.items() if value is not None}
    with pytest.raises(anthropic.BadRequestError, match=said) as refused:
        post(claude, body)
    assert refused.value.type == "invalid_request_error"
    assert refused.value.request_id


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("claude-3-5-sonnet-20241022", r"retires on 2025-10-28.*claude-sonnet-5-5"),
        ("claude-sonnet-4-5", "retires on 2026-11-30"),
        ("gpt-4", "no model 'gpt-4'"),
        ("fast", "a tier, not a model"),
    ],
)
def test_a_model_that_is_retired_or_unknown_is_not_found(claude, model, said):
    with pytest.raises(anthropic.NotFoundError, match=said) as refused:
        post(claude, {**BASE, "model": model})
    assert refused.value.type == "not_found_error"


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5"])
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "add"}])
def test_the_larger_models_refuse_to_be_forced_to_a_tool(claude, model, choice):
    with pytest.raises(anthropic.BadRequestError, match="forced tool use"):
        post(claude, {**BASE, "model": model, "tools": [TOOL], "tool_choice": choice})


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5"])
def test_the_larger_models_refuse_to_stop_thinking(claude, model):
    with pytest.raises(anthropic.BadRequestError, match=r"thinking\.type\.disabled"):
        post(claude, {**BASE, "model": model, "thinking": {"type": "disabled"}})


def test_a_thinking_block_must_come_back_as_it_was_to_the_model_that_wrote_it(claude):
    first = claude.messages.create(**BASE)
    turns = [*HELLO, {"role": "assistant", "content": first.content}, *HELLO]
    claude.messages.create(**{**BASE, "messages": turns})
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        claude.messages.create(**{**BASE, "messages": turns, "model": "claude-opus-5-5"})
    altered = {**first.content[0].model_dump(), "thinking": "something else"}
    turns[1]["content"] = [altered, first.content[1]]
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        claude.messages.create(**{**BASE, "messages": turns})


def test_a_request_needs_a_key_of_either_kind(claude):
    with pytest.raises(anthropic.AuthenticationError) as refused:
        claude.messages.create(**BASE, extra_headers={"Authorization": anthropic.omit})
    assert refused.value.type == "authentication_error"
    claude.messages.create(**BASE, extra_headers={"Authorization": anthropic.omit, "x-api-key": "any"})


def test_a_request_must_name_its_api_version(claude):
    with pytest.raises(anthropic.BadRequestError, match="anthropic-version"):
        claude.messages.create(**BASE, extra_headers={"anthropic-version": anthropic.omit})


def test_a_route_that_does_not_exist_is_not_found(claude):
    with pytest.raises(anthropic.NotFoundError, match="No route"):
        post(claude, {}, "/v1/complete")


def test_the_fields_it_knows_are_those_of_the_sdk():
    sent_as_header = {"user_profile_id", "workspace_id"}
    assert set(get_type_hints(MessageCreateParamsBase)) - sent_as_header | {"stream"} == FIELDS
