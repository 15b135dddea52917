"""References: what leads nowhere, and what may be absent when it is read, is told before anything runs."""

from typing import Any

import pytest

from tests.fakes.spec_checks import a_workflow, faults, judge, made, read

FAIL = {"id": "give_up", "kind": "fail", "message": "It is over."}


def the_fault(*steps: dict[str, Any], **changes: Any) -> tuple[str, str]:
    found = faults(a_workflow(*steps, **changes))
    assert len(found) == 1, found
    return found[0]


def assert_sound(*steps: dict[str, Any], **changes: Any) -> None:
    assert faults(a_workflow(*steps, **changes)) == []


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("inptu.text", "there is no `inptu`; did you mean `input`?"),
        ("input.txet", "`input` has no field `txet`; did you mean `text`?"),
        ("input.text.length", "`input.text` is text, so it has no `length`"),
        ("input.vendors.name", "`input.vendors` is a list; write the number of an entry"),
        ("steps.raed.output.total", "there is no step `raed`; did you mean `read`?"),
        ("steps.read.output.totl", "`steps.read.output` has no field `totl`; did you mean `total`?"),
        ("steps.read.result", "a step has no `result`; refer to `steps.read.output`, `.status` or `.error`"),
        ("steps.read", "`read` is more than one value; refer to `steps.read.output`"),
        ("steps", "`steps` is more than one value; name a step"),
        ("run", "`run` is more than one value; say which"),
        ("run.owner", "`run` has no field `owner`"),
        ("steps.read.error.code", "the run ends when `read` fails, so nobody can see its error"),
        ("item.name", "there is no `item`"),
        ("index", "`index` is known only inside a map"),
        ("iteration", "`iteration` is known only inside a loop"),
        ("steps.later.output", "`later` has not run when this is read; refer to a step before this one"),
        ("steps.use.output", "`use` has not run when this is read"),
        ("steps.pause.output", "`pause` is a wait step, which leaves nothing to refer to"),
        ("input.a b", "is no path"),
    ],
)
def test_a_reference_that_leads_nowhere_says_why(reference: str, message: str):
    pause = {"id": "pause", "kind": "wait", "seconds": 1}
    field, said = the_fault(read(), pause, made("use", {"x": f"${{{reference} ?? 1}}"}), made("later", 1))
    assert field == "steps.use.template.x"
    assert message in said


@pytest.mark.parametrize(
    "reference",
    [
        "input", "input.text", "input.amount", "input.vendors", "run.id", "run.workflow", "run.started_at",
        "steps.read.output", "steps.read.output.total", "steps.read.output.vendor", "steps.read.status",
    ],
)  # fmt: skip
def test_what_is_always_there_needs_no_fallback(reference: str):
    assert_sound(read(), made("use", f"${{{reference}}}"))


@pytest.mark.parametrize(
    "reference",
    [
        "input.note", "input.contact.email", "input.contact.phone", "input.vendors.0", "input.vendors.0.name",
        "input.vendors.3.country", "input.meta.anything", "steps.read.output.lines.0.amount", "input.few.4",
    ],
)  # fmt: skip
def test_what_a_schema_does_not_require_needs_a_fallback(reference: str):
    field, message = the_fault(read(), made("use", f"${{{reference}}}"))
    assert field == "steps.use.template"
    assert message.startswith(f"`${{{reference}}}` may be absent: its schema does not require it")
    for fallback in ("null", '"none"', "omit"):
        assert_sound(read(), made("use", f"${{{reference} ?? {fallback}}}"))


def test_a_place_behind_the_end_of_a_list_leads_nowhere():
    assert "`input.few` is shorter" in the_fault(made("use", "${input.few.5 ?? 1}"))[1]


def test_every_text_is_looked_at_and_named_by_its_field():
    approval = {
        "id": "approve",
        "kind": "approval",
        "message": "Pay ${input.totl}?",
        "show": {"lines": ["${steps.nobody.output}"]},
        "approvers": {"users": ["${input.boss}"], "owner": True},
    }
    found = faults(a_workflow(read(input={"text": "${x}"}), approval, output={"sum": "${steps.read.output.sum}"}))
    assert [field for field, _ in found] == [
        "steps.read.input.text",
        "steps.approve.message",
        "steps.approve.show.lines.0",
        "steps.approve.approvers.users.0",
        "output.sum",
    ]


def test_a_malformed_reference_says_how_to_write_one():
    assert "not closed" in the_fault(made("use", "${input.text"))[1]


def test_text_that_only_looks_like_a_reference_is_text():
    assert_sound(made("use", "$${input.nothing}"))


