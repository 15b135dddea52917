"""The types of JSON Schema, of values and in words."""

from collections.abc import Iterable
from typing import Any, Final

TYPES: Final = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
"""JSON Schema's types; here `number` means those numbers that are no integers."""


def types_in(schemas: Iterable[dict[str, Any]]) -> frozenset[str]:
    """The types that a value may have of which all these schemas hold; none where they contradict each other."""
    types = TYPES
    for schema in schemas:
        if "type" in schema:
            listed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            types &= frozenset(listed) | ({"integer"} if "number" in listed else set())
        if "const" in schema:
            types &= {type_of(schema["const"])}
        if "enum" in schema:
            types &= {type_of(each) for each in schema["enum"]}
    return types


def type_of(value: Any) -> str:
    """The type of a value, in JSON Schema's words; a float without a fraction is an integer."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
    return "object"


_WORDS: Final = {
    "string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
    "array": "a list", "object": "an object", "null": "null",
}  # fmt: skip


def named_types(types: Iterable[str]) -> str:
    """Types in words, such as `text or null`."""
    known = set(types)
    if known == TYPES:
        return "anything"
    if "number" in known:
        known.discard("integer")
    return " or ".join(word for each, word in _WORDS.items() if each in known)
