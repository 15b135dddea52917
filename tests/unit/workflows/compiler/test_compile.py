"""What the compiler makes of single steps. That machines do what their specs say is shown in tests/statemachines."""

import json
from typing import Any

import pytest

from agent_platform import errors
from agent_platform.workflows.compiler import CompiledWorkflow, Names, NestedWorkflow, compile_spec
from agent_platform.workflows.compiler.context import FINAL_ERRORS
from agent_platform.workflows.compiler.retries import AGENT_RETRIES, STEP_RETRIES
from agent_platform.workflows.spec import WorkflowSpec
from tests.statemachines.asl_rules import faults_of

OTHER = NestedWorkflow("w-2", "other", "Other", 3, "arn:aws:states:eu-central-1:1:stateMachine:other", {}, (("size",),))
NAMES = Names("p-run_agent-{group}:live", "p-workflow_step", {"platform/other": OTHER}.__getitem__)
INPUT = {
    "type": "object",
    "properties": {"few": {"type": "array", "maxItems": 40}, "many": {"type": "array"}, "due-at": {"type": "string"}},
}


def compiled(*steps: dict[str, Any], **options: Any) -> CompiledWorkflow:
    made = {"name": "try-it", "title": "Try it", "input": INPUT, "steps": list(steps), "timeout_seconds": 3_600}
    result = compile_spec(WorkflowSpec.model_validate(made), NAMES, **options)
    assert faults_of(result.definition) == []
    return result


def states_of(*steps: dict[str, Any], **options: Any) -> dict[str, Any]:
    states: dict[str, Any] = compiled(*steps, **options).definition["States"]
    return states


def ask(step: str = "ask", **fields: Any) -> dict[str, Any]:
    return {"id": step, "kind": "agent", "agent": "legal/reader", "input": {}, **fields}


def each(items: str, **fields: Any) -> dict[str, Any]:
    return {"id": "each", "kind": "map", "items": items, "steps": [ask(input={"at": "${item}"})], **fields}


def test_the_machine_ends_in_time_and_makes_its_own_state_of_run_and_input() -> None:
    definition = compiled(ask(), ask("again")).definition

    assert definition["TimeoutSeconds"] == 3_600
    first = definition["States"][definition["StartAt"]]["Parameters"]
    assert first["steps"] == {"ask": {"status": "pending"}, "again": {"status": "pending"}}
    assert {name for name in first if name.endswith(".$")} == {"run.$", "input.$", "input_ref.$"}


def test_the_agents_group_names_the_function_and_the_template_travels_with_what_it_refers_to() -> None:
    task = states_of(ask(), ask("again", input={"text": "${steps.ask.output.text}"}, timeout_seconds=77))["Again"]

    assert task["Parameters"]["FunctionName"] == "p-run_agent-legal:live"
    request = task["Parameters"]["Payload"]["workflow_step"]
    assert request["agent_id"] == "legal/reader"
    assert request["template"] == {"text": "${steps.ask.output.text}"}
    assert request["scope"] == {"steps": {"ask.$": "$.steps.ask"}, "vars": {}}
    assert task["TimeoutSeconds"] == 77


def test_states_are_named_by_titles_and_told_apart() -> None:
    made = compiled(
        ask(title="Read the contract"), ask("ask_b", title="Read the contract"), ask("ask_c", title="x" * 60)
    )

    assert list(made.states) == ["Read the contract", "Read the contract (2)", "x" * 60]
    assert made.states["Read the contract (2)"] == "ask_b"


def test_long_titles_keep_what_their_further_states_are_about() -> None:
    made = compiled(
        {"id": "approve", "kind": "approval", "title": "t" * 60, "message": "Yes?", "approvers": {"owner": True}}
    )

    assert all(len(name) <= 80 for name in made.states)
    assert any(name.endswith(": nobody decided in time") for name in made.states)


def test_the_steps_own_rules_come_first_and_one_for_any_error_last() -> None:
    rules = [
        {"errors": ["States.ALL"], "max_attempts": 1},
        {"errors": ["ModelOutputInvalid"], "max_attempts": 4, "jitter": False},
    ]

    retry = states_of(ask(retry=rules))["Ask"]["Retry"]

    assert retry[0]["ErrorEquals"] == ["ModelOutputInvalid"]
    assert (retry[0]["MaxAttempts"], retry[0]["JitterStrategy"]) == (4, "NONE")
    assert retry[1:-1] == list(AGENT_RETRIES)
    assert (retry[-1]["ErrorEquals"], retry[-1]["MaxAttempts"]) == (["States.ALL"], 1)


