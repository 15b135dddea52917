"""One agent at work: its definition, Claude, and the tools it may use."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from random import SystemRandom
from time import monotonic, sleep
from typing import Any, Literal

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.prompt import system_prompt, user_message
from agent_platform.agents.schemas import instance_faults, json_faults
from agent_platform.agents.tools import ToolOutcome, registry
from agent_platform.errors import ModelError, ModelOutputInvalid, ModelRefused, ModelTimedOut, ToolLoopExceeded
from agent_platform.llm.client import translated_errors
from agent_platform.llm.models import ClaudeModel, cost_usd, model_of
from agent_platform.llm.sdk import ClaudeClient, Message
from agent_platform.llm.usage import Usage

Provider = Literal["anthropic", "bedrock", "offline"]

MAX_ROUNDS = 12
"""Model calls in one execution: eleven rounds of tools, then an answer. More is a loop, not a task."""

MAX_OUTPUT_BYTES = 128 * 1024
"""As compact JSON: what 32,000 tokens come to, and what fits into a DynamoDB item beside the largest input."""

_RANDOM = SystemRandom()  # instances restored from one snapshot must not wait in step

OFFLINE_PREFIX = "offline/"
"""How the offline model names itself in every answer."""


PAUSE_SECONDS = 0.5
"""Before the first further try; doubled each time, and drawn at random between half and all of it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often an entry waits for the model, inside the definition's own limit.

    Attributes:
        seconds: for the whole execution; None leaves it to the definition.
        retries: further tries when the model is overloaded or out of reach. A workflow step has none: Step Functions
            owns its retries, and retries within retries multiply.
    """

    seconds: float | None = None
    retries: int = 0


PATIENT = Patience()
"""Of a caller whom nothing cuts off and who retries itself: the definition's limit alone counts."""


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

    def execute(self, value: JsonObject, meter: Meter, patience: Patience = PATIENT) -> JsonObject:
        """Ask the model, let it use its tools, and return an output that matches the definition's schema.

        Args:
            value: an input that matches the definition's input schema.
            meter: counts tokens, cost and tool calls, also of an execution that fails.
            patience: bounds of the entry that the execution came by.

        Raises:
            ModelError: the model did not answer, declined, or answered outside the output schema.
            ToolLoopExceeded: it kept calling tools.
        """
        messages: list[Any] = [{"role": "user", "content": user_message(value)}]
        limit = float(self.definition.limits.timeout_seconds)
        deadline = monotonic() + min(limit, patience.seconds or limit)
        for _ in range(MAX_ROUNDS):
            message = self._ask(messages, deadline, patience.retries)
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

    def _ask(self, messages: list[Any], deadline: float, retries: int) -> Message:
        """One answer of the model before the deadline. A try that timed out is not repeated: it may have been paid."""
        pause = PAUSE_SECONDS
        for tries_left in range(retries, -1, -1):
            left = deadline - monotonic()
            if left <= 0:
                break
            try:
                with translated_errors():
                    message: Message = self._client.messages.create(messages=messages, timeout=left, **self._request)
                    return message
            except ModelError as error:
                if not (tries_left and error.transient) or monotonic() + pause >= deadline:
                    raise
            sleep(pause * _RANDOM.uniform(0.5, 1))
            pause *= 2
        raise ModelTimedOut(
            "The agent used up its time without an answer. Ask for less at once, run it in a workflow, "
            "or raise limits.timeout_seconds in the definition."
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
