"""Which texts of a request are none."""

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from agent_platform.errors import FieldError

_FAULT = "holds half of a surrogate pair, which is no text"
_MOST = 50
"""Faults that are told; a list of thousands helps nobody."""


def text_faults(value: Any) -> list[FieldError]:
    """Where a JSON value holds half of a surrogate pair, which JSON can escape and UTF-8 cannot write.

    Neither DynamoDB nor Postgres stores it, and no answer could show it.
    """
    try:
        to_json(value, inf_nan_mode="constants")
    except ValueError:
        # Rare: only now it is worth the time to look for the place. What is only too deep has none.
        return [FieldError(place, _FAULT) for place, _ in zip(_places(value, ""), range(_MOST), strict=False)]
    return []


def _places(value: Any, place: str) -> Iterator[str]:
    match value:
        case str() if not _is_text(value):
            yield place or "body"
        case dict():
            for name, each in value.items():
                # A name that is no text cannot be told; what holds it can.
                if isinstance(name, str) and not _is_text(name):
                    yield place or "body"
                else:
                    yield from _places(each, f"{place}.{name}" if place else str(name))
        case list():
            for index, each in enumerate(value):
                yield from _places(each, f"{place}.{index}" if place else str(index))


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
