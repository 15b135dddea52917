"""What the compiler knows at one place of a spec."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent_platform.workflows.compiler.names import Names, StateNames
from agent_platform.workflows.compiler.uses import Uses
from agent_platform.workflows.spec import Step, WorkflowSpec

State = dict[str, Any]
States = dict[str, State]

FINAL_ERRORS = ("ApprovalExpired", "ExecutionCancelled", "PayloadMissing")
"""What no further try of the same step can mend. They end the run in a Fail state, and a redrive ends there again; any
other failure of a step that says `on_error: fail` is the Task's own, so that a redrive begins with that Task (Step
Functions Developer Guide, "Redrive behavior of individual states")."""


def counter_of(loop: str) -> str:
    """The name under which the state's `vars` have the rounds of a loop. Names of items have no capital letters."""
    return f"iterationOf_{loop}"


@dataclass(slots=True)
class StateList:
    """The states of one machine, branch or body, and the Fail state that they share once one of them needs it."""

    report: str
    states: States = field(default_factory=dict)
    reports: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One place of the spec.

    Attributes:
        variant: what is added to the names of states that are compiled a second time, for a distributed Map.
        loops: the loops around, inside of the innermost map; their rounds are part of the place.
        every_loop: the loops around, those outside of a map included.
        variables: names of the items of the maps around.
        entries: ids of the steps that the state has an entry of.
        inline_bytes: how large an output may be to travel in the state.
        on_failure: the state that takes what fails for good; None where the failure is the Task's own.
        short_lists: ids of maps whose lists are known to be short enough for an inline Map.
        compile_list: compiles the steps inside of a step.
    """

    spec: WorkflowSpec
    names: Names
    titles: StateNames
    uses: Uses
    into: StateList
    inline_bytes: int
    variant: str = ""
    loops: tuple[str, ...] = ()
    every_loop: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    on_failure: str | None = None
    short_lists: frozenset[str] = frozenset()
    compile_list: "ListCompiler"

    def inside(self, **changes: Any) -> "Context":
        """The same with some things else."""
        return replace(self, **changes)

    def add(self, name: str, state: State) -> str:
        """Put a state into the list that is being compiled."""
        self.into.states[name] = state
        return name

    def title(self, step: Step) -> str:
        """The name of the state that is the step itself."""
        return self.titles.title(step.id, self.variant)

    def first(self, step: Step) -> str:
        """The name of the state with which the step begins."""
        return self.titles.first(step.id, self.variant)

    def beside(self, step: Step, text: str) -> str:
        """A name for a further state of the step: `<title>: <text>`."""
        return self.titles.new(f"{self.title(step)}: {text}", step.id)

    def report(self) -> str:
        """The Fail state of this list, which says what `$.failure` holds."""
        if self.into.reports is None:
            self.into.reports = self.titles.new(self.into.report)
        return self.into.reports


@dataclass(frozen=True, slots=True)
class Way:
    """Where a step goes on.

    Attributes:
        after: the next state.
        targets: the first states of the later steps of the list, by step id, and of `end`.
    """

    after: str
    targets: Mapping[str, str]


StepCompiler = Callable[[Context, Any, Way], None]
ListCompiler = Callable[[Context, tuple[Step, ...], str], str]
"""Compiles steps that follow one another, up to the state with the given name; returns the name of the first state."""
