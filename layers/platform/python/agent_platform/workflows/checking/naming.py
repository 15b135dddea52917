"""The names in a spec: ids, titles, jumps, errors, sizes, and what Step Functions would take for its own."""

from collections.abc import Iterator
from typing import Any, Final

from agent_platform import errors
from agent_platform.errors import FieldError, PlatformError
from agent_platform.workflows.checking.outline import Spot
from agent_platform.workflows.reading import near
from agent_platform.workflows.spec import (
    MAX_NESTING,
    MAX_STEPS,
    AgentStep,
    ApprovalStep,
    ChoiceStep,
    Condition,
    ConnectorStep,
    GoTo,
    LoopStep,
    MapStep,
    Retry,
    Step,
    TeamStep,
    TransformStep,
    WorkflowSpec,
    WorkflowStep,
    blocks,
    title_of,
)

MAX_REFERENCES: Final = 5_000
"""Of all templates together; a workflow of a hundred steps has a few hundred."""
MAX_QUESTIONS: Final = 500
"""Conditions, and those inside of them."""
RESERVED_IDS: Final = frozenset({"start", "end"})
RESERVED_VARIABLES: Final = frozenset({"input", "steps", "run", "index", "iteration"})

PLATFORM_ERRORS: Final = frozenset(
    name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, PlatformError)
)
STATES_ERRORS: Final = frozenset(
    f"States.{name}"
    for name in (
        "ALL", "BranchFailed", "DataLimitExceeded", "ExceedToleratedFailureThreshold", "HeartbeatTimeout",
        "Http.Socket", "IntrinsicFailure", "ItemReaderFailed", "NoChoiceMatched", "ParameterPathFailure",
        "Permissions", "ResultPathMatchFailure", "ResultWriterFailed", "Runtime", "TaskFailed", "Timeout",
    )
)  # fmt: skip
"""Step Functions Developer Guide, "Handling errors in Step Functions workflows", error names."""


def naming_faults(spec: WorkflowSpec, spots: list[Spot]) -> Iterator[FieldError]:
    """Every fault in what things are called and how many there are."""
    if len(spots) > MAX_STEPS:
        yield FieldError("steps", f"there are {len(spots)} steps; a workflow has at most {MAX_STEPS}")
    yield from _repeats(spots)
    yield from _jumps(spec.steps)
    for spot in spots:
        step, field = spot.step, f"steps.{spot.step.id}"
        if spot.depth > MAX_NESTING:
            message = f"lies inside {spot.depth} other steps; at most {MAX_NESTING} may lie in one another"
            yield FieldError(field, f"{message}, so make a workflow of its own of the inner ones")
        if isinstance(step, MapStep):
            yield from _variable(step.variable, f"{field}.as")
        yield from _retries(getattr(step, "retry", ()), f"{field}.retry")
        for name, value in _embedded(step):
            yield from _interpreted(value, f"{field}.{name}")
    for name in ("input", "output", "example"):
        yield from _interpreted(getattr(spec, name), name)


def _variable(name: str, field: str) -> Iterator[FieldError]:
    if name in RESERVED_VARIABLES or name.endswith("_ref"):
        yield FieldError(field, f"`{name}` means something else in references; choose another name")
    elif name.startswith("iteration"):
        yield FieldError(field, f"`{name}` begins with `iteration`, which counts rounds; choose another name")


def size_faults(spec: WorkflowSpec, spots: list[Spot]) -> Iterator[FieldError]:
    """What is so much that to check it all would take long."""
    count = spec.model_dump_json(by_alias=True).count("${")
    if count > MAX_REFERENCES:
        yield FieldError("steps", f"there are {count:,} references; a workflow has at most {MAX_REFERENCES:,}")
    asked = [case.when for spot in spots if isinstance(spot.step, ChoiceStep) for case in spot.step.cases]
    asked += [spot.step.until for spot in spots if isinstance(spot.step, LoopStep)]
    count = sum(map(_questions, asked))
    if count > MAX_QUESTIONS:
        yield FieldError("steps", f"there are {count:,} conditions; a workflow has at most {MAX_QUESTIONS:,}")


