"""Detectors of what money moves by: payment cards and bank accounts."""

import re
from functools import cache

from agent_platform.agents.guardrails.finding import SPACE, Candidate, Detector

_NETWORKS = {
    14: re.compile(r"3(?:0[0-5]|095|[689])"),  # Diners Club
    15: re.compile(r"3[47]"),  # American Express
    16: re.compile(
        r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|6(?:011|4[4-9]|5|2)|35(?:2[89]|[3-8])|3(?:0|[689])|50|5[678]"
    ),
    17: re.compile(r"62"),
    18: re.compile(r"62"),
    19: re.compile(r"4|62|6(?:011|4[4-9]|5)"),
}
"""Beginnings of card numbers by their length: ISO/IEC 7812 as Visa, Mastercard, American Express, Discover, JCB, Diners
Club, Maestro and UnionPay publish their ranges. Visa's old 13 digits are left out: times in milliseconds have 13."""


_DOUBLED = dict(zip("0123456789", (0, 2, 4, 6, 8, 1, 3, 5, 7, 9), strict=True))


def _luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B. Written out: it decides on every 16 digits, and the library takes longer."""
    return (sum(map(int, number[::-2])) + sum(map(_DOUBLED.__getitem__, number[-2::-2]))) % 10 == 0


def _card(candidate: Candidate) -> int:
    """A number of a known network whose Luhn digit is right; what follows it after a space may be something else."""
    text = candidate.text
    gap = text[4]
    if gap.isdigit():
        return len(text) if _is_card(text) else 0
    groups = text.split(gap)
    if not all(map(str.isdigit, groups)):
        return 0  # two sorts of gaps
    if _is_card("".join(groups)):
        return len(text)
    short = "".join(groups[:4])
    return LONG_GROUPS if len(groups) > FOUR and _is_card(short) else 0


def _is_card(number: str) -> bool:
    network = _NETWORKS.get(len(number))
    return bool(network and network.match(number)) and len(set(number)) > 1 and _luhn(number)


FOUR = 4
LONG_GROUPS = 19
"""Length of four groups of four with three gaps."""


def _iban(candidate: Candidate) -> int:
    """An account number whose country has this form and whose check digits are right (ISO 13616)."""
    text = candidate.text
    form = _account(text[:2].upper())
    if form is None:
        return 0
    compact = _NO_LETTER_OR_DIGIT.sub("", text).upper()
    match = form.match(compact)
    if not match or int("".join(map(_AS_NUMBER.__getitem__, compact[4 : match.end()] + compact[:4]))) % 97 != 1:
        return 0
    gaps = 0
    for index, character in enumerate(text):
        gaps += not character.isalnum()
        if index + 1 - gaps == match.end():
            return 0 if text[index + 1 : index + 2].isalnum() else index + 1
    return 0


@cache
def _account(country: str) -> re.Pattern[str] | None:
    """The form of a country's account numbers by the register in python-stdnum, whose own check compiles it anew."""
    from stdnum import numdb

    facts = numdb.get("iban").info(country)[0][1]
    parts = _PART.findall(facts.get("bban", ""))
    rest = "".join(f"{_CHARACTERS[sort]}{{{length}}}" for length, sort in parts)
    return re.compile(f"{country}[0-9]{{2}}{rest}") if rest else None


_PART = re.compile(r"([1-9][0-9]*)!([nac])")
_CHARACTERS = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
_NO_LETTER_OR_DIGIT = re.compile("[^A-Za-z0-9]+")
_AS_NUMBER = {each: str(int(each, 36)) for each in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

_GAP = rf"[{SPACE}.\u2011-]"
CARD = Detector(
    "card",
    re.compile(
        r"(?<![0-9][-.,/:])(?:"
        rf"[0-9]{{4}}(?:{_GAP}(?:[0-9]{{4}}{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}(?:{_GAP}[0-9]{{3}})?"
        rf"|[0-9]{{6}}{_GAP}[0-9]{{4,5}})|[0-9]{{10,15}})"
        r")(?!\w|[-.,/:][0-9])"
    ),
    _card,
)
IBAN = Detector(
    "iban",
    re.compile(
        rf"(?<=[A-Za-z]{{2}})(?<![A-Za-z0-9][A-Za-z]{{2}})[0-9]{{2}}"
        rf"(?:{_GAP}?[A-Za-z0-9]{{4}}){{2,7}}(?:{_GAP}?[A-Za-z0-9]{{1,4}})?(?!\w)"
    ),
    _iban,
    lead=2,
)
