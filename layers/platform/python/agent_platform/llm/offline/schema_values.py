"""The smallest value that a JSON Schema accepts, always the same for the same schema.

Covers what structured outputs accept (platform.claude.com/docs/en/build-with-claude/structured-outputs) and the bounds
that tool inputs may have besides. A `pattern` is not solved: such a string is filled like any other.
"""

from typing import Any

Schema = dict[str, Any]

_STRINGS = {
    "date-time": "1970-01-01T00:00:00Z",
    "date": "1970-01-01",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "offline@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
PLACEHOLDER = "offline"


class EndlessSchema(Exception):
    """The schema demands a value that contains itself, or refers to something that is not there."""


def minimal_value(schema: Schema) -> Any:
    """Build the smallest value that `schema` accepts.

    Raises:
        EndlessSchema: no finite value exists, or a `$ref` leads nowhere.
    """
    return _value(schema, schema, ())


def _value(schema: Schema, root: Schema, path: tuple[str, ...]) -> Any:
    if "$ref" in schema:
        reference = schema["$ref"]
        if reference in path:
            raise EndlessSchema(f"{reference} contains itself in every variant.")
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _value({**resolve(reference, root), **rest}, root, (*path, reference))
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][0]
    if "allOf" in schema:
        return _value(_merged(schema, root), root, path)
    for variants in ("anyOf", "oneOf"):
        if schema.get(variants):
            return _first_finite(schema[variants], root, path)
    kind = schema.get("type") or ("object" if "properties" in schema else "array" if "items" in schema else "string")
    if isinstance(kind, list):
        return _first_finite([{**schema, "type": each} for each in sorted(kind, key="null".__eq__)], root, path)
    return _typed(kind, schema, root, path)


def _typed(kind: str, schema: Schema, root: Schema, path: tuple[str, ...]) -> Any:
    match kind:
        case "object":
            properties = schema.get("properties", {})
            return {name: _value(properties.get(name, {}), root, path) for name in schema.get("required", [])}
        case "array":
            least = schema.get("minItems", 0)
            return [_value(schema.get("items") or {}, root, path) for _ in range(least)]
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return False
        case "null":
            return None
        case _:
            text = _STRINGS.get(schema.get("format", ""), PLACEHOLDER)
            return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]


def _number(schema: Schema, *, whole: bool) -> float:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    value: float = 0
    if low is not None and low >= 0:
        value = -(-low // step) * step
        if value == schema.get("exclusiveMinimum"):
            value += step
    elif high is not None and high <= 0:
        value = high // step * step
        if value == schema.get("exclusiveMaximum"):
            value -= step
    if high is not None and low is not None and value > high:
        value = (low + high) / 2
    return int(value) if whole else value


def _first_finite(variants: list[Schema], root: Schema, path: tuple[str, ...]) -> Any:
    for variant in variants:
        try:
            return _value(variant, root, path)
        except EndlessSchema as error:
            last = error
    raise last


def _merged(schema: Schema, root: Schema) -> Schema:
    """One schema for an `allOf`: properties and required names together, everything else by the last that says it."""
    merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        while "$ref" in part:
            part = {**resolve(part["$ref"], root), **{key: value for key, value in part.items() if key != "$ref"}}
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", []), *part.get("required", [])]
        merged.update(part)
        if properties:
            merged.update(properties=properties, required=list(dict.fromkeys(required)))
    return merged


def resolve(reference: str, root: Schema) -> Schema:
    """Follow a local `$ref` such as `#/$defs/Line`.

    Raises:
        EndlessSchema: it leads nowhere or out of the document.
    """
    found: Any = root
    for name in reference.removeprefix("#").strip("/").split("/") if reference != "#" else []:
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    if not reference.startswith("#") or not isinstance(found, dict):
        raise EndlessSchema(f"$ref {reference!r} leads nowhere: only references inside the schema work.")
    return found
