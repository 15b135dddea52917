"""Credentials that an author left in a definition or a spec: those that say by their form what they are.

A definition is no place for one: it is compiled into every function, shown to every user, and sent to the model. The
scanner of the whole repository knows more kinds (docs/decisions/secret-scanning.md); here a fault names its field.
"""

import re
from collections.abc import Iterator
from typing import Any

_KINDS = {
    "a key of this platform": r"\baap_[0-9a-f]{32}_[0-9A-Za-z]{49}\b",
    "a webhook's secret": r"\bwhsec_[\w+/=-]{24,}",
    "a key for Claude": r"\bsk-ant-[\w-]{20,}",
    "a key of a model provider": r"\bsk-(?:proj-)?[A-Za-z0-9_-]{32,}",
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})",
    "a token of Slack": r"\bxox[abeprs]-[A-Za-z0-9-]{16,}",
    "a token (JWT)": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s:/@<>{}$]+:(?!\*)[^\s:/@<>{}$]{8,}@",
}
_SECRET = re.compile("|".join(f"(?P<k{index}>{form})" for index, form in enumerate(_KINDS.values())))
_NAMES = tuple(_KINDS)


def secret_faults(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """The field (dotted path) and the fault of each text that holds a credential; its words are not told."""
    if isinstance(value, str):
        if kind := kind_of_secret(value):
            yield field, f"holds {kind}: revoke it, and take it out; definitions are read by everybody and by the model"
    elif isinstance(value, dict):
        for name, each in value.items():
            if kind := kind_of_secret(str(name)):
                yield field, f"has a name that holds {kind}: revoke it, and take it out"
            else:
                yield from secret_faults(each, f"{field}.{name}" if field else str(name))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from secret_faults(each, f"{field}.{index}" if field else str(index))


def kind_of_secret(text: str) -> str | None:
    """What kind of credential a text holds, in words; None if none is seen."""
    found = _SECRET.search(text)
    return _NAMES[int(str(found.lastgroup)[1:])] if found and found.lastgroup else None
