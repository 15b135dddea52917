"""How an agent puts another one to work: each colleague is a tool with that agent's own input schema."""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from agent_platform.agents.definition import AgentDefinition, JsonObject
from agent_platform.agents.marking import data, marked
from agent_platform.agents.spans import tool_span
from agent_platform.errors import ApprovalRequired, PlatformError
from agent_platform.observability import get_logger

CONSULT_AGENT = "consult_agent"
"""What a definition lists under `tools`; `consults` says whom. The model is offered one tool for each."""

ANSWER_CHARACTERS = 20_000
"""A longer answer is cut: it would crowd out the task in the asker's context."""

MAX_DEPTH = 4
"""Agents from the one that was asked down to the last one put to work: a team of teams that consult a specialist."""

MAX_AT_ONCE = 8
"""Colleagues that one answer of the model may put to work: no definition names more."""

_REFUSED_AT_THE_ROOT = ("oneOf", "anyOf", "allOf")
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")


def tool_name(agent_id: str) -> str:
    """`legal/clause-reader` as the name of a tool, which takes letters, digits, `_` and `-`, 128 at most."""
    return f"{CONSULT_AGENT}__{agent_id.replace('/', '__')}"


def consult_tool(colleague: AgentDefinition) -> JsonObject:
    """What the model is offered to ask `colleague`; the same bytes for the same definition."""
    return {
        "name": tool_name(colleague.id),
        "description": f"Puts the agent {colleague.id} to work and returns its answer. {colleague.summary}\n"
        f"Used when: {colleague.use_when}\n"
        "It knows nothing but the input that you write for it.",
        "input_schema": colleague.input,
    }


def tool_schema_faults(schema: JsonObject) -> list[str]:
    """What keeps an input schema from being a tool's: the Messages API answers such a request with 400.

    Source: platform.claude.com, "Self-hosted sandboxes", section on custom tools, and the API's own messages.
    """
    faults = [f"has `{keyword}` at its root" for keyword in _REFUSED_AT_THE_ROOT if keyword in schema]
    return faults + [f"has a property named `{name}`" for name in _properties(schema) if not _PROPERTY.fullmatch(name)]


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _properties(each)
    elif isinstance(schema, dict):
        for keyword, value in schema.items():
            if keyword in ("properties", "patternProperties", "$defs") and isinstance(value, dict):
                if keyword == "properties":
                    yield from value
                for each in value.values():
                    yield from _properties(each)
            elif keyword not in ("const", "enum", "default", "examples"):
                yield from _properties(value)


@dataclass(frozen=True, slots=True)
class Delegated:
    """What a colleague answered; and, where it hands its answer to a person, why."""

    output: JsonObject
    handed_over: str | None = None


Delegate = Callable[[str, JsonObject], Delegated]
"""Puts another agent to work, by its id, in a full execution of its own; raises PlatformError."""


@dataclass(frozen=True, slots=True)
class Consultation:
    """What came of asking a colleague: the text for the model, and what it failed with."""

    content: str
    error: PlatformError | None = None


def consult(delegate: Delegate | None, colleague: str, value: Any) -> Consultation:
    """Put a colleague to work. Whatever it fails with is told, never raised: the asker may mend its call or go on."""
    if delegate is None:
        return failed(PlatformError("Nobody can be put to work here."), f"`{colleague}` cannot be reached from here.")
    try:
        with tool_span(tool_name(colleague)):
            done = delegate(colleague, value)
    except ApprovalRequired:
        raise  # whoever was asked first waits for the approval too: it is for a person, not for a model
    except PlatformError as error:
        return failed(error)
    except Exception:  # noqa: BLE001 - a defect of ours in the colleague's run, recorded there as its failure
        get_logger().exception("colleague_failed", extra={"agent_id": colleague})
        return failed(PlatformError("A defect of the platform."))
    answer = marked("answer", _data(done.output), agent=colleague)
    if done.handed_over:
        answer += f"\n{marked('for_a_person', _data(done.handed_over))}"
    return Consultation(answer)


def _data(value: Any) -> str:
    text = data(value)
    if len(text) > ANSWER_CHARACTERS:
        return f"{text[:ANSWER_CHARACTERS]} … (cut after {ANSWER_CHARACTERS} characters)"
    return text


def failed(error: PlatformError, message: str = "") -> Consultation:
    """A failure as the model reads it: a stable code, a sentence, the fields to mend."""
    told: JsonObject = {"code": error.code, "message": message or error.public_detail}
    if error.errors:
        told["fields"] = [{"field": each.field, "message": each.message} for each in error.errors]
    return Consultation(marked("failure", data({"error": told})), error)


def consult_all(delegate: Delegate | None, asked: Sequence[tuple[str, Any]]) -> list[Consultation]:
    """Put several colleagues to work at the same time; what came of each, in their order.

    Each works in a thread of its own with the asker's context variables, so that log lines and traces stay together.
    It ends with the asker's deadline, because its own is never later.
    """
    if len(asked) < 2:
        return [consult(delegate, *each) for each in asked]
    with ThreadPoolExecutor(len(asked), thread_name_prefix=CONSULT_AGENT) as pool:
        return [each.result() for each in [pool.submit(copy_context().run, consult, delegate, *each) for each in asked]]
