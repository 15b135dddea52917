"""The check of a spec: every kind of fault is told, all at once, with its step and field."""

import time
from typing import Any

import pytest

from agent_platform.agents.definition import Team
from agent_platform.workflows.check import Signature, signatures
from agent_platform.workflows.reading import read_spec
from tests.fakes.spec_checks import AGENTS, INPUT, a_workflow, agent_named, checked, faults, judge, made, read

FAIL = {"id": "give_up", "kind": "fail", "message": "It is over."}
APPROVAL = {"id": "a", "kind": "approval", "message": "Well?", "approvers": {"owner": True}}


def the_fault(*steps: dict[str, Any], **changes: Any) -> tuple[str, str]:
    found = faults(a_workflow(*steps, **changes))
    assert len(found) == 1, found
    return found[0]


def assert_sound(*steps: dict[str, Any], **changes: Any) -> None:
    assert faults(a_workflow(*steps, **changes)) == []


def test_every_fault_is_told_at_once():
    found = faults(
        a_workflow(
            read(agent="post/raeder", input={"txt": "${input.nothing}"}),
            judge(claim="${steps.read.output.totl}", retry=[{"errors": ["ModelOverlode"]}], on_error={"go_to": "read"}),
            {"id": "call", "kind": "connector", "connector": "jira", "action": "create", "input": {}},
            made("done", 1, output={"type": "nonsense"}),
            example={"text": 1},
        )
    )
    assert {field for field, _ in found} == {
        "steps.read.agent",
        "steps.read.input.txt",
        "steps.judge.retry.0.errors.0",
        "steps.judge.on_error.go_to",
        "steps.call.connector",
        "steps.done.output.type",
        "example.text",
        "example.amount",
        "example.vendors",
        "example.due_at",
    }


def test_what_a_fault_keeps_from_being_known_is_no_further_fault():
    each = {"id": "each", "kind": "map", "items": "steps.read.output.list", "steps": [judge(claim="${item.what}")]}
    wait = {"id": "wait", "kind": "wait", "until": "steps.copy.output.at"}
    copy = made("copy", {"at": "${steps.read.output.at.last}"})
    assert the_fault(read(agent="sales/nobody"), copy, each, wait)[0] == "steps.read.agent"


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ("post/raeder", "there is no agent `post/raeder`; did you mean `post/reader`?"),
        ("sales/reader", "there is no agent `sales/reader`; did you mean `post/reader`?"),
        ("sales/nobody", "there is no agent `sales/nobody`"),
    ],
)
def test_an_unknown_agent_is_told_with_one_that_may_be_meant(agent: str, message: str):
    assert the_fault(read(agent=agent)) == ("steps.read.agent", message)
    assert the_fault(read(on_error={"fallback_agent": agent})) == ("steps.read.on_error.fallback_agent", message)


@pytest.mark.parametrize(
    ("template", "field", "message"),
    [
        ({}, "claim", "is required by the input of `post/judge`"),
        ({"claim": "x", "clam": "y"}, "clam", "is not a field of the input of `post/judge`; did you mean `claim`?"),
        ({"claim": 5}, "claim", "is not of type"),
        ({"claim": ""}, "claim", "shorter than 1 character"),
        ({"claim": "x", "weight": 10}, "weight", "10 is greater than the maximum of 9"),
        ({"claim": "x", "mode": "hard"}, "mode", "is not one of"),
        ({"claim": "${input.note ?? omit}"}, "claim", "so it cannot be left out with `omit`"),
        ({"claim": "${input.amount}"}, "claim", "`${input.amount}` is a number, where text is asked for"),
        ({"claim": "x", "weight": "${input.text}"}, "weight", "is text, where a whole number is asked for"),
        ({"claim": "x", "weight": "no ${input.amount}"}, "weight", "the text is text, where a whole number"),
        ({"claim": "${input.note ?? 0}"}, "claim", "the fallback of `${input.note}` is wrong"),
        ({"claim": "x", "mode": "${steps.read.output.currency}"}, "mode", "is one of `EUR`, `USD`, where one of"),
        ({"claim": "x", "evidence": "${input.vendors}"}, "evidence", "of which an entry has no field `amount`"),
        ({"claim": "x", "evidence": ["${input.contact ?? omit}"]}, "evidence.0", "has no field `name`"),
        ({"claim": "x", "evidence": {"name": 1}}, "evidence", "is an object, where a list is asked for"),
        ({"claim": "x", "evidence": [{"name": "y", "sum": 1, "amount": 2}]}, "evidence.0.sum", "is not a field"),
    ],
)
def test_an_input_that_the_agent_would_refuse_is_told_by_field(template: Any, field: str, message: str):
    place, said = the_fault(read(), judge(input=template))
    assert place == f"steps.judge.input.{field}"
    assert message in said


