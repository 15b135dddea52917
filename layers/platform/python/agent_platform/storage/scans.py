"""Reads a whole table, eventually consistent: at once and in parallel what is counted, page by page what is large."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agent_platform.storage.dynamodb import dynamodb, storage_errors

SEGMENTS = 4
"""Parts that are read at once: a table of 10 MB takes three pages each, well under a second."""


def scan(table: str, *, doing: str, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every item of a table in DynamoDB's form, in no order; what is written meanwhile may be missing.

    Args:
        doing: completes "… failed" where it does.
        names: the attributes that are wanted; all where none is named.

    Raises:
        StorageUnavailable: DynamoDB does not answer.
    """
    with storage_errors(doing), ThreadPoolExecutor(SEGMENTS, thread_name_prefix="scan") as pool:
        parts = pool.map(lambda segment: _segment(table, segment, names), range(SEGMENTS))
        return [item for part in parts for item in part]


def scan_pages(table: str, *, doing: str, names: Sequence[str] = ()) -> Iterator[list[dict[str, Any]]]:
    """The same one page of at most 1 MB after the other, so that a table of any size fits into memory.

    Raises:
        StorageUnavailable: DynamoDB does not answer.
    """
    with storage_errors(doing):
        yield from _pages(table, names)


def _segment(table: str, segment: int, names: Sequence[str]) -> list[dict[str, Any]]:
    pages = _pages(table, names, Segment=segment, TotalSegments=SEGMENTS)
    return [item for page in pages for item in page]


def _pages(table: str, names: Sequence[str], **part: int) -> Iterator[list[dict[str, Any]]]:
    request: dict[str, Any] = {"TableName": table, **part}
    if names:
        aliases = {f"#{number}": name for number, name in enumerate(names)}
        request |= {"ProjectionExpression": ", ".join(aliases), "ExpressionAttributeNames": aliases}
    for page in dynamodb().get_paginator("scan").paginate(**request):
        yield page["Items"]
