"""Files of batches: what each line holds, and what is wrong with it."""

from typing import Any

import pytest

from agent_platform.errors import InvalidInput
from functions.run_batch.csv_lines import csv_lines
from functions.run_batch.json_lines import json_lines
from functions.run_batch.line import MAX_LINE_BYTES, Line

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "grams": {"type": "integer"},
        "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "sealed": {"type": "boolean"},
        "tags": {"type": "array"},
        "sender": {"$ref": "#/$defs/person"},
    },
    "$defs": {"person": {"type": "object", "properties": {"zip": {"type": "string"}, "age": {"type": "integer"}}}},
}


def chunked(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def values(lines: list[Line]) -> dict[int, Any]:
    return {line.number: line.value if line.fault is None else line.fault.detail for line in lines}


@pytest.mark.parametrize("size", [1, 3, 1000])
class TestJsonLines:
    """One object a line."""

    def test_blank_lines_count_and_hold_nothing(self, size: int):
        data = '\ufeff{"a": "é📦"}\r\n\n  \n{"b": [1.5, null]}'.encode()
        assert values(list(json_lines(chunked(data, size)))) == {1: {"a": "é📦"}, 4: {"b": [1.5, None]}}

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (b'{"a": ', "not JSON"),
            (b"[1]", "not an object"),
            (b'"a"', "not an object"),
            (b'{"a": NaN}', "NaN is no JSON number"),
            (b'{"a": "\xff"}', "not UTF-8"),
            (b"[" * 200_000, "nested too deeply"),
        ],
    )
    def test_a_bad_line_costs_that_line_only(self, size: int, text: bytes, why: str):
        found = values(list(json_lines(chunked(b'{"n": 1}\n' + text + b'\n{"n": 3}\n', max(size, 3)))))
        assert (found[1], found[3]) == ({"n": 1}, {"n": 3})
        assert why in found[2]
        assert found[2].startswith("Line 2 holds no input")


def test_a_line_without_an_end_is_not_held_in_memory_whole():
    chunk = b"x" * 1024 * 1024
    (line,) = json_lines(chunk for _ in range(40))
    assert line.fault is not None
    assert f"longer than {MAX_LINE_BYTES:,} bytes" in line.fault.detail


@pytest.mark.parametrize("size", [1, 7, 1000])
class TestCsv:
    """A header, and cells read as the schema asks."""

    def read(self, text: str, size: int = 1000) -> dict[int, Any]:
        return values(list(csv_lines(chunked(text.encode(), size), SCHEMA)))

    def test_cells_become_what_the_schema_asks_for(self, size: int):
        text = (
            "\ufeffname,grams,price,sealed,tags,sender.zip,sender.age\r\n"
            '"Päckchen, ""groß""\nzwei Zeilen",1500,2.50,TRUE,"[""a"", 1]",01234,40\r\n'
            "007,abc,,no,[x,,\r\n"
        )
        assert self.read(text, size) == {
            1: {
                "name": 'Päckchen, "groß"\nzwei Zeilen',
                "grams": 1500,
                "price": 2.5,
                "sealed": True,
                "tags": ["a", 1],
                "sender": {"zip": "01234", "age": 40},
            },
            2: {"name": "007", "grams": "abc", "sealed": "no", "tags": "[x"},
        }

    def test_a_record_with_too_many_cells_costs_that_record_only(self, size: int):
        found = self.read("name,grams\na,1,2\nb,2\n", size)
        assert "Record 1 holds no input: it has 3 cells, the header 2" in found[1]
        assert found[2] == {"name": "b", "grams": 2}

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "empty"),
            ("a,,b\n1,2,3\n", "has no name"),
            ("a,a\n1,2\n", "Two columns"),
            ("a,a.b\n1,2\n", "is a value"),
            ('a\n"open\n', "no CSV after record 0"),
            (",".join(f"c{n}" for n in range(501)) + "\n", "501 columns; at most 500"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_refused_as_a_whole(self, size: int, text: str, why: str):
        with pytest.raises(InvalidInput, match=why):
            self.read(text, size)

    def test_bytes_that_are_no_utf8_are_refused_with_their_place(self, size: int):
        with pytest.raises(InvalidInput, match="not UTF-8"):
            list(csv_lines(chunked(b"a\n1\n\xff\n", size), SCHEMA))
