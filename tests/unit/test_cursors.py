"""Cursors: they resume exactly the list they came from, and nothing else can be made of them."""

import base64
import json
from typing import Any

import pytest

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import InvalidCursor

QUERY = {"owner": "user-1", "agent_id": None}


def forged(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def fingerprint() -> str:
    cursor = encode_cursor(["x"], **QUERY)
    return str(json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0])


@pytest.mark.parametrize(
    ("after", "types"),
    [
        (["019ab2c4"], (str,)),
        ([-3.25, "sales/quote-checker"], (float, str)),
        ([-1.2345678901234567e-12, "é 😀 \0"], (float, str)),
    ],
)
def test_a_cursor_gives_back_exactly_what_was_put_in(after: list[Any], types: tuple[type, ...]):
    assert decode_cursor(encode_cursor(after, **QUERY), types, **QUERY) == after


def test_a_cursor_needs_no_escaping_in_a_url():
    cursor = encode_cursor(["\xff" * 50, "?>~" * 20], **QUERY)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "other", [{"owner": "user-2", "agent_id": None}, {"owner": "user-1", "agent_id": "a/b"}, {"owner": "user-1"}, {}]
)
def test_a_cursor_of_another_query_is_refused(other: dict[str, Any]):
    with pytest.raises(InvalidCursor, match="Begin without `cursor`"):
        decode_cursor(encode_cursor(["x"], **QUERY), (str,), **other)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "a",
        "=",
        "é",
        "!!!!",
        "\ud800",
        "\0",
        "A" * 100_000,
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 100_000).decode(),
        forged(None),
        forged(5),
        forged({}),
        forged([]),
        forged(["000000000000", ["x"]]),
    ],
    ids=lambda cursor: repr(cursor)[:24],
)
def test_what_is_no_cursor_is_refused(cursor: str):
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor, (str,), **QUERY)


@pytest.mark.parametrize(
    "after",
    [[], ["x", "y"], [1], [True], [None], [["x"]], [""], ["\ud800"], None, 5],
    ids=repr,
)
def test_a_forged_sort_key_of_another_kind_never_reaches_storage(after: Any):
    with pytest.raises(InvalidCursor):
        decode_cursor(forged([fingerprint(), after]), (str,), **QUERY)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1, True, "1.0"], ids=repr)
def test_a_forged_rank_is_a_finite_number_or_refused(number: Any):
    with pytest.raises(InvalidCursor):
        decode_cursor(forged([fingerprint(), [number, "a/b"]]), (float, str), **QUERY)


def test_a_cursor_that_was_cut_is_refused():
    whole = encode_cursor([-3.25, "sales/quote-checker"], **QUERY)
    for length in range(len(whole)):
        with pytest.raises(InvalidCursor):
            decode_cursor(whole[:length], (float, str), **QUERY)
