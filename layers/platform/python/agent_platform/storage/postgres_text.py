"""What Postgres takes as text; apart from `postgres`, which brings the driver."""

from typing import Any


def holds_nul(value: Any) -> bool:
    """Whether a text or a name in a JSON value holds NUL, the one character that Postgres stores in no text."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(holds_nul(each) for pair in value.items() for each in pair)
        case list():
            return any(holds_nul(each) for each in value)
    return False