@pytest.mark.parametrize("on_error", ["continue", {"go_to": "use"}])
def test_the_output_of_a_step_that_may_have_failed_needs_a_fallback(on_error: Any):
    steps = (read(on_error=on_error), made("between", 1), made("use", "${steps.read.output.total}"))
    assert "`read` may have failed by then" in the_fault(*steps)[1]
    assert_sound(*steps[:2], made("use", "${steps.read.output.total ?? 0}"))
    assert_sound(*steps[:2], made("use", "${steps.read.error.message ?? omit}"))
    assert "`read` need not have failed" in the_fault(*steps[:2], made("use", "${steps.read.error.code}"))[1]


def test_where_only_a_failure_leads_the_error_is_there_for_certain():
    steps = (
        read(on_error={"go_to": "mend"}),
        {"id": "fine", "kind": "choice", "cases": [{"when": {"path": "input.amount", "above": 0}, "go_to": "end"}]},
        {"id": "also", "kind": "choice", "cases": [{"when": {"path": "input.amount", "above": 0}, "go_to": "end"}],
         "otherwise": {"go_to": "end"}},
    )  # fmt: skip
    mend = made("mend", {"why": "${steps.read.error.message}"})
    assert_sound(*steps, mend)
    assert "`read` has failed when this is read" in the_fault(*steps, made("mend", "${steps.read.output ?? 1}"))[1]


def test_what_a_jump_passes_over_may_not_have_run():
    skip = {"id": "skip", "kind": "choice", "cases": [{"when": {"path": "input.amount", "above": 9}, "go_to": "use"}]}
    assert "`read` may not have run" in the_fault(skip, read(), made("use", "${steps.read.output.total}"))[1]
    assert_sound(read(), skip, made("other", 1), made("use", "${steps.read.output.total}"))


def test_a_step_of_one_case_may_not_have_run_unless_all_cases_have_it():
    def choice(**otherwise: Any) -> dict[str, Any]:
        case = {"when": {"path": "input.amount", "above": 9}, "steps": [read("one")]}
        return {"id": "which", "kind": "choice", "cases": [case], **otherwise}

    use = made("use", "${steps.one.output.total}")
    assert "`one` may not have run" in the_fault(choice(), use)[1]
    assert_sound(choice(otherwise={"steps": [FAIL]}), use)


def test_a_step_of_one_case_cannot_be_seen_from_another():
    choice = {
        "id": "which",
        "kind": "choice",
        "cases": [{"when": {"path": "input.amount", "above": 9}, "steps": [read("one")]}],
        "otherwise": {"steps": [made("two", "${steps.one.output.total ?? 1}")]},
    }
    assert "`one` has not run when this is read" in the_fault(choice)[1]


def test_after_branches_all_their_steps_have_run_unless_one_may_have_failed():
    def both(**changes: Any) -> dict[str, Any]:
        return {"id": "both", "kind": "parallel", "branches": [{"steps": [read()]}, {"steps": [judge()]}], **changes}

    use = made("use", {"t": "${steps.read.output.total}", "s": "${steps.judge.output.score}"})
    assert_sound(both(), use)
    assert len(faults(a_workflow(both(on_error="continue"), use))) == 2
    checked = {"id": "went", "kind": "choice",
               "cases": [{"when": {"path": "steps.both.status", "equals": "failed"}, "steps": [FAIL]}]}  # fmt: skip
    assert "may not have run" in faults(a_workflow(both(on_error="continue"), checked, use))[0][1]


def test_a_branch_does_not_see_what_runs_beside_it():
    both = {
        "id": "both",
        "kind": "parallel",
        "branches": [{"steps": [read()]}, {"steps": [made("use", "${steps.read.output.total ?? 1}")]}],
    }
    assert "`read` has not run" in the_fault(both)[1]
    assert (
        "`both` is a parallel step, which has no output"
        in the_fault(
            {**both, "branches": [{"steps": [read()]}, {"steps": [made("x", 1)]}]}, made("use", "${steps.both.output}")
        )[1]
    )


def vendors(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"id": "each", "kind": "map", "items": "input.vendors", "as": "vendor", "steps": list(steps), **changes}


def test_inside_a_map_the_item_and_its_number_are_known():
    assert_sound(vendors(made("m", {"n": "${vendor.name}", "i": "${index}", "c": "${vendor.country ?? null}"})))
    assert "may be absent" in the_fault(vendors(made("m", "${vendor.country}")))[1]
    assert "has no field `town`" in the_fault(vendors(made("m", "${vendor.town ?? 1}")))[1]


