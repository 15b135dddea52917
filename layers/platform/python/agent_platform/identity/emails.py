"""E-mail addresses as account names: one spelling per mailbox, so that an account cannot be registered twice."""

import re
import unicodedata

from agent_platform.errors import FieldError, InvalidInput

MAX_EMAIL_LENGTH = 254
"""Longest address that SMTP can carry (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""

# A dot-atom, an at sign and at least two labels. Quoted local parts and address literals are left out on purpose:
# no mailbox of an employee looks like that, and they carry characters that break logs and headers.
_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)


def normalise_email(value: str) -> str:
    """The one spelling of an address under which its account is stored: trimmed, NFKC, lower case.

    Raises:
        InvalidInput: it is not an address such as `ada@example.com`, or is longer than 254 characters.
    """
    # Cut before normalising: NFKC may expand one character into eighteen.
    address = unicodedata.normalize("NFKC", value[: MAX_EMAIL_LENGTH + 1]).strip().lower()
    local_part = address.partition("@")[0]
    if len(value) > MAX_EMAIL_LENGTH or len(local_part) > 64 or not _ADDRESS.fullmatch(address):
        raise InvalidInput(
            "The e-mail address is not valid: send one such as `ada@example.com`.",
            errors=[FieldError("email", "not an e-mail address")],
        )
    return address
