"""What runs promise beyond their result: how often models are called, what the state carries, who decides."""

import time
from itertools import count
from typing import Any

import pytest

from agent_platform.errors import ModelOutputInvalid, ModelOverloaded, ModelRefused
from agent_platform.workflows.spec import WorkflowSpec
from tests.statemachines.workflow_harness import Outcome, run_workflow

STATE_BYTES = 200_000
"""Step Functions takes 256 KiB."""


def a_spec(*steps: dict[str, Any], **fields: Any) -> WorkflowSpec:
    schema = {"type": "object", "properties": {"list": {"type": "array"}, "size": {"type": "integer"}}}
    made = {"name": "try-it", "title": "Try it", "input": schema, "steps": list(steps), **fields}
    return WorkflowSpec.model_validate(made)


def ask(step: str = "ask", **fields: Any) -> dict[str, Any]:
    return {"id": step, "kind": "agent", "agent": "test/agent", "input": {}, **fields}


def run(spec: WorkflowSpec, agents: Any, task: Any = None, **options: Any) -> Outcome:
    return run_workflow(spec, task or {}, agents=agents, **options)


def failing(error: Exception) -> Any:
    def fail(agent: str, task: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("further", [1, 3])
def test_an_agent_that_fails_is_asked_once_and_as_often_again_as_the_step_says(further: int) -> None:
    spec = a_spec(ask(retry=[{"errors": ["ModelOutputInvalid"], "max_attempts": further}]))

    outcome = run(spec, failing(ModelOutputInvalid("no")))

    assert (outcome.status, outcome.error) == ("FAILED", "ModelOutputInvalid")
    assert len(outcome.calls) == 1 + further


def test_what_the_step_does_not_name_is_not_tried_again() -> None:
    spec = a_spec(ask(retry=[{"errors": ["ModelOutputInvalid"], "max_attempts": 3}]))

    assert len(run(spec, failing(ModelRefused("no"))).calls) == 1


def test_a_rule_for_any_error_leaves_the_platforms_rules_before_it_in_force() -> None:
    spec = a_spec(ask(retry=[{"errors": ["States.ALL"], "max_attempts": 2}]))

    assert len(run(spec, failing(ModelRefused("no"))).calls) == 1 + 2
    assert len(run(spec, failing(ModelOverloaded("later"))).calls) == 1 + 5


def test_an_error_that_passes_is_retried_without_a_rule_of_the_step() -> None:
    tries = count()

    def overloaded_once(agent: str, task: Any) -> Any:
        if next(tries) == 0:
            raise ModelOverloaded("later")
        return {"fine": True}

    assert run(a_spec(ask()), overloaded_once).output == {"fine": True}


def test_the_fallback_agent_gets_the_same_input_after_the_last_try() -> None:
    spec = a_spec(ask(input={"n": "${input.size}"}, on_error={"fallback_agent": "test/other"}))

    outcome = run(spec, {"test/agent": refuse, "test/other": lambda task: task}, {"size": 3})

    assert [(call.agent, call.input) for call in outcome.calls] == [("test/agent", {"n": 3}), ("test/other", {"n": 3})]
    assert outcome.output == {"n": 3}


def refuse(_: Any) -> Any:
    raise ModelRefused("I would rather not.")


def test_a_failure_that_is_passed_over_is_told_in_the_platforms_words() -> None:
    note = {"id": "note", "kind": "transform", "template": ["${steps.ask.status}", "${steps.ask.error}"]}

    outcome = run(a_spec(ask(on_error="continue"), note), failing(ModelRefused("I would rather not.")))

    error = {"name": "ModelRefused", "code": "model_refused", "message": "I would rather not."}
    assert outcome.output == ["failed", error]


def test_an_output_of_300_kb_passes_by_reference_and_arrives_whole() -> None:
    large = {"text": "x" * 300_000, "score": 7}
    check = {
        "id": "check",
        "kind": "choice",
        "cases": [{"when": {"path": "steps.ask.output.score", "above": 5}, "go_to": "again"}],
    }
    never = {"id": "never", "kind": "fail", "message": "The score was not seen"}
    spec = a_spec(ask(), check, never, ask("again", input={"all": "${steps.ask.output}"}))

    outcome = run(spec, lambda _, task: large if not task else {"length": len(task["all"]["text"])})

    assert outcome.output == {"length": 300_000}
    assert outcome.largest_state < 4_000


def test_a_hundred_outputs_that_are_as_large_as_may_be_inline_fit_into_the_state() -> None:
    steps = [ask(f"ask_{at}", input={"at": at}) for at in range(99)]

    outcome = run(
        a_spec(*steps, {"id": "sum", "kind": "transform", "template": "${steps.ask_7.output.text}"}), large_one
    )

    assert outcome.output == "7" * 1_400
    assert 99 * 1_400 < outcome.largest_state < STATE_BYTES


def large_one(agent: str, task: Any) -> Any:
    return {"text": str(task["at"]) * (1_400 // len(str(task["at"])))}


def test_forty_items_with_large_results_fit_into_the_state() -> None:
    each = {"id": "each", "kind": "map", "items": "input.list", "steps": [ask(input={"at": "${item}"})]}

    outcome = run(a_spec(each), lambda _, task: {"at": task["at"], "text": "x" * 900}, {"list": list(range(40))})

    assert [item["at"] for item in outcome.output["items"]] == list(range(40))
    assert outcome.largest_state < STATE_BYTES


def test_many_items_run_as_runs_of_their_own_of_which_a_thousand_would_fit_into_the_state() -> None:
    each = {
        "id": "each",
        "kind": "map",
        "items": "input.list",
        "concurrency": 40,
        "steps": [ask(input={"at": "${item}"})],
    }
    made = {"id": "made", "kind": "transform", "template": "${steps.each.output.failed}"}

    outcome = run(a_spec(each, made), lambda _, task: {"at": task["at"], "text": "x" * 90}, {"list": list(range(150))})

    assert (outcome.status, outcome.output, len(outcome.calls)) == ("SUCCEEDED", 0, 150)
    assert "Each (of many)" in outcome.path
    assert outcome.largest_state * 1_000 // 150 < 256 * 1024


def test_one_bad_item_costs_that_item_only() -> None:
    each = {"id": "each", "kind": "map", "items": "input.list", "on_item_error": "continue"}
    spec = a_spec({**each, "steps": [ask(input={"at": "${item}"})], "result": {"got": "${steps.ask.output}"}})

    outcome = run(spec, lambda _, task: refuse(task) if task["at"] == 1 else task["at"], {"list": [0, 1, 2]})

    assert outcome.output == {"items": [{"got": 0}, None, {"got": 2}], "failed": 1}
    assert [call.place for call in outcome.calls_of("ask")] == ["each.0/", "each.1/", "each.2/"] or len(
        outcome.calls
    ) == 3


def test_maps_in_maps_work_on_every_item_of_every_item() -> None:
    inner = {
        "id": "inner",
        "kind": "map",
        "items": "outer_item",
        "as": "inner_item",
        "steps": [ask(input={"at": "${inner_item}"})],
    }
    outer = {"id": "outer", "kind": "map", "items": "input.list", "as": "outer_item", "steps": [inner]}
    spec = a_spec(outer, output="${steps.outer.output.items}")

    outcome = run(spec, lambda _, task: task["at"] * 10, {"list": [[1, 2], [], [3]]})

    assert [each["items"] for each in outcome.output] == [[10, 20], [], [30]]
    assert {call.place for call in outcome.calls} == {"outer.0/inner.0/", "outer.0/inner.1/", "outer.2/inner.0/"}


def test_each_round_of_a_loop_has_a_place_of_its_own() -> None:
    loop = {"id": "refine", "kind": "loop", "until": {"path": "steps.ask.output", "at_least": 3}, "max_iterations": 5}
    spec = a_spec({**loop, "steps": [ask(input={"round": "${iteration}", "before": "${steps.ask.output ?? null}"})]})

    outcome = run(spec, lambda _, task: task["round"])

    assert outcome.output == {"iterations": 3, "satisfied": True}
    assert [(call.place, call.input["before"]) for call in outcome.calls] == [
        ("refine.1/", None),
        ("refine.2/", 1),
        ("refine.3/", 2),
    ]


def approve(**fields: Any) -> dict[str, Any]:
    return {
        "id": "approve",
        "kind": "approval",
        "message": "Pay ${input.size}?",
        "approvers": {"owner": True},
        **fields,
    }


def test_a_rejection_ends_the_run_unless_the_step_says_otherwise() -> None:
    refused = run(a_spec(approve()), {}, {"size": 5}, decisions={"approve": "rejected"})
    passed_over = run(a_spec(approve(on_reject="continue")), {}, {"size": 5}, decisions={"approve": "rejected"})

    assert (refused.status, refused.error) == ("FAILED", "ApprovalRejected")
    assert refused.asked[0]["message"] == "Pay 5?"
    assert passed_over.output["decision"] == "rejected"


@pytest.mark.parametrize(
    ("on_timeout", "error", "decision"),
    [("fail", "ApprovalExpired", None), ("approve", None, "approved"), ("reject", "ApprovalRejected", None)],
)
def test_what_nobody_decides_is_settled_as_the_step_says(
    on_timeout: str, error: str | None, decision: str | None
) -> None:
    outcome = run(a_spec(approve(on_timeout=on_timeout)), {}, {"size": 5}, decisions={"approve": "timeout"})

    assert outcome.error == error
    assert (outcome.output or {}).get("decision") == decision


def nest(**fields: Any) -> dict[str, Any]:
    return {
        "id": "other",
        "kind": "workflow",
        "workflow": "platform/other",
        "input": {"size": "${input.size}"},
        **fields,
    }


def test_another_workflow_gives_its_output_to_the_step() -> None:
    other = {"platform/other": a_spec(ask(input={"n": "${input.size}"}), name="other-one")}

    outcome = run(a_spec(nest()), lambda _, task: {"twice": task["n"] * 2}, {"size": 4}, workflows=other)

    assert outcome.output == {"twice": 8}


def test_the_failure_of_another_workflow_is_the_steps_own() -> None:
    other = {"platform/other": a_spec(ask(), name="other-one")}
    after = {"id": "after", "kind": "transform", "template": "${steps.other.error.name}"}

    failed = run(a_spec(nest()), failing(ModelRefused("no")), {"size": 4}, workflows=other)
    passed_over = run(
        a_spec(nest(on_error="continue"), after), failing(ModelRefused("no")), {"size": 4}, workflows=other
    )

    assert failed.error == "WorkflowRunFailed"
    assert passed_over.output == "WorkflowRunFailed"


def test_a_team_is_asked_through_its_lead() -> None:
    team = {
        "id": "panel",
        "kind": "team",
        "lead": "test/lead",
        "mode": "debate",
        "members": ["test/a", "test/b"],
        "input": {},
    }

    outcome = run(a_spec(team), {"test/lead": {"verdict": "yes"}})

    assert outcome.output == {"verdict": "yes"}
    payload = outcome.compiled.definition["States"]["Panel"]["Parameters"]["Payload"]["workflow_step"]
    assert payload["team"] == {"mode": "debate", "members": ["test/a", "test/b"], "rounds": 2}


def test_a_step_that_takes_too_long_is_told_as_such() -> None:
    def dawdle(agent: str, task: Any) -> Any:
        time.sleep(2)
        return {}

    note = {"id": "note", "kind": "transform", "template": "${steps.ask.error}"}

    outcome = run(a_spec(ask(timeout_seconds=1, on_error="continue"), note), dawdle)

    assert (outcome.output["name"], outcome.output["code"]) == ("TimedOut", "deadline_exceeded")


def test_the_first_branch_that_fails_ends_the_others_and_what_was_done_in_them_is_not_seen() -> None:
    both = {
        "id": "both",
        "kind": "parallel",
        "on_error": "continue",
        "branches": [{"steps": [ask("good", agent="test/good")]}, {"steps": [ask("bad", agent="test/bad")]}],
    }
    note = {"id": "note", "kind": "transform", "template": ["${steps.both.status}", "${steps.good.output ?? null}"]}

    outcome = run(a_spec(both, note), {"test/good": {}, "test/bad": refuse})

    assert outcome.output == ["failed", None]


@pytest.mark.parametrize("length", [2, 41])
def test_a_fallback_for_a_step_of_an_item_that_did_not_run_holds_beside_an_expression(length: int) -> None:
    skip = {
        "id": "skip",
        "kind": "choice",
        "cases": [{"when": {"path": "item", "above": 0}, "steps": [ask(input={"at": "${item}"})]}],
    }
    look = {"id": "look", "kind": "transform", "jmespath": "{size: input.size, before: steps.before.output}"}
    look["output"] = {"type": "object"}
    each = {"id": "each", "kind": "map", "items": "input.list", "steps": [skip, look]}
    result = {"got": "${steps.ask.output ?? null}", "seen": "${steps.look.output}"}
    spec = a_spec(ask("before", input={"at": 9}), {**each, "result": result})

    outcome = run(spec, lambda _, task: task["at"], {"list": [0] * (length - 1) + [1], "size": 3})

    assert outcome.status == "SUCCEEDED", outcome.cause
    seen = {"size": 3, "before": 9}
    assert outcome.output["items"] == [{"got": None, "seen": seen}] * (length - 1) + [{"got": 1, "seen": seen}]


def test_an_expression_in_a_map_in_a_map_sees_the_steps_around_it() -> None:
    look = {"id": "look", "kind": "transform", "jmespath": "[steps.before.output, steps.ask.output, inner_item]"}
    inner = {"id": "inner", "kind": "map", "items": "outer_item", "as": "inner_item", "steps": [look]}
    look["output"] = {"type": "array"}
    outer = {"id": "outer", "kind": "map", "items": "input.list", "as": "outer_item"}
    spec = a_spec(
        ask("before", input={"at": 9}),
        {**outer, "steps": [ask(input={"at": "${index}"}), inner]},
        output="${steps.outer.output.items}",
    )

    outcome = run(spec, lambda _, task: task["at"], {"list": [[5], [6, 7]]})

    assert outcome.status == "SUCCEEDED", outcome.cause
    assert [each["items"] for each in outcome.output] == [[[9, 0, 5]], [[9, 1, 6], [9, 1, 7]]]


def test_an_item_may_be_called_as_a_loop_once_kept_its_rounds() -> None:
    polish = {"id": "polish", "kind": "loop", "until": {"path": "iteration", "at_least": 2}}
    polish["steps"] = [ask(input={"at": "${iteration_polish}", "round": "${iteration}"})]
    each = {"id": "each", "kind": "map", "items": "input.list", "as": "iteration_polish", "steps": [polish]}
    spec = a_spec({**each, "result": ["${iteration_polish}", "${steps.ask.output}"]})

    outcome = run(spec, lambda _, task: [task["at"], task["round"]], {"list": ["a", "b"]})

    assert outcome.output["items"] == [["a", ["a", 2]], ["b", ["b", 2]]]
