"""JSON Lines (jsonlines.org): UTF-8, one JSON object a line. Blank lines are left out, but counted."""

import json
from collections.abc import Iterable, Iterator

from agent_platform.errors import InvalidInput
from functions.run_batch.line import MAX_LINE_BYTES, Line


def json_lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The lines of a file, numbered from 1 as an editor does. A faulty line is a line with a fault."""
    for number, text in enumerate(_split(chunks), 1):
        if text.strip():
            yield _line(number, text)


def _line(number: int, text: bytes) -> Line:
    if len(text) > MAX_LINE_BYTES:
        return _faulty(number, f"it is longer than {MAX_LINE_BYTES:,} bytes")
    try:
        value = json.loads(text.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        return _faulty(number, f"it is not UTF-8 (byte {error.start + 1})")
    except RecursionError:
        return _faulty(number, "it is nested too deeply")
    except ValueError as error:
        return _faulty(number, f"it is not JSON: {error}")
    if not isinstance(value, dict):
        return _faulty(number, "it is JSON, but not an object")
    return Line(number, value)


def _faulty(number: int, why: str) -> Line:
    return Line(number, fault=InvalidInput(f"Line {number} holds no input: {why}. Write one JSON object a line."))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines by line feeds. Of a line without an end no more is held than tells that it is too long."""
    rest = bytearray()
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        if len(rest) <= MAX_LINE_BYTES:
            rest += first
        for other in others:
            yield bytes(rest)
            rest = bytearray(other)
    if rest:
        yield bytes(rest)
