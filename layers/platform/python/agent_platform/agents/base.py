"""One agent at work: its definition, Claude, and the tools it may use."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import SystemRandom
from time import monotonic, sleep
from typing import Any

from agent_platform.agents.consult import MAX_AT_ONCE, Consultation, Delegate, consult_all, tool_name
from agent_platform.agents.conversation import Conversation
from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.guardrails.rules import take_handover
from agent_platform.agents.marking import data, marked
from agent_platform.agents.meter import PATIENT, Meter, Patience, Provider
from agent_platform.agents.permits import ARGUMENT_BYTES, Permits, ToolCall, needs_approval
from agent_platform.agents.procedure import Procedure
from agent_platform.agents.prompt import user_message
from agent_platform.agents.request import OVERHEAD_TOKENS, fixed_request, most_tokens, most_usd
from agent_platform.agents.schemas import instance_faults, json_faults
from agent_platform.agents.spans import tool_span
from agent_platform.agents.tools import Equipment, ToolOutcome, registry
from agent_platform.egress import Egress
from agent_platform.errors import (
    ApprovalRequired,
    CostLimitReached,
    ModelError,
    ModelOutputInvalid,
    ModelRefused,
    ModelTimedOut,
    ToolLoopExceeded,
)
from agent_platform.llm.chat import ask
from agent_platform.llm.models import model_of
from agent_platform.llm.sdk import ClaudeClient, Message

MAX_OUTPUT_BYTES = 1024 * 1024
"""As compact JSON: more than the 128,000 tokens that the longest answer has."""

_RANDOM = SystemRandom()  # instances restored from one snapshot must not wait in step

PAUSE_SECONDS = 0.5
"""Before the first further try; doubled each time, and drawn at random between half and all of it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What one execution has around it.

    Attributes:
        conversation: what was said before; None where nobody keeps it. An agent with memory may fold its older turns.
        delegate: how to put other agents to work; None where nobody can.
        permits: what people approved that its tools may do; None where nobody can be asked.
        egress: the way out for its tools; None: the public internet alone.
    """

    conversation: Conversation | None = None
    delegate: Delegate | None = None
    permits: Permits | None = None
    egress: Egress | None = None


ALONE = Context()
"""One question without a past, and nobody else to ask."""


@dataclass(slots=True)  # not frozen: one is made at every execution, and a frozen one takes three times as long
class Work:
    """One execution under way: what its tools count on, what is around it, when it ends, and a team's procedure."""

    meter: Meter
    context: Context
    deadline: float
    procedure: Procedure | None = None