def test_a_longest_pause_below_the_first_is_the_pause() -> None:
    rule = {"errors": ["ModelError"], "interval_seconds": 60, "max_interval_seconds": 30}

    (made,) = [each for each in states_of(ask(retry=[rule]))["Ask"]["Retry"] if each["ErrorEquals"] == ["ModelError"]]

    assert (made["IntervalSeconds"], made["BackoffRate"]) == (30, 1)
    assert "MaxDelaySeconds" not in made


def test_every_error_that_is_retried_or_final_exists() -> None:
    named = {error for rule in (*AGENT_RETRIES, *STEP_RETRIES) for error in rule["ErrorEquals"]} | {*FINAL_ERRORS}

    assert [error for error in named if not error.startswith("Lambda.") and not hasattr(errors, error)] == []


def test_the_platforms_rules_are_those_of_a_single_execution(pytestconfig: pytest.Config) -> None:
    single = json.loads((pytestconfig.rootpath / "statemachines" / "run_agent.asl.json").read_text())

    assert list(AGENT_RETRIES) == single["States"]["Run the agent"]["Retry"]


def test_a_failure_that_ends_the_run_is_the_tasks_own_so_that_a_redrive_begins_there() -> None:
    (catch,) = states_of(ask())["Ask"]["Catch"]

    assert catch["ErrorEquals"] == list(FINAL_ERRORS)


def test_a_condition_asks_first_whether_there_is_something_and_what_it_looks_at_is_kept() -> None:
    when = {"path": "steps.ask.output.lines.0.due-at", "equals": "now"}
    choice = {"id": "choose", "kind": "choice", "cases": [{"when": when, "go_to": "end"}]}

    states = states_of(ask(), choice, ask("again"))

    variable = "$.steps.ask.output.lines[0]['due-at']"
    (rule,) = states["Choose"]["Choices"]
    assert rule["And"] == [{"Variable": variable, "IsPresent": True}, {"Variable": variable, "StringEquals": "now"}]
    assert rule["Next"] == "Give the result"
    assert states["Ask"]["Parameters"]["Payload"]["workflow_step"]["keep"] == [["lines", 0, "due-at"]]


def test_what_the_machine_looks_at_in_the_input_is_told_to_whoever_starts_it() -> None:
    when = {"any": [{"path": "input.many.0", "above": 1}, {"not": {"path": "input.due-at", "is_null": True}}]}

    made = compiled({"id": "choose", "kind": "choice", "cases": [{"when": when, "go_to": "end"}]}, ask())

    assert made.input_keep == (("many", 0), ("due-at",))


def test_a_list_that_is_short_by_its_schema_needs_no_distributed_map() -> None:
    assert "Each: is the list long?" not in states_of(each("input.few"))
    assert "Each: is the list long?" in states_of(each("input.many"))
    assert "Each: is the list long?" not in states_of(each("input.many"), short_lists={"each"})


