"""Tables as tools take them: CSV text or records, checked and with a type for every column."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed

COLUMNS = 100
CELLS = 200_000
CELL_CHARACTERS = 131_072

Record = dict[str, str | int | float | bool | None]
Cell = int | Decimal | str | None
"""None where a cell is missing, which an empty one is."""

CsvText = Annotated[
    str | None,
    Field(
        max_length=200_000,
        description="CSV with a header line (RFC 4180; quotes doubled inside quotes). Either this or `records`",
    ),
]
Records = Annotated[
    list[
        Annotated[
            dict[
                Annotated[str, Field(max_length=100)],
                Annotated[str, Field(max_length=2000)] | int | float | bool | None,
            ],
            Field(max_length=COLUMNS),
        ]
    ]
    | None,
    Field(max_length=2000, description="Flat objects, one for each row; a field that is left out is missing"),
]
Delimiter = Annotated[
    Literal[",", ";", "\t", "|"] | None,
    Field(description="Of the CSV; without it, the one that stands most often in the header line"),
]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: all its cells that are there have its type."""

    name: str
    type: Literal["integer", "decimal", "text"]
    cells: Sequence[Cell]


def read_table(csv: str | None, records: list[Record] | None, delimiter: str | None) -> list[Column]:
    """The columns of a table given as CSV or as records.

    A column is a number column if every cell that is there is a number as JSON writes it: `007` and `1,234` are text.

    Raises:
        ToolFailed: neither or both are given, or the table is malformed; says where.
    """
    if (csv is None) == (records is None):
        raise ToolFailed("Give the table as `csv` or as `records`, one of them.")
    names, rows = _from_csv(csv, delimiter) if csv is not None else _from_records(records or [])
    if not names:
        raise ToolFailed("The table has no columns.")
    if len(names) > COLUMNS or len(names) * len(rows) > CELLS:
        raise ToolFailed(f"At most {COLUMNS} columns and {CELLS:,} cells; leave out what the question does not need.")
    for index, name in enumerate(names):
        if not name.isprintable() or len(name) > 100:
            raise ToolFailed(f"Column {index + 1} has no usable name: at most 100 printable characters.")
        if name.casefold() in {other.casefold() for other in names[:index]}:
            raise ToolFailed(f"Two columns are called `{name}` (upper and lower case count as the same).")
    return [_column(name, [row[index] for row in rows]) for index, name in enumerate(names)]


def _from_csv(text: str, delimiter: str | None) -> tuple[list[str], list[list[object]]]:
    import csv

    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    header = next((line for line in lines if line.strip()), "")
    mark = delimiter or max(",;\t|", key=re.sub('"[^"]*"', "", header).count)
    names, rows = list[str](), list[list[object]]()
    csv.field_size_limit(CELL_CHARACTERS)  # the process's, which others may have set
    reader = csv.reader(lines, delimiter=mark, strict=True)
    try:
        for row in reader:
            if not names:
                names = [name.strip() for name in row]
            elif len(row) == len(names):
                rows.append([*row])
            elif row:
                raise ToolFailed(
                    f"Line {reader.line_num} has {len(row)} cells and the header {len(names)} (delimiter {mark!r}). "
                    "Put a cell that holds the delimiter into double quotes."
                )
    except csv.Error as error:
        raise ToolFailed(f"Line {reader.line_num} of the CSV is malformed: {error}.") from None
    if "" in names:
        raise ToolFailed(f"Column {names.index('') + 1} has no name in the header line.")
    return names, rows


def _from_records(records: list[Record]) -> tuple[list[str], list[list[object]]]:
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, [[record.get(name) for name in names] for record in records]


_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
"""Within 64 bits. A leading zero marks an identifier."""

_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,29})(\.\d{1,30}([eE][+-]?\d{1,2})?)?", re.ASCII)
"""An exponent needs a decimal point before it: `12e4` is more likely an identifier."""


def _column(name: str, given: list[object]) -> Column:
    texts = [_text(cell) for cell in given]
    there = [text for text in texts if text is not None]
    if there and all(_INTEGER.fullmatch(text.strip()) for text in there):
        return Column(name, "integer", [None if text is None else int(text) for text in texts])
    if there and all(_DECIMAL.fullmatch(text.strip()) for text in there):
        return Column(name, "decimal", [None if text is None else Decimal(text.strip()) for text in texts])
    return Column(name, "text", texts)


def _text(cell: object) -> str | None:
    """As it stands in the table; None where nothing does."""
    match cell:
        case None:
            return None
        case bool():
            return str(int(cell))
        case float():
            return format(Decimal(repr(cell)), "f")
        case _:
            return str(cell) if str(cell).strip() else None


def listed(columns: Sequence[Column]) -> str:
    """Names and types, for a message: `"net amount" decimal, id integer`."""
    return ", ".join(_entries(columns))


def _entries(columns: Sequence[Column]) -> Iterator[str]:
    for column in columns:
        plain = re.fullmatch(r"[A-Za-z_]\w*", column.name, re.ASCII)
        yield f"{column.name if plain else quoted(column.name)} {column.type}"


def quoted(name: str) -> str:
    """As an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
