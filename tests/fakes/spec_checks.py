"""Specs to check, with the three agents that they may name."""

from collections.abc import Mapping
from typing import Any

from agent_platform.agents.definition import AgentDefinition
from agent_platform.errors import AgentNotFound
from agent_platform.workflows.check import Checked, Signature, examined
from agent_platform.workflows.reading import read_spec
from tests.fakes.catalogue import definition

_READER_OUTPUT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["total", "currency", "vendor", "lines", "due_on", "paid_at"],
    "properties": {
        "total": {"type": "number"},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
        "vendor": {"type": ["string", "null"]},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "amount"],
                "properties": {"name": {"type": "string"}, "amount": {"type": "number"}},
            },
        },
        "due_on": {"type": "string", "format": "date"},
        "paid_at": {"type": "string", "format": "date-time"},
    },
}
_JUDGE_INPUT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["claim"],
    "properties": {
        "claim": {"type": "string", "minLength": 1},
        "weight": {"type": "integer", "minimum": 1, "maximum": 9},
        "mode": {"enum": ["strict", "mild"]},
        "evidence": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "amount"],
                "properties": {"name": {"type": "string"}, "amount": {"type": "number"}, "note": {"type": "string"}},
            },
        },
    },
}
_JUDGE_OUTPUT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["score", "verdict", "reason"],
    "properties": {
        "score": {"type": "integer"},
        "verdict": {"enum": ["accept", "refuse"]},
        "reason": {"type": "string"},
    },
}


def _agent(agent_id: str, asked: dict[str, Any], given: dict[str, Any]) -> AgentDefinition:
    plain = definition(agent_id, "Tester", "Works in tests and nowhere else.", tags=["a", "b", "c"])
    return plain.model_copy(update={"input": asked, "output": given})


AGENTS = {
    each.id: each
    for each in (
        _agent(
            "post/reader",
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["text"],
                "properties": {"text": {"type": "string"}, "hint": {"type": "string"}},
            },
            _READER_OUTPUT,
        ),
        _agent("post/judge", _JUDGE_INPUT, _JUDGE_OUTPUT),
        _agent("law/judge", _JUDGE_INPUT, {**_JUDGE_OUTPUT, "required": ["score", "reason"]}),
        _agent(
            "law/picky",
            {"type": "object", "required": ["claim"], "properties": {"claim": {"type": "integer"}}},
            _JUDGE_OUTPUT,
        ),
        _agent("law/toolless", {**_JUDGE_INPUT, "anyOf": [{"required": ["weight"]}]}, _JUDGE_OUTPUT),
    )
}

INPUT = {
    "type": "object",
    "required": ["text", "amount", "vendors", "due_at"],
    "properties": {
        "text": {"type": "string"},
        "amount": {"type": "number"},
        "vendors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "country": {"type": "string"}},
            },
        },
        "few": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
        "due_at": {"type": "string", "format": "date-time"},
        "note": {"type": "string"},
        "contact": {
            "type": "object",
            "required": ["email"],
            "properties": {"email": {"type": "string"}, "phone": {"type": ["string", "null"]}},
        },
        "meta": {"type": "object"},
    },
}


def a_workflow(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A spec with these steps; `changes` replace its fields."""
    return {"name": "try-things", "title": "Try things", "input": INPUT, "steps": list(steps), **changes}


def read(step: str = "read", **changes: Any) -> dict[str, Any]:
    """A step that asks the reader."""
    return {"id": step, "kind": "agent", "agent": "post/reader", "input": {"text": "${input.text}"}, **changes}


def judge(step: str = "judge", claim: str = "It is so.", **changes: Any) -> dict[str, Any]:
    """A step that asks the judge."""
    return {"id": step, "kind": "agent", "agent": "post/judge", "input": {"claim": claim}, **changes}


def made(step: str, template: Any, **changes: Any) -> dict[str, Any]:
    """A step that makes a value."""
    return {"id": step, "kind": "transform", "template": template, **changes}


def checked(
    spec: Mapping[str, Any], workflows: Mapping[str, Signature] | None = None, *, shipped: bool = False
) -> Checked:
    """What the check finds about a spec."""
    return examined(
        read_spec(spec), agent_named, (workflows or {}).get, agent_ids=lambda: list(AGENTS), shipped=shipped
    )


def faults(spec: Mapping[str, Any], workflows: Mapping[str, Signature] | None = None) -> list[tuple[str, str]]:
    """The faults of a spec: field and message."""
    return [(fault.field, fault.message) for fault in checked(spec, workflows).faults]


def agent_named(agent_id: str) -> AgentDefinition:
    """Raises AgentNotFound."""
    if agent_id not in AGENTS:
        raise AgentNotFound(f"There is no agent `{agent_id}`.")
    return AGENTS[agent_id]
