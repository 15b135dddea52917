"""How personal data with digits is found: one scan proposes places, patterns propose candidates, checks decide."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

AROUND = 40
"""Characters before a candidate that may say what it is; the name of its field comes before them."""

FIELD = 64
"""Characters of a field's name that may say what it is: its last."""

SPACE = " \u00a0\u202f"
"""Spaces that stand inside numbers: the ordinary one, and the two that do not break a line."""

Span = tuple[int, int]
"""Start and end of a piece of personal data in a text."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A part of a text that may be personal data. `field` is the name under which the text stands, "" if none."""

    match: re.Match[str]
    start: int
    field: str

    @property
    def text(self) -> str:
        """The candidate itself."""
        return self.match.string[self.start : self.match.end()]

    @property
    def before(self) -> str:
        """What says what it is, in lower case: the words before it, after the name of its field."""
        words = self.match.string[max(0, self.start - AROUND) : self.start]
        return f"{self.field.replace('_', ' ')} : {words}".lower()


Check = Callable[[Candidate], int]
"""How many characters of a candidate, from its start, are personal data; 0 if it is none."""


@dataclass(frozen=True, slots=True)
class Detector:
    """One kind of personal data that has digits.

    Attributes:
        kind: its name in the mark that replaces it and in the counts.
        pattern: matches from the first digit on, looks at a bounded number of characters and has no groups.
        check: decides.
        lead: characters before that digit that belong to it; the pattern has seen them by looking behind.
        opening: characters that belong to it as well where they stand before it, such as a bracket.
        named: a word must stand before it, so that its form may be that of any number.
    """

    kind: str
    pattern: re.Pattern[str]
    check: Check
    lead: int = 0
    opening: str = ""
    named: bool = False

    def at(self, text: str, place: int, field: str) -> Span | None:
        """What of this kind has its first digit at `place`."""
        match = self.pattern.match(text, place)
        if match is None:
            return None
        start = place - self.lead
        while start and text[start - 1] in self.opening and place - start < len(self.opening):
            start -= 1
        length = self.check(Candidate(match, start, field))
        return (start, start + length) if length else None


_GAP = rf"[{SPACE}().\-/\u2011]"
_CONTINUED = (
    # What has a form of its own is no date, and long, or goes on behind a gap, in letters or as an address.
    r"(?![0-9]{3}-[01][0-9]-[0-3][0-9](?![0-9-]))"
    rf"(?=[0-9]*+(?:{_GAP}[{SPACE}0-9(]|[-+A-Z])|[0-9]{{11}}|[0-9A-Fa-f]{{3}}:)"
)
_RUN = re.compile(rf"[0-9](?:{_GAP}{{0,3}}+[0-9])*+")

FAILURES = 32
"""Places tried in vain in one run of digits. Behind them the run is a table or an attack, and the rest of it stays."""


class Scan:
    """Several detectors at work in one scan; of two at one place, the one that comes first has it.

    Their patterns are joined into one, so that the regular expression engine passes over whatever has none of the
    forms. It looks at each run of digits once, from its first digit, and behind letters only for what begins with them.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        after_letters = [each for each in detectors if each.lead]
        formed = [each for each in detectors if not each.lead and not each.named]
        named = [each for each in detectors if each.named]
        self._groups = [*after_letters, *formed, *named, *after_letters]
        self._places = re.compile(
            r"[0-9](?<![0-9][0-9])(?:"
            rf"(?<=[A-Za-z][0-9]){_any_of(after_letters)}"
            r"|(?<!\w[0-9])(?<![0-9][-.,/:][0-9])"
            rf"(?:{_CONTINUED}{_any_of(formed)}|{_any_of(named)}|(?<=[A-Z][ -][0-9]){_any_of(after_letters)}))"
        )
        self._ends = {len(after_letters), len(self._groups)}

    def spans(self, text: str, field: str) -> Iterator[tuple[str, Span]]:
        """Kind and place of each piece, in order and apart."""
        at = run = failures = 0
        while found := self._places.search(text, at):
            place = found.start()
            at = place + 1  # not behind a candidate that fails: a true one may begin inside it
            if piece := self._piece(text, found, field):
                yield piece
                at = piece[1][1]
                continue
            if place >= run:
                whole = _RUN.match(text, place)
                run, failures = whole.end() if whole else place, 0
            failures += 1
            if failures == FAILURES:
                at = run

    @cache  # noqa: B019 - a scan lives as long as the process
    def _from(self, first: int) -> re.Pattern[str]:
        """The forms of the detectors that come after those tried at a place."""
        end = min(each for each in self._ends if each > first)
        return re.compile("|".join(f"({each.pattern.pattern})" for each in self._groups[first:end]))

    def _piece(self, text: str, found: re.Match[str], field: str) -> tuple[str, Span] | None:
        """What begins at a place: of the first detector whose form it has and that accepts it."""
        place = found.start()
        match: re.Match[str] | None = found
        first = 0
        while match:
            index = first + (match.lastindex or 1) - 1
            detector = self._groups[index]
            if span := detector.at(text, place, field):
                return detector.kind, span
            if index + 1 in self._ends:
                return None
            first = index + 1
            match = self._from(first).match(text, place)
        return None


def _any_of(detectors: Sequence[Detector]) -> str:
    """A pattern that looks back from behind the first digit of what has one of the forms; a group for each form."""
    forms = "|".join(f"({each.pattern.pattern})" for each in detectors)
    return rf"(?<=(?={forms})[0-9])"


_OTHER_NUMBER = re.compile(
    r"(?:invoice|order|purchase|p\.?o\.?|ref(?:erence)?|case|ticket|claim|part|sku|article|item|serial|batch|lot|model"
    r"|version|contract|policy|tracking|account|customer|supplier|vendor|document|doc|bill|delivery|shipment|container"
    r"|rechnung\w*|auftrag\w*|bestell\w*|artikel\w*|kunden\w*|vertrag\w*|beleg\w*|liefer\w*|facture|commande|factura"
    r"|pedido|isbn|issn|ean|gtin|doi|lei|vat|ust|uid|tva|iva|hash|sha)"
    r"[\s.:#=-]*(?:id|no|nr|num|number|nummer|code|n[°ºo])?[\s.:#=№-]*\Z"
)


_SEPARATORS = " \t\n.:#=№-"


def is_another_number(candidate: Candidate) -> bool:
    """Whether the words before a candidate call it an invoice, order, part or other number of a thing."""
    words = candidate.match.string[max(0, candidate.start - AROUND) : candidate.start].rstrip(_SEPARATORS)
    if words and not (words[-1].isalpha() or words[-1] in "°º_"):
        return False  # most of them
    return _OTHER_NUMBER.search(candidate.before) is not None


_NO_DIGITS = re.compile("[^0-9]+")


def digits(text: str) -> str:
    """The ASCII digits of a text."""
    return _NO_DIGITS.sub("", text)
