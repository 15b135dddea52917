"""JSON Schema of agents: what an input may be, what structured outputs accept, and where a value departs from it."""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind
from pydantic_core import to_json

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
    _check_meta(schema, INPUT_KEYWORDS)


def check_schema(schema: dict[str, Any]) -> None:
    """Accept a JSON Schema (2020-12) of any value, within the keywords of inputs.

    Raises:
        SchemaError: names each place and fault.
    """
    _check_any(schema, INPUT_KEYWORDS)


def check_output_schema(schema: dict[str, Any]) -> None:
    """Accept what structured outputs accept: closed objects that require all their properties, no bounds.

    Raises:
        SchemaError: names every place that structured outputs would refuse.
    """
    _check_meta(schema, OUTPUT_KEYWORDS)
    _raise([*_closure_faults(schema, ""), *_recursion_faults(schema)])


def instance_faults(
    schema: dict[str, Any], value: Any, *, root: str, keep: bool = True, quote: bool = True
) -> list[FieldError]:
    """Every place where `value` departs from `schema`, at most MAX_FAULTS.

    Args:
        root: begins each field path.
        keep: whether the validator is kept for the next value. Only of schemas that live as long as the process: that
            of 1 MB holds more than 100 MB, and one that is read anew would never be found again.
        quote: whether a fault quotes the value that it refuses, as whoever sent that may read; what is kept of a run,
            and told in its events, may not.
    """
    validator = _validator(_Frozen(schema)) if keep else _built(schema)
    if validator.is_valid(value):  # the usual case, in half the time
        return []
    faults = []
    telling = validator if quote else _built(schema, mask="the value")
    for error in telling.iter_errors(value):
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


MAX_DEPTH = 100
"""Levels of lists and objects inside one another: pydantic reads JSON back only to 200."""


def json_faults(value: Any, *, root: str, max_bytes: int) -> list[FieldError]:
    """What keeps a value from being stored, sent and read back as JSON, although Python takes it for JSON."""
    try:
        # A tenth of the time of `json.dumps`, which every execution would pay twice.
        text = to_json(value, inf_nan_mode="constants")
    except ValueError:
        text = b""  # far too deep, or no text
    # Levels are counted only where enough brackets open.
    if (not text or text.count(b"[") + text.count(b"{") > MAX_DEPTH) and _is_deeper_than(MAX_DEPTH, value):
        return [FieldError(root, f"is nested deeper than {MAX_DEPTH} levels")]
    if not text:
        return [FieldError(root, "holds half of a surrogate pair, which is no text")]
    if (b"NaN" in text or b"Infinity" in text) and _holds_no_number(value):
        return [FieldError(root, "holds NaN or Infinity, which JSON does not have")]
    size = len(text)
    return [FieldError(root, f"has {size:,} bytes as JSON; at most {max_bytes:,}")] if size > max_bytes else []


def _holds_no_number(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return True
    return False


def _is_deeper_than(limit: int, value: Any) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


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
    return _built(frozen.schema)


def _built(schema: dict[str, Any], mask: str | None = None) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, mask=mask)


def _readable(message: str) -> str:
    """The validator quotes the value it refuses; a long one would drown the reason."""
    return message if len(message) <= 300 else f"{message[:120]} … {message[-160:]}"


def _raise(faults: Iterable[FieldError]) -> None:
    found = list(faults)
    if found:
        raise SchemaError(found)


def _check_meta(schema: dict[str, Any], allowed: frozenset[str]) -> None:
    _check_any(schema, allowed)
    if schema.get("type") != "object" or not schema.get("properties"):
        raise SchemaError([FieldError("", "must be a schema of `type: object` with `properties`")])


def _check_any(schema: dict[str, Any], allowed: frozenset[str]) -> None:
    try:
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})
        # Before the validator is built, which would fetch what lies outside.
        _raise([*_keyword_faults(schema, "", allowed), *_foreign_references(schema, "")])
        jsonschema_rs.Draft202012Validator(schema)
    except jsonschema_rs.ValidationError as error:
        place = ".".join(str(step) for step in error.instance_path)
        raise SchemaError([FieldError(place, f"is not valid JSON Schema: {error.message}")]) from None
    except SchemaError:
        raise
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaError([FieldError("", f"is not valid JSON Schema: {error}")]) from None


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


def _foreign_references(schema: Any, path: str) -> Iterator[FieldError]:
    if not isinstance(schema, dict):
        return
    if not str(schema.get("$ref", "#")).startswith("#"):
        yield FieldError(path, f"`{schema['$ref']}` lies outside this schema; write it into `$defs`")
    for child_path, child in _children(schema, path):
        yield from _foreign_references(child, child_path)


def _closure_faults(schema: Any, path: str) -> Iterator[FieldError]:
    if not isinstance(schema, dict):
        yield FieldError(path, "must be a schema object")
        return
    if "format" in schema and schema["format"] not in OUTPUT_FORMATS:
        yield FieldError(path, f"format `{schema['format']}` is not supported by structured outputs")
    if schema.get("minItems", 0) not in (0, 1):
        yield FieldError(path, "`minItems` may only be 0 or 1 in structured outputs")
    if "properties" in schema or "object" in (schema.get("type"), *_listed(schema.get("type"))):
        if schema.get("additionalProperties") is not False:
            yield FieldError(path, "every object needs `additionalProperties: false`")
        missing = ", ".join(sorted(schema.get("properties", {}).keys() - set(schema.get("required", ()))))
        if missing:
            yield FieldError(path, f"`required` must list every property (missing: {missing}); use null for absent")
    for child_path, child in _children(schema, path):
        yield from _closure_faults(child, child_path)


def _recursion_faults(root: dict[str, Any]) -> Iterator[FieldError]:
    """Every reference through which a schema contains itself, directly or by way of others."""
    finished: dict[int, bool] = {}

    def walk(schema: Any, path: str) -> Iterator[FieldError]:
        if not isinstance(schema, dict) or id(schema) in finished:
            return
        finished[id(schema)] = False
        for child_path, child in _children(schema, path):
            yield from walk(child, child_path)
        if "$ref" in schema:
            target = _target(root, schema["$ref"])
            if finished.get(id(target)) is False:
                yield FieldError(
                    path, f"`{schema['$ref']}` refers to itself; structured outputs take no recursive schema"
                )
            yield from walk(target, schema["$ref"].removeprefix("#").strip("/").replace("/", "."))
        finished[id(schema)] = True

    return walk(root, "")


def _target(root: dict[str, Any], reference: str) -> Any:
    """What a reference within `root` points to (JSON Pointer, RFC 6901); None where there is nothing."""
    found: Any = root
    for step in unquote(reference).removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(name)] if name.isdigit() and int(name) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, dict) else None
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
