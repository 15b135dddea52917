"""Runs of shipped workflows: from their examples, with agents that answer from theirs unless a test says otherwise."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import AgentLoader
from agent_platform.errors import ModelOutputInvalid, PlatformError
from agent_platform.workflows.reading import read_spec
from agent_platform.workflows.shipped_files import spec_files
from agent_platform.workflows.spec import ApprovalStep, WorkflowSpec, WorkflowStep, every_step
from tests.statemachines.workflow_harness import Decision, Outcome, one_account, run_workflow

ROOT = Path(__file__).parents[2]
FORMS: dict[str, dict[str, Any]] = {
    "counsel": {"negotiator": "Kim"},
    "release": {"read_again_done": True},
    "accept": {"accepted_until": "2026-12-31"},
    "medical_review": {"causality": "related"},
}
"""What people fill in where an approval asks for it, by step."""


@pytest.fixture(scope="module", autouse=True)
def account() -> Iterator[None]:
    """One AWS account for the runs of a module that imports this."""
    with one_account():
        yield


@cache
def specs() -> dict[str, WorkflowSpec]:
    """The shipped workflows by name."""
    return {path.stem: read_spec(path.read_text(encoding="utf-8")) for path in spec_files(ROOT)}


@cache
def agent(agent_id: str) -> AgentDefinition:
    """An agent of the catalogue."""
    return AgentLoader(ROOT / "agent_defs").load_id(agent_id)


def answer(agent_id: str, **changes: Any) -> dict[str, Any]:
    """The answer of an agent's example with other values in some fields."""
    known = set(agent(agent_id).output["properties"])
    assert changes.keys() <= known, changes.keys() - known
    return {**deepcopy(agent(agent_id).example.output), **changes}


def broken(_: Any) -> Any:
    """An agent whose answers never match its schema."""
    raise ModelOutputInvalid("The answer is no JSON.")


def in_turn(*answers: Any) -> Callable[[Any], Any]:
    """An agent that gives one answer after another; the last again and again. An error is raised."""
    left = list(answers)

    def answered(_: Any) -> Any:
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, PlatformError):
            raise given
        return given

    return answered


def run_shipped(
    name: str,
    *,
    agents: Mapping[str, Any] | None = None,
    decisions: Mapping[str, Decision | list[Decision]] | None = None,
    without: tuple[str, ...] = (),
    **changes: Any,
) -> Outcome:
    """Run a shipped workflow from its example.

    Args:
        agents: answers, or functions of the input, instead of those of the agents' own examples.
        decisions: what people decide, by step; where nothing is said they approve.
        without: fields of the example that are left out.
        changes: fields of the example that are others.
    """
    spec = specs()[name]
    assert spec.example is not None
    task = {key: value for key, value in {**deepcopy(spec.example), **changes}.items() if key not in without}
    given = agents or {}

    def answered(agent_id: str, asked: Any) -> Any:
        known = given.get(agent_id, agent(agent_id).example.output)
        return known(asked) if callable(known) else deepcopy(known)

    steps = every_step(spec.steps)
    people: dict[str, Decision | list[Decision]] = {
        each.id: {"decision": "approved", "form": FORMS.get(each.id)}
        for each in steps
        if isinstance(each, ApprovalStep)
    }
    nested = {each.workflow for each in steps if isinstance(each, WorkflowStep)}
    return run_workflow(
        spec,
        task,
        agents=answered,
        decisions={**people, **(decisions or {})},
        workflows={each: specs()[each.removeprefix("platform/")] for each in nested},
    )


def people_asked(outcome: Outcome) -> list[str]:
    """The approvals that were asked for, by step."""
    return [each["step"] for each in outcome.asked]


def agents_called(outcome: Outcome) -> list[str]:
    """The steps for which agents were called."""
    return [call.step for call in outcome.calls]
