"""Templates: what references mean, and what is told of those that cannot be filled in."""

from typing import Any

import pytest

from agent_platform.errors import FieldError, InvalidInput, PayloadMissing
from agent_platform.workflows.references import (
    ABSENT,
    Reference,
    ReferenceFault,
    Scope,
    filled,
    parse_path,
    parts,
    pruned,
    references,
)

STORED = {"runs/r1/extract.json": {"lines": [{"amount": 5}, {"amount": 7}], "note": None}}
DOCUMENT: dict[str, Any] = {
    "input": {"vendor": "Norpack", "total": 12.5, "tags": ["a", "b"]},
    "input_ref": None,
    "run": {"id": "r1", "workflow": "invoice-to-payment"},
    "steps": {
        "extract": {"status": "succeeded", "output": {"lines": None}, "output_ref": "runs/r1/extract.json"},
        "review": {"status": "pending"},
        "screen": {
            "status": "failed",
            "error": {"name": "ModelOverloaded", "cause": '{"errorMessage": "try again later"}'},
        },
    },
    "vars": {"item": {"name": "first"}, "index": 0},
}


@pytest.fixture
def scope() -> Scope:
    return Scope(DOCUMENT, STORED.__getitem__)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${input.total}", 12.5),
        ("${input.tags}", ["a", "b"]),
        ("${ input.tags.1 }", "b"),
        ("For ${input.vendor}: ${input.total}, ${input.tags}", 'For Norpack: 12.5, ["a", "b"]'),
        ("${item.name} is ${index}", "first is 0"),
        ("${run.workflow}", "invoice-to-payment"),
        ("$${input.total} costs $5", "${input.total} costs $5"),
        ({"deep": ["${input.vendor}", 3, None, True]}, {"deep": ["Norpack", 3, None, True]}),
        ("nothing to fill in", "nothing to fill in"),
    ],
)
def test_a_whole_reference_keeps_its_type_and_one_inside_a_text_becomes_text(
    scope: Scope, template: Any, value: Any
) -> None:
    assert filled(template, scope) == value


def test_a_value_that_was_stored_is_read_where_it_lies(scope: Scope) -> None:
    assert filled("${steps.extract.output.lines.1.amount}", scope) == 7
    assert filled("${steps.extract.output.note}", scope) is None


def test_a_stored_value_is_read_once_however_many_references_name_it() -> None:
    read: list[str] = []

    def load(key: str) -> Any:
        read.append(key)
        return STORED[key]

    filled(["${steps.extract.output.lines}", "${steps.extract.output.note}"], Scope(DOCUMENT, load))
    assert read == ["runs/r1/extract.json"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${steps.review.output.note ?? null}", None),
        ('${steps.review.output.note ?? "none }"}', "none }"),
        ('${steps.review.output ?? {"a": {"b": [1, 2]}}}', {"a": {"b": [1, 2]}}),
        ("${input.tags.9 ?? 0}", 0),
        ("${input.vendor.name ?? false}", False),
        ("${input.total ?? 0}", 12.5),
        ("[${steps.review.output ?? omit}]", "[]"),
    ],
)
def test_a_fallback_stands_in_for_what_is_absent(scope: Scope, text: str, value: Any) -> None:
    assert filled(text, scope) == value


def test_omit_leaves_the_field_or_the_entry_out(scope: Scope) -> None:
    template = {"a": "${steps.review.output ?? omit}", "b": ["${nobody ?? omit}", 1], "c": {"d": "${index ?? omit}"}}
    assert filled(template, scope) == {"b": [1], "c": {"d": 0}}


def test_a_failed_step_tells_its_error_in_the_words_of_the_error_table(scope: Scope) -> None:
    assert filled("${steps.screen.status}", scope) == "failed"
    assert filled("${steps.screen.error}", scope) == {
        "name": "ModelOverloaded",
        "code": "model_overloaded",
        "message": "try again later",
    }
    assert filled("${steps.screen.output ?? 1}", scope) == 1


def test_everything_that_is_absent_is_listed_at_once(scope: Scope) -> None:
    with pytest.raises(InvalidInput) as caught:
        filled({"a": "${input.nothing}", "b": ["${steps.review.output.note}"]}, scope)
    assert caught.value.errors == (
        FieldError("input.a", "`input.nothing` is absent"),
        FieldError("input.b.0", "`steps.review.output.note` is absent"),
    )


def test_a_stored_value_that_is_gone_is_no_missing_field() -> None:
    def gone(_: str) -> Any:
        raise PayloadMissing("there is no such object")

    with pytest.raises(PayloadMissing):
        filled("${steps.extract.output.note ?? null}", Scope(DOCUMENT, gone))


def test_an_expression_sees_everything_with_what_was_stored(scope: Scope) -> None:
    everything = scope.whole()
    assert everything["steps"]["extract"] == {"status": "succeeded", "output": STORED["runs/r1/extract.json"]}
    assert everything["steps"]["review"] == {"status": "pending"}
    assert everything["item"] == {"name": "first"}
    assert everything["input"]["vendor"] == "Norpack"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${input.a", "not closed"),
        ("${}", "is no path"),
        ("${input..a}", "is no path"),
        ("${1.a}", "is no path"),
        ("${input.a b}", "is no path"),
        ("${input.a ? 1}", "not closed"),
        ("${input.a ?? }", "is no fallback"),
        ("${input.a ?? nope}", "is no fallback"),
        ("${input.a ?? 1 2}", "not closed"),
        ("${input.01}", "is no path"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_way_to_write_it(text: str, why: str) -> None:
    with pytest.raises(ReferenceFault, match=why):
        parts(text)


def test_references_are_found_with_their_places_and_faults_among_them() -> None:
    found = list(references({"a": "${input.x} and ${input.y ?? 0}", "b": [{"c": "${"}], "d": 4}))
    assert [field for field, _ in found] == ["a", "a", "b.0.c"]
    assert found[0][1] == Reference(("input", "x"))
    assert found[1][1] == Reference(("input", "y"), 0)
    assert isinstance(found[2][1], ReferenceFault)


def test_a_path_knows_the_step_it_names() -> None:
    assert parse_path("steps.judge.output.scores.0").step == "judge"
    assert parse_path("steps").step is None
    assert parse_path("input.steps").step is None
    assert parse_path("input").fallback is ABSENT


def test_pruning_keeps_what_the_paths_lead_to_at_its_place() -> None:
    value = {"score": 3, "notes": [{"text": "long", "level": 2}, {"text": "longer", "level": 1}], "big": "x" * 9}
    assert pruned(value, [("score",), ("notes", 1, "level")]) == {"score": 3, "notes": [None, {"level": 1}]}
    assert pruned(value, [("nothing",), ("notes", 7)]) is None
    assert pruned(value, []) is None
    assert pruned(value, [()]) == value
