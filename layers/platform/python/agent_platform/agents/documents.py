"""Strict reading of what authors write: YAML or JSON text to one mapping, with the line of every field.

Nothing in a text can cost more than its length: no aliases, no tags, no more levels than JSON is read back with.
"""

import json
import re
from typing import Any

import yaml

from agent_platform.agents.schemas import MAX_DEPTH

Lines = dict[tuple[str | int, ...], int]
"""The 1-based line of each place in a document, by its path."""


MAX_VALUES = 50_000
"""Keys and values of one text. A workflow of a hundred steps has 10,000; 400,000 take seconds to read."""


class DocumentFault(ValueError):
    """A text is not what can be read. `line` is 1-based; 0 where the whole text is meant."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Yaml(yaml.CSafeLoader):
    """YAML as authors mean it, close to version 1.2: dates, times and numbers with leading zeros stay text, and only
    true and false are booleans."""


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool", ":int", ":float"))]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
for kind, pattern, first_characters in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Yaml.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(rf"^(?:{pattern})$"), list(first_characters))


def read_text(text: str, *, is_json: bool) -> tuple[dict[str, Any], Lines]:
    """The mapping that a text holds, and the line of each of its places.

    Raises:
        DocumentFault: it is no YAML or JSON, no mapping, or holds what JSON does not have.
    """
    try:
        document = json.loads(text, parse_constant=_no_json) if is_json else None
        if is_json:
            # JSON is YAML but for surrogate pairs, and YAML is read for the line numbers alone.
            text = _SURROGATE.sub(r"\\u0041", text)
        _refuse_costly(text)
        loader = _Yaml(text)
        try:
            node = loader.get_single_node()
            lines: Lines = {}
            _walk(node, (), lines)
            if not is_json and node:
                document = loader.construct_document(node)
        finally:
            loader.dispose()
    except DocumentFault:
        raise
    except json.JSONDecodeError as error:
        raise DocumentFault(error.lineno, f"is not JSON: {error.msg} (column {error.colno})") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise DocumentFault(line, f"is not YAML: {error.problem or error}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DocumentFault(0, f"cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise DocumentFault(1, "must be a mapping of fields")
    try:
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise DocumentFault(0, f"holds a value that JSON does not have: {error}") from None
    return document, lines


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def _no_json(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")


def _refuse_costly(text: str) -> None:
    """Aliases can expand a small text to gigabytes, deep nesting fills the stack, and a tag can make a number that
    takes minutes to compute; what authors write needs none of them."""
    depth = values = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise DocumentFault(line, f"uses the alias `*{event.anchor}`; write the value out")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag not in (None, "!"):
            raise DocumentFault(line, f"uses the tag `{event.tag[:60]}`; leave it out")
        values += isinstance(event, yaml.NodeEvent)
        if values > MAX_VALUES:
            raise DocumentFault(line, f"has more than {MAX_VALUES:,} keys and values")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise DocumentFault(line, f"is nested deeper than {MAX_DEPTH} levels")


def _walk(node: yaml.Node | None, path: tuple[str | int, ...], lines: Lines) -> None:
    if node is None:
        return
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:str":
                raise DocumentFault(line, f"has the key `{name[:50]}`, which is no text; put it in quotes")
            if name in seen:
                raise DocumentFault(line, f"has the key `{name}` twice; keep one of them")
            seen.add(name)
            lines[(*path, name)] = line
            _walk(value, (*path, name), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), lines)