class BaseAgent:
    """Answers one input with one structured output. Holds no state between calls, so one serves many threads."""

    def __init__(
        self,
        definition: AgentDefinition,
        client: ClaudeClient,
        provider: Provider,
        colleagues: Sequence[AgentDefinition] = (),
    ) -> None:
        """`colleagues` are the definitions of those it may put to work, in the order of `definition.colleagues`."""
        self.definition = definition
        self.model = model_of(definition.model)
        self._client = client
        self._provider: Provider = provider
        self._request = fixed_request(definition, "bedrock" if provider == "bedrock" else "direct", colleagues)
        self._answer_schema: JsonObject = self._request["output_config"]["format"]["schema"]
        self._fixed_tokens = most_tokens(self._request) + OVERHEAD_TOKENS
        self._colleagues = {tool_name(each.id): each.id for each in colleagues}

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
            DeclinedByRule: a rule of the definition's guardrails forbids the task.
            ApprovalRequired: a person must approve what it wants to do; nothing of its last answer was done.
        """
        deadline = monotonic() + patience.within(self.definition.limits.timeout_seconds)
        work = Work(meter, context, deadline, self._procedure())
        messages = _with_approved(self._opening(value, context), context)
        prompt_tokens = self._fixed_tokens + sum(most_tokens(each["content"]) for each in messages)
        for rounds_left in range(self.definition.limits.max_tool_rounds, -1, -1):
            message = self._ask(messages, prompt_tokens, deadline, patience.retries, meter)
            meter.add(self.model, message)
            if self._colleagues and not rounds_left and message.stop_reason == "tool_use":
                break  # nobody would read what they are paid for
            reply = self._reply(message, work)
            if reply is None:
                return self._output(message, meter)
            messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": reply}]
            used = message.usage
            read = used.input_tokens + (used.cache_read_input_tokens or 0) + (used.cache_creation_input_tokens or 0)
            prompt_tokens = read + used.output_tokens + most_tokens(reply)
        raise ToolLoopExceeded(
            f"The agent called tools in {self.definition.limits.max_tool_rounds + 1} rounds without an answer. "
            "Ask for less at once, or raise limits.max_tool_rounds in the definition."
        )

    def _opening(self, value: JsonObject, context: Context) -> list[Any]:  # noqa: ARG002 - for agents with memory
        """The messages that a run begins with."""
        return [{"role": "user", "content": user_message(value)}]

    def _procedure(self) -> Procedure | None:
        """The steps that a run goes through; None for one that takes tools and answers as the model sees fit."""
        return None

    def _reply(self, message: Message, work: Work) -> list[dict[str, Any]] | None:
        """What the model is told after this answer of its; None if the answer is the output."""
        return self._tool_results(message, work) if message.stop_reason == "tool_use" else None

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
        if meter.delegated_usd and limits.max_cost_usd is not None:
            with_colleagues = spent + meter.delegated_usd
            if with_colleagues + most > Decimal(str(limits.max_cost_usd)):
                raise CostLimitReached(
                    f"${with_colleagues:.4f} are spent, by other agents too, and going on may cost ${most:.4f} more, "
                    f"past the ${limits.max_cost_usd} of this agent. Ask for less at once, or raise "
                    "limits.max_cost_usd in the definition."
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
                return _whole(ask(self._client, self._provider, {"messages": messages, **self._request}, left))
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

    def _tool_results(self, message: Message, work: Work) -> list[dict[str, Any]]:
        """What came of every tool call of one answer, in their order; colleagues work at the same time."""
        calls = [block for block in message.content if block.type == "tool_use"]
        self._permit(calls, work)
        answers = self._colleagues_answers(calls, work) if self._colleagues else {}
        return [self._tool_result(block, answers.get(block.id), work) for block in calls]

    def _permit(self, calls: Sequence[Any], work: Work) -> None:
        """Hold the calls of one answer to what people approved, before any of them is made.

        Raises:
            ApprovalRequired: one has an effect that nobody approved.
        """
        permits = work.context.permits
        approved = permits.approved if permits else None
        first, *further = [*self._effects(calls), None]
        if first is None:
            return
        if approved is None or first.canonical != approved.canonical or first.tool != approved.tool:
            raise _unapproved(first, permits)
        if further[0] is not None:  # one approval, one call: and it is kept until the agent asks for this call alone
            raise _unapproved(further[0], permits)
        if permits is None or not permits.take(first):
            raise _unapproved(first, permits)

    def _effects(self, calls: Sequence[Any]) -> Iterator[ToolCall]:
        """Those of the calls that a person must approve."""
        for block in calls:
            if block.name in self.definition.tools and block.name in registry:
                effect = registry[block.name].effect_of(block.input)
                if effect is not None and needs_approval(self.definition, effect):
                    yield ToolCall(block.name, block.input, effect)

    def _tool_result(self, block: Any, answer: ToolOutcome | None, work: Work) -> dict[str, Any]:
        work.meter.add_tool_call()
        if answer is not None:
            outcome, content = answer, answer.content
        elif block.name in self.definition.tools and block.name in registry:
            with tool_span(block.name, block.id) as span:
                equipment = Equipment(self.definition.hosts, work.context.egress or Egress())
                outcome = registry[block.name].call(block.input, work.deadline - monotonic(), equipment)
                if outcome.is_error:
                    span.fail("tool_error")
            content = marked("result", outcome.content, tool=block.name)
        else:
            allowed = ", ".join(tool["name"] for tool in self._request.get("tools", ()))
            outcome = ToolOutcome(f"This agent has no tool `{block.name}`; it has {allowed}.", is_error=True)
            content = marked("result", outcome.content)
        return {
            "type": "tool_result",
            "tool_use_id": block.id,
            "content": content,
            "is_error": outcome.is_error,
        }

    def _colleagues_answers(self, calls: Sequence[Any], work: Work) -> dict[str, ToolOutcome]:
        """What came of each call that puts a colleague to work, by the call's id."""
        told: dict[str, ToolOutcome] = {}
        asked: list[tuple[str, str, Any]] = []
        for block in calls:
            if colleague := self._colleagues.get(block.name):
                refusal = self._refusal(colleague, [each for _, each, _ in asked], work)
                if refusal:
                    told[block.id] = ToolOutcome(refusal, is_error=True)
                else:
                    asked.append((block.id, colleague, block.input))
        came = consult_all(work.context.delegate, [(colleague, value) for _, colleague, value in asked])
        for (call_id, colleague, _), consultation in zip(asked, came, strict=True):
            told[call_id] = ToolOutcome(consultation.content, is_error=consultation.error is not None)
            self._note(colleague, consultation, work)
        return told

    def _refusal(self, colleague: str, already: Sequence[str], work: Work) -> str | None:  # noqa: ARG002 - for teams
        """Why a colleague is not put to work now; None if it is. `already` are those that this answer asks before."""
        if len(already) >= MAX_AT_ONCE:
            return f"No more than {MAX_AT_ONCE} agents work at once; ask `{colleague}` in the next answer."
        return None

    def _note(self, colleague: str, consultation: Consultation, work: Work) -> None:
        """Somebody has been put to work, and this came of it."""

    def _output(self, message: Message, meter: Meter) -> JsonObject:
        """The answer without the model's verdict on the rules, which goes to the meter if a person must decide."""
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
            self._answer_schema, output, root="output"
        )
        if faults:
            raise ModelOutputInvalid(
                "The model's answer does not match the agent's output schema. Try again.", errors=faults
            )
        checked: JsonObject = output
        meter.handover = take_handover(self.definition, checked)
        return checked


