"""The rules of a definition as a part of the answer: the model names the rule that it met, the platform acts on it."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent_platform.agents.definition import AgentDefinition, Guardrails, JsonObject
from agent_platform.errors import DeclinedByRule

VERDICT_FIELD = "guardrail"
"""The property of an answer in which the model names the rule that it met; no author's output may have it."""

NO_RULE = "none"

_COMPOSED = ("allOf", "anyOf", "$ref", "enum", "const")
"""At the root of an output, each of these might forbid the further property."""


@dataclass(frozen=True, slots=True)
class Handover:
    """The rule that hands an answer to a person, in its author's words, and the model's reason."""

    rule: str
    reason: str


def numbered(guardrails: Guardrails) -> dict[str, str]:
    """The text of each rule by the name that prompt and schema give it: `refuse-1`, …, `escalate-1`, …"""
    rules = {f"refuse-{number}": rule for number, rule in enumerate(guardrails.refuse, 1)}
    return rules | {f"escalate-{number}": rule for number, rule in enumerate(guardrails.escalate, 1)}


def answer_schema(definition: AgentDefinition) -> JsonObject:
    """The schema that the model answers in: the author's, and before it the verdict where there are rules.

    The verdict comes first, because a model writes in the order of the schema: it decides before it answers. Closed,
    required and without a union, it stays inside what structured outputs accept.
    """
    rules = numbered(definition.guardrails)
    if not rules:
        return definition.output
    verdict = {
        "type": "object",
        "additionalProperties": False,
        "required": ["rule", "reason"],
        "properties": {"rule": {"type": "string", "enum": [NO_RULE, *rules]}, "reason": {"type": "string"}},
    }
    output = definition.output
    return {
        **output,
        "required": [VERDICT_FIELD, *output.get("required", ())],
        "properties": {VERDICT_FIELD: verdict, **output["properties"]},
    }


def schema_faults(definition: AgentDefinition) -> Iterator[tuple[str, str]]:
    """What keeps an output from taking the verdict: field and message of each fault. None where there are no rules."""
    if not numbered(definition.guardrails):
        return
    if VERDICT_FIELD in definition.output["properties"]:
        yield (
            f"output.properties.{VERDICT_FIELD}",
            f"the platform asks for `{VERDICT_FIELD}` itself, to learn which rule of `guardrails` was met; rename it",
        )
    for keyword in _COMPOSED:
        if keyword in definition.output:
            message = (
                f"`{keyword}` at the root leaves no room for the field `{VERDICT_FIELD}`, in which the model names the "
                "rule that it met; write the root as plain `properties`"
            )
            yield f"output.{keyword}", message


def take_handover(definition: AgentDefinition, answer: JsonObject) -> Handover | None:
    """Take the verdict out of an answer that matches `answer_schema`; None if no rule hands it to a person.

    Raises:
        DeclinedByRule: the model met a rule that forbids the task.
    """
    rules = numbered(definition.guardrails)
    if not rules:
        return None
    said = answer.pop(VERDICT_FIELD)
    if said["rule"] == NO_RULE:
        return None
    rule, reason = rules[said["rule"]], said["reason"].strip()
    if said["rule"].startswith("refuse"):
        raise DeclinedByRule(f"This agent does not do this: {_sentence(rule)} {_sentence(reason)}".rstrip())
    return Handover(rule, reason)


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