@pytest.mark.parametrize(
    "template",
    [
        {"claim": "${input.text}", "weight": 3, "mode": "mild"},
        {"claim": "Total: ${steps.read.output.total}", "evidence": "${steps.read.output.lines}"},
        {"claim": "${steps.read.output.vendor}", "weight": "${input.amount}"},
        {"claim": "x", "evidence": [{"name": '${input.note ?? ""}', "amount": "${input.amount}"}], "mode": "strict"},
        {"claim": "x", "evidence": []},
    ],
)
def test_an_input_that_may_fit_is_let_pass(template: Any):
    assert_sound(read(), judge(input=template))


def test_a_fallback_agent_must_take_the_same_input_and_may_give_less():
    steps = read(), judge(on_error={"fallback_agent": "law/picky"})
    field, message = the_fault(*steps)
    assert field == "steps.judge.input.claim"
    assert "is not of type" in message
    lesser = judge(on_error={"fallback_agent": "law/judge"})
    assert_sound(lesser, made("use", "${steps.judge.output.score}"))
    assert "may be absent" in the_fault(lesser, made("use", "${steps.judge.output.verdict}"))[1]


def test_an_agent_cannot_replace_itself_and_only_agents_are_replaced():
    assert "is the agent that has failed" in the_fault(judge(on_error={"fallback_agent": "post/judge"}))[1]
    field, message = the_fault(made("use", 1, on_error={"fallback_agent": "post/judge"}))
    assert field == "steps.use.on_error.fallback_agent"
    assert "only the work of an agent" in message


@pytest.mark.parametrize("framework", ["langgraph", "crewai", "autogen"])
def test_a_runner_that_is_not_installed_is_refused_by_name(framework: str):
    field, message = the_fault(judge(framework=framework))
    assert (field, f"`{framework}` is not installed" in message) == ("steps.judge.framework", True)
    assert_sound(judge(framework="custom"))


def test_a_connector_is_refused_by_name():
    field, message = the_fault({"id": "call", "kind": "connector", "connector": "jira", "action": "x", "input": {}})
    assert (field, "there is no connector `jira`" in message) == ("steps.call.connector", True)


def team(lead: str = "post/judge", *members: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": "judge", "kind": "team", "mode": "parallel", "lead": lead,
        "members": list(members or ("post/reader", "law/judge")), "input": {"claim": "x"}, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("step", "field", "message"),
    [
        (team("post/nobody"), "lead", "there is no agent `post/nobody`"),
        (team("post/judge", "post/reader", "post/raeder"), "members.1", "did you mean `post/reader`?"),
        (team("post/judge", "post/reader", "post/judge"), "members.1", "names the agent itself"),
        (team("post/judge", "post/reader", "post/reader"), "members", "the same agent twice"),
        (team("post/judge", "post/reader", "law/toolless"), "members.1", "cannot be a tool of another agent"),
    ],
)
def test_a_team_keeps_the_rules_of_teams(step: dict[str, Any], field: str, message: str):
    place, said = the_fault(step)
    assert place == f"steps.judge.{field}"
    assert message in said


