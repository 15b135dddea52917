"""API keys as text: `aap_<id>_<secret><checksum>`.

The prefix and the checksum let secret scanners find a key with next to no false alarms, and let this platform refuse
what is none without asking the database. One double click selects it whole: it has letters, digits and `_` only.
"""

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

PREFIX: Final = "aap_"
SECRET_BYTES: Final = 32
"""256 random bits, so that a fast hash is enough: there is nothing to guess from (NIST SP 800-63B, section 5.1.4.2)."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARACTERS = 43
_CHECKSUM_CHARACTERS = 6
_FORM = re.compile(r"aap_([0-9a-f]{32})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})", re.ASCII)
_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
KEY_CHARACTERS: Final = len(PREFIX) + 32 + 1 + _SECRET_CHARACTERS + _CHECKSUM_CHARACTERS


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key that has the right form; whether it is one of ours is not said. `digest`, its SHA-256 in
    hexadecimal digits, is all that is ever kept of it."""

    id: str
    digest: str = field(repr=False)


def new_key(key_id: str) -> tuple[str, KeyText]:
    """A key for an id (a UUID) with a secret that nobody had before: the text for its owner, and what is kept."""
    secret = _base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), _SECRET_CHARACTERS)
    unchecked = f"{PREFIX}{UUID(key_id).hex}_{secret}"
    text = unchecked + _checksum(unchecked)
    return text, KeyText(key_id, _digest(text))


def looks_like_key(text: str) -> bool:
    """Whether a bearer token means to be an API key: no access token begins so."""
    return text.startswith(PREFIX)


def read_key(text: str) -> KeyText | None:
    """The key, or None where it has another form or its checksum is wrong."""
    if len(text) != KEY_CHARACTERS or (found := _FORM.fullmatch(text)) is None:
        return None
    if _checksum(text[:-_CHECKSUM_CHARACTERS]) != found[3]:
        return None
    return KeyText(str(UUID(hex=found[1])), _digest(text))


def is_key_id(text: str) -> bool:
    """Whether it can be the id of a key: a UUID as the platform writes it, and nothing else that the table has."""
    return _ID.fullmatch(text) is not None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(text: str) -> str:
    """CRC-32, which tells a typing error or a cut-off end; it proves nothing."""
    return _base62(zlib.crc32(text.encode()), _CHECKSUM_CHARACTERS)


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits.rjust(width, _DIGITS[0])
