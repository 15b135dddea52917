"""JSON Schema of agents: what an input may be, what structured outputs accept, and where a value departs from it."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from agent_platform.errors import FieldError

OUTPUT_KEYWORDS = frozenset(
    {
        "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "allOf",
        "$ref", "$defs", "description", "title", "format", "default", "minItems",
    }
)  # fmt: skip
"""Keywords inside the subset of JSON Schema that Claude's structured outputs compile to a grammar
(platform.claude.com, "Structured outputs", section on JSON Schema limitations)."""

OUTPUT_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)  # fmt: skip


INPUT_KEYWORDS = OUTPUT_KEYWORDS | {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "minItems", "maxItems", "uniqueItems", "prefixItems", "contains", "minProperties", "maxProperties",
    "patternProperties", "propertyNames", "dependentRequired", "oneOf", "not", "if", "then", "else", "examples",
}  # fmt: skip
"""Keywords an input schema may use: the applicators and bounds of JSON Schema 2020-12. JSON Schema itself ignores
unknown keywords, which lets `description: a, b` in YAML's flow style lose its second half unnoticed."""


class SchemaError(ValueError):
    """A schema or a value has faults; `faults` holds each with its dotted path."""

    def __init__(self, faults: Iterable[FieldError]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in self.faults))


def check_input_schema(schema: dict[str, Any]) -> None:
    """Accept a JSON Schema (2020-12) of an object.

    Raises:
        SchemaError: names each place and fault.
    """
    _check_meta(schema)
    _raise(_keyword_faults(schema, "", INPUT_KEYWORDS))


def check_output_schema(schema: dict[str, Any]) -> None:
    """Accept what structured outputs accept: closed objects that require all their properties, no bounds.

    Raises:
        SchemaError: names every place that structured outputs would refuse.
    """
    _check_meta(schema)
    _raise([*_keyword_faults(schema, "", OUTPUT_KEYWORDS), *_closure_faults(schema, "", ())])


def instance_faults(schema: dict[str, Any], value: Any, *, root: str) -> list[FieldError]:
    """Every place where `value` departs from `schema`, at most MAX_FAULTS; `root` begins each field path."""
    faults = []
    for error in _validator(_Frozen(schema)).iter_errors(value):
        path = ".".join([root, *(str(step) for step in error.instance_path)])
        match error.kind:
            case Kind.Required(property=name):
                faults.append(FieldError(f"{path}.{name}", "is required"))
            case Kind.AdditionalProperties(unexpected=names):
                faults.extend(FieldError(f"{path}.{name}", "is not a field of this schema") for name in names)
            case _:
                faults.append(FieldError(path, _readable(error.message)))
        if len(faults) >= MAX_FAULTS:
            break
    return faults[:MAX_FAULTS]


MAX_FAULTS = 50
"""Enough to mend an input by; a list of thousands helps nobody."""


class _Frozen:
    """A schema by identity: definitions are immutable, so its validator is built once per process."""

    __slots__ = ("schema",)

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and other.schema is self.schema


@lru_cache(maxsize=256)
def _validator(frozen: _Frozen) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(frozen.schema, validate_formats=True)


def _readable(message: str) -> str:
    """The validator quotes the value it refuses; a long one would drown the reason."""
    return message if len(message) <= 300 else f"{message[:120]} … {message[-160:]}"


def _raise(faults: Iterable[FieldError]) -> None:
    found = list(faults)
    if found:
        raise SchemaError(found)


def _check_meta(schema: dict[str, Any]) -> None:
    try:
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        jsonschema_rs.Draft202012Validator(schema)
    except jsonschema_rs.ValidationError as error:
        place = ".".join(str(step) for step in error.instance_path)
        raise SchemaError([FieldError(place, f"is not valid JSON Schema: {error.message}")]) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaError([FieldError("", f"is not valid JSON Schema: {error}")]) from None
    if schema.get("type") != "object" or not schema.get("properties"):
        raise SchemaError([FieldError("", "must be a schema of `type: object` with `properties`")])


def _children(schema: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Every direct subschema with its path."""
    for keyword in ("properties", "patternProperties", "$defs"):
        for name, child in schema.get(keyword, {}).items():
            yield f"{path}.{keyword}.{name}".lstrip("."), child
    for keyword in ("anyOf", "allOf", "oneOf", "prefixItems"):
        for index, child in enumerate(schema.get(keyword, ())):
            yield f"{path}.{keyword}.{index}".lstrip("."), child
    for keyword in ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"):
        if isinstance(schema.get(keyword), dict):
            yield f"{path}.{keyword}".lstrip("."), schema[keyword]


def _keyword_faults(schema: Any, path: str, allowed: frozenset[str]) -> Iterator[FieldError]:
    if not isinstance(schema, dict):
        return
    for keyword in sorted(schema.keys() - allowed):
        yield FieldError(
            path,
            f"`{keyword}` is not a keyword this schema may use; put bounds into the description, "
            "and quote a description that contains a comma or colon",
        )
    for child_path, child in _children(schema, path):
        yield from _keyword_faults(child, child_path, allowed)


def _closure_faults(schema: Any, path: str, within: tuple[str, ...]) -> Iterator[FieldError]:
    if not isinstance(schema, dict):
        yield FieldError(path, "must be a schema object")
        return
    if "format" in schema and schema["format"] not in OUTPUT_FORMATS:
        yield FieldError(path, f"format `{schema['format']}` is not supported by structured outputs")
    if schema.get("minItems", 0) not in (0, 1):
        yield FieldError(path, "`minItems` may only be 0 or 1 in structured outputs")
    if "properties" in schema or schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield FieldError(path, "every object needs `additionalProperties: false`")
        missing = ", ".join(sorted(schema.get("properties", {}).keys() - set(schema.get("required", ()))))
        if missing:
            yield FieldError(path, f"`required` must list every property (missing: {missing}); use null for absent")
    if schema.get("$ref") in within:
        yield FieldError(path, f"`{schema['$ref']}` refers to itself; structured outputs take no recursive schema")
    for child_path, child in _children(schema, path):
        definition = (f"#/{child_path.replace('.', '/')}",) if ".$defs." in f".{child_path}" else ()
        yield from _closure_faults(child, child_path, (*within, *definition))