def test_the_steps_of_a_map_are_seen_only_inside_it():
    field, message = the_fault(vendors(made("m", 1)), made("use", "${steps.m.output ?? 1}"))
    assert field == "steps.use.template"
    assert "`m` runs once for each item of the map `each`" in message
    assert "`steps.each.output.items`" in message
    assert_sound(vendors(made("m", 1), made("n", "${steps.m.output}")), made("use", "${steps.each.output.failed}"))


def test_the_results_of_a_map_have_the_shape_of_what_is_kept():
    kept = vendors(read("one"), result={"t": "${steps.one.output.total}"})
    assert_sound(kept, made("use", "${steps.each.output.items.0.t ?? 0}"))
    assert "has no field `x`" in the_fault(kept, made("use", "${steps.each.output.items.0.x ?? 0}"))[1]
    assert_sound(vendors(read("one")), made("use", "${steps.each.output.items.0.total ?? 0}"))


def test_what_is_kept_of_an_item_is_checked_at_the_end_of_the_item():
    field, message = the_fault(vendors(read("one", on_error="continue"), result="${steps.one.output.total}"))
    assert field == "steps.each.result"
    assert "may have failed" in message


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("input.text", "is text; a map needs what its schema calls a list"),
        ("input.few", "may be absent"),
        ("input.meta.list", "may be absent"),
        ("input.nothing", "leads nowhere"),
        ("input..x", "is no path"),
        ("steps.loose.output", "may be a list or null"),
    ],
)
def test_a_map_needs_a_list_that_is_there(path: str, message: str):
    loose = {
        "id": "loose", "kind": "transform", "jmespath": "input.few", "output": {"type": ["array", "null"]},
    }  # fmt: skip
    found = faults(a_workflow(loose, {**vendors(made("m", 1)), "items": path}))
    assert found[0][0] == "steps.each.items"
    assert message in found[0][1]


