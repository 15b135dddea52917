"""Detectors of what money moves by: payment cards and bank accounts."""

import re

from agent_platform.agents.guardrails.finding import SPACE, Candidate, Detector, digits

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


def _card(candidate: Candidate) -> int:
    """A number of a known network whose Luhn digit is right; what follows it after a space may be something else."""
    from stdnum import luhn

    text = candidate.text
    short = candidate.match.end("short") - candidate.start
    for end in (len(text), short) if 0 < short < len(text) else (len(text),):
        number = digits(text[:end])
        network = _NETWORKS.get(len(number))
        if network and network.match(number) and len(set(number)) > 1 and luhn.is_valid(number):
            return end
    return 0


def _iban(candidate: Candidate) -> int:
    """An account number whose country has this length and whose check digits are right (ISO 13616)."""
    from stdnum import iban

    text, length = candidate.text, 0
    for index, character in enumerate(text):
        length += character.isalnum()
        ends_here = not text[index + 1 : index + 2].isalnum()
        if length >= SHORTEST_IBAN and ends_here and iban.is_valid(text[: index + 1], check_country=False):
            return index + 1
    return 0


SHORTEST_IBAN = 15
"""Norway's."""

_GAP = rf"[{SPACE}.\u2011-]"
CARD = Detector(
    "card",
    re.compile(
        r"(?<![0-9][-.,/:])(?:"
        rf"(?P<short>[0-9]{{4}}(?P<gap>{_GAP})[0-9]{{4}}(?P=gap)[0-9]{{4}}(?P=gap)[0-9]{{4}})(?:(?P=gap)[0-9]{{3}})?"
        rf"|[0-9]{{4}}(?P<wide>{_GAP})[0-9]{{6}}(?P=wide)[0-9]{{4,5}}"
        r"|[0-9]{14,19}"
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
