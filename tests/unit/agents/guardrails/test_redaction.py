"""Personal data goes, whatever looks like it stays, and neither takes long."""

import json
import subprocess
import sys
from time import process_time

import pytest

from agent_platform.agents.catalogue import Catalogue
from agent_platform.agents.guardrails.redaction import redacted, redacted_text
from tests.unit.agents.guardrails.corpus import HARMLESS, PERSONAL


@pytest.mark.parametrize(("text", "expected"), PERSONAL)
def test_personal_data_becomes_a_mark_and_its_surroundings_stay(text: str, expected: str):
    counts: dict[str, int] = {}
    assert redacted_text(text, counts) == expected
    assert sum(counts.values()) == expected.count("[") - text.count("[")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_personal_data_stays(text: str):
    counts: dict[str, int] = {}
    assert redacted_text(text, counts) == text
    assert counts == {}


def test_the_corpus_has_at_least_sixty_texts_of_each_side():
    assert len({text for text, _ in PERSONAL}) >= 60
    assert len(set(HARMLESS)) >= 60


def test_what_has_been_redacted_is_not_redacted_again():
    for text, _ in PERSONAL:
        once = redacted_text(text, {})
        assert redacted_text(once, {}) == once


def test_all_personal_data_of_one_text_goes_and_all_harmless_words_between_stay():
    words = [text for pair in zip(PERSONAL, HARMLESS, strict=False) for text in (pair[0][0], pair[1])]
    expected = [text for pair in zip(PERSONAL, HARMLESS, strict=False) for text in (pair[0][1], pair[1])]
    assert redacted_text("\n;;\n".join(words), {}).split("\n;;\n") == expected


def test_strings_at_any_depth_are_redacted_and_keys_and_other_values_are_not():
    value = {
        "kim@ours.example": [{"to": ["kim@ours.example", None, True, 4111111111111111, 1.5]}],
        "note": "none",
    }
    counts: dict[str, int] = {}
    assert redacted(value, counts) == {
        "kim@ours.example": [{"to": ["[email]", None, True, 4111111111111111, 1.5]}],
        "note": "none",
    }
    assert counts == {"email": 1}
    assert value["kim@ours.example"][0]["to"][0] == "kim@ours.example"


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("phone", "0171 1234567", "[phone]"),
        ("mobile_number", "4155552671", "[phone]"),
        ("order_id", "4155552671", "4155552671"),
        ("invoice_number", "415-555-2671", "415-555-2671"),
        ("ssn", "219099999", "[national_id]"),
        ("pesel", "44051401359", "[national_id]"),
        ("quantity", "44051401359", "44051401359"),
    ],
)
def test_the_name_of_a_field_says_what_its_number_is(field: str, text: str, expected: str):
    assert redacted({field: text}, {}) == {field: expected}
    assert redacted({field: [text]}, {}) == {field: [expected]}


def test_the_examples_of_the_agents_lose_nothing_but_where_they_allow_personal_data(catalogue: Catalogue):
    for agent_id in catalogue.ids():
        definition = catalogue.get(agent_id)
        if definition.guardrails.pii == "redact":
            for value in (definition.example.input, definition.example.output):
                assert redacted(value, {}) == value, agent_id


def test_a_value_as_deep_as_an_input_may_be_is_redacted():
    value: object = "kim@ours.example"
    for _ in range(100):
        value = [value]
    assert "[email]" in json.dumps(redacted(value, {}))


HOSTILE = {
    "letters": "a",
    "digits": "1",
    "zeros": "00",
    "single digits": "1 ",
    "joined digits": "1-",
    "bracketed digits": "1(",
    "ats": "@",
    "half addresses": "@a.",
    "addresses without a domain": "a@",
    "dots": "a.",
    "brackets": "(",
    "country codes": "+49 ",
    "near phones": "+1 ((2 ",
    "amounts": "+1 250 000 ",
    "near accounts": "DE12 AAAA ",
    "near cards": "4111 ",
    "cards": "4111 1111 1111 1111 ",
    "near social security": "123-45-",
    "near addresses of version 4": "1.1.1.1",
    "addresses of version 6": "2001:db8::1 ",
    "near addresses of version 6": "2001:",
    "groups of two": "01 23 ",
    "words for phones": "tel 12 34 5 ",
    "phones": "tel 1234567 ",
    "names of numbers": "tin 44051401359,",
    "numbers of persons": "811228-9874 ",
    "users of URLs": "http://a:",
}


def seconds(text: str, field: str = "") -> float:
    started = process_time()
    redacted({field: text}, {})
    return process_time() - started


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_four_times_the_text_takes_about_four_times_the_time(piece: str):
    def took(size: int) -> float:
        return seconds((piece * (size // len(piece) + 1))[:size] + "@b.cc")

    # A quadratic step would take sixteen times as long.
    assert any(took(200_000) < 0.05 + 9 * took(50_000) for _ in range(3))


def test_a_huge_name_of_a_field_costs_no_more_for_each_number_in_it():
    text = "415-555-2671, tel 1234567; " * 1_000

    assert any(seconds(text, "f" * 1_000_000) < 0.05 + 3 * seconds(text, "f") for _ in range(3))


def test_when_a_value_has_used_up_its_checks_the_form_decides():
    wrong = "12345678A"
    assert redacted_text(wrong, {}) == wrong

    counts: dict[str, int] = {}
    redacted([wrong] * 20_010, counts)

    assert counts == {"national_id": 10}


def test_personal_data_behind_a_long_table_of_numbers_is_found_in_the_next_line():
    table = " ".join(["4111"] * 1_000)
    assert redacted_text(f"{table}\n4111 1111 1111 1111", {}) == f"{table}\n[card]"


def test_a_text_without_candidates_loads_no_library():
    text = "Parcel 7 of 2026-03-31: 1,250.00 EUR, INV-2026-000123, host-3 10.0.0.17, tin roof, call by 12:30."
    program = (
        "import sys; from agent_platform.agents.guardrails.redaction import redacted_text\n"
        f"assert redacted_text({text!r}, {{}}) == {text!r}\n"
        "assert not {'stdnum', 'phonenumbers'} & set(sys.modules), 'a library was loaded'"
    )
    ran = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
