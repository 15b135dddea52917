"""Detectors of telephone numbers and public IP addresses."""

import re
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from agent_platform.agents.guardrails.finding import SPACE, Candidate, Detector, digits, is_another_number
from agent_platform.agents.guardrails.payments import CARD

_GAP = rf"(?:[{SPACE}().-]{{0,3}}|/)"
_DATE = re.compile(
    r"[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}(?![0-9])|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:[0-9]{4}|[0-9]{2})(?![0-9])"
)
_AMOUNT = re.compile(rf"[+(]*[0-9]{{1,3}}(?:[{SPACE}.][0-9]{{3}})+\Z")
_WORDS = (
    *(
        "phone",
        "tel",
        "tél",
        "mobil",
        "mob",
        "móvil",
        "movil",
        "cell",
        "cellulare",
        "call",
        "dial",
        "text",
        "sms",
        "fax",
    ),
    *("whats", "gsm", "handy", "anruf", "notruf", "ruf", "durchwahl", "portable", "☎", "📞"),
)
_PHONE_WORD = re.compile(
    r"(?:phone|\btel|\btél|\bmobil|\bmob\b|\bmóvil|\bmovil|\bcell\b|\bcellulare|\bfax|\bcall(?:ed|ing|back)?\b|\bdial"
    r"|\bwhats ?app|\bsms|\btext(?:ed)?\b|handy|\b(?:an|not)?ruf|\bdurchwahl|\bportable|\bgsm|☎|📞)\w*"
    r"[\s.:#=(-]*(?:(?:no|nr|num|numbers?|nummer|is|at|on|unter|to|me|us|her|him|them|back|n[°º])[\s.:#=(-]*){0,3}\Z"
)
_NORTH_AMERICAN = re.compile(
    r"(?:1[-. ])?(?:\([2-9][0-8][0-9]\)[ -]?|[2-9][0-8][0-9]([-.]))(?!.11)[2-9][0-9]{2}[-. ][0-9]{4}"
)
"""A number of the North American Numbering Plan with its area in brackets, or joined by hyphens or dots."""

_TRUNK = re.compile(
    rf"\(?0[1-9][0-9]{{0,4}}\)?(?:(?<=0[1-9])(?:[{SPACE}.][0-9]{{2}}){{4}}"
    rf"|[{SPACE}/-][0-9]{{3,8}}(?:[{SPACE}-][0-9]{{2,5}}){{0,2}})"
)
"""A national number as most of Europe writes it: a 0, the area, and the rest in groups."""


def _international(candidate: Candidate) -> int:
    """The longest number with a country's code from the start of a candidate; an amount such as +1 250 000 is none."""
    text = _up_to_a_card(candidate)
    ends = [end for end in range(len(text), 7, -1) if text[end - 1].isdigit() and not text[end : end + 1].isdigit()]
    numbers = [(end, digits(text[:end]).removeprefix("00")) for end in ends[:4]]
    plan = _plan_of(numbers[0][1]) if numbers else None
    if plan is None:
        return 0
    for end, number in numbers:
        if plan.valid.fullmatch(number):
            return end
    if "+" not in text:
        return 0  # 0049… may be an identifier that was filled up with zeros
    for end, number in numbers:
        if len(number) in plan.lengths and not _AMOUNT.match(text[:end]):
            return end
    return 0


@dataclass(frozen=True, slots=True)
class _Plan:
    """A country's numbers: those that it gives out, and their lengths, both with its code."""

    valid: re.Pattern[str]
    lengths: frozenset[int]


def _plan_of(number: str) -> _Plan | None:
    """The plan by a number's first digits; no country's code begins another's."""
    return next((plan for length in (1, 2, 3) if (plan := _plan(number[:length]))), None)


@cache
def _plan(code: str) -> _Plan | None:
    """Of Google's metadata only the forms: parsing each number with its library takes a hundred times as long."""
    import phonenumbers

    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    plans = [phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), each) for each in regions[:1]]
    for plan in plans:
        if plan and (numbers := plan.general_desc) and numbers.national_number_pattern:
            trunk = f"(?:{plan.national_prefix})?" if plan.national_prefix else ""
            valid = re.compile(f"{code}{trunk}(?:{numbers.national_number_pattern})")
            return _Plan(valid, frozenset(len(code) + each for each in numbers.possible_length))
    return None


