"""CSV (RFC 4180) with a header: each record is an input, its cells read as the agent's input schema asks."""

import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from agent_platform.errors import InvalidInput
from functions.run_batch.line import MAX_LINE_BYTES, Line

MAX_COLUMNS = 500
"""Each is compared with all others, and no input has so many fields."""

Schema = dict[str, Any]

_INTEGER = re.compile(r"[+-]?\d{1,30}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


def csv_lines(chunks: Iterable[bytes], schema: Schema) -> Iterator[Line]:
    """The records of a file, numbered from 1 without the header.

    A header is the path of a field, its parts joined by dots: `address.city`. An empty cell leaves its field out.
    Cells are text; where the schema asks for an integer, number or boolean they are read as such, and as JSON where it
    asks for an array or object. What does not look like it stays text, and the agent's own check names the field.

    Raises:
        InvalidInput: the file is not UTF-8, has no header, one that names a field twice, or too many columns.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    records = csv.reader(_text(chunks), strict=True)
    number = 0
    try:
        paths = _paths(next(records, []))
        readers = [_field_schema(schema, path) for path in paths]
        for record in records:
            if record:
                number += 1
                yield _line(number, record, paths, readers, schema)
    except csv.Error as error:
        raise InvalidInput(f"The file is no CSV after record {number}: {error}.") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The file is not UTF-8 after record {number}: {error.reason}. Save it as UTF-8.") from None


def _text(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines of text, their ends kept for the CSV reader; a cell may hold line breaks."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from (f"{line}\n" for line in whole)
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _paths(header: list[str]) -> list[tuple[str, ...]]:
    if len(header) > MAX_COLUMNS:
        raise InvalidInput(
            f"The first line has {len(header):,} columns; at most {MAX_COLUMNS}. Send larger inputs as JSON Lines."
        )
    paths = [tuple(part.strip() for part in name.split(".")) for name in header]
    if not paths:
        raise InvalidInput("The file is empty: its first line must name the fields.")
    if any("" in path for path in paths):
        raise InvalidInput("A column has no name: its first line must name the fields, nested ones as `address.city`.")
    for path in paths:
        if paths.count(path) > 1:
            raise InvalidInput(f"Two columns have the name `{'.'.join(path)}`.")
        if any(other != path and other[: len(path)] == path for other in paths):
            raise InvalidInput(f"The column `{'.'.join(path)}` is a value, but others name fields inside of it.")
    return paths


def _line(number: int, record: list[str], paths: list[tuple[str, ...]], schemas: list[Schema], root: Schema) -> Line:
    if len(record) > len(paths):
        why = f"it has {len(record)} cells, the header {len(paths)}; a cell with a comma needs quotes"
        return Line(number, fault=InvalidInput(f"Record {number} holds no input: {why}."))
    value: dict[str, Any] = {}
    for path, schema, cell in zip(paths, schemas, record, strict=False):
        if cell == "":
            continue
        place = value
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = _read(cell, _types(schema, root))
    return Line(number, value)


def _read(cell: str, types: set[str]) -> Any:
    text = cell.strip()
    if "string" in types or not types:
        return cell
    if types & {"integer", "number"} and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in types and _NUMBER.fullmatch(text):
        return float(text)
    if "boolean" in types and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if types & {"array", "object"}:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return cell
    return cell


def _field_schema(root: Schema, path: tuple[str, ...]) -> Schema:
    """The schema of a field; empty where the input's schema does not name it."""
    schema = root
    for part in path:
        found = _resolved(schema, root).get("properties", {}).get(part)
        if not isinstance(found, dict):
            return {}
        schema = found
    return schema


def _types(schema: Schema, root: Schema) -> set[str]:
    """The JSON types that a field may have, those of its alternatives included."""
    schema = _resolved(schema, root)
    named = schema.get("type", [])
    types = {named} if isinstance(named, str) else set(named)
    for keyword in ("anyOf", "oneOf"):
        for each in schema.get(keyword, []):
            types |= _types(each, root)
    return types


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Follow references inside of the schema; input schemas have no others."""
    for _ in range(10):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        target: Any = root
        for part in reference[2:].split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {})
        schema = target
    return schema