def test_a_team_gives_what_its_lead_gives():
    assert_sound(team(), made("use", "${steps.judge.output.verdict}"))


def test_a_team_whose_members_put_its_lead_to_work_is_a_circle(monkeypatch: pytest.MonkeyPatch):
    members = ("post/judge", "law/judge")
    leading = AGENTS["post/reader"].model_copy(update={"team": Team(mode="parallel", members=members)})
    monkeypatch.setitem(AGENTS, "post/reader", leading)
    assert (
        "in a circle: law/judge → post/reader → law/judge"
        in the_fault(team("law/judge", "post/reader", "law/picky"))[1]
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("judge", "leads back to the step itself; repeat steps with a `loop`"),
        ("read", "leads back to `read`; a jump only goes forward"),
        ("lst", "there is no `lst` in the list of steps that holds `judge`; did you mean `last`?"),
        ("inner", "there is no `inner` in the list"),
    ],
)
def test_a_jump_leads_to_a_later_step_of_its_list(target: str, message: str):
    both = {"id": "both", "kind": "parallel", "branches": [{"steps": [made("inner", 1)]}, {"steps": [made("x", 1)]}]}
    field, said = the_fault(read(), judge(on_error={"go_to": target}), both, made("last", 1))
    assert field == "steps.judge.on_error.go_to"
    assert message in said


@pytest.mark.parametrize("target", ["last", "end"])
def test_a_jump_forward_is_let_pass(target: str):
    assert_sound(judge(on_error={"go_to": target}), made("between", 1), made("last", 1))


def test_jumps_of_choices_and_approvals_are_looked_at_as_well():
    case = {"when": {"path": "input.amount", "above": 1}, "go_to": "x"}
    choice = {"id": "a", "kind": "choice", "cases": [case], "otherwise": {"go_to": "a"}}
    approval = {**APPROVAL, "id": "b", "on_reject": {"go_to": "a"}}
    assert [field for field, _ in faults(a_workflow(choice, approval))] == [
        "steps.a.cases.0.go_to",
        "steps.a.otherwise.go_to",
        "steps.b.on_reject.go_to",
    ]


def test_ids_and_titles_are_told_apart():
    both = {"id": "both", "kind": "parallel", "branches": [{"steps": [made("x", 1)]}, {"steps": [made("x", 2)]}]}
    assert the_fault(both) == ("steps.x.id", "two steps have the id `x`; ids are unique in a workflow")
    field, message = the_fault(made("one", 1, title="The sum"), made("two", 2, title="The sum"))
    assert (field, message) == ("steps.two.title", "`The sum` is the title of the step `one` as well")
    assert the_fault(made("end", 1))[0] == "steps.end.id"


@pytest.mark.parametrize("name", ["input", "steps", "run", "index", "iteration", "item_ref"])
def test_an_item_is_not_called_like_something_else(name: str):
    each = {"id": "each", "kind": "map", "items": "input.vendors", "as": name, "steps": [made("x", 1)]}
    assert the_fault(each)[0] == "steps.each.as"


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        (["ModelOverlode"], "there is no error `ModelOverlode`; did you mean `ModelOverloaded`?"),
        (["States.TimeOut"], "did you mean `States.Timeout`?"),
        (["ValueError"], "there is no error `ValueError`"),
        (["FieldError"], "there is no error `FieldError`"),
        (["States.ALL", "ModelOverloaded"], "`States.ALL` stands alone"),
    ],
)
def test_a_retry_names_errors_that_exist(errors: list[str], message: str):
    field, said = the_fault(judge(retry=[{"errors": errors}]))
    assert field == "steps.judge.retry.0.errors.0"
    assert message in said


