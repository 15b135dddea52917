"""How much a spec may ask for: each limit is told with its field and with what to do."""

from typing import Any

import pytest

from agent_platform.workflows.checking.limits import SETTLING_SECONDS
from agent_platform.workflows.compiler.people import GRACE_SECONDS
from agent_platform.workflows.spec import ApprovalStep, WorkflowSpec
from tests.fakes.spec_checks import INPUT, a_workflow, faults, judge, made, read

APPROVAL = {"id": "a", "kind": "approval", "message": "Well?", "approvers": {"owner": True}}


def the_fault(*steps: dict[str, Any], **changes: Any) -> tuple[str, str]:
    found = faults(a_workflow(*steps, **changes))
    assert len(found) == 1, found
    return found[0]


def assert_sound(*steps: dict[str, Any], **changes: Any) -> None:
    assert faults(a_workflow(*steps, **changes)) == []


def each(step: str, items: str, *steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"id": step, "kind": "map", "items": items, "as": f"{step}_item", "steps": list(steps), **changes}


def again(step: str, rounds: int, *steps: dict[str, Any]) -> dict[str, Any]:
    until = {"path": "iteration", "at_least": rounds}
    return {"id": step, "kind": "loop", "max_iterations": rounds, "until": until, "steps": list(steps)}


def test_maps_and_loops_inside_one_another_repeat_so_often_together():
    one = made("one", 1)
    assert_sound(each("outer", "input.vendors", again("inner", 10, one)))
    field, message = the_fault(each("outer", "input.vendors", again("inner", 11, one)))
    assert field == "steps.inner"
    assert "its steps may run 11,000 times (1,000 of `outer`, 11 of `inner`), and at most 10,000" in message
    assert "`maxItems`" in message
    field, message = the_fault(again("inner", 11, each("outer", "input.vendors", one)))
    assert (field, "11,000 times" in message) == ("steps.outer", True)


def test_only_the_innermost_step_is_told_through_choices_and_branches():
    inner = again("inner", 20, made("one", 1))
    beside = {"steps": [made("two", 2)]}
    both = {"id": "both", "kind": "parallel", "branches": [{"steps": [inner]}, beside]}
    case = {"when": {"path": "input.amount", "above": 1}, "steps": [each("lines", "input.vendors", both)]}
    which = {"id": "which", "kind": "choice", "cases": [case]}
    field, message = the_fault(each("vendors", "input.vendors", which))
    assert (field, "20,000,000 times" in message) == ("steps.inner", True)
    assert_sound(again("first", 20, made("one", 1)), each("second", "input.vendors", made("two", 1)))


@pytest.mark.parametrize(("most", "sound"), [(10, True), (11, False), (None, False)])
def test_a_list_counts_with_the_most_items_of_its_schema(most: int | None, sound: bool):
    lines = {"type": "array", "items": {"type": "string"}, **({"maxItems": most} if most else {})}
    row = {"type": "object", "required": ["lines"], "properties": {"lines": lines}}
    asked = {"type": "object", "required": ["rows"], "properties": {"rows": {"type": "array", "items": row}}}
    found = faults(a_workflow(each("rows", "input.rows", each("lines", "rows_item.lines", made("x", 1))), input=asked))
    assert [field for field, _ in found] == ([] if sound else ["steps.lines"])


def test_a_list_that_a_fault_keeps_from_being_known_is_no_further_fault():
    inner = each("inner", "steps.read.output.lines", judge())
    assert the_fault(read(agent="sales/nobody"), each("outer", "input.vendors", inner))[0] == "steps.read.agent"


def test_a_wait_is_shorter_than_its_run():
    wait = {"id": "wait", "kind": "wait", "seconds": 3_600}
    field, message = the_fault(wait, made("x", 1), timeout_seconds=3_600)
    assert field == "steps.wait.seconds"
    assert message.startswith("waits 3,600 s, but the whole run ends after 3,600 s; wait for less, or raise")
    assert_sound(wait, made("x", 1), timeout_seconds=3_601)
    assert_sound({"id": "wait", "kind": "wait", "until": "input.due_at"}, made("x", 1), timeout_seconds=60)