def test_a_distributed_map_reads_its_items_from_the_manifest_and_carries_what_its_steps_need() -> None:
    needy = ask(input={"at": "${item}", "of": "${steps.before.output}"})

    many = states_of(ask("before"), ask("unneeded"), each("input.many", steps=[needy]))["Each (of many)"]

    assert many["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert many["ItemReader"]["Parameters"]["Key.$"] == "$.steps.each.manifest.key"
    assert list(many["ItemSelector"]["steps"]) == ["before.$", "ask"]
    task = many["ItemProcessor"]["States"]["Ask (of many)"]
    assert task["Parameters"]["Payload"]["workflow_step"]["inline_bytes"] == 0


def test_maps_in_maps_are_compiled_once_for_the_outer_one() -> None:
    inner = {**each("outer_item"), "id": "inner", "as": "inner_item", "steps": [ask(input={"at": "${inner_item}"})]}

    states = states_of(each("input.few", steps=[inner], **{"as": "outer_item"}))

    assert states["Each"]["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert states["Each: read the list"]["Parameters"]["Payload"]["inline_items"] == 0


def test_another_workflow_that_failed_before_is_begun_again_when_the_run_is_taken_up() -> None:
    states = states_of({"id": "other", "kind": "workflow", "workflow": "platform/other", "input": {}})

    again = states["Other: take its result"]["Catch"][0]
    assert (again["ErrorEquals"], again["Next"]) == (["AlreadyFinished"], "Other: begin the run")
    begin = states["Other: begin the run"]["Parameters"]["Payload"]
    assert begin["workflow"]["machine_arn"] == OTHER.machine_arn
    assert begin["workflow"]["input_keep"] == [["size"]]


def test_a_workflow_that_nobody_knows_is_refused() -> None:
    with pytest.raises(LookupError):
        compiled({"id": "other", "kind": "workflow", "workflow": "unheard-of", "input": {}})


def test_a_hundred_agents_make_a_machine_far_below_what_step_functions_takes() -> None:
    made = compiled(*(ask(f"ask_{at}", on_error="continue") for at in range(100)))

    assert len(json.dumps(made.definition)) < 512 * 1024


def test_an_item_begins_with_the_entries_of_its_own_steps_also_where_an_expression_may_look_anywhere() -> None:
    look = {"id": "look", "kind": "transform", "jmespath": "steps", "output": {"type": "object"}}

    states = states_of(ask("before"), each("input.few", steps=[ask(on_error="continue"), look]))

    steps = states["Each"]["ItemSelector"]["steps"]
    assert (steps["before.$"], steps["ask"], steps["each"]) == (
        "$.steps.before",
        {"status": "pending"},
        {"status": "pending"},
    )
    assert steps["look"] == {"status": "pending", "output": None, "output_ref": None}


def test_an_item_of_a_map_in_a_map_gets_all_entries_of_the_item_around_it() -> None:
    look = {"id": "look", "kind": "transform", "jmespath": "steps", "output": {"type": "object"}}
    inner = {**each("outer_item"), "id": "inner", "as": "inner_item", "steps": [look]}

    states = states_of(ask("before"), each("input.few", steps=[ask("first"), inner], **{"as": "outer_item"}))

    within = states["Each"]["ItemProcessor"]["States"]["Inner"]["ItemSelector"]["steps"]
    assert sorted(within) == ["before.$", "each.$", "first.$", "inner", "look"]


def test_the_rounds_of_a_loop_lie_where_no_variable_can() -> None:
    loop = {"id": "polish", "kind": "loop", "until": {"path": "iteration", "above": 1}, "steps": [ask()]}

    states = states_of(each("input.few", steps=[loop], **{"as": "iteration_polish"}))

    first = states["Each"]["ItemProcessor"]["States"]["Polish: first round"]
    assert first["ResultPath"] == "$.vars.iterationOf_polish"
    assert "iteration_polish.$" in states["Each"]["ItemSelector"]["vars"]


def test_a_backslash_in_a_pattern_is_a_letter() -> None:
    choice = {
        "id": "choose",
        "kind": "choice",
        "cases": [{"when": {"path": "input.due-at", "matches": r"C:\*"}, "go_to": "end"}],
    }

    (rule,) = states_of(choice, ask())["Choose"]["Choices"]

    assert rule["And"][1] == {"Variable": "$.input['due-at']", "StringMatches": r"C:\\*"}


@pytest.mark.parametrize(
    ("most", "results"), [(5, 0), (40, 0), (300, 0), (600, 600 * 190), (1_000, 190_000), (5_000, 190_000)]
)
def test_steps_leave_room_in_the_state_for_the_results_of_the_longest_map(most: int, results: int) -> None:
    lists = {"type": "object", "properties": {"list": {"type": "array", "maxItems": most}}}
    made = {"name": "try-it", "title": "Try it", "input": lists}
    steps = [*(ask(f"ask_{at}") for at in range(59)), each("input.list")]

    machine = compile_spec(WorkflowSpec.model_validate({**made, "steps": steps}), NAMES).definition

    inline = machine["States"]["Ask 0"]["Parameters"]["Payload"]["workflow_step"]["inline_bytes"]
    assert inline == min(150_000, 240_000 - 16_384 - results) // 60


def test_a_list_without_a_bound_counts_as_the_longest_and_so_do_the_items_around_it() -> None:
    inner = {**each("outer_item"), "id": "inner", "as": "inner_item", "steps": [ask(input={"at": "${inner_item}"})]}
    flat = states_of(*(ask(f"ask_{at}") for at in range(9)), each("input.many"))
    deep = states_of(*(ask(f"ask_{at}") for at in range(9)), each("input.few", steps=[inner], **{"as": "outer_item"}))

    def inline(states: Any) -> Any:
        return states["Ask 0"]["Parameters"]["Payload"]["workflow_step"]["inline_bytes"]

    assert inline(flat) == (240_000 - 16_384 - 190_000) // 10
    assert inline(deep) == (240_000 - 16_384 - 190_000 - 16_384) // 10
