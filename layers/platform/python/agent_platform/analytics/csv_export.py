"""Reports as CSV (RFC 4180), safe to be opened by a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet takes a text that begins with one of these for a formula (OWASP, "CSV Injection"): the last four are
the full-width forms of the first."""


def csv_text(rows: Sequence[BaseModel], model: type[BaseModel]) -> str:
    """A header with the fields' names, a line per row; what is nested gets a column per field (`budget.spent_usd`).

    What a row is about stands first: its texts and moments, then its numbers.
    """
    columns = [name for name, _ in sorted(_columns(model), key=lambda each: _is_number(each[1]))]
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(columns)
    for row in rows:
        cells = dict(_flat(row.model_dump(mode="json")))
        writer.writerow([_cell(cells.get(name)) for name in columns])
    return written.getvalue()


def _columns(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _columns(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind


def _is_number(kind: Any) -> bool:
    return any(isinstance(each, type) and issubclass(each, int | float | Decimal) for each in get_args(kind) or [kind])


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _cell(value: Any) -> Any:
    """Numbers stay numbers; a text that would be executed gets an apostrophe before it."""
    if isinstance(value, str) and value.startswith(DANGEROUS):
        return f"'{value}"
    return value
