"""Detectors of the numbers by which states know people: social security, tax and identity numbers with check digits."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from agent_platform.agents.guardrails.finding import SPACE, Candidate, Detector, is_another_number

_CLOSE = 24
"""Characters between the name of a number and the number."""


@dataclass(frozen=True, slots=True)
class _Number:
    """One country's number: its form, the module of python-stdnum that validates it, and what must name it.

    Attributes:
        head: digits that it begins with, at least.
        form: how it is written.
        modules: below `stdnum`; one of them must call it valid. Without any, form and name suffice.
        named: what must stand before it where the form is that of many other numbers; None where form and check
            digits leave fewer than about one other number in a thousand.
    """

    head: int
    form: re.Pattern[str]
    modules: tuple[str, ...] = ()
    named: re.Pattern[str] | None = None


def _number(head: int, form: str, *modules: str, named: str | None = None) -> _Number:
    words = re.compile(rf"(?:{named})[^0-9\n]{{0,{_CLOSE}}}\Z") if named else None
    return _Number(head, re.compile(form), modules, words)


_S = f"[{SPACE}-]"
_NUMBERS = (
    # No check digit; which areas, groups and serials were never given out: ssa.gov, "SSN randomization".
    _number(3, rf"(?!000|666|9)[0-9]{{3}}({_S})(?!00)[0-9]{{2}}\1(?!0000)[0-9]{{4}}"),
    _number(6, r"(?!000|666|9)[0-9]{9}", named=r"\bssn\b|social security"),
    _number(3, rf"9[0-9]{{2}}({_S})[0-9]{{2}}\1[0-9]{{4}}", "us.itin"),
    _number(6, r"[0-9]{8}-?[A-Z]", "es.dni"),
    _number(6, r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]", "fi.hetu"),
    _number(6, r"(?:[0-9]{2})?[0-9]{6}[-+][0-9]{4}", "se.personnummer"),
    _number(6, r"[0-9]{6}-?[0-9]{4}", "dk.cpr", named=r"\bcpr"),
    _number(2, r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", "be.nn"),
    _number(3, r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}", "ch.ssn"),
    _number(3, r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", "br.cpf"),
    _number(6, r"[0-9]{6}/[0-9]{3,4}", "cz.rc"),
    _number(6, r"[0-9]{6}-[1-8][0-9]{6}", "kr.rrn"),
    _number(
        1,
        rf"[12]{_S}?[0-9]{{2}}{_S}?[0-9]{{2}}{_S}?[0-9][0-9AB]{_S}?[0-9]{{3}}{_S}?[0-9]{{3}}{_S}?[0-9]{{2}}",
        "fr.nir",
    ),
    # China's: place, date of birth, serial. The list of places that cn.ric reads takes 95 µs a number.
    _number(
        6,
        r"[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]",
        "iso7064.mod_11_2",
    ),
    _number(6, rf"[0-9]{{6}}{_S}[0-9]{{5}}", "no.fodselsnummer"),
    _number(
        2, rf"[0-9]{{2}}{_S}?[0-9]{{3}}{_S}?[0-9]{{3}}{_S}?[0-9]{{3}}",
        "de.idnr",
        named=r"steuer-? ?id|identifikationsn|\bidnr|\btin\b|tax id",
    ),
    _number(6, r"[0-9]{11}", "pl.pesel", named="pesel"),
    _number(6, r"[0-9]{11}", "no.fodselsnummer", named=r"f[øo]dselsn|personnummer|national id"),
    _number(6, r"[0-9]{11}", "be.nn", named=r"national number|rijksregister|registre national|\bnn\b|\bniss|\binsz"),
    _number(6, r"[0-9]{11}", "br.cpf", named=r"\bcpf"),
    _number(3, rf"[0-9]{{3}}{_S}?[0-9]{{3}}{_S}?[0-9]{{4}}", "gb.nhs", named=r"\bnhs"),
    _number(3, rf"[0-9]{{3}}{_S}?[0-9]{{3}}{_S}?[0-9]{{3}}", "nl.bsn", "ca.sin", "au.tfn",
            named=r"\bbsn|burgerservice|\bsin\b|social insurance|\btfn|tax file"),
    _number(4, rf"[0-9]{{4}}{_S}?[0-9]{{6}}", "at.vnr", named=r"\bsvnr|sozialversicherung|versicherungsn"),
    _number(4, rf"[0-9]{{4}}{_S}?[0-9]{{4}}{_S}?[0-9]{{4}}", "in_.aadhaar", named=r"aadha+r|\buidai"),
    _number(6, r"[0-9]{13}", "ro.cnp", named=r"\bcnp"),
    _number(6, r"[0-9]{13}", "za.idnr", named=r"\bid(?:entity)? ?(?:no|number|nr)|\brsa id"),
)  # fmt: skip
_BY_FORM = tuple(each for each in _NUMBERS if not each.named)
_NAMED = tuple(each for each in _NUMBERS if each.named)
_ITALIAN = (_number(0, r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]", "it.codicefiscale"),)
_MEXICAN = (_number(0, r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]", "mx.curp"),)
_FOREIGNERS_IN_SPAIN = (_number(0, r"[XYZ]-?[0-9]{7}-?[A-Z]", "es.nie"),)
_BRITISH = (
    # No check digit: the official spacing, or a name before it.
    _number(0, r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: [0-9]{2}){3} [A-D]"),
    _number(
        0,
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(?:[0-9]{2} ?){3}[A-D]",
        named=r"\bnino\b|national insurance|\bni (?:no|num)",
    ),
)


_NAME = re.compile(r"[^0-9\n]+")


def _check(numbers: Sequence[_Number]) -> Callable[[Candidate], int]:
    def check(candidate: Candidate) -> int:
        text = candidate.text
        fitting = [number for number in numbers if number.form.fullmatch(text)]
        name = _NAME.findall(candidate.before)[-1] if any(number.named for number in fitting) else ""
        for number in fitting:
            is_meant = number.named.search(name) if number.named else not is_another_number(candidate)
            if is_meant and (not number.modules or not candidate.allowance.take() or _is_valid(number, text)):
                return len(text)
        return 0

    return check


def _is_valid(number: _Number, text: str) -> bool:
    # Imported one by one, when a text has the form: there are hundreds of such modules.
    return any(import_module(f"stdnum.{name}").is_valid(text) for name in number.modules)


def _any_of(numbers: Sequence[_Number], behind: str = "") -> re.Pattern[str]:
    """One pattern for all forms, the longest first, in groups by the digits they begin with: most fail at those."""
    groups: dict[int, dict[str, None]] = {}
    for each in sorted(numbers, key=lambda each: len(each.form.pattern), reverse=True):
        form = each.form.pattern.replace(r"\1", _S).replace(f"({_S})", _S)
        groups.setdefault(each.head, {})[form] = None
    forms = "|".join(rf"(?=[0-9]{{{head}}})(?:{'|'.join(each)})" for head, each in groups.items())
    return re.compile(rf"{behind}(?<![.,/+-])(?:{forms})(?!\w|[-.,/:][0-9])")


def _after(letters: str, rest: str) -> re.Pattern[str]:
    return re.compile(rf"(?<={letters})(?<![A-Za-z0-9]{letters}){rest}(?!\w)")


_BEHIND_A_WORD = r"(?<![0-9\n])(?<![0-9\n].)(?<![0-9\n]..)"
"""What a name in front leaves possible: nothing, or three characters that are no digits."""

_WORDS = (
    *("ssn", "social", "cpr", "steuer", "identif", "idnr", "tin", "tax", "pesel", "dselsn", "personnummer", "national"),
    *("rijks", "nn", "niss", "insz", "cpf", "nhs", "bsn", "burger", "sin", "tfn", "svnr", "versicherung", "aadha"),
    *("uidai", "cnp", "id n", "idno", "idnu", "identity n", "rsa id", "id_n", "identity_n", "rsa_id"),
)
"""One of these stands in whatever `_NAMED` asks for."""

NUMBERS = (
    Detector("national_id", _any_of(_BY_FORM), _check(_BY_FORM)),
    Detector("national_id", _any_of(_NAMED, _BEHIND_A_WORD), _check(_NAMED), words=_WORDS),
    Detector("national_id", _after("[A-Z]{6}", r"[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]"), _check(_ITALIAN), lead=6),
    Detector("national_id", _after("[A-Z]{4}", r"[0-9]{6}[A-Z]{6}[0-9A-Z][0-9]"), _check(_MEXICAN), lead=4),
    Detector("national_id", _after("[XYZ]", r"[0-9]{7}-?[A-Z]"), _check(_FOREIGNERS_IN_SPAIN), lead=1),
    Detector("national_id", _after("[XYZ]-", r"[0-9]{7}-?[A-Z]"), _check(_FOREIGNERS_IN_SPAIN), lead=2),
    Detector("national_id", _after("[A-Z]{2}", r"(?:[0-9]{2} ?){3}[A-D]"), _check(_BRITISH), lead=2),
    Detector("national_id", _after("[A-Z]{2} ", r"(?:[0-9]{2} ?){3}[A-D]"), _check(_BRITISH), lead=3),
)
