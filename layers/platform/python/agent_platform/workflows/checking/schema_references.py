"""References (`$ref`) in a schema that becomes one of several documents."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_MAPPINGS: Final = ("properties", "patternProperties", "$defs")
_LISTS: Final = ("anyOf", "allOf", "oneOf", "prefixItems")
_SINGLE: Final = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
NESTING: Final = ("$ref", *_MAPPINGS, *_LISTS, *_SINGLE)
"""Keywords that hold or name further schemas."""


def references_in(schema: Any) -> Iterator[str]:
    """Every reference in a schema."""
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        for child in _children(schema):
            yield from references_in(child)


def documents_named(schema: Any) -> frozenset[str]:
    """Names of the documents to which a schema refers: `input` of `#/$defs/input/properties/total`."""
    return frozenset(reference.split("/")[2] for reference in references_in(schema))


def globalised(schema: Any, root: str) -> Any:
    """The schema with its references made to begin at `root`, where it will stand; itself where it has none."""
    return _rewritten(schema, root) if any(True for _ in references_in(schema)) else schema


def _children(schema: Mapping[str, Any]) -> Iterator[Any]:
    for keyword in _MAPPINGS:
        yield from schema.get(keyword, {}).values()
    for keyword in _LISTS:
        yield from schema.get(keyword, ())
    for keyword in _SINGLE:
        if keyword in schema:
            yield schema[keyword]


def _rewritten(schema: Any, root: str) -> Any:
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    if "$ref" in schema:
        made["$ref"] = root + str(schema["$ref"]).removeprefix("#")
    for keyword in _MAPPINGS:
        if keyword in schema:
            made[keyword] = {name: _rewritten(child, root) for name, child in schema[keyword].items()}
    for keyword in _LISTS:
        if keyword in schema:
            made[keyword] = [_rewritten(child, root) for child in schema[keyword]]
    for keyword in _SINGLE:
        if keyword in schema:
            made[keyword] = _rewritten(schema[keyword], root)
    return made
