"""The schemas of what the platform itself puts into the data of a run."""

from typing import Any, Final

from agent_platform.agents.definition import JsonObject
from agent_platform.workflows.spec import ApprovalStep, MapStep

TEXT: JsonObject = {"type": "string"}
_RUN: JsonObject = {
    "type": "object",
    "required": ["id", "workflow", "version", "started_at"],
    "additionalProperties": False,
    "properties": {
        "id": TEXT,
        "workflow": TEXT,
        "version": {"type": "integer"},
        "started_at": {"type": "string", "format": "date-time"},
    },
}
_STATUS: JsonObject = {"enum": ["pending", "succeeded", "failed"]}
_ERROR: JsonObject = {
    "type": "object",
    "required": ["name", "code", "message"],
    "additionalProperties": False,
    "properties": {"name": TEXT, "code": TEXT, "message": TEXT},
}
_ROUNDS: JsonObject = {
    "type": "object",
    "required": ["iterations", "satisfied"],
    "additionalProperties": False,
    "properties": {"iterations": {"type": "integer"}, "satisfied": {"type": "boolean"}},
}
_NUMBER: JsonObject = {"type": "integer"}
FIXED: Final = {"run": _RUN, "status": _STATUS, "error": _ERROR, "rounds": _ROUNDS, "number": _NUMBER}
"""By name: the run's facts, a step's status and error, a loop's output, a count."""


def decision_schema(step: ApprovalStep, form: Any) -> JsonObject:
    """The output of an approval whose form has this schema."""
    return {
        "type": "object",
        "required": ["decision", "comment", "form", "decided_by", "decided_at"],
        "additionalProperties": False,
        "properties": {
            "decision": {"enum": ["approved"] if step.on_reject == "fail" else ["approved", "rejected"]},
            "comment": {"type": ["string", "null"]},
            "form": form,
            "decided_by": TEXT if step.on_timeout == "fail" else {"type": ["string", "null"]},
            "decided_at": {"type": "string", "format": "date-time"},
        },
    }


def map_schema(step: MapStep, result: Any, longest: int | None) -> JsonObject:
    """The output of a map that keeps `result` of each item, of at most `longest` items if that is known."""
    items = {"anyOf": [result, {"const": None}]} if step.on_item_error == "continue" else result
    bound = {} if longest is None else {"maxItems": longest}
    return {
        "type": "object",
        "required": ["items", "failed"],
        "additionalProperties": False,
        "properties": {"items": {"type": "array", "items": items, **bound}, "failed": _NUMBER},
    }
