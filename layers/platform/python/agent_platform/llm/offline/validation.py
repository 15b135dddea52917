"""What the Messages API is documented to refuse is refused here too, so that it shows before it costs a call.

Sources, all under platform.claude.com/docs/en: api/messages, api/errors, api/versioning (2026-10-21: no sampling
parameters); models/*-5-5/migration-guide (thinking, forced tools, prefill); build-with-claude/structured-outputs (JSON
Schema limitations).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agent_platform.errors import ConfigurationError
from agent_platform.llm.models import MODELS, ClaudeModel, find_model
from agent_platform.llm.offline.accounting import breakpoints
from agent_platform.llm.offline.schema_values import EndlessSchema, minimal_value

FIELDS = frozenset(
    {
        "cache_control", "container", "diagnostics", "inference_geo", "max_tokens", "messages", "metadata", "model",
        "output_config", "service_tier", "speed", "stop_sequences", "stream", "system", "thinking", "tool_choice",
        "tools",
    }
)  # fmt: skip
SAMPLING = ("temperature", "top_p", "top_k")
MAX_BREAKPOINTS = 4
# Constraints that a grammar cannot hold: structured outputs answer 400 for them.
UNSUPPORTED_KEYWORDS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("maxItems", "uniqueItems", "minProperties", "maxProperties", "patternProperties", "not", "if", "then", "else"),
)


class Refusal(Exception):
    """The request is refused with this HTTP status and error type; `code` names the cause where the API has one."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code


@dataclass(frozen=True, slots=True)
class Checked:
    """A request found good: its model, and the least that its output schema accepts as JSON text (None: no schema)."""

    model: ClaudeModel
    smallest_output: str | None


def credential_of(headers: Mapping[str, str]) -> str:
    """Which way of signing in the request uses: `bearer`, `x-api-key` or `aws-sigv4`.

    Raises:
        Refusal: it uses none.
    """
    authorization = headers.get("authorization", "")
    if headers.get("x-api-key"):
        return "x-api-key"
    if authorization.startswith("AWS4-HMAC-SHA256 "):
        return "aws-sigv4"
    if authorization.removeprefix("Bearer ").strip():
        return "bearer"
    raise Refusal("Send a key: x-api-key or Authorization: Bearer.", status=401, kind="authentication_error")


def known_model(name: object) -> ClaudeModel:
    """The model a request names.

    Raises:
        Refusal: it is unknown or retired (404, as the real API).
    """
    if not isinstance(name, str) or not name:
        raise Refusal("model: Field required")
    try:
        model = find_model(name)
    except ConfigurationError as error:
        raise Refusal(f"model: {name}. {error}", status=404, kind="not_found_error") from None
    if name == model.tier:
        ids = ", ".join(each.id for each in MODELS)
        raise Refusal(f"model: {name} is a tier, not a model: use one of {ids}.", status=404, kind="not_found_error")
    return model


def check_message_request(body: Any, *, beta: bool) -> Checked:
    """Check the body of POST /v1/messages.

    Raises:
        Refusal: at the first thing the real API would refuse.
    """
    model = check_prompt(body)
    for name in SAMPLING:
        if name in body:
            raise Refusal(f"{name}: this parameter was removed in API version 2026-10-21. Steer with effort.")
    if not beta and (extra := sorted(body.keys() - FIELDS)):
        raise Refusal(f"{extra[0]}: Extra inputs are not permitted")
    limit = body.get("max_tokens")
    if limit is None:
        raise Refusal("max_tokens: Field required")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise Refusal("max_tokens: Input should be a whole number greater than or equal to 1")
    if limit > model.max_output_tokens:
        raise Refusal(f"max_tokens: {limit} > {model.max_output_tokens}, the maximum for {model.id}")
    _check_thinking(body, model)
    return Checked(model, _smallest_output(body))


