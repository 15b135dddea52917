"""The schemas of values that are written out in a spec."""

from typing import Any

from agent_platform.agents.definition import JsonObject
from agent_platform.workflows.references import OMIT, Reference, ReferenceFault, parts


def may_be_left_out(template: Any) -> bool:
    """Whether a value is a reference with the fallback `omit`."""
    if not isinstance(template, str) or "omit" not in template:
        return False
    try:
        pieces = parts(template)
    except ReferenceFault:
        return False
    return len(pieces) == 1 and isinstance(pieces[0], Reference) and pieces[0].fallback is OMIT


def literal_schema(value: Any) -> Any:
    """The schema of one value, in which paths can be followed."""
    match value:
        case dict():
            return object_schema({name: literal_schema(each) for name, each in value.items()}, list(value))
        case list() | tuple():
            return array_schema([literal_schema(each) for each in value])
    return {"const": value}


def object_schema(fields: dict[str, Any], required: list[str]) -> JsonObject:
    """The schema of an object that has these fields and no other."""
    return {"type": "object", "required": required, "additionalProperties": False, "properties": fields}


def array_schema(entries: list[Any]) -> JsonObject:
    """The schema of a list that has exactly these entries."""
    bounds = {"type": "array", "minItems": len(entries), "maxItems": len(entries)}
    return {**bounds, "prefixItems": entries} if entries else bounds
