"""How an eager model reads a text that hides what it says: decoded, and without what nobody sees."""

import binascii
import codecs
import re
from base64 import b64decode
from collections.abc import Iterator
from html import unescape
from unicodedata import category, normalize
from urllib.parse import unquote

_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-f]{2}){16,}", re.IGNORECASE)
_ESCAPES = re.compile(r"\\u([0-9a-fA-F]{4})")


def readings(text: str) -> Iterator[str]:
    """The text as it stands, then in each way that it may be meant."""
    yield text
    plain = _ESCAPES.sub(lambda found: chr(int(found[1], 16)), text)
    yield plain
    yield _seen(plain)
    yield unquote(plain)
    yield unescape(plain)
    yield codecs.decode(plain, "rot13")
    yield plain[::-1]
    for found in _BASE64.findall(plain):
        try:
            yield b64decode(found + "=" * (-len(found) % 4)).decode()
        except (binascii.Error, ValueError):
            continue
    for found in _HEX.findall(plain):
        yield bytes.fromhex(found).decode(errors="replace")


def _seen(text: str) -> str:
    """Look-alikes as what they look like, tags as the letters they carry, the rest of what is invisible left out."""
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # pairs of escapes
    carried = "".join(chr(ord(each) - 0xE0000) if 0xE0020 <= ord(each) <= 0xE007E else each for each in joined)
    return "".join(each for each in normalize("NFKC", carried) if category(each) != "Cf")
