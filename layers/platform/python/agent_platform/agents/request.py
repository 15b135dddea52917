"""What every call of one agent sends alike, and the most that a call may cost. Needs no SDK."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from pydantic_core import to_json

from agent_platform.agents.consult import consult_tool
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.guardrails.rules import answer_schema
from agent_platform.agents.prompt import system_prompt, user_message
from agent_platform.agents.tools import registry
from agent_platform.errors import CostLimitReached
from agent_platform.llm.models import MILLION, ClaudeModel, model_of

OVERHEAD_TOKENS = 1_000
"""What the API adds to a prompt by itself: the instructions for tools and for structured output (platform.claude.com,
"Tool use: pricing", names 290 to 804 tokens for tools)."""

LOOP_USD = Decimal(1)
"""Reserved for an agent with tools at most, and for one with colleagues, unless its definition names
`limits.max_cost_usd`: all rounds at their longest would cost many times what they do."""


def fixed_request(
    definition: AgentDefinition, provider: Literal["direct", "bedrock"], colleagues: Sequence[AgentDefinition] = ()
) -> dict[str, Any]:
    """The part of a request that never changes: the stable prefix that prompt caching can reuse."""
    output_config: dict[str, Any] = {"format": {"type": "json_schema", "schema": answer_schema(definition)}}
    if definition.effort:
        output_config["effort"] = definition.effort
    request: dict[str, Any] = {
        "model": model_of(definition.model).id_for(provider),
        "max_tokens": definition.max_output_tokens,
        "system": [{"type": "text", "text": system_prompt(definition), "cache_control": {"type": "ephemeral"}}],
        "output_config": output_config,
    }
    tools = [registry[name] for name in definition.tools if name in registry]
    offered = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema} for tool in tools
    ]
    if offered or colleagues:
        request["tools"] = [*offered, *map(consult_tool, colleagues)]
    return request


def most_tokens(content: object) -> int:
    """An upper bound of the tokens of `content`: no token of a byte-level encoding is shorter than a byte."""
    return len(content.encode()) if isinstance(content, str) else len(to_json(content))


def most_usd(model: ClaudeModel, prompt_tokens: int, output_tokens: int) -> Decimal:
    """The most one call can cost in USD with a prompt and an answer of at most so many tokens."""
    prices = model.prices
    if model.long_prompt and prompt_tokens > model.long_prompt.above:
        prices = model.long_prompt.prices
    dearest = max(prices.input, prices.cache_write)
    return (dearest * prompt_tokens + prices.output * output_tokens) / MILLION


def reservation_usd(definition: AgentDefinition, value: JsonObject, history_tokens: int = 0) -> Decimal:
    """What must be free in every budget before an execution may begin; the run keeps within it.

    Raises:
        CostLimitReached: a single answer may cost more than `limits.max_cost_usd`.
    """
    prompt = fixed_tokens(definition) + most_tokens(user_message(value)) + history_tokens
    once = most_usd(model_of(definition.model), prompt, definition.max_output_tokens)
    ceiling = definition.limits.max_cost_usd
    if ceiling is not None and once > Decimal(str(ceiling)):
        raise CostLimitReached(
            f"This input may cost up to ${once:.4f}; `{definition.id}` may spend ${ceiling} an execution. Send a "
            "smaller input, or raise limits.max_cost_usd in the definition."
        )
    if definition.colleagues:
        # Their input schemas are part of every prompt, and are not known here.
        return max(once, Decimal(str(ceiling)) if ceiling is not None else LOOP_USD)
    if not definition.tools:
        return once
    rounds = once * (definition.limits.max_tool_rounds + 1)
    return max(once, min(rounds, Decimal(str(ceiling)) if ceiling is not None else LOOP_USD))


def fixed_tokens(definition: AgentDefinition) -> int:
    """An upper bound of the tokens of `fixed_request`, with what the API adds."""
    return _fixed_tokens(_ById(definition))


class _ById:
    """A definition as a key of the cache: dictionaries inside it cannot be hashed."""

    __slots__ = ("definition", "key")

    def __init__(self, definition: AgentDefinition) -> None:
        self.definition = definition
        self.key = (definition.id, definition.version)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and self.definition is other.definition


@lru_cache(maxsize=256)
def _fixed_tokens(key: _ById) -> int:
    return most_tokens(fixed_request(key.definition, "direct")) + OVERHEAD_TOKENS
