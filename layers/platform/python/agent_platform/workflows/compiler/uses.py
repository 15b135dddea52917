"""What the machine itself looks at: the paths of conditions and of moments to wait for. They always travel in the
state, whatever the size of the value around them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent_platform.workflows.references import Reference, parse_path, references
from agent_platform.workflows.spec import (
    AgentStep,
    ApprovalStep,
    ChoiceStep,
    Condition,
    ConnectorStep,
    LoopStep,
    MapStep,
    Step,
    TeamStep,
    TransformStep,
    WaitStep,
    WorkflowSpec,
    WorkflowStep,
    blocks,
    every_step,
)

KeptPath = tuple[str | int, ...]


@dataclass(slots=True)
class Uses:
    """Kept paths: inside of the outputs of steps, of the items of maps (by the map's id), and of the run's input."""

    kept: dict[str, list[KeptPath]] = field(default_factory=dict)
    items: dict[str, list[KeptPath]] = field(default_factory=dict)
    input: list[KeptPath] = field(default_factory=list)


def uses_of(spec: WorkflowSpec) -> Uses:
    """The kept paths of a whole spec."""
    uses = Uses()
    for step in every_step(spec.steps):
        if isinstance(step, ApprovalStep):
            _keep(uses.kept.setdefault(step.id, []), ("decision",))
    _collect(spec.steps, {}, uses)
    return uses


def _collect(steps: tuple[Step, ...], maps: Mapping[str, str], uses: Uses) -> None:
    for step in steps:
        for path in looked_at(step):
            _note(path, maps, uses)
        inner = {**maps, step.variable: step.id} if isinstance(step, MapStep) else maps
        for _, block in blocks(step):
            _collect(block, inner, uses)


def _note(path: Reference, maps: Mapping[str, str], uses: Uses) -> None:
    if path.root == "input":
        _keep(uses.input, path.segments[1:])
    elif path.step and path.segments[2:3] == ("output",):
        _keep(uses.kept.setdefault(path.step, []), path.segments[3:])
    elif path.root in maps:
        _keep(uses.items.setdefault(maps[path.root], []), path.segments[1:])


def _keep(paths: list[KeptPath], path: KeptPath) -> None:
    if path not in paths:
        paths.append(path)


def looked_at(step: Step) -> Iterator[Reference]:
    """The paths that the states of a step look at themselves."""
    match step:
        case ChoiceStep():
            for case in step.cases:
                yield from paths_of(case.when)
        case LoopStep():
            yield from paths_of(step.until)
        case WaitStep() if step.until:
            yield parse_path(step.until)


def paths_of(condition: Condition) -> Iterator[Reference]:
    """The paths of a condition and of those inside of it."""
    if condition.path is not None:
        yield parse_path(condition.path)
    for inner in (*(condition.all or ()), *(condition.any or ()), *((condition.not_,) if condition.not_ else ())):
        yield from paths_of(inner)


def referred(steps: tuple[Step, ...], result: object = None) -> set[str] | None:
    """Ids of the steps that these steps, nested ones included, refer to; None if an expression may look anywhere."""
    found: set[str] = set()
    templates: list[object] = [result]
    for step in every_step(steps):
        if isinstance(step, TransformStep) and step.jmespath is not None:
            return None
        templates += _templates(step)
        found |= {path.step for path in looked_at(step) if path.step}
        if isinstance(step, MapStep) and (path := parse_path(step.items)).step:
            found.add(str(path.step))
    return found | {
        each.step for _, each in references(templates) if isinstance(each, Reference) and each.step is not None
    }


def _templates(step: Step) -> list[object]:
    match step:
        case AgentStep() | TeamStep() | ConnectorStep() | WorkflowStep():
            return [step.input]
        case TransformStep():
            return [step.template]
        case ApprovalStep():
            return [step.message, step.show, list(step.approvers.users)]
        case MapStep():
            return [step.result]
        case _:
            return []