def loop(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    until = {"path": "steps.judge.output.score", "at_least": 8}
    return {"id": "again", "kind": "loop", "steps": list(steps), "until": until, **changes}


def test_in_a_loop_a_later_step_means_the_round_before_and_needs_a_fallback():
    def draft(reference: str) -> dict[str, Any]:
        return loop(made("draft", f"${{{reference}}}"), judge())

    assert "`judge` may not have run by then" in the_fault(draft("steps.judge.output.reason"))[1]
    assert_sound(draft('steps.judge.output.reason ?? ""'))
    assert_sound(draft("steps.draft.output ?? 0"))
    assert_sound(draft("iteration"))


def test_after_a_loop_its_steps_have_run_and_its_rounds_are_counted():
    assert_sound(loop(judge()), made("use", ["${steps.judge.output.score}", "${steps.again.output.iterations}"]))


def test_a_loop_inside_a_map_does_not_see_rounds_of_other_items():
    assert "`m` has not run" in the_fault(vendors(made("use", "${steps.m.output ?? 1}"), made("m", 1)))[1]
    outside = loop(vendors(made("m", "${steps.judge.output.score ?? 0}")), judge())
    assert_sound(outside)


def test_a_wait_needs_a_moment_that_is_there():
    def wait(path: str) -> dict[str, Any]:
        return {"id": "wait", "kind": "wait", "until": path}

    assert_sound(wait("input.due_at"))
    assert_sound(read(), wait("steps.read.output.paid_at"))
    assert "format: date-time" in the_fault(wait("input.text"))[1]
    assert "format: date-time" in the_fault(read(), wait("steps.read.output.due_on"))[1]
    assert "may be absent" in faults(a_workflow(wait("input.note")))[0][1]


APPROVAL = {
    "id": "approve",
    "kind": "approval",
    "message": "Pay it?",
    "approvers": {"owner": True},
    "form": {"type": "object", "required": ["account"], "properties": {"account": {"type": "string"}}},
}


@pytest.mark.parametrize(
    ("changes", "sound"),
    [
        ({}, True),
        ({"on_reject": {"go_to": "end"}}, True),
        ({"on_timeout": "reject"}, True),
        ({"on_reject": "continue"}, False),
        ({"on_timeout": "approve"}, False),
    ],
)
def test_the_form_is_there_where_somebody_has_approved_for_certain(changes: dict[str, Any], sound: bool):
    use = made("use", "${steps.approve.output.form.account}")
    assert (faults(a_workflow({**APPROVAL, **changes}, use)) == []) is sound
    assert_sound({**APPROVAL, **changes}, made("use", "${steps.approve.output.form.account ?? null}"))


def test_a_question_about_the_decision_tells_that_the_form_is_there():
    approved = {"path": "steps.approve.output.decision", "equals": "approved"}
    choice = {
        "id": "which",
        "kind": "choice",
        "cases": [{"when": approved, "steps": [made("use", "${steps.approve.output.form.account}")]}],
        "otherwise": {"steps": [made("other", "${steps.approve.output.form.account}")]},
    }
    field, _ = the_fault({**APPROVAL, "on_reject": "continue"}, choice)
    assert field == "steps.other.template"


def when(condition: dict[str, Any], use: str, otherwise: str | None = None) -> dict[str, Any]:
    other = {"otherwise": {"steps": [made("other", otherwise)]}} if otherwise else {}
    return {"id": "which", "kind": "choice", "cases": [{"when": condition, "steps": [made("use", use)]}], **other}


@pytest.mark.parametrize(
    "condition",
    [
        {"path": "input.contact", "is_null": False},
        {"path": "input.contact.email", "matches": "*@example.com"},
        {"all": [{"path": "input.amount", "above": 1}, {"path": "input.contact", "is_null": False}]},
        {"not": {"path": "input.contact", "is_null": True}},
        {"any": [{"path": "input.contact.email", "equals": "a"}, {"path": "input.contact", "is_null": False}]},
    ],
)
def test_what_a_condition_has_asked_for_is_there_in_its_case(condition: dict[str, Any]):
    assert_sound(when(condition, "${input.contact.email}"))
    found = faults(a_workflow(when(condition, "x", otherwise="${input.contact.email}")))
    assert [field for field, _ in found] == ["steps.other.template"]


@pytest.mark.parametrize(
    "condition",
    [
        {"path": "input.contact", "is_null": True},
        {"path": "input.note", "is_null": False},
        {"any": [{"path": "input.amount", "above": 1}, {"path": "input.contact", "is_null": False}]},
        {"not": {"path": "input.contact.email", "equals": "a"}},
    ],
)
def test_what_a_condition_has_not_settled_may_still_be_absent(condition: dict[str, Any]):
    assert "may be absent" in the_fault(when(condition, "${input.contact.email}"))[1]


def test_what_one_case_has_ruled_out_is_known_in_the_next_and_behind():
    missing = {"path": "input.contact", "is_null": True}
    leave = {"id": "leave", "kind": "choice", "cases": [{"when": missing, "go_to": "end"}]}
    assert_sound(leave, made("use", "${input.contact.email}"))
    assert_sound(when(missing, "x", otherwise="${input.contact.email}"))
    assert "may be absent" in the_fault(leave, made("use", "${input.note}"))[1]


def test_a_question_about_a_status_tells_what_has_run():
    went_well = {"path": "steps.read.status", "equals": "succeeded"}
    choice = when(went_well, "${steps.read.output.total}", otherwise="${steps.read.error.code}")
    assert_sound(read(on_error="continue"), choice)


def test_what_was_known_of_a_step_is_forgotten_when_it_runs_again():
    known = {"path": "steps.one.output.note", "is_null": False}
    one = {
        "id": "one", "kind": "transform", "jmespath": "input",
        "output": {"type": "object", "properties": {"note": {"type": "string"}}},
    }  # fmt: skip
    inner = [one, made("use", "${steps.one.output.note}")]
    choice = {"id": "which", "kind": "choice", "cases": [{"when": known, "steps": inner}]}
    body = loop(choice, judge())
    field, message = the_fault(body)
    assert (field, "may be absent" in message) == ("steps.use.template", True)


def test_conditions_need_no_fallback_but_a_path_that_can_be():
    def asks(path: str) -> dict[str, Any]:
        return {"id": "which", "kind": "choice", "cases": [{"when": {"path": path, "is_null": True}, "go_to": "end"}]}

    assert_sound(asks("input.contact.phone"), made("x", 1))
    field, message = the_fault(asks("input.contact.fax"), made("x", 1))
    assert field == "steps.which.cases.0.when.path"
    assert "has no field `fax`" in message
    assert_sound(read(on_error="continue"), asks("steps.read.error.name"), made("x", 1))
    assert (
        "only the name of an error"
        in the_fault(read(on_error="continue"), asks("steps.read.error.code"), made("x", 1))[1]
    )


def test_an_expression_names_things_that_exist():
    def step(expression: str) -> dict[str, Any]:
        return {"id": "use", "kind": "transform", "jmespath": expression, "output": {"type": "array"}}

    assert_sound(read(), step("steps.read.output.lines[?amount > `10`].name"))
    assert_sound(read(), step("[input.text, steps.read.status, run.id]"))
    assert "there is no step `raed`" in the_fault(read(), step("steps.raed.output.lines[*].amount"))[1]
    assert "there is no `inputs`" in the_fault(step("length(inputs.vendors)"))[1]
    assert "outside of it" in the_fault(vendors(made("m", 1)), step("[steps.m.output]"))[1]
    assert "is no JMESPath expression" in the_fault(step("input.["))[1]