def test_an_approval_is_over_before_its_run():
    ask = {**APPROVAL, "timeout_seconds": 3_600}
    field, message = the_fault(each("all", "input.vendors", ask), timeout_seconds=3_660)
    assert field == "steps.a.timeout_seconds"
    assert "have 3,600 s to decide (and the step 60 s more), but the whole run ends after 3,660 s" in message
    assert "raise `timeout_seconds` of the workflow" in message
    assert_sound(ask, timeout_seconds=3_661)
    assert SETTLING_SECONDS == GRACE_SECONDS


def test_an_approval_fits_into_its_run_where_neither_says_how_long_it_takes():
    assert_sound(APPROVAL)
    assert WorkflowSpec.model_fields["timeout_seconds"].default == 691_200
    assert ApprovalStep.model_fields["timeout_seconds"].default == 604_800


@pytest.mark.parametrize(
    ("step", "field"),
    [
        (made("x", ["y" * 1_000] * 100), "template"),
        (made("x", "ü" * 50_000), "template"),
        (judge("x", "y" * 100_000), "input"),
        ({**APPROVAL, "id": "x", "show": "y" * 99_000, "message": "m" * 1_500}, "show"),
    ],
)
def test_what_one_step_carries_written_out_is_limited(step: dict[str, Any], field: str):
    place, message = the_fault(step)
    assert place == f"steps.x.{field}"
    assert "at most 100,000 are possible; shorten what is written here" in message
    assert f"`{field}`" in message


def test_many_steps_may_carry_much_together():
    assert_sound(*(made(f"x{n}", "y" * 90_000) for n in range(5)))


@pytest.mark.parametrize("name", ["iteration", "iterations", "iteration_2"])
def test_an_item_is_not_called_like_a_round(name: str):
    field, message = the_fault(each("all", "input.vendors", made("x", 1), **{"as": name}))
    assert field == "steps.all.as"
    assert message.endswith("choose another name")
    assert_sound(each("all", "input.vendors", made("x", "${reiteration.name}"), **{"as": "reiteration"}))


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ({"path": "input.text", "equals": "x" * 1_001}, "equals"),
        ({"path": "input.text", "matches": "x" * 1_001}, "matches"),
        ({"path": "input.text", "one_of": ["x", "x" * 1_001]}, "one_of.1"),
        ({"path": "steps.read.output.currency", "equals": "x" * 1_001}, "equals"),
        ({"path": "input.amount", "above": 10**1_000}, "above"),
    ],
)
def test_a_constant_of_a_condition_is_short(condition: dict[str, Any], place: str):
    choice = {"id": "which", "kind": "choice", "cases": [{"when": {"not": condition}, "go_to": "end"}]}
    field, message = the_fault(read(), choice, made("x", 1))
    assert field == f"steps.which.cases.0.when.not.{place}"
    assert "is longer than 1,000 characters" in message
    assert "write a shorter text" in message


def test_a_constant_may_have_a_thousand_characters():
    case = {"when": {"path": "input.text", "one_of": ["x" * 1_000]}, "go_to": "end"}
    assert_sound({"id": "which", "kind": "choice", "cases": [case]}, made("x", 1))


def described(size: int) -> dict[str, Any]:
    return {"type": "object", "description": "x" * size, "properties": {"why": {"type": "string"}}}


def test_a_schema_is_so_large_at_most():
    field, message = the_fault(made("x", 1), input=described(65_536))
    assert field == "input"
    assert "at most 65,536 are possible; shorten its descriptions and lists" in message
    assert_sound(made("x", 1), input=described(65_000))
    field, message = the_fault({**APPROVAL, "form": described(32_768)})
    assert (field, "at most 32,768" in message) == ("steps.a.form", True)
    assert_sound({**APPROVAL, "form": described(32_000)}, input=INPUT)