def check_prompt(body: Any) -> ClaudeModel:
    """Check what counting tokens and answering have in common: the model, the messages, the tools.

    Raises:
        Refusal: at the first thing the real API would refuse.
    """
    if not isinstance(body, dict):
        raise Refusal("The request body must be a JSON object.")
    model = known_model(body.get("model"))
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal("messages: at least one message is required")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            raise Refusal(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        if not isinstance(message.get("content"), str | list) or not message["content"]:
            raise Refusal(f"messages.{index}.content: must be text or a list of blocks, and not empty")
    if messages[0]["role"] != "user":
        raise Refusal("messages: first message must use the 'user' role")
    if messages[-1]["role"] != "user":
        raise Refusal("This model does not support assistant message prefill. End with a user message.")
    _check_tool_results(messages)
    _check_tools(body, model)
    marked = breakpoints(body)
    if marked > MAX_BREAKPOINTS:
        raise Refusal(f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided. Found {marked}.")
    return model


def _blocks(message: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    if isinstance(message["content"], list):
        yield from (block for block in message["content"] if isinstance(block, dict) and block.get("type") == kind)


def _check_tool_results(messages: list[dict[str, Any]]) -> None:
    """Every tool call is answered in the very next message, and nothing is answered that was not asked."""
    asked: list[str] = []
    for index, message in enumerate(messages):
        answered = [block.get("tool_use_id", "") for block in _blocks(message, "tool_result")]
        if missing := [call for call in asked if call not in answered]:
            raise Refusal(
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}."
            )
        if unexpected := [call for call in answered if call not in asked]:
            raise Refusal(
                f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {unexpected[0]}. Each "
                "`tool_result` must have a corresponding `tool_use` in the previous message."
            )
        asked = [block["id"] for block in _blocks(message, "tool_use")]


def _check_tools(body: dict[str, Any], model: ClaudeModel) -> None:
    names = set()
    for index, tool in enumerate(body.get("tools") or []):
        name = tool.get("name")
        if not name or name in names:
            raise Refusal(f"tools.{index}.name: {'Tool names must be unique.' if name else 'Field required'}")
        names.add(name)
        if tool.get("type", "custom") != "custom":
            continue
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise Refusal(f"tools.{index}.custom.input_schema: a JSON Schema of type object is required")
        if tool.get("strict"):
            _check_schema(schema, f"tools.{index}.custom.input_schema")
    choice = (body.get("tool_choice") or {}).get("type", "auto")
    if choice not in ("auto", "any", "tool", "none"):
        raise Refusal("tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'")
    if choice in ("any", "tool") and not model.forced_tool_choice:
        raise Refusal(f"tool_choice: forced tool use ({choice}) is not supported for {model.id}. Use auto.")
    if choice == "tool" and body["tool_choice"].get("name") not in names:
        raise Refusal(f"tool_choice.name: no tool {body['tool_choice'].get('name')!r} is provided")


def _check_thinking(body: dict[str, Any], model: ClaudeModel) -> None:
    thinking = (body.get("thinking") or {}).get("type", "adaptive")
    if thinking not in model.thinking:
        raise Refusal(
            f'"thinking.type.{thinking}" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    effort = (body.get("output_config") or {}).get("effort") or model.default_effort
    if effort not in model.efforts:
        raise Refusal(f"output_config.effort: Input should be one of {', '.join(model.efforts)}")
    if thinking != "adaptive" and effort in ("xhigh", "max"):
        raise Refusal(f"output_config.effort: {effort} needs adaptive thinking; with {thinking} use high or lower")


def _smallest_output(body: dict[str, Any]) -> str | None:
    wanted = (body.get("output_config") or {}).get("format")
    if wanted is None:
        return None
    if (
        not isinstance(wanted, dict)
        or wanted.get("type") != "json_schema"
        or not isinstance(wanted.get("schema"), dict)
    ):
        raise Refusal("output_config.format: Input should be {'type': 'json_schema', 'schema': {...}}")
    return _smallest_text(json.dumps(wanted["schema"]))


@lru_cache(maxsize=512)
def _smallest_text(schema_text: str) -> str:
    """The smallest value as JSON text; an agent sends the same schema with every request, so it is worked out once."""
    schema = json.loads(schema_text)
    _check_schema(schema, "output_config.format.schema")
    try:
        return json.dumps(minimal_value(schema), ensure_ascii=False)
    except EndlessSchema as error:
        raise Refusal(f"output_config.format.schema: {error}") from None


def _check_schema(schema: Any, path: str) -> None:
    """Refuse the part of JSON Schema that structured outputs and strict tools do not take."""
    if not isinstance(schema, dict):
        return
    for keyword in UNSUPPORTED_KEYWORDS:
        if keyword in schema:
            raise Refusal(f"{path}: '{keyword}' is not supported")
    if schema.get("minItems", 0) not in (0, 1):
        raise Refusal(f"{path}: 'minItems' values other than 0 or 1 are not supported")
    if (
        "object" in (schema.get("type"), *_listed(schema.get("type")))
        and schema.get("additionalProperties") is not False
    ):
        raise Refusal(f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    for group in ("properties", "$defs", "definitions"):
        for name, child in (schema.get(group) or {}).items():
            _check_schema(child, f"{path}.{group}.{name}")
    for group in ("anyOf", "allOf", "oneOf"):
        for index, child in enumerate(schema.get(group) or []):
            _check_schema(child, f"{path}.{group}.{index}")
    _check_schema(schema.get("items"), f"{path}.items")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
