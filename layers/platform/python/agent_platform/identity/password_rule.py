"""Which passwords are accepted: NIST SP 800-63B-4 (2025), section 3.1.1.2, for a password that is the only factor.

At least 15 characters (Unicode code points), no rules about kinds of characters, no truncation, NFC before all else,
and a block list of expected values that is compared with the whole password. Passwords end at 128 characters (the
standard asks for at least 64), because hashing time must not be the caller's to choose.
"""

import unicodedata

from agent_platform.errors import FieldError, InvalidInput

MIN_LENGTH = 15
MAX_LENGTH = 128

_KEYS_IN_A_ROW = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
)


def check_password(password: str, email: str) -> None:
    """Refuse a password that is too short, too long, not text, or among the first that anybody would guess.

    Raises:
        InvalidInput: says which rule the password breaks.
    """
    if len(password) > MAX_LENGTH:
        raise _refused(f"longer than {MAX_LENGTH} characters")
    plain = normalise_password(password)
    if len(plain) < MIN_LENGTH:
        raise _refused(f"shorter than {MIN_LENGTH} characters (several words make a good one)")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in plain):
        raise _refused("contains a control character")
    if _is_expected(plain.casefold(), email.casefold()):
        raise _refused("too easy to guess (your address, one word repeated, or keys in a row)")


def normalise_password(password: str) -> str:
    """One spelling of a password, whichever way a keyboard composes its accents."""
    return unicodedata.normalize("NFC", password)


def _is_expected(password: str, email: str) -> bool:
    one_unit_repeated = password in (password + password)[1:-1]
    in_a_row = any(password in row + row or password in (row + row)[::-1] for row in _KEYS_IN_A_ROW)
    return one_unit_repeated or in_a_row or password in {email, email.replace("@", ""), email[::-1]}


def _refused(reason: str) -> InvalidInput:
    return InvalidInput(f"This password is not accepted: {reason}.", errors=[FieldError("password", reason)])
