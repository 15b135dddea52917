"""One agent at work: its definition, Claude, and the tools it may use."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic
from typing import Any, Literal

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.prompt import system_prompt, user_message
from agent_platform.agents.schemas import instance_faults, json_faults
from agent_platform.agents.tools import ToolOutcome, registry
from agent_platform.errors import ModelOutputInvalid, ModelRefused, ModelTimedOut, ToolLoopExceeded
from agent_platform.llm.client import translated_errors
from agent_platform.llm.models import ClaudeModel, cost_usd, model_of
from agent_platform.llm.sdk import ClaudeClient, Message
from agent_platform.llm.usage import Usage

Provider = Literal["anthropic", "bedrock", "offline"]

MAX_ROUNDS = 12
"""Model calls in one execution: eleven rounds of tools, then an answer. More is a loop, not a task."""

MAX_OUTPUT_BYTES = 128 * 1024
"""As compact JSON: what 32,000 tokens come to, and what fits into a DynamoDB item beside the largest input."""

OFFLINE_PREFIX = "offline/"
"""How the offline model names itself in every answer."""


@dataclass(slots=True)
class Meter:
    """What an execution has used so far; it keeps counting right also when the execution fails."""

    provider: Provider
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    tool_calls: int = 0

    def add(self, model: ClaudeModel, message: Message) -> None:
        """Count one answer of the model at its list price."""
        used = Usage.from_message(message)
        self.usage += used
        self.cost_usd += cost_usd(model, used)
        if message.model.startswith(OFFLINE_PREFIX):
            self.provider = "offline"


class BaseAgent:
    """Answers one input with one structured output. Holds no state between calls, so one serves many threads."""

    def __init__(self, definition: AgentDefinition, client: ClaudeClient, provider: Provider) -> None:
        self.definition = definition
        self.model = model_of(definition.model)
        self._client = client
        self._request = self._fixed_request(provider)

    def execute(self, value: JsonObject, meter: Meter) -> JsonObject:
        """Ask the model, let it use its tools, and return an output that matches the definition's schema.

        Args:
            value: an input that matches the definition's input schema.
            meter: counts tokens, cost and tool calls, also of an execution that fails.

        Raises:
            ModelError: the model did not answer, declined, or answered outside the output schema.
            ToolLoopExceeded: it kept calling tools.
        """
        messages: list[Any] = [{"role": "user", "content": user_message(value)}]
        deadline = monotonic() + self.definition.limits.timeout_seconds
        for _ in range(MAX_ROUNDS):
            left = deadline - monotonic()
            if left <= 0:
                raise ModelTimedOut(
                    f"The agent used its tools for {self.definition.limits.timeout_seconds} s without an answer. "
                    "Ask for less at once, or raise limits.timeout_seconds in the definition."
                )
            with translated_errors():
                message = self._client.messages.create(messages=messages, timeout=left, **self._request)
            meter.add(self.model, message)
            if message.stop_reason != "tool_use":
                return self._output(message)
            messages += [
                {"role": "assistant", "content": message.content},
                {
                    "role": "user",
                    "content": [
                        self._tool_result(block, meter) for block in message.content if block.type == "tool_use"
                    ],
                },
            ]
        raise ToolLoopExceeded(
            f"The agent called tools in {MAX_ROUNDS} rounds without an answer. Ask for less at once."
        )

    def health(self) -> dict[str, str]:
        """Ready to execute: the definition is loaded, its model is current and its tools exist."""
        return {"status": "healthy"}

    def _fixed_request(self, provider: Provider) -> dict[str, Any]:
        """What is the same in every call of this agent: the stable prefix that prompt caching can reuse."""
        definition = self.definition
        output_config: dict[str, Any] = {"format": {"type": "json_schema", "schema": definition.output}}
        if definition.effort:
            output_config["effort"] = definition.effort
        request: dict[str, Any] = {
            "model": self.model.id_for("bedrock" if provider == "bedrock" else "direct"),
            "max_tokens": definition.max_output_tokens,
            "system": [
                {"type": "text", "text": system_prompt(definition), "cache_control": {"type": "ephemeral"}},
            ],
            "output_config": output_config,
        }
        if definition.tools:
            tools = [registry[name] for name in definition.tools]
            request["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
                for tool in tools
            ]
        return request

    def _tool_result(self, block: Any, meter: Meter) -> dict[str, Any]:
        meter.tool_calls += 1
        if block.name in self.definition.tools:
            outcome = registry[block.name].call(block.input)
        else:
            allowed = ", ".join(self.definition.tools)
            outcome = ToolOutcome(f"This agent has no tool `{block.name}`; it has {allowed}.", is_error=True)
        return {
            "type": "tool_result",
            "tool_use_id": block.id,
            "content": outcome.content,
            "is_error": outcome.is_error,
        }

    def _output(self, message: Message) -> JsonObject:
        if message.stop_reason == "refusal":
            raise ModelRefused("The model declined this input. Rephrase it, or choose an agent made for this task.")
        if message.stop_reason != "end_turn":
            raise ModelOutputInvalid(
                f"The answer was cut off ({message.stop_reason}). Send a smaller input, or raise max_output_tokens "
                f"({self.definition.max_output_tokens}) in the definition."
            )
        text = "".join(block.text for block in message.content if block.type == "text")
        try:
            output = json.loads(text)
        except (ValueError, RecursionError):
            raise ModelOutputInvalid("The model answered with text that is not JSON. Try again.") from None
        faults = json_faults(output, root="output", max_bytes=MAX_OUTPUT_BYTES) or instance_faults(
            self.definition.output, output, root="output"
        )
        if faults:
            raise ModelOutputInvalid(
                "The model's answer does not match the agent's output schema. Try again.", errors=faults
            )
        checked: JsonObject = output
        return checked
