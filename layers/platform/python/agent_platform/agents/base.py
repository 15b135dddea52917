"""One agent at work: its definition, Claude, and the tools it may use."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import SystemRandom
from time import monotonic, sleep
from typing import Any

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.meter import PATIENT, Meter, Patience, Provider
from agent_platform.agents.prompt import user_message
from agent_platform.agents.request import OVERHEAD_TOKENS, fixed_request, most_tokens, most_usd
from agent_platform.agents.schemas import instance_faults, json_faults
from agent_platform.agents.tools import ToolOutcome, registry
from agent_platform.errors import (
    CostLimitReached,
    ModelError,
    ModelOutputInvalid,
    ModelRefused,
    ModelTimedOut,
    ToolLoopExceeded,
)
from agent_platform.llm.client import translated_errors
from agent_platform.llm.models import model_of
from agent_platform.llm.sdk import ClaudeClient, Message

MAX_OUTPUT_BYTES = 1024 * 1024
"""As compact JSON: more than the 128,000 tokens that the longest answer has."""

_RANDOM = SystemRandom()  # instances restored from one snapshot must not wait in step

PAUSE_SECONDS = 0.5
"""Before the first further try; doubled each time, and drawn at random between half and all of it."""

Delegate = Callable[[str, JsonObject], JsonObject]
"""Puts another agent to work, by its id, and returns its output; raises PlatformError. A full execution of its own."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange of a conversation: what was asked, as the model saw it, and what it answered, as JSON text."""

    asked: str
    answered: str


@dataclass(frozen=True, slots=True)
class Context:
    """What one execution has around it.

    Attributes:
        summary: what was said in the conversation before `history`; empty where nothing was left out.
        history: the newest turns of the conversation, oldest first.
        delegate: how to put other agents to work; None where nobody can.
    """

    summary: str = ""
    history: Sequence[Turn] = ()
    delegate: Delegate | None = None


ALONE = Context()
"""One question without a past, and nobody else to ask."""


class BaseAgent:
    """Answers one input with one structured output. Holds no state between calls, so one serves many threads."""

    def __init__(self, definition: AgentDefinition, client: ClaudeClient, provider: Provider) -> None:
        self.definition = definition
        self.model = model_of(definition.model)
        self._client = client
        self._request = fixed_request(definition, "bedrock" if provider == "bedrock" else "direct")
        self._fixed_tokens = most_tokens(self._request) + OVERHEAD_TOKENS

    def execute(
        self, value: JsonObject, meter: Meter, patience: Patience = PATIENT, context: Context = ALONE
    ) -> JsonObject:
        """Ask the model, let it use its tools, and return an output that matches the definition's schema.

        Args:
            value: an input that matches the definition's input schema.
            meter: counts tokens, cost and tool calls, also of an execution that fails.
            patience: bounds of the entry that the execution came by.
            context: what the execution has around it; an agent without memory or colleagues uses nothing of it.

        Raises:
            ModelError: the model did not answer, declined, or answered outside the output schema.
            ToolLoopExceeded: it kept calling tools, or used up its tokens.
            CostLimitReached: the next answer might cost more than is left.
        """
        limit = float(self.definition.limits.timeout_seconds)
        deadline = monotonic() + min(limit, patience.seconds or limit)
        messages = self._opening(value, context)
        prompt_tokens = self._fixed_tokens + sum(most_tokens(each["content"]) for each in messages)
        for _ in range(self.definition.limits.max_tool_rounds + 1):
            message = self._ask(messages, prompt_tokens, deadline, patience.retries, meter)
            meter.add(self.model, message)
            if message.stop_reason != "tool_use":
                return self._output(message)
            results = self._tool_results(message, meter, context)
            messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
            used = message.usage
            read = used.input_tokens + (used.cache_read_input_tokens or 0) + (used.cache_creation_input_tokens or 0)
            prompt_tokens = read + used.output_tokens + most_tokens(results)
        raise ToolLoopExceeded(
            f"The agent called tools in {self.definition.limits.max_tool_rounds + 1} rounds without an answer. "
            "Ask for less at once, or raise limits.max_tool_rounds in the definition."
        )

    def _opening(self, value: JsonObject, context: Context) -> list[Any]:  # noqa: ARG002 - for agents with memory
        """The messages that a run begins with."""
        return [{"role": "user", "content": user_message(value)}]

    def _affordable(self, meter: Meter, prompt_tokens: int) -> Decimal:
        """The most that the next call may cost in USD, once it is sure that the execution may go on."""
        limits, used = self.definition.limits, meter.usage
        if used.prompt_tokens + used.output_tokens >= limits.max_tokens:
            raise ToolLoopExceeded(
                f"The agent used {used.prompt_tokens + used.output_tokens:,} tokens without an answer; it may use "
                f"{limits.max_tokens:,}. Ask for less at once, or raise limits.max_tokens in the definition."
            )
        most = most_usd(self.model, prompt_tokens, self.definition.max_output_tokens)
        spent = meter.cost_usd + meter.uncertain_usd
        if meter.allowance_usd is not None and spent + most > meter.allowance_usd:
            raise CostLimitReached(
                f"${spent:.4f} are spent, and going on may cost ${most:.4f} more, past the ${meter.allowance_usd:.4f} "
                "reserved for this execution. Ask for less at once, or raise limits.max_cost_usd in the definition."
            )
        return most

    def _ask(self, messages: list[Any], prompt_tokens: int, deadline: float, retries: int, meter: Meter) -> Message:
        """One answer of the model before the deadline. A try that timed out is not repeated: it may have been paid."""
        pause = PAUSE_SECONDS
        for tries_left in range(retries, -1, -1):
            most = self._affordable(meter, prompt_tokens)
            left = deadline - monotonic()
            if left <= 0:
                break
            try:
                with translated_errors():
                    message: Message = self._client.messages.create(messages=messages, timeout=left, **self._request)
                    return message
            except ModelError as error:
                if error.uncertain:
                    meter.add_uncertain(most)
                wait = max(pause * _RANDOM.uniform(0.5, 1), error.retry_after or 0)
                if not (tries_left and error.transient) or monotonic() + wait >= deadline:
                    raise
            sleep(wait)
            pause *= 2
        raise ModelTimedOut(
            "The agent used up its time without an answer. Ask for less at once, run it in a workflow, "
            "or raise limits.timeout_seconds in the definition."
        )

    def health(self) -> dict[str, str]:
        """Ready to execute: the definition is loaded, its model is current and its tools exist."""
        return {"status": "healthy"}

    def _tool_results(self, message: Message, meter: Meter, context: Context) -> list[dict[str, Any]]:  # noqa: ARG002
        return [self._tool_result(block, meter) for block in message.content if block.type == "tool_use"]

    def _tool_result(self, block: Any, meter: Meter) -> dict[str, Any]:
        meter.add_tool_call()
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