def _questions(condition: Condition) -> int:
    inner = (*(condition.all or ()), *(condition.any or ()), *((condition.not_,) if condition.not_ else ()))
    return 1 + sum(map(_questions, inner))


def _repeats(spots: list[Spot]) -> Iterator[FieldError]:
    ids: set[str] = set()
    titles: dict[str, str] = {}
    for spot in spots:
        step = spot.step
        if step.id in RESERVED_IDS:
            yield FieldError(f"steps.{step.id}.id", f"`{step.id}` is where the run {step.id}s; choose another id")
        if step.id in ids:
            yield FieldError(f"steps.{step.id}.id", f"two steps have the id `{step.id}`; ids are unique in a workflow")
        elif (other := titles.setdefault(title_of(step), step.id)) != step.id:
            yield FieldError(f"steps.{step.id}.title", f"`{title_of(step)}` is the title of the step `{other}` as well")
        ids.add(step.id)


def _jumps(steps: tuple[Step, ...]) -> Iterator[FieldError]:
    """Jumps that do not lead to a later step of their list."""
    ids = [step.id for step in steps]
    for at, step in enumerate(steps):
        for field, target in jumps_of(step):
            if target == "end" or target in ids[at + 1 :]:
                continue
            if target == step.id:
                message = "leads back to the step itself; repeat steps with a `loop`"
            elif target in ids:
                message = f"leads back to `{target}`; a jump only goes forward, and a `loop` repeats steps"
            else:
                message = f"there is no `{target}` in the list of steps that holds `{step.id}`{near(target, ids)}"
                message += "; a jump leads to a later step of the same list, or to `end`"
            yield FieldError(f"steps.{step.id}.{field}", message)
        for _, inner in blocks(step):
            yield from _jumps(inner)


def jumps_of(step: Step) -> Iterator[tuple[str, str]]:
    """Each jump of a step: its field, and where it leads."""
    for name in ("on_error", "on_reject"):
        if isinstance(jump := getattr(step, name, None), GoTo):
            yield f"{name}.go_to", jump.go_to
    if isinstance(step, ChoiceStep):
        yield from ((f"cases.{at}.go_to", case.go_to) for at, case in enumerate(step.cases) if case.go_to)
        if step.otherwise and step.otherwise.go_to:
            yield "otherwise.go_to", step.otherwise.go_to


def _retries(retries: tuple[Retry, ...], field: str) -> Iterator[FieldError]:
    for at, retry in enumerate(retries):
        for index, name in enumerate(retry.errors):
            place = f"{field}.{at}.errors.{index}"
            if name == "States.ALL" and (len(retry.errors) > 1 or at < len(retries) - 1):
                yield FieldError(place, "`States.ALL` stands alone, in the last entry of `retry`")
            elif name not in PLATFORM_ERRORS | STATES_ERRORS and not name.startswith("Lambda."):
                known = near(name, PLATFORM_ERRORS | STATES_ERRORS)
                message = f"there is no error `{name}`{known}; take a name of the platform such as ModelOutputInvalid, "
                yield FieldError(place, message + "one that begins with `Lambda.`, or one of `States.`")


def _embedded(step: Step) -> Iterator[tuple[str, Any]]:
    """What becomes part of the state machine as it is written."""
    match step:
        case AgentStep() | TeamStep() | ConnectorStep() | WorkflowStep():
            yield "input", step.input
        case TransformStep():
            yield from (("template", step.template), ("output", step.output))
        case ApprovalStep():
            yield from (("show", step.show), ("form", step.form))
        case MapStep():
            yield "result", step.result


def _interpreted(value: Any, field: str) -> Iterator[FieldError]:
    match value:
        case dict():
            for name, inner in value.items():
                if str(name).endswith(".$"):
                    message = "a name that ends with `.$` means a path to Step Functions; choose another one"
                    yield FieldError(f"{field}.{name}", message)
                yield from _interpreted(inner, f"{field}.{name}")
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _interpreted(inner, f"{field}.{index}")