def test_known_errors_are_let_pass_and_all_of_them_come_last():
    known = [{"errors": ["ModelOutputInvalid", "Lambda.TooManyRequestsException", "States.Timeout"]}]
    assert_sound(judge(retry=[*known, {"errors": ["States.ALL"]}]))
    assert "in the last entry" in the_fault(judge(retry=[{"errors": ["States.ALL"]}, *known]))[1]


@pytest.mark.parametrize(
    ("steps", "changes", "field"),
    [
        ([judge(input={"claim": "x", "evidence": [{"a.$": 1}]})], {}, "steps.judge.input.evidence.0.a.$"),
        ([made("x", {"y.$": "$.run"})], {}, "steps.x.template.y.$"),
        ([made("x", 1)], {"output": [{"y.$": 1}]}, "output.0.y.$"),
    ],
)
def test_names_that_step_functions_would_take_for_paths_are_refused(steps: list, changes: dict, field: str):
    assert field in [place for place, _ in faults(a_workflow(*steps, **changes))]


def test_what_cannot_be_reached_is_told_once_for_each_step():
    found = faults(a_workflow(FAIL, made("late", 1), made("later", 1)))
    assert [field for field, _ in found] == ["steps.late", "steps.later", "steps"]
    leave = {"id": "leave", "kind": "choice", "cases": [{"when": {"path": "input.amount", "above": 1}, "go_to": "end"}],
             "otherwise": {"go_to": "last"}}  # fmt: skip
    assert the_fault(leave, made("between", 1), made("last", 1))[0] == "steps.between"


def test_a_workflow_that_can_only_fail_is_told_so():
    assert the_fault(read(), FAIL) == (
        "steps",
        "every way through the steps ends in a `fail` step; let one reach the end",
    )


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"path": "input.text", "at_least": 1}, "`input.text` is text, and `at_least` compares numbers"),
        ({"path": "input.amount", "matches": "1*"}, "is a number, and `matches` compares text"),
        ({"path": "input.amount", "equals": "1"}, "is a number, so it never equals '1'"),
        ({"path": "input.text", "one_of": ["a", 1]}, "is text, so it never equals 1"),
        ({"path": "steps.read.output.currency", "equals": "EURO"}, "never equals `EURO`; did you mean `EUR`?"),
        ({"path": "steps.read.status", "equals": "ok"}, "it is one of `pending`, `succeeded`, `failed`"),
    ],
)
def test_a_condition_that_never_holds_is_told(condition: dict[str, Any], message: str):
    choice = {"id": "which", "kind": "choice", "cases": [{"when": {"all": [condition]}, "go_to": "end"}]}
    field, said = the_fault(read(), choice, made("x", 1))
    assert field == f"steps.which.cases.0.when.all.0.{list(condition)[1]}"
    assert message in said


@pytest.mark.parametrize(
    "condition",
    [
        {"path": "input.amount", "equals": 5},
        {"path": "input.amount", "above": 0.5},
        {"path": "steps.read.output.vendor", "equals": "ACME"},
        {"path": "steps.read.output.currency", "one_of": ["EUR", "USD"]},
        {"path": "input.meta.anything", "equals": True},
        {"path": "steps.read.output.vendor", "is_null": True},
    ],
)
def test_a_condition_that_may_hold_is_let_pass(condition: dict[str, Any]):
    choice = {"id": "which", "kind": "choice", "cases": [{"when": {"not": condition}, "go_to": "end"}]}
    assert_sound(read(), choice, made("x", 1))


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"input": {"type": "objekt"}}, "input.type", "is not valid JSON Schema"),
        ({"input": {"type": "string"}}, "input.type", "must be `object`"),
        ({"input": {"type": "object", "$ref": "https://example.com/a"}}, "input", "lies outside this schema"),
        ({"input": {"type": "object", "requird": []}}, "input", "`requird` is not a keyword"),
        ({"example": {"text": "x"}}, "example.amount", "is required"),
    ],
)
def test_a_schema_that_is_none_and_an_example_that_does_not_fit_are_told(changes: dict, field: str, message: str):
    found = [said for place, said in faults(a_workflow(made("x", 1), **changes)) if place == field]
    assert len(found) == 1
    assert message in found[0]


