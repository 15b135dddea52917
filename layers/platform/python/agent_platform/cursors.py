"""Opaque cursors of lists: where the next page begins, bound to the query it was issued for."""

import base64
import binascii
import hashlib
import json
from typing import Any

from agent_platform.errors import InvalidCursor


def encode_cursor(after: list[Any], **query: Any) -> str:
    """A cursor that resumes `query` behind the sort key `after`."""
    document = json.dumps([_fingerprint(query), after], separators=(",", ":"))
    return base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, types: tuple[type, ...], **query: Any) -> list[Any]:
    """The sort key inside a cursor, whose parts have the given types.

    Raises:
        InvalidCursor: it is damaged, or was issued for another query.
    """
    try:
        document = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        fingerprint, after = document
        # What storage could not look up is no sort key: NaN, half a surrogate pair, an empty text.
        json.dumps(after, allow_nan=False, ensure_ascii=False).encode()
        valid = fingerprint == _fingerprint(query) and [type(part) for part in after] == list(types) and "" not in after
    except (binascii.Error, ValueError, TypeError, RecursionError):
        valid = False
    if not valid:
        raise InvalidCursor("This cursor does not belong to this list. Begin without `cursor`, with the same filters.")
    return list(after)


def _fingerprint(query: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()[:12]
