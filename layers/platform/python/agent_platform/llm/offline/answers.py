"""What the offline model answers: the agent's example, the smallest value of the schema, or a tool call."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import Any

from agent_platform.llm.models import ClaudeModel
from agent_platform.llm.offline.accounting import CHARACTERS_PER_TOKEN
from agent_platform.llm.offline.definitions import Known, version_named_in
from agent_platform.llm.offline.faults import Plan
from agent_platform.llm.offline.readings import readings
from agent_platform.llm.offline.schema_values import EndlessSchema, minimal_value
from agent_platform.llm.offline.validation import Checked, Refusal
from agent_platform.llm.offline.verdicts import text_with_verdict, with_verdict

Block = dict[str, Any]

PLAIN_TEXT = (
    "This is the offline model. It knows no agent by this prompt and was asked for no schema, so it only says this."
)
THOUGHT = "The offline model looks the answer up; it does not think."
# What a prompt injection looks like to a model that obeys: call a tool, or answer in somebody else's words.
INJECTED_CALL = re.compile(r"(?:call the tool ([\w.-]+) with |`([\w.-]+)`[^{}`]{0,60})(?={)", re.IGNORECASE)
ONLY_SLOWER = ("stall", "slow_stream", "stream_error")  # modes whose answer is the right one
DATA = re.compile(r"<([a-z_]+)[^>\n]*>\n(.*?)\n</\1>", re.DOTALL)
INJECTED_ANSWER = re.compile(r"answer with `([^`]+)`", re.IGNORECASE)


@dataclass(slots=True)
class Answer:
    """The blocks of an answer and why it ended."""

    content: list[Block]
    stop_reason: str = "end_turn"
    stop_details: dict[str, Any] | None = None


class Answers:
    """Builds answers; numbers tool calls so that ids are unique in the life of a server."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def answer(
        self,
        body: dict[str, Any],
        checked: Checked,
        known: Known | None,
        plan: Plan | None,
        due: Sequence[dict[str, Any]] = (),
    ) -> Answer:
        """The answer to a valid request. `plan` is what the control wants of it, if anything.

        `due` are the tools that a coordinator's step asks for; they are called unless the plan wants another answer.

        Raises:
            Refusal: a tool's schema has no finite value, or a thinking block was altered.
        """
        model = checked.model
        check_thinking_blocks(body, model)
        thoughts = _thinking(body, model)
        if plan and plan.mode == "refusal":
            details = {
                "type": "refusal",
                "category": plan.options.get("category"),
                "explanation": plan.options.get("explanation"),
            }
            return Answer([], "refusal", details)
        calls = self._calls(body, plan, due)
        if calls:
            return Answer(thoughts + calls, "tool_use")
        text = _text(body, checked, known, plan)
        limit = body["max_tokens"] * CHARACTERS_PER_TOKEN
        if plan and plan.mode == "max_tokens":
            limit = min(limit, max(1, len(text) // 2))
        if len(text) > limit:
            return Answer([*thoughts, {"type": "text", "text": text[:limit]}], "max_tokens")
        return Answer([*thoughts, {"type": "text", "text": text}])

    def _calls(self, body: dict[str, Any], plan: Plan | None, due: Sequence[dict[str, Any]]) -> list[Block]:
        wanted: Sequence[dict[str, Any]] = []
        if plan and plan.mode == "tool_call":
            wanted = plan.options.get("calls") or [plan.options]
        elif plan and plan.mode == "obey_injection":
            wanted = [call] if (call := injected_call(body, plan.options.get("reads", ""))) else []
        elif not plan and (forced := _forced_tool(body)):
            wanted = [{"name": forced}]
        elif not plan or plan.mode in ONLY_SLOWER:
            wanted = due
        offered = {tool["name"]: tool for tool in body.get("tools") or []}
        return [self._call(each, offered) for each in wanted]

    def _call(self, wanted: dict[str, Any], offered: dict[str, Any]) -> Block:
        name = wanted.get("name") or next(iter(offered))
        arguments = wanted.get("input")
        if arguments is None:
            try:
                arguments = minimal_value(offered.get(name, {}).get("input_schema") or {"type": "object"})
            except EndlessSchema as error:
                raise Refusal(f"tools: the input schema of {name} has no finite value. {error}") from None
        return {"type": "tool_use", "id": f"toolu_offline_{next(self._numbers):012d}", "name": name, "input": arguments}


def fits(plan: Plan, body: dict[str, Any]) -> bool:
    """Whether a plan changes this request: a tool call needs tools and rounds left, an injection must be there."""
    if plan.mode == "tool_call":
        return bool(body.get("tools")) and _tool_rounds(body) < plan.options.get("rounds", 1)
    if plan.mode == "obey_injection":
        return injected_call(body, plan.options.get("reads", "")) is not None or injected_answer(body) is not None
    if plan.mode in ("slow_stream", "stream_error"):
        return bool(body.get("stream"))
    return True


def injected_call(body: dict[str, Any], reads: str = "") -> dict[str, Any] | None:
    """The tool call that a text of the newest message asks for, as an obedient model reads it."""
    found = [*_calls_in(_untrusted_texts(body, reads))]
    offered = {tool.get("name") for tool in body.get("tools") or []}
    # A text that was garbled on purpose names no tool before it is read the right way.
    return next((call for call in found if call["name"] in offered), found[0] if found else None)


def _calls_in(texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    for reading in (each for text in texts for each in readings(text)):
        for found in INJECTED_CALL.finditer(reading):
            try:
                arguments, _ = json.JSONDecoder().raw_decode(reading, found.end())
            except ValueError:
                continue
            yield {"name": found[1] or found[2], "input": arguments}


def injected_answer(body: dict[str, Any]) -> str | None:
    """The words that a text of the newest message tells the model to answer with."""
    return next((match[1] for text in _untrusted_texts(body) if (match := INJECTED_ANSWER.search(text))), None)


def _untrusted_texts(body: dict[str, Any], reads: str = "") -> list[str]:
    """Every text in the newest message, or in all of them: what the user sent, or what tools returned."""
    read = body["messages"] if reads == "everything" else body["messages"][-1:]
    pending, texts = [each["content"] for each in read if each["role"] == "user"], []
    while pending:
        part = pending.pop()
        if isinstance(part, str):
            texts += [*_written_in(part), part]
        elif isinstance(part, list):
            pending.extend(part)
        elif isinstance(part, dict):
            pending.extend(part[key] for key in ("text", "content") if key in part)
    return texts


def _written_in(text: str) -> list[str]:
    """What stands inside marks, the strings of its JSON first: a model reads what they say, not how JSON escapes it."""
    pending, strings = [], []
    for _, inside in DATA.findall(text):
        try:
            pending.append(json.loads(inside))
        except ValueError:
            strings.append(inside)  # a refusal in words, or a result that was cut
    while pending:
        part = pending.pop()
        if isinstance(part, str):
            strings.append(part)
        elif isinstance(part, list | dict):
            pending.extend(part.values() if isinstance(part, dict) else part)
    return strings


def _tool_rounds(body: dict[str, Any]) -> int:
    """How many turns of this conversation asked for tools already."""
    return sum(
        any(isinstance(block, dict) and block.get("type") == "tool_use" for block in message["content"])
        for message in body["messages"]
        if message["role"] == "assistant"
    )


def _forced_tool(body: dict[str, Any]) -> str | None:
    choice = body.get("tool_choice") or {}
    if choice.get("type") == "tool":
        return str(choice["name"])
    return str(body["tools"][0]["name"]) if choice.get("type") == "any" and body.get("tools") else None


def _text(body: dict[str, Any], checked: Checked, known: Known | None, plan: Plan | None) -> str:
    if plan and plan.mode == "answer":
        said = with_verdict(plan.options.get("output", plan.options.get("text", "")), body)
        return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    if plan and plan.mode == "obey_injection":
        return injected_answer(body) or ""
    if plan and plan.mode == "invalid_json":
        return '{"offline": "this object is never clos'
    # The example is of the version that the catalogue has now; another may have another schema.
    if known and known.example is not None and _is_of_now(known, body):
        return text_with_verdict(known.example, body)
    return checked.smallest_output or (known.smallest_output if known else None) or PLAIN_TEXT


def _is_of_now(known: Known, body: dict[str, Any]) -> bool:
    asked = version_named_in(body.get("system"))
    return asked is None or known.version is None or asked == known.version


def _thinking(body: dict[str, Any], model: ClaudeModel) -> list[Block]:
    """The thinking block that leads an answer of the 5.5 models, unless thinking is off or the effort is low.

    Its text is empty unless the request asks to display a summary, as with the real models.
    """
    thinking = body.get("thinking") or {}
    effort = (body.get("output_config") or {}).get("effort") or model.default_effort
    if thinking.get("type", "adaptive") != "adaptive" or effort == "low":
        return []
    text = THOUGHT if thinking.get("display") == "summarized" else ""
    return [{"type": "thinking", "thinking": text, "signature": _signature(text, model)}]


def _signature(text: str, model: ClaudeModel) -> str:
    return b64encode(b"offline" + blake2b(f"{model.id}\0{text}".encode(), digest_size=18).digest()).decode()


def check_thinking_blocks(body: dict[str, Any], model: ClaudeModel) -> None:
    """Thinking blocks come back as they were sent, to the model that wrote them.

    Raises:
        Refusal: one was altered, or written by another model.
    """
    for index, message in enumerate(body["messages"]):
        if message["role"] != "assistant" or isinstance(message["content"], str):
            continue
        for place, block in enumerate(message["content"]):
            if not isinstance(block, dict) or block.get("type") != "thinking":
                continue
            if block.get("signature") != _signature(block.get("thinking", ""), model):
                raise Refusal(f"messages.{index}.content.{place}: Invalid `signature` in `thinking` block")