def test_the_schemas_of_forms_and_results_are_looked_at():
    approval = {**APPROVAL, "form": {"type": "string"}}
    assert "must be a schema of `type: object`" in the_fault(approval)[1]
    wrong = made("x", 1, output={"type": "string"})
    assert the_fault(wrong)[0] == "steps.x.template"
    assert_sound(made("x", "y", output={"type": "string"}))


def test_an_approver_is_reached_by_e_mail():
    approval = {**APPROVAL, "approvers": {"users": ["the boss"]}}
    assert the_fault(approval) == ("steps.a.approvers.users.0", "`the boss` is no e-mail address")
    named = {**approval, "approvers": {"users": ["${input.amount}", "ada@example.com"]}}
    assert the_fault(named)[0] == "steps.a.approvers.users.0"


def run(workflow: str, **changes: Any) -> dict[str, Any]:
    return {"id": "inner", "kind": "workflow", "workflow": workflow, "input": {"sum": "${input.amount}"}, **changes}


def a_signature(name: str, *runs: str) -> Signature:
    asked = {
        "type": "object",
        "required": ["sum"],
        "properties": {"sum": {"type": "number"}},
        "additionalProperties": False,
    }
    given = {"type": "object", "required": ["paid"], "properties": {"paid": {"type": "boolean"}}}
    return Signature(name, asked, given, runs)


def test_a_nested_workflow_is_known_takes_its_input_and_gives_its_output():
    known = {"pay-bill": a_signature("pay-bill")}
    assert faults(a_workflow(run("pay-bill"), made("x", "${steps.inner.output.paid}")), known) == []
    (found,) = faults(a_workflow(run("pay-bill"), made("x", "${steps.inner.output.sum}")), known)
    assert "has no field `sum`" in found[1]
    (found,) = faults(a_workflow(run("pay-bill", input={"sum": "${input.text}"})), known)
    assert found[0] == "steps.inner.input.sum"
    assert the_fault(run("nobody"))[1].startswith("there is no published workflow `nobody`")


def test_workflows_that_run_each_other_are_told_with_the_way_around():
    known = {"b-flow": a_signature("b-flow", "c-flow"), "c-flow": a_signature("c-flow", "try-things", "b-flow")}
    assert faults(a_workflow(run("b-flow")), known) == [
        ("steps.inner.workflow", "workflows run each other in a circle: try-things → b-flow → c-flow → try-things")
    ]
    (found,) = faults(a_workflow(run("try-things")))
    assert "is this workflow itself" in found[1]


def test_a_workflow_may_wrap_the_platforms_of_the_same_name():
    known = {"platform/try-things": a_signature("try-things")}
    assert faults(a_workflow(run("platform/try-things")), known) == []
    assert len(checked(a_workflow(run("platform/try-things")), known, shipped=True).faults) == 1


def test_too_many_steps_and_too_deep_ones_are_told():
    many = [made(f"x{n}", 1) for n in range(101)]
    assert the_fault(*many) == ("steps", "there are 101 steps; a workflow has at most 100")
    step = made("x", 1)
    for depth in range(6):
        step = {"id": f"l{depth}", "kind": "loop", "until": {"path": "iteration", "above": 1}, "steps": [step]}
    field, message = the_fault(step)
    assert (field, "lies inside 6 other steps; at most 5" in message) == ("steps.x", True)


def test_a_spec_that_is_too_much_to_check_is_refused_by_its_size():
    started = time.monotonic()
    assert "references; a workflow has at most" in the_fault(made("x", "${run.id} " * 9_000))[1]
    ask = {"any": [{"path": f"input.meta.f{n}", "equals": n} for n in range(9_000)]}
    choice = {"id": "which", "kind": "choice", "cases": [{"when": ask, "go_to": "end"}]}
    assert "conditions; a workflow has at most" in the_fault(choice, made("x", 1))[1]
    assert time.monotonic() - started < 10


