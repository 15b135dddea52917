"""Names: of what a machine calls, which differ by deployment, and of its states, which people read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent_platform.workflows.spec import Step, title_of

LONGEST = 80
"""Characters of a state's name (Step Functions quotas)."""


@dataclass(frozen=True, slots=True)
class NestedWorkflow:
    """Another workflow that a step runs.

    Attributes:
        machine_arn: unqualified ARN of its state machine.
        input: JSON Schema of its input.
        input_keep: `CompiledWorkflow.input_keep` of its live version.
    """

    workflow_id: str
    name: str
    title: str
    version: int
    machine_arn: str
    input: dict[str, Any]
    input_keep: tuple[tuple[str | int, ...], ...] = ()


def _unknown(reference: str) -> NestedWorkflow:
    raise LookupError(f"there is no workflow {reference}")


@dataclass(frozen=True, slots=True)
class Names:
    """What the machine calls.

    Attributes:
        agent_function: name or ARN of a group's function, with `{group}` where the group's name goes.
        step_function: name or ARN of the function `workflow_step`.
        workflow_machine: the workflow behind a reference of a nested step; LookupError if there is none.
    """

    agent_function: str
    step_function: str
    workflow_machine: Callable[[str], NestedWorkflow] = _unknown

    def function_of(self, agent: str) -> str:
        """The function that runs an agent, by the agent's id."""
        return self.agent_function.replace("{group}", agent.partition("/")[0])


FIRST_STATE = {"map": "{}: read the list", "workflow": "{}: begin the run", "loop": "{}: first round"}
"""How the state is called with which a step begins, where that is not the state that the step's title names."""


@dataclass(slots=True)
class StateNames:
    """Gives each state a name of its own, at most 80 characters long. `steps` tells which step a state belongs to."""

    steps: dict[str, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _titles: dict[tuple[str, str], str] = field(default_factory=dict)
    _first: dict[tuple[str, str], str] = field(default_factory=dict)

    def reserve(self, steps: tuple[Step, ...], variant: str = "") -> None:
        """Keep the titles of these steps for them, before other states take names like theirs."""
        for step in steps:
            name = self.new(f"{title_of(step)}{variant}", step.id)
            self._titles[step.id, variant] = self._first[step.id, variant] = name
        for step in steps:
            if step.kind in FIRST_STATE:
                text = FIRST_STATE[step.kind].format(self._titles[step.id, variant])
                self._first[step.id, variant] = self.new(text, step.id)

    def title(self, step: str, variant: str) -> str:
        """The name of the state that is the step itself."""
        return self._titles[step, variant]

    def first(self, step: str, variant: str) -> str:
        """The name of the state with which the step begins."""
        return self._first[step, variant]

    def new(self, text: str, step: str | None = None) -> str:
        """A name that no other state has, as close to `text` as can be."""
        text = " ".join(text.split())
        name, number = _shortened(text, ""), 2
        while name in self._taken:
            name, number = _shortened(text, f" ({number})"), number + 1
        self._taken.add(name)
        if step:
            self.steps[name] = step
        return name


def _shortened(text: str, ending: str) -> str:
    """The text with its ending. Too long a title loses characters before its own part behind the colon."""
    if len(text) + len(ending) <= LONGEST:
        return text + ending
    title, colon, rest = text.rpartition(": ")
    kept = f"{colon}{rest}{ending}" if colon and len(rest) < LONGEST // 2 else ending
    start = title if kept != ending else text
    return f"{start[: LONGEST - len(kept) - 1].rstrip()}…{kept}"
