"""Requests made from the OpenAPI document, so that what attacks every operation attacks a new one as well."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from functions.openapi import openapi_document
from tests.functions.run_agent.conftest import AGENT

DOCUMENT = openapi_document()
_IDS = {"group": AGENT.partition("/")[0], "name": AGENT.partition("/")[2], "version": "1"}


@dataclass(frozen=True)
class Operation:
    """One operation, with a path that its ids are filled into and the body that its examples make."""

    method: str
    template: str
    described: dict[str, Any]

    @property
    def id(self) -> str:
        """Its operation id."""
        return str(self.described["operationId"])

    @property
    def path(self) -> str:
        """A path of it. The agent exists; nothing else has the id."""
        return re.sub(
            r"\{(\w+)\}", lambda each: _IDS.get(each[1], "019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"), self.template
        )

    @property
    def parameters(self) -> list[str]:
        """The names of its path parameters."""
        return re.findall(r"\{(\w+)\}", self.template)

    def path_with(self, parameter: str, value: str) -> str:
        """Its path with one id as it is given, not encoded any further."""
        filled = self.template.replace(f"{{{parameter}}}", value)
        return Operation(self.method, filled, self.described).path

    @property
    def takes_body(self) -> bool:
        """Whether it has a request body."""
        return "requestBody" in self.described

    @property
    def body(self) -> dict[str, Any]:
        """The least that its schema asks for, and every field of which there is an example."""
        found = _example(self.described["requestBody"]["content"]["application/json"]["schema"])
        assert isinstance(found, dict), self.id
        return found


OPERATIONS = [
    Operation(method.upper(), path, described)
    for path, operations in DOCUMENT["paths"].items()
    for method, described in operations.items()
]


def _example(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if schema.get("examples"):
        return schema["examples"][0]
    for name in ("const", "default"):
        if schema.get(name) is not None:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    for choices in ("anyOf", "oneOf", "allOf"):
        if choices in schema:
            return _example(schema[choices][0])
    match schema.get("type"):
        case "object":
            required = set(schema.get("required", []))
            fields = schema.get("properties", {}).items()
            return {name: _example(each) for name, each in fields if name in required or _has_example(each)}
        case "array":
            return [_example(schema.get("items", {}))] * max(1, schema.get("minItems", 1))
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return "x" * max(1, schema.get("minLength", 1))


def _has_example(schema: dict[str, Any]) -> bool:
    return bool(schema.get("examples"))


def texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where a body holds a text."""
    match value:
        case str():
            yield path
        case dict():
            for name, each in value.items():
                yield from texts(each, (*path, name))
        case list():
            for index, each in enumerate(value):
                yield from texts(each, (*path, index))


def with_raw(body: dict[str, Any], path: tuple[str | int, ...], raw: str) -> bytes:
    """The body as JSON, in which one place holds what is written as it is given: it need not be JSON."""
    copy = json.loads(json.dumps(body))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = "\ufdd0"
    return json.dumps(copy, ensure_ascii=False).replace('"\ufdd0"', raw).encode("utf-8", "surrogatepass")
