"""Subschemas, and what a conjunction of them says about the fields and entries of a value.

A *view* is what is known of a value: one of several alternatives, each a conjunction of subschemas that all hold. The
empty conjunction is anything; no alternative at all is nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from agent_platform.workflows.checking.schema_references import NESTING
from agent_platform.workflows.checking.schema_types import types_in


@dataclass(frozen=True, slots=True)
class Shape:
    """A subschema and its place among all documents, such as `#/$defs/input/properties/total`. A `plain` one is only
    the part that holds in every alternative: without `$ref`, `anyOf`, `oneOf` and `allOf`."""

    pointer: str
    schema: Any = field(compare=False)
    plain: bool = False


Conjunction = tuple[Shape, ...]
View = tuple[Conjunction, ...]
ANYTHING: Final[View] = ((),)
_UNKNOWN: Final = Shape("#/$defs/unknown", {"description": "Not known because of a fault elsewhere"})
UNKNOWN: Final[View] = ((_UNKNOWN,),)
"""What a fault elsewhere keeps from being known: no path through it is a fault of its own."""
NOTHING: Final[View] = ()


def is_unknown(conjunction: Conjunction) -> bool:
    return any(shape.pointer == _UNKNOWN.pointer for shape in conjunction)


def field_of(conjunction: Conjunction, name: str) -> tuple[Conjunction, bool] | None:
    """The field of an object, and whether it always is there; None where there can be none."""
    shapes: list[Shape] = []
    certain = declared = unlisted = False
    for shape in conjunction:
        schema = shape.schema
        certain = certain or name in schema.get("required", ())
        properties, further = schema.get("properties", {}), schema.get("additionalProperties")
        if name in properties:
            shapes.append(Shape(f"{shape.pointer}/properties/{_escaped(name)}", properties[name]))
            declared = True
        elif schema.get("patternProperties") or further is True:
            declared = True
        elif isinstance(further, dict):
            shapes.append(Shape(f"{shape.pointer}/additionalProperties", further))
            declared = True
        elif further is False:
            return None
        else:
            declared = declared or any(name in schema.get(part, {}).get("properties", {}) for part in ("then", "else"))
            unlisted = unlisted or bool(properties)
    if (unlisted and not declared and not certain) or any(shape.schema is False for shape in shapes):
        return None
    return tuple(shapes), certain


def entry_of(conjunction: Conjunction, index: int) -> tuple[Conjunction, bool] | None:
    """The entry of a list, and whether it always is there; None where there can be none."""
    shapes: list[Shape] = []
    certain = False
    for shape in conjunction:
        schema = shape.schema
        certain = certain or schema.get("minItems", 0) > index
        first = schema.get("prefixItems", ())
        if schema.get("maxItems", index + 1) <= index:
            return None
        if index < len(first):
            shapes.append(Shape(f"{shape.pointer}/prefixItems/{index}", first[index]))
        elif "items" in schema:
            shapes.append(Shape(f"{shape.pointer}/items", schema["items"]))
    return None if any(shape.schema is False for shape in shapes) else (tuple(shapes), certain)


def field_names(alternatives: Iterable[Conjunction]) -> list[str]:
    """Fields that the alternatives declare."""
    return [
        *dict.fromkeys(name for each in alternatives for shape in each for name in shape.schema.get("properties", {}))
    ]


def types_of(conjunction: Conjunction) -> frozenset[str]:
    """The types that a value may have; none where the conjunction contradicts itself."""
    return types_in(shape.schema for shape in conjunction)


def required_names(conjunction: Conjunction) -> list[str]:
    """Fields that an object always has."""
    return [*dict.fromkeys(name for shape in conjunction for name in shape.schema.get("required", ()))]


def brief(shape: Shape) -> Any:
    """A subschema as it is if it is small, else a reference to it."""
    schema = shape.schema
    if not isinstance(schema, dict):
        return schema
    if shape == _UNKNOWN:
        return {"$ref": shape.pointer}
    small = len(schema.get("enum", ())) <= 12 and not any(keyword in schema for keyword in NESTING)
    return schema if small else {"$ref": shape.pointer}


def _escaped(name: str) -> str:
    """A name as a segment of a JSON Pointer within a URI (RFC 6901)."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~_.-$")
