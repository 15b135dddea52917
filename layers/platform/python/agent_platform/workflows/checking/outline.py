"""Where each step of a spec stands: what holds it, and what it may follow."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent_platform.workflows.spec import (
    ApprovalStep,
    ChoiceStep,
    FailStep,
    GoTo,
    LoopStep,
    MapStep,
    ParallelStep,
    Step,
    WaitStep,
    WorkflowSpec,
    blocks,
)

WITHOUT_OUTPUT = (WaitStep, ChoiceStep, FailStep, ParallelStep)
"""Kinds of steps whose output nobody can refer to."""
WITHOUT_STATUS = (WaitStep, ChoiceStep, FailStep)
"""Kinds of steps that leave nothing behind at all."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The maps and loops around a place, from the outermost."""

    maps: tuple[MapStep, ...] = ()
    loops: tuple[LoopStep, ...] = ()

    def sees(self, other: "Surroundings") -> bool:
        """Whether a step there can be referred to from here: it is inside no map that this place is not in."""
        return [each.id for each in self.maps[: len(other.maps)]] == [each.id for each in other.maps]


@dataclass(frozen=True, slots=True)
class Spot:
    """A step and where it stands. `depth` is the number of steps that hold it."""

    step: Step
    around: Surroundings
    depth: int


def spots_of(spec: WorkflowSpec) -> list[Spot]:
    """Every step, nested ones after the one that holds them."""
    return list(_spots(spec.steps, Surroundings(), 0))


def _spots(steps: tuple[Step, ...], around: Surroundings, depth: int) -> Iterator[Spot]:
    for step in steps:
        yield Spot(step, around, depth)
        inner = inside(step, around)
        for _, block in blocks(step):
            yield from _spots(block, inner, depth + 1)


def inside(step: Step, around: Surroundings) -> Surroundings:
    """The surroundings of what a step holds."""
    match step:
        case MapStep():
            return Surroundings((*around.maps, step), around.loops)
        case LoopStep():
            return Surroundings(around.maps, (*around.loops, step))
    return around


def below(step: Step) -> Iterator[Step]:
    """The steps inside of a step that those behind it can refer to: none of those inside of maps."""
    if not isinstance(step, MapStep):
        for _, block in blocks(step):
            for inner in block:
                yield inner
                yield from below(inner)


def outcomes_of(step: Step) -> frozenset[str]:
    """How a step can end, as far as later steps can see it. An approval succeeds as `approved` or `rejected`."""
    if isinstance(step, WITHOUT_STATUS):
        return frozenset()
    if isinstance(step, ApprovalStep):
        return frozenset({"approved"} if step.on_reject == "fail" else {"approved", "rejected"})
    on_error = getattr(step, "on_error", "fail")
    return frozenset({"succeeded", "failed"} if on_error == "continue" or isinstance(on_error, GoTo) else {"succeeded"})
