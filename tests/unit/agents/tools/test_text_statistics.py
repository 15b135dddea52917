"""Counts and readability of texts, held against counting by hand."""

import json
from typing import Any

import pytest

from agent_platform.agents.tools import registry
from agent_platform.agents.tools.text_statistics import syllables

TOOL = registry["text_statistics"]


def measured(text: str, language: str = "en") -> Any:
    outcome = TOOL.call({"text": text, "language": language})
    assert not outcome.is_error, outcome.content
    return json.loads(outcome.content)


def test_a_text_counted_by_hand():
    found = measured("The cat sat on the mat. It was happy!\n\nThen it slept.")
    assert found == {
        "characters": 53,
        "characters_without_spaces": 41,
        "words": 12,
        "distinct_words": 10,
        "sentences": 3,
        "paragraphs": 2,
        "syllables": 13,
        "words_per_sentence": 4.0,
        "longest_sentences": [
            {"words": 6, "sentence": "The cat sat on the mat."},
            {"words": 3, "sentence": "It was happy!"},
            {"words": 3, "sentence": "Then it slept."},
        ],
        "readability": {
            "lix": 4.0,
            "automated_readability_index": round(4.71 * 38 / 12 + 0.5 * 4 - 21.43, 2),
            "flesch_reading_ease": round(206.835 - 1.015 * 4 - 84.6 * 13 / 12, 2),
            "flesch_kincaid_grade": round(0.39 * 4 + 11.8 * 13 / 12 - 15.59, 2),
            "gunning_fog": 1.6,
            "smog": 3.13,
            "coleman_liau": round(5.88 * 38 / 12 - 29.6 / 4 - 15.8, 2),
        },
    }


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith met J. Doe at Acme Inc. yesterday. They agreed.", 2),
        ("See Fig. 3, e.g. the left part. Done.", 2),
        ("It costs 3.50 euros. Pay at 10.30 a.m. today.", 2),
        ("Really?! Yes... Good.", 3),
        ('He said "Stop." Then he left.', 2),
        ("No full stop at the end", 1),
        ("A heading\n\nA paragraph without an end\n\nAnother", 3),
        ("One line\nbroken in two. Next.", 2),
        ("Das gilt z. B. für Nr. 5 bzw. Abs. 3. Ende.", 2),
        ("… and so on.", 1),
    ],
)
def test_sentences_end_where_they_end(text: str, sentences: int):
    assert measured(text)["sentences"] == sentences


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("state-of-the-art", 1),
        ("don't", 1),
        ("it’s 1,234.50 €", 2),
        ("Größe ändern", 2),
        ("日本語", 1),
        ("a_b", 2),
        ("x" * 100_000, 1),
    ],
    ids=lambda value: str(value)[:20],
)
def test_words_are_what_people_count_as_words(text: str, words: int):
    assert measured(text)["words"] == words


def test_syllables_of_english_words():
    counted = {
        1: "cat make the walked used moved seen night strength through time house",
        2: "table wanted boxes little nation lion ocean quiet buying being going houses needed poem open people",
        3: "readable idea radio created family area important continue museum",
        4: "variable information dictionary continuous january",
        5: "readability university administrative",
    }
    words = [(word, count) for count, line in counted.items() for word in line.split()]
    right = sum(syllables(word, "en") == count for word, count in words)
    assert right / len(words) >= 0.85  # spelling tells no more
    assert all(abs(syllables(word, "en") - count) <= 1 for word, count in words)


@pytest.mark.parametrize(
    ("word", "count"),
    [("Bauer", 2), ("Prüfung", 2), ("Lieferung", 3), ("See", 1), ("Häuser", 2), ("Rechnungsbetrag", 4), ("Theater", 3)],
)
def test_syllables_of_german_words(word: str, count: int):
    assert abs(syllables(word, "de") - count) <= (word == "Theater")


def test_formulas_are_those_of_the_language():
    text = "Die Prüfung ergab keine Mängel."
    assert {"amstad_reading_ease", "wiener_sachtextformel_1"} <= measured(text, "de")["readability"].keys()
    other = measured(text, "other")
    assert (other["syllables"], sorted(other["readability"])) == (None, ["automated_readability_index", "lix"])


def test_amstad_is_that_of_the_formula():
    # Five words of nine syllables in one sentence.
    found = measured("Die Prüfung ergab keine Mängel.", "de")
    assert found["syllables"] == 9
    assert found["readability"]["amstad_reading_ease"] == round(180 - 5 - 58.5 * 9 / 5, 2)


def test_harder_texts_rate_harder():
    easy = measured("The dog ran. It saw a cat. The cat hid.")["readability"]
    hard = measured(
        "Notwithstanding considerable methodological heterogeneity, the investigators systematically demonstrated "
        "statistically significant associations."
    )["readability"]
    assert easy["flesch_reading_ease"] > 100 > 0 > hard["flesch_reading_ease"]
    assert all(hard[name] > easy[name] for name in easy if name != "flesch_reading_ease")


def test_the_five_longest_sentences_are_shown_and_cut():
    text = ". ".join("word " * n + "end" for n in range(1, 10)) + ". " + "y" * 600 + "."
    shown = measured(text)["longest_sentences"]
    assert [each["words"] for each in shown] == [10, 9, 8, 7, 6]
    assert len(measured("y" * 600)["longest_sentences"][0]["sentence"]) == 500


@pytest.mark.parametrize("text", ["...", " \n\t", "!?", "📦📦", "_"])
def test_a_text_without_words_is_told(text: str):
    outcome = TOOL.call({"text": text})
    assert (outcome.content, outcome.is_error) == ("The text has no words.", True)


@pytest.mark.parametrize("piece", ["a.", ". ", "a-", "a\n\n", "\n", '."', "1,", "Z. B.", "e", "'", "a'", "ea", "!?…"])
def test_monotonous_texts_are_measured_in_time(piece: str):
    outcome = TOOL.call({"text": (piece * 100_000)[:99_999] + "a"})
    assert not outcome.is_error, outcome.content


@pytest.mark.parametrize("arguments", [{}, {"text": ""}, {"text": "a" * 100_001}, {"text": "a", "language": "fr"}])
def test_arguments_outside_the_schema_are_refused(arguments: dict[str, Any]):
    assert TOOL.call(arguments).content.startswith("Arguments refused: ")