def _up_to_a_card(candidate: Candidate) -> str:
    """A candidate without a card number that follows it: half of one must not be taken for the end of this."""
    text, whole = candidate.text, candidate.match.string
    for index in range(8, len(text)):
        begins = text[index].isdigit() and not text[index - 1].isdigit()
        if begins and CARD.at(whole, candidate.start + index, candidate.field, candidate.allowance):
            return text[:index].rstrip(f"{SPACE}().-/")
    return text


def _by_form(candidate: Candidate) -> int:
    """A national number in a form that hardly anything else has."""
    text = candidate.text
    fits = _NORTH_AMERICAN.fullmatch(text) or (9 <= len(digits(text)) <= 12 and _TRUNK.fullmatch(text))
    return len(text) if fits and not _DATE.match(text) and not is_another_number(candidate) else 0


def _is_called_phone(before: str) -> bool:
    last = max(map(before.rfind, _WORDS))  # the pattern is slow: it looks only from the last word that may count
    return last >= 0 and _PHONE_WORD.search(before, max(0, last - LONGEST_STEM)) is not None


LONGEST_STEM = 9


def _by_word(candidate: Candidate) -> int:
    """A national number in any form, since a word before it says that it is one."""
    text = candidate.text
    if _DATE.match(text.lstrip("(")) or _AMOUNT.match(text) or not _is_called_phone(candidate.before):
        return 0
    return len(text)


_DOCUMENTATION = [ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
"""RFC 5737 and RFC 3849: in examples they stand for public addresses."""

OUTLINE = 32
"""Four numbers below this are a version or the number of a section; one public address in 4,096 looks like that."""

_VERSION = re.compile(r"(?:\bv|version|release|build|section|clause|chapter|§|kapitel|abschnitt|ziffer)[\s.:=\"']*\Z")


def _ip(candidate: Candidate) -> int:
    """A public address. One of a private network says nothing outside of it, and stays."""
    text = candidate.text.rstrip(".:")
    if text.startswith(("10.", "127.", "192.168.")):  # most addresses in logs, and `is_global` is slow
        return 0
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return 0
    if isinstance(address, IPv4Address) and (
        all(each < OUTLINE for each in address.packed) or _VERSION.search(candidate.before)
    ):
        return 0
    if isinstance(address, IPv6Address) and not candidate.allowance.take():
        return len(text)
    return len(text) if address.is_global or any(address in network for network in _DOCUMENTATION) else 0


_BEHIND_A_WORD = r"(?<![^\s.:#=(-])(?<![0-9][\s.:#=(-])(?<![0-9][\s.:#=(-][\s.:#=(-])"
"""What a word and its punctuation leave possible: nothing, or some punctuation without a digit before it."""

INTERNATIONAL = Detector(
    "phone",
    re.compile(rf"(?:(?<=\+)(?<![\w+]\+)|(?<=\+\())[0-9](?:{_GAP}[0-9]){{6,14}}(?![0-9])"),
    _international,
    opening="+(",
)
WITH_ZEROS = Detector(
    "phone",
    re.compile(rf"(?<![.,/+-])00[1-9](?:{_GAP}[0-9]){{9,13}}(?!\w|[.,/-][0-9])"),
    _international,
)
NATIONAL = Detector(
    "phone",
    re.compile(
        rf"(?<![,+])(?:0[1-9][0-9]{{0,4}}\)?(?:[{SPACE}/-][0-9]{{2,8}}){{1,4}}|0[1-9](?:\.[0-9]{{2}}){{4}}"
        r"|(?:1[-. ]\(?)?[2-9][0-9]{2}(?:\) ?|[-.])[2-9][0-9]{2}[-. ][0-9]{4})(?!\w|[-/:][0-9]|[.,][0-9])"
    ),
    _by_form,
    opening="(",
)
NAMED = Detector(
    "phone",
    re.compile(rf"{_BEHIND_A_WORD}[0-9](?:{_GAP}[0-9]){{6,14}}(?!\w|[-/:][0-9]|[.,][0-9])"),
    _by_word,
    opening="(",
    words=_WORDS,
)
IP_V4 = Detector("ip", re.compile(r"(?<![.-])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w-]|\.[0-9])"), _ip)
IP_V6 = Detector("ip", re.compile(r"(?<![:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:.]{2,40}(?!\w)"), _ip)
