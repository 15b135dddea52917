"""The events that the state machine of a workflow sends to the functions behind its steps.

Every event has the common part `StepRequest`: which step it is, where among the repetitions, of which run, and the data
that its templates refer to. `kind` says what is to be done; only an agent's step has none, and goes to its group.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from agent_platform.agents.definition import AgentId, Team
from agent_platform.errors import FieldError, InvalidInput
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.workflows.spec import INLINE_ITEMS, Approvers, StepId

Key = Annotated[str, StringConstraints(min_length=1, max_length=400)]
"""Of the payload bucket."""
RunId = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]*$")]
TraceId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
KeptPath = list[str | int]
"""A path inside of a value; empty for the value itself."""


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class RunFacts(_Event):
    """The run that the step belongs to. `key` is the id of the run that this one repeats, or its own."""

    id: RunId
    key: RunId
    workflow: str
    workflow_id: str
    version: int
    principal: PrincipalDocument
    trace_id: TraceId
    started_at: str
    depth: Annotated[int, Field(ge=0)] = 0


class ScopeDocument(_Event):
    """The part of the state that the step's templates refer to."""

    input: Any = None
    input_ref: Key | None = None
    run: dict[str, Any] = {}
    """Not read: what templates may see of the run is taken from the event's own `run`."""
    steps: dict[str, dict[str, Any]] = {}
    vars: dict[str, Any] = {}


class StepRequest(_Event):
    """What every event tells.

    Attributes:
        place: position among repetitions, such as `vendors.3/`; empty outside of them.
        keep: paths inside the step's output that the state machine itself looks at.
        inline_bytes: how large an output may be, as compact JSON, to travel in the state; a larger one goes by
            reference, with only what `keep` names beside it.
    """

    step: StepId
    place: Annotated[str, StringConstraints(max_length=400)] = ""
    run: RunFacts
    scope: ScopeDocument = ScopeDocument()
    keep: list[KeptPath] = []
    inline_bytes: Annotated[int, Field(ge=0, le=200_000)] = 0


class AgentStepRequest(StepRequest):
    """An agent's execution, sent to the function of its group. `team` replaces the definition's own."""

    agent_id: AgentId
    template: dict[str, Any]
    team: Annotated[Team | None, Field(strict=False)] = None
    framework: Literal["custom", "langgraph", "crewai", "autogen"] | None = None


class Transform(StepRequest):
    """A value made of others. `template_schema` is what the result must match."""

    kind: Literal["transform"]
    template: Any = None
    jmespath: str | None = None
    result_schema: Annotated[dict[str, Any] | None, Field(alias="schema")] = None


class PrepareMap(StepRequest):
    """The list of a map, before its items are worked on. `items` is its path in the data.

    Attributes:
        item_keep: paths inside an item that the state machine itself looks at.
        inline_items: a longer list goes to a manifest.
    """

    kind: Literal["prepare_map"]
    items: str
    item_keep: list[KeptPath] = []
    inline_items: Annotated[int, Field(ge=0, le=INLINE_ITEMS)] = INLINE_ITEMS


class ItemResult(_Event):
    """What came of one item: the entry of the step whose output is kept, unless it failed."""

    steps: dict[str, dict[str, Any]] = {}
    failed: bool = False


class CollectMap(StepRequest):
    """The results of a map's items, in the list's order. Of each the output of `last` is kept."""

    kind: Literal["collect_map"]
    results: list[ItemResult]
    last: StepId | None = None


class RequestApproval(StepRequest):
    """A person is asked; the state machine waits under `token`."""

    kind: Literal["request_approval"]
    token: Annotated[str, StringConstraints(min_length=1, max_length=2048), Field(repr=False)]
    title: str = ""
    workflow_title: str = ""
    message: str
    show: Any = None
    approvers: Annotated[Approvers, Field(strict=False)]
    form: dict[str, Any] | None = None
    timeout_seconds: Annotated[int, Field(ge=1)]


class SettleApproval(StepRequest):
    """Nobody decided in time, as far as the state machine knows."""

    kind: Literal["settle_approval"]
    on_timeout: Literal["fail", "approve", "reject"]


class OtherWorkflow(_Event):
    """The workflow that a step runs, as it was when the step's own was compiled.

    Attributes:
        machine_arn: of its state machine, without version or alias.
        input: JSON Schema of its input.
        input_keep: paths inside its input that its state machine looks at.
    """

    workflow_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    name: str
    title: str
    version: int
    machine_arn: Annotated[str, StringConstraints(pattern="^arn:[^:]+:states:")]
    input: dict[str, Any]
    input_keep: list[KeptPath] = []


class BeginWorkflow(StepRequest):
    """A run of another workflow is to start, with the filled template as its input."""

    kind: Literal["begin_workflow"]
    workflow: OtherWorkflow
    template: dict[str, Any]


class SettleWorkflow(StepRequest):
    """A run of another workflow is over, as far as the state machine knows."""

    kind: Literal["settle_workflow"]
    child_run_id: RunId


class Finish(StepRequest):
    """The run's output: the filled template, or the output of the step `last`."""

    kind: Literal["finish"]
    template: Any = None
    last: StepId | None = None


AnyStep = (
    Transform | PrepareMap | CollectMap | RequestApproval | SettleApproval | BeginWorkflow | SettleWorkflow | Finish
)
_ANY_STEP: TypeAdapter[AnyStep] = TypeAdapter(Annotated[AnyStep, Field(discriminator="kind")])


def read_step(event: dict[str, Any]) -> AnyStep:
    """The event of a step that `functions/workflow_step` carries out.

    Raises:
        InvalidInput: it is none; names each field.
    """
    try:
        return _ANY_STEP.validate_python(event)
    except ValidationError as error:
        raise _refused(error) from None


def read_agent_step(event: dict[str, Any]) -> AgentStepRequest:
    """The event of an agent's step.

    Raises:
        InvalidInput: it is none; names each field.
    """
    try:
        return AgentStepRequest.model_validate(event)
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: ValidationError) -> InvalidInput:
    faults = [FieldError(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_input=False)]
    details = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    return InvalidInput(f"The event is no step of a workflow: {details}", errors=faults)
