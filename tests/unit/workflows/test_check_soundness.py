"""A spec that passes the check never fails because what it refers to is absent: tried on random specs, carried out in
plain Python, with references that were changed at random."""

import re
from random import Random
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition
from agent_platform.errors import FieldError
from agent_platform.workflows.check import check_spec
from agent_platform.workflows.spec import WorkflowSpec, every_step
from tests.fakes import generated_workflows
from tests.fakes.catalogue import definition
from tests.fakes.workflow_interpreter import Interpreter

REFERENCE = re.compile(r"\$\{([^}?]*?)(\s*\?\?[^}]*)?\}")
PARTS = ("output", "output.text", "output.note", "output.decision", "output.items", "status", "error.message")
ROOTS = ("input.perhaps", "input.text", "item", "index", "iteration")
SENSELESS = ("compares numbers", "never equals", "need not be a moment", "is the agent that has failed")
"""Faults of generated specs that have nothing to do with what is absent."""


def agent_named(agent_id: str) -> AgentDefinition:
    """All agents of the generated specs take and give the same."""
    plain = definition(agent_id, "Tester", "Works in tests and nowhere else.", tags=["a", "b", "c"])
    return plain.model_copy(
        update={"input": generated_workflows.AGENT_INPUT, "output": generated_workflows.AGENT_OUTPUT}
    )


def mutated(value: Any, random: Random, paths: list[str]) -> Any:
    """The value with some references led elsewhere, and some fallbacks taken away."""
    match value:
        case str():

            def changed(found: re.Match[str]) -> str:
                path = found[1] if random.random() < 0.96 else random.choice(paths)
                fallback = "" if random.random() < 0.12 else found[2] or " ?? null"
                return f"${{{path}{fallback}}}"

            return REFERENCE.sub(changed, value)
        case list():
            return [mutated(each, random, paths) for each in value]
        case dict():
            return {name: mutated(each, random, paths) for name, each in value.items()}
    return value


def is_told(fault: FieldError) -> bool:
    return not any(words in fault.message for words in SENSELESS)


@pytest.mark.parametrize("part", range(4))
def test_what_passes_the_check_never_lacks_what_it_refers_to(part: int):
    passed = 0
    for seed in range(part * 40, (part + 1) * 40):
        random = Random(seed)  # noqa: S311 - the same specs every time
        whole = generated_workflows.a_workflow(seed).spec
        steps = [step.id for step in every_step(whole.steps)]
        paths = [f"steps.{step}.{each}" for step in steps for each in PARTS] + [*ROOTS]
        for _ in range(4):
            written = whole.model_dump(mode="json", by_alias=True, exclude_unset=True)
            spec = WorkflowSpec.model_validate(mutated(written, random, paths))
            if any(is_told(fault) for fault in check_spec(spec, agent_named, lambda _: None)):
                continue
            passed += 1
            for _ in range(3):
                decisions = {step: random.choice(("approved", "rejected", "timeout")) for step in steps}
                result = Interpreter(spec, generated_workflows.answer, decisions).run(
                    generated_workflows.an_input(random)
                )
                assert result.error != "InvalidInput", (seed, spec.model_dump_json(by_alias=True, exclude_unset=True))
    assert passed >= 40