def test_definitions_that_double_for_ever_are_no_work():
    doubled = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    schema = {
        **INPUT,
        "properties": {**INPUT["properties"], "note": {"$ref": "#/$defs/d0"}},
        "$defs": {**doubled, "d60": True},
    }
    assert faults(a_workflow(made("x", "${input.note.y ?? 1}"), input=schema)) == []
    steps = [made("t0", {"v": "${input.text}"})]
    for n in range(1, 99):
        v = f"${{steps.t{n - 1}.output.v}}"
        steps.append(made(f"t{n}", {"v": {"p": v, "q": v}}))
    assert faults(a_workflow(*steps)) == []


def test_lists_that_are_short_by_their_schema_are_told_to_the_compiler():
    def each(step: str, items: str) -> dict[str, Any]:
        return {"id": step, "kind": "map", "items": items, "steps": [made(f"{step}_x", "${item}")]}

    few = {"type": "array", "maxItems": 40, "items": {"type": "string"}}
    found = checked(
        a_workflow(
            made("four", ["a", "b", "c", "d"]),
            each("some", "steps.four.output"),
            each("again", "steps.some.output.items"),
            each("any", "input.vendors"),
            {"id": "forty", "kind": "transform", "jmespath": "input.few", "output": few},
            each("most", "steps.forty.output"),
            {"id": "more", "kind": "transform", "jmespath": "input.few", "output": {**few, "maxItems": 41}},
            each("many", "steps.more.output"),
        )
    )
    assert found.faults == []
    assert found.short_lists == {"some", "again", "most"}


def test_a_signature_has_the_schema_of_the_output():
    signature = checked(
        a_workflow(
            read(), judge(), output={"sum": "${steps.read.output.total}", "by": "me", "all": "${steps.judge.output}"}
        )
    ).signature
    assert signature.input == INPUT
    outer = {"outer-flow": signature}
    inner = {"id": "inner", "kind": "workflow", "workflow": "outer-flow", "input": "x"}
    inner["input"] = {"text": "x", "amount": 1, "vendors": [], "due_at": "2026-01-01T00:00:00Z"}
    use = made("use", ["${steps.inner.output.sum}", "${steps.inner.output.by}", "${steps.inner.output.all.score}"])
    assert faults(a_workflow(inner, use), outer) == []
    (found,) = faults(a_workflow(inner, made("use", "${steps.inner.output.all.scores}")), outer)
    assert "did you mean `score`?" in found[1]


@pytest.mark.parametrize(
    ("steps", "accepted", "refused"),
    [
        ([judge()], {"score": 1, "verdict": "accept", "reason": "r"}, None),
        ([judge(on_error="continue")], None, {"score": "1"}),
        ([made("x", 1), {"id": "w", "kind": "wait", "seconds": 1}], None, 1),
    ],
)
def test_without_an_output_of_its_own_a_run_gives_that_of_its_last_step(steps: list, accepted: Any, refused: Any):
    import jsonschema_rs

    output = checked(a_workflow(*steps)).signature.output
    assert output is not None
    assert jsonschema_rs.is_valid(output, accepted)
    assert not jsonschema_rs.is_valid(output, refused)


def test_signatures_are_worked_out_once_and_circles_end():
    asked: list[str] = []
    specs = {
        name: read_spec(a_workflow(run(other), name=name))
        for name, other in (("a-flow", "b-flow"), ("b-flow", "a-flow"))
    }

    def spec(name: str) -> Any:
        asked.append(name)
        return specs.get(name)

    known = signatures(spec, agent_named)
    assert known("a-flow") is known("a-flow")
    assert known("c-flow") is None
    assert asked == ["a-flow", "b-flow", "c-flow"]
