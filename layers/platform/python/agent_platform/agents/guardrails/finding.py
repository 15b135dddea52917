"""How personal data with digits is found: one scan proposes places, patterns propose candidates, checks decide."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

AROUND = 40
"""Characters before a candidate that may say what it is; the name of its field comes before them."""

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
        pattern: matches from the first digit on, and looks at a bounded number of characters.
        check: decides.
        lead: characters before that digit that belong to it; the pattern has seen them by looking behind.
        opening: characters that belong to it as well where they stand before it, such as a bracket.
        words: one of these, in lower case, stands in every text with it, or in the name of its field; none for any.
    """

    kind: str
    pattern: re.Pattern[str]
    check: Check
    lead: int = 0
    opening: str = ""
    words: tuple[str, ...] = ()

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


_GAPS = rf"[{SPACE}().\-/\u2011]{{0,3}}"
_PLACE = re.compile(
    # A digit that begins a run of seven and no date, or that may begin an IP address;
    r"[0-9](?:(?<![\w][0-9])(?<![0-9][-.,/:][0-9])(?![0-9]{3}-[01][0-9]-[0-3][0-9](?![0-9-]))"
    rf"(?=(?:{_GAPS}[0-9]){{6}}|[0-9]{{0,2}}(?:\.[0-9]{{1,3}}){{3}}|[0-9A-Fa-f]{{3}}:[0-9A-Fa-f:])"
    # or the first digit after the letters of an account or identity number.
    rf"|(?<=[A-Za-z][0-9])(?<![0-9][0-9])(?=[0-9](?:[{SPACE}.-]?[0-9A-Za-z]){{5}})"
    rf"|(?<=[A-Z][ -][0-9])(?=[0-9](?: ?[0-9A-Z]){{5}}))"
)
"""Where a scan stops. It passes over everything else at the speed of the regular expression engine."""


class Scan:
    """Several detectors at work in one scan; of two at one place, the one that comes first has it."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        words = [(each, each.words) for each in detectors]
        self._stems = [(each, stems) for each, stems in words if stems]
        self._detectors = detectors

    def spans(self, text: str, field: str) -> Iterator[tuple[str, Span]]:
        """Kind and place of each piece, in order and apart."""
        if not _PLACE.search(text):
            return
        around = f"{field} {text}".lower()
        silent = {id(each) for each, stems in self._stems if not any(stem in around for stem in stems)}
        asked = [each for each in self._detectors if id(each) not in silent]
        after_letters = [each for each in asked if each.lead]
        after_others = [each for each in asked if not each.lead]
        at = 0
        while found := _PLACE.search(text, at):
            place = found.start()
            before = text[place - 2 : place] if place > 1 else text[:place]
            tried = (
                after_letters
                if before[-1:].isalnum()
                else asked
                if before[-1:] in (" ", "-") and before[:1].isupper()
                else after_others
            )
            at = place + 1  # not behind a candidate that fails: a true one may begin inside it
            for each in tried:
                if span := each.at(text, place, field):
                    yield each.kind, span
                    at = span[1]
                    break


_OTHER_NUMBER = re.compile(
    r"(?:invoice|order|purchase|p\.?o\.?|ref(?:erence)?|case|ticket|claim|part|sku|article|item|serial|batch|lot|model"
    r"|version|contract|policy|tracking|account|customer|supplier|vendor|document|doc|bill|delivery|shipment|container"
    r"|rechnung\w*|auftrag\w*|bestell\w*|artikel\w*|kunden\w*|vertrag\w*|beleg\w*|liefer\w*|facture|commande|factura"
    r"|pedido|isbn|issn|ean|gtin|doi|lei|vat|ust|uid|tva|iva|hash|sha)"
    r"[\s.:#=-]*(?:id|no|nr|num|number|nummer|code|n[°ºo])?[\s.:#=№-]*\Z"
)


def is_another_number(candidate: Candidate) -> bool:
    """Whether the words before a candidate call it an invoice, order, part or other number of a thing."""
    return _OTHER_NUMBER.search(candidate.before) is not None


def digits(text: str) -> str:
    """The ASCII digits of a text."""
    return "".join(character for character in text if character in "0123456789")
