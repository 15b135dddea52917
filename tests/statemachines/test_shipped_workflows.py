"""What holds for every shipped workflow."""

import pytest

from agent_platform.agents.schemas import instance_faults
from agent_platform.workflows.spec import AgentStep, Fallback, GoTo, TeamStep, every_step
from tests.statemachines.shipped_runs import account, agent, people_asked, run_shipped, specs

__all__ = ["account"]

NAMES = sorted(specs())
KINDS = {
    "agent", "team", "transform", "workflow", "approval", "wait", "parallel", "map", "choice", "loop", "fail",
}  # fmt: skip
ASKING = {
    "answer-crash-incident": ["relieve"],
    "decide-release": ["conditions"],
    "handle-phishing-report": ["purge"],
    "launch-campaign": ["mended"],
    "process-safety-report": ["medical_review"],
    "review-contract": ["counsel"],
    "screen-candidates": ["release"],
}
"""Whoever tries these out needs somebody to decide; the other examples end by themselves."""

every_workflow = pytest.mark.parametrize("name", NAMES)


def test_there_are_workflows_of_all_kinds_of_steps() -> None:
    steps = [step for spec in specs().values() for step in every_step(spec.steps)]

    assert len(NAMES) >= 14
    assert {step.kind for step in steps} == KINDS


def test_they_show_every_way_to_go_on_after_an_error() -> None:
    tasks = [
        step for spec in specs().values() for step in every_step(spec.steps) if isinstance(step, AgentStep | TeamStep)
    ]
    ways = {type(task.on_error) if not isinstance(task.on_error, str) else task.on_error for task in tasks}

    assert ways == {"fail", "continue", GoTo, Fallback}
    assert any(task.retry for task in tasks)


@every_workflow
def test_a_run_from_the_example_succeeds_when_people_approve(name: str) -> None:
    outcome = run_shipped(name)

    assert (outcome.status, outcome.error) == ("SUCCEEDED", None)
    assert people_asked(outcome) == ASKING.get(name, [])
    assert outcome.largest_state < 60_000
    for call in outcome.calls:
        assert instance_faults(agent(call.agent).input, call.input, root=call.step) == []


@every_workflow
def test_an_example_is_an_input_that_the_workflow_accepts(name: str) -> None:
    spec = specs()[name]

    assert instance_faults(spec.input, spec.example, root="example") == []


@every_workflow
def test_a_field_that_is_required_is_missed(name: str) -> None:
    spec = specs()[name]

    assert instance_faults(spec.input, {}, root="input")
