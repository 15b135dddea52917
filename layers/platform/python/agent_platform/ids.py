"""Identifiers that sort by the time they were made."""

import hashlib
import secrets
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> str:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    return _version_7((milliseconds << 80) | secrets.randbits(80))


def fixed_id(moment: datetime, name: str, *, order: int = 0) -> str:
    """The UUID version 7 that a moment and a name always have. Those of one millisecond sort by `order` (0 to 4095)."""
    random = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    return _version_7((milliseconds << 80) | (order << 64) | random)


def _version_7(value: int) -> str:
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(UUID(int=value))
