"""How personal data with digits is found: one scan proposes places, patterns propose candidates, checks decide."""

import re
from bisect import bisect_right
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


class Allowance:
    """How often one value may have a number checked by a library, which takes 10 to 60 µs.

    When it is used up, the form alone decides: a value of 4 MiB that holds nothing but such numbers must not take a
    minute, and what may be personal data goes rather than stays.
    """

    def __init__(self, checks: int = 20_000) -> None:
        self._left = checks

    def take(self) -> bool:
        """Whether one more check is allowed."""
        self._left -= 1
        return self._left >= 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A part of a text that may be personal data. `field` is the name under which the text stands, "" if none."""

    match: re.Match[str]
    start: int
    field: str
    allowance: Allowance

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
        words: one of these, in lower case, must stand before it or in the name of its field, so that its form may be
            that of any number; none if its form is enough. One of up to four letters must begin a word.
    """

    kind: str
    pattern: re.Pattern[str]
    check: Check
    lead: int = 0
    opening: str = ""
    words: tuple[str, ...] = ()

    def at(self, text: str, place: int, field: str, allowance: Allowance) -> Span | None:
        """What of this kind has its first digit at `place`."""
        match = self.pattern.match(text, place)
        if match is None:
            return None
        start = place - self.lead
        while start and text[start - 1] in self.opening and place - start < len(self.opening):
            start -= 1
        length = self.check(Candidate(match, start, field, allowance))
        return (start, start + length) if length else None


_GAP = rf"[{SPACE}().\-/\u2011]"
_PROMISING = (
    # What has a form of its own comes after a plus, or is no date and long, or goes on behind a gap or in letters.
    r"(?:(?<=\+[0-9])|(?<=\+\([0-9])|(?![0-9]{3}-[01][0-9]-[0-3][0-9](?![0-9-]))"
    rf"(?=[0-9]*+(?:{_GAP}[0-9{SPACE}().\-/]|[-+A-Z])|[0-9]{{11}}|[0-9A-Fa-f]{{3}}:))"
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
        formed = [each for each in detectors if not each.lead and not each.words]
        named = [each for each in detectors if each.words]
        self._words = tuple(word for each in named for word in each.words)
        self._with_names = _Forms(after_letters, formed, named)
        self._without_names = _Forms(after_letters, formed, [])

    def spans(self, text: str, field: str, allowance: Allowance) -> Iterator[tuple[str, Span]]:
        """Kind and place of each piece, in order and apart."""
        if not self._with_names.places.search(text):
            return
        cues = list(self._cues(text, field))
        cues.sort()
        forms = self._with_names if cues else self._without_names
        at = run = failures = 0
        while found := forms.places.search(text, at):
            place = found.start()
            at = place + 1  # not behind a candidate that fails: a true one may begin inside it
            asked = forms.asked(text, found, is_named=_near(cues, place))
            if piece := next(
                ((each.kind, span) for each in asked if (span := each.at(text, place, field, allowance))), None
            ):
                yield piece
                at = piece[1][1]
                continue
            if place >= run:
                whole = _RUN.match(text, place)
                run, failures = whole.end() if whole else place, 0
            failures += 1
            if failures == FAILURES:
                at = run

    def _cues(self, text: str, field: str) -> Iterator[int]:
        """Where words stand that name a number; those of the field's name stand at 0."""
        name, lower = field.lower(), text.lower()
        if len(lower) != len(text):  # a few capitals become two letters
            lower = "".join(each if len(each.lower()) > 1 else each.lower() for each in text)
        for word in self._words:
            if word in name:
                yield 0
            at = lower.find(word)
            while at >= 0:
                if len(word) > SHORT or not lower[at - 1 : at].isalpha():
                    yield at
                at = lower.find(word, at + len(word))


SHORT = 4
"""Letters of a word that also stands inside others, as `tin` does in `testing`."""


def _near(cues: Sequence[int], place: int) -> bool:
    """Whether a word that names a number stands shortly before a place."""
    index = bisect_right(cues, place)
    return index > 0 and cues[index - 1] >= place - AROUND - 1


class _Forms:
    """The forms of several detectors as one pattern, and what has them."""

    def __init__(
        self, after_letters: Sequence[Detector], formed: Sequence[Detector], named: Sequence[Detector]
    ) -> None:
        self._groups = [*after_letters, *formed, *named, *after_letters]
        self._ends = {len(after_letters), len(self._groups)}
        by_name = f"|{_any_of(named)}" if named else ""
        self.places = re.compile(
            r"[0-9](?<![0-9][0-9])(?:"
            rf"(?<=[A-Za-z][0-9]){_any_of(after_letters)}"
            r"|(?<!\w[0-9])(?<![0-9][-.,/:][0-9])"
            rf"(?:{_PROMISING}{_any_of(formed)}{by_name}|(?<=[A-Z][ -][0-9]){_any_of(after_letters)}))"
        )

    def asked(self, text: str, found: re.Match[str], *, is_named: bool) -> Iterator[Detector]:
        """The detectors with a form that stands at a place; those that need a name only where there is one."""
        match: re.Match[str] | None = found
        first = 0
        while match:
            index = first + (match.lastindex or 1) - 1
            if is_named or not self._groups[index].words:
                yield self._groups[index]
            first = index + 1
            if first in self._ends:
                return
            match = self._from(first).match(text, found.start())

    @cache  # noqa: B019 - the forms live as long as the process
    def _from(self, first: int) -> re.Pattern[str]:
        """The forms of the detectors that come after those tried at a place."""
        end = min(each for each in self._ends if each > first)
        return re.compile("|".join(f"({each.pattern.pattern})" for each in self._groups[first:end]))


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
