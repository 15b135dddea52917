"""Length and readability of a text."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from agent_platform.agents.tools.registry import ToolFailed, tool

LONGEST = 5
LONG_WORD_LETTERS = 7
"""A long word of LIX has more than six letters."""

_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*|\d+(?:[.,:]\d+)*")
# Only where a run of marks begins, and without trying again inside it: a text of marks alone takes no quadratic time,
# which no limit of time would stop (the engine does not let go of the interpreter).
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(?=\s|$)|\n\s*\n")
_NO_END = re.compile(
    r"\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|cf|No|Inc|Ltd|Co|Art|Sec|Fig|approx"
    r"|bzw|usw|Nr|Abs|ca|ggf|vgl|inkl|evtl)$"
)
"""What a full stop follows without ending a sentence: a single letter (e.g., z. B., J. Smith) or an abbreviation."""


@tool(effect="reads")
def text_statistics(
    text: Annotated[str, Field(min_length=1, max_length=100_000, description="The text; blank lines part paragraphs")],
    language: Annotated[
        Literal["en", "de", "other"], Field(description="Decides which readability formulas apply")
    ] = "en",
) -> dict[str, object]:
    """Count words, sentences, paragraphs and syllables, name the longest sentences, and rate readability.

    Any language: LIX (Björnsson 1968), automated readability index (Smith and Senter 1967). English as well: Flesch
    reading ease (1948), Flesch-Kincaid grade (Kincaid and others 1975), Gunning fog (1952), SMOG (McLaughlin 1969),
    Coleman-Liau (1975). German: Amstad's Flesch (1978), first Wiener Sachtextformel (Bamberger and Vanecek 1984).
    Syllables are counted by spelling, sentences by punctuation: near the truth, not exact.
    """
    sentences = [(sentence, words) for sentence in _sentences(text) if (words := _WORD.findall(sentence))]
    words = [word for _, found in sentences for word in found]
    if not words:
        raise ToolFailed("The text has no words.")
    longest = sorted(sentences, key=lambda each: -len(each[1]))[:LONGEST]
    counts = _Counts(words, len(sentences), language)
    return {
        "characters": len(text),
        "characters_without_spaces": sum(not character.isspace() for character in text),
        "words": len(words),
        "distinct_words": len({word.casefold() for word in words}),
        "sentences": len(sentences),
        "paragraphs": sum(bool(_WORD.search(part)) for part in re.split(r"\n\s*\n", text)),
        "syllables": counts.syllables if language != "other" else None,
        "words_per_sentence": round(counts.length, 2),
        "longest_sentences": [{"words": len(found), "sentence": sentence[:500]} for sentence, found in longest],
        "readability": {name: round(value, 2) for name, value in counts.readability(language)},
    }


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for mark in _END.finditer(text):
        if mark[0].startswith(".") and _NO_END.search(text[max(start, mark.start() - 12) : mark.start()]):
            continue
        yield " ".join(text[start : mark.end()].split())
        start = mark.end()
    yield " ".join(text[start:].split())


class _Counts:
    """What the formulas are made of."""

    def __init__(self, words: list[str], sentences: int, language: str) -> None:
        by_word = [syllables(word, language) for word in words]
        self.syllables = sum(by_word)
        self.length = len(words) / sentences
        self._sentences = sentences
        self._per_word = self.syllables / len(words)
        self._letters = sum(character.isalnum() for word in words for character in word) / len(words)
        self._three = sum(count >= 3 for count in by_word)
        self._share_three = self._three / len(words)
        self._share_one = sum(count == 1 for count in by_word) / len(words)
        self._share_long = sum(len(word) >= LONG_WORD_LETTERS for word in words) / len(words)

    def readability(self, language: str) -> Iterator[tuple[str, float]]:
        """The formulas for the language, by name."""
        yield "lix", self.length + 100 * self._share_long
        yield "automated_readability_index", 4.71 * self._letters + 0.5 * self.length - 21.43
        if language == "en":
            yield "flesch_reading_ease", 206.835 - 1.015 * self.length - 84.6 * self._per_word
            yield "flesch_kincaid_grade", 0.39 * self.length + 11.8 * self._per_word - 15.59
            yield "gunning_fog", 0.4 * (self.length + 100 * self._share_three)
            yield "smog", 1.043 * (30 * self._three / self._sentences) ** 0.5 + 3.1291
            yield "coleman_liau", 5.88 * self._letters - 29.6 / self.length - 15.8
        if language == "de":
            yield "amstad_reading_ease", 180 - self.length - 58.5 * self._per_word
            yield (
                "wiener_sachtextformel_1",
                19.35 * self._share_three
                + 0.1672 * self.length
                + 12.97 * self._share_long
                - 3.27 * self._share_one
                - 0.875,
            )


_GROUPS = re.compile(r"[aeiouyäöüáàâéèêëíìîïóòôúùûœæ]+")
_GERMAN = re.compile(r"aa|ee|oo|ie|ei|ai|au|eu|äu|ey|ay|[aeiouyäöü]")
_SILENT = re.compile(r"(?:[^laeiouy]e|[^aeiouy]le(?<!le)|(?:[^aeioutdy]|[^aeiouy][^aeioutdy])ed|[^aeiouycsxzgh]es)$")


def syllables(word: str, language: str) -> int:
    """About how many syllables a word has: groups of vowels, less a silent e in English, diphthongs apart in German."""
    lower = word.lower()
    if language == "de":
        return max(1, len(_GERMAN.findall(lower)))
    count = len(_GROUPS.findall(lower))
    if count > 1 and _SILENT.search(lower):
        count -= 1
    # Two vowels that are spoken apart: cre-ate, sci-ence, i-de-a, ra-di-o.
    count += (
        len(re.findall(r"i[ao](?!us|n)|[^q]ua|eo(?!us|pl)|iu|cre[ae]|scie|[eioy]ing|(?<=[aeiouy].)ea$", lower))
        if count
        else 0
    )
    return max(1, count)