def _with_approved(messages: list[Any], context: Context) -> list[Any]:
    """What the model is told of an approved call, so that it makes this one and no other; data, as a model wrote it."""
    call = context.permits.approved if context.permits else None
    if call is None:
        return messages
    told = marked("approved_call", data({"tool": call.tool, "arguments": call.arguments}))
    text = f"{told}\nA person has approved this call, once. If the task needs it, make it with exactly these arguments."
    *earlier, newest = messages
    content = newest["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*earlier, {"role": "user", "content": [{"type": "text", "text": text}, *blocks]}]


def _unapproved(call: ToolCall, permits: Permits | None) -> ApprovalRequired:
    if len(call.canonical) > ARGUMENT_BYTES:
        return ApprovalRequired(
            f"The agent wants to call `{call.tool}` with more than a person can be asked to read "
            f"({ARGUMENT_BYTES:,} bytes). Ask for less at once."
        )
    if permits is None:
        return ApprovalRequired(
            f"The agent wants to call `{call.tool}`, and nobody can approve it here. "
            "Execute the agent by itself, outside of batches and workflows."
        )
    error = ApprovalRequired(
        f"The agent wants to call `{call.tool}`, which {call.effect}; nothing was done. Decide on it at "
        "POST /api/v1/tool-approvals/{id}/decide with the `approval_id`, then send the same request with it as "
        "`tool_approval`."
    )
    error.approval_id = permits.ask(call)
    return error


def _whole(message: Message) -> Message:
    """An answer that says what it used; the SDK reads one that does not, and leaves out what is missing."""
    if message.usage is None or message.content is None:
        error = ModelError("Claude's API gave an answer without content or usage. Ask the provider if it stays.")
        error.transient, error.uncertain = False, True
        raise error
    return message
