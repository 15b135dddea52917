"""A hundred workflows made up by chance: their machines are valid, and do what a plain interpreter of the spec does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition
from agent_platform.workflows.check import examined
from agent_platform.workflows.compiler import Names, compile_spec
from agent_platform.workflows.spec import INLINE_ITEMS, every_step
from tests.fakes.definitions import a_definition
from tests.fakes.generated_workflows import AGENT_INPUT, AGENT_OUTPUT, Generated, a_workflow, answer
from tests.fakes.workflow_interpreter import Interpreter, Result
from tests.statemachines.asl_rules import MAX_BYTES, faults_of
from tests.statemachines.workflow_harness import AgentCall, one_account, run_workflow

WORKFLOWS = 100
NAMES = Names("p-run_agent-{group}", "p-workflow_step")


@pytest.fixture(scope="module")
def account() -> Iterator[None]:
    with one_account():
        yield


def an_agent(agent_id: str) -> AgentDefinition:
    """The definition of any of the agents."""
    output = {"text": "a", "score": 1, "good": True, "list": [], "note": None}
    fields = a_definition(input=AGENT_INPUT, output=AGENT_OUTPUT, example={"input": {"value": 1}, "output": output})
    return AgentDefinition.model_validate({"id": agent_id, **fields})


def expected(made: Generated) -> Result:
    return Interpreter(made.spec, answer, made.decisions).run(made.task)


def test_the_workflows_have_every_kind_of_step_that_needs_no_other_workflow_and_end_in_every_way() -> None:
    all_of_them = [a_workflow(seed) for seed in range(WORKFLOWS)]
    steps = [step for made in all_of_them for step in every_step(made.spec.steps)]
    ends = {expected(made).error for made in all_of_them}

    kinds = {"agent", "team", "transform", "approval", "wait", "parallel", "map", "choice", "loop"}
    assert {step.kind for step in steps} == kinds
    assert {None, "ModelRefused", "WorkflowRunFailed", "ApprovalRejected"} <= ends
    assert any(step.kind == "map" and step.items == "input.many" for step in steps)
    assert any(len(made.task["many"]) > INLINE_ITEMS for made in all_of_them)
    dumped = [step.model_dump(mode="json")["on_error"] for step in steps if step.kind == "agent"]
    ways = {way if isinstance(way, str) else next(iter(way)) for way in dumped}
    assert ways == {"fail", "continue", "go_to", "fallback_agent"}


@pytest.mark.parametrize("seed", range(WORKFLOWS))
def test_a_machine_does_what_the_spec_says(account: None, seed: int) -> None:
    made = a_workflow(seed)
    checked = examined(made.spec, an_agent, lambda _: None)
    assert checked.faults == []
    result = expected(made)

    outcome = run_workflow(
        made.spec,
        made.task,
        agents=answer,
        decisions=made.decisions,
        short_lists=checked.short_lists,
        with_history=False,
    )

    assert (outcome.status, outcome.error, outcome.output) == (result.status, result.error, result.output)
    if not result.concurrent_failure:
        assert sorted(map(called, outcome.calls)) == sorted(map(told, result.calls))


def called(call: AgentCall) -> str:
    return told((call.agent, call.step, call.input))


def told(call: tuple[str, str, Any]) -> str:
    return json.dumps(call, sort_keys=True)


def test_the_machines_are_valid_and_small(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = []
    for seed in range(5 * WORKFLOWS):
        definition = compile_spec(a_workflow(seed).spec, NAMES).definition
        assert faults_of(definition) == [], seed
        sizes.append(len(json.dumps(definition)))

    with capsys.disabled():
        print(f"\n{len(sizes)} machines: largest {max(sizes) // 1024} KiB, median {sorted(sizes)[250] // 1024} KiB")
    assert max(sizes) < MAX_BYTES // 4
