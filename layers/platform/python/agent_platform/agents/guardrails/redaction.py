"""Takes personal data out of JSON values before they are kept: e-mail, phone, card, IBAN, national ids, public IPs.

Only strings are changed, at any depth; each piece becomes a mark such as `[email]`. Keys and numbers stay. What no
check can tell from ordinary words, such as names, addresses and dates of birth, stays too
(docs/decisions/guardrails.md).
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.guardrails.emails import emails
from agent_platform.agents.guardrails.finding import FIELD, Allowance, Scan, Span

Counts = dict[str, int]
"""How many pieces of each kind were taken out."""

_SOME_DIGITS = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){4}|[23][0-9A-Fa-f]{3}:")
"""Without this a text has none of what `_with_digits` finds: most texts are done after one glance."""


@cache
def _with_digits() -> Scan:
    """The detectors, made when the first text needs them: their patterns take 50 ms to compile."""
    from agent_platform.agents.guardrails import contacts, identities, payments

    return Scan(
        (
            # What is surest comes first.
            payments.IBAN,
            payments.CARD,
            contacts.INTERNATIONAL,
            *identities.NUMBERS,
            contacts.WITH_ZEROS,
            contacts.NATIONAL,
            contacts.NAMED,
            contacts.IP_V4,
            contacts.IP_V6,
        )
    )


def redacted(value: Any, counts: Counts, field: str = "") -> Any:
    """A copy of a JSON value without personal data; `counts` goes up. What has none is returned as it is.

    Args:
        value: text, number, list, object or None, nested as deep as the platform accepts.
        counts: pieces taken out by kind, added to.
        field: the name under which the value stands: `phone` says what "0171 1234567" is.
    """
    return _redacted(value, counts, field, Allowance())


def _redacted(value: Any, counts: Counts, field: str, allowance: Allowance) -> Any:
    match value:
        case str():
            return _redacted_text(value, counts, field, allowance)
        case Mapping():
            return {name: _redacted(each, counts, name, allowance) for name, each in value.items()}
        case list() | tuple():
            return [_redacted(each, counts, field, allowance) for each in value]
        case _:
            return value


def redacted_text(text: str, counts: Counts, field: str = "") -> str:
    """A text without personal data; `counts` goes up."""
    return _redacted_text(text, counts, field, Allowance())


def _redacted_text(text: str, counts: Counts, field: str, allowance: Allowance) -> str:
    if "@" in text:
        text = _marked(text, (("email", span) for span in emails(text)), counts)
    if _SOME_DIGITS.search(text):
        text = _marked(text, _with_digits().spans(text, field[-FIELD:], allowance), counts)
    return text


def _marked(text: str, found: Iterable[tuple[str, Span]], counts: Counts) -> str:
    pieces: list[str] = []
    done = 0
    for kind, (start, end) in found:
        pieces += [text[done:start], f"[{kind}]"]
        done = end
        counts[kind] = counts.get(kind, 0) + 1
    return "".join([*pieces, text[done:]]) if pieces else text


def for_storage(definition: AgentDefinition, value: Any, counts: Counts) -> Any:
    """What may be kept of a value that belongs to an execution: all of it where the definition allows personal data."""
    return value if definition.guardrails.pii == "allow" else redacted(value, counts)
