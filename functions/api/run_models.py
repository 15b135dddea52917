"""What the routes of runs and approvals take and answer."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.storage.approvals import Approval, ApprovalSummary
from agent_platform.storage.executions import Failure, Timestamp, Usd
from agent_platform.storage.runs import Run, RunSummary
from agent_platform.workflows.graph import Graph
from functions.api.models import Body

if TYPE_CHECKING:
    from agent_platform.workflows import manager

LeftOut = Annotated[
    list[Literal["input", "output"]],
    Field(description="What is there but too large for this answer; inputs and outputs of agents: see its executions"),
]
StepStatus = Literal["pending", "running", "succeeded", "failed", "waiting", "skipped"]


class RunView(RunSummary):
    """A run without what it works on."""

    trace_id: str

    @classmethod
    def of(cls, run: Run) -> Self:
        """The public face of a run."""
        return cls.model_validate(run.model_dump(include=set(cls.model_fields)))


class StepCounts(BaseModel):
    """How far the items of a map have come."""

    model_config = ConfigDict(from_attributes=True)

    total: int
    succeeded: int
    failed: int
    running: int


class StepView(BaseModel):
    """One step of a run. Of a step that ran several times (in a loop, or retried) the last time is shown."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    title: str
    parent: str | None = Field(description="The step that holds it")
    status: StepStatus = Field(description="waiting: for a person or a moment; skipped: the run ended without it")
    started_at: Timestamp | None
    finished_at: Timestamp | None
    duration_ms: int | None
    tries: int = Field(description="How often it was begun")
    cost_usd: Usd | None
    input: Any = Field(description="What it got; null where that is not known")
    output: Any = Field(description="What it gave; null where it gave nothing")
    error: Failure | None
    execution_ids: list[str] = Field(description="The executions of agents that it made")
    approval_id: str | None
    child_run_id: str | None
    counts: StepCounts | None = Field(description="Of a map")
    left_out: LeftOut


class RunDetail(RunView):
    """A run with its input, its output and every step."""

    input: Any
    output: Any = Field(description="null until it has succeeded")
    steps: list[StepView]
    graph: Graph
    left_out: LeftOut

    @classmethod
    def showing(cls, detail: "manager.RunDetail") -> Self:
        """A run as it stands."""
        run = detail.run
        return cls(
            **RunView.of(run).model_dump(),
            input=run.input,
            output=run.output,
            steps=[StepView.model_validate(step) for step in detail.steps],
            graph=detail.graph,
            left_out=detail.left_out,
        )


class ApprovalView(ApprovalSummary):
    """A decision that a run waits for, or has waited for."""

    show: Any = Field(default=None, description="What the decision is about")
    form: dict[str, Any] | None = Field(default=None, description="JSON Schema of what must be filled in to approve")
    comment: str | None = None
    answers: dict[str, Any] | None = Field(default=None, description="What was filled in")

    @classmethod
    def of(cls, approval: Approval) -> Self:
        """What whoever may decide sees of it."""
        return cls.model_validate(approval.model_dump(include=set(cls.model_fields)))


class DecideRequest(Body):
    """A decision. It counts once."""

    decision: Literal["approved", "rejected"]
    comment: Annotated[str | None, Field(max_length=2000)] = None
    form: Annotated[dict[str, Any] | None, Field(description="As `form` of the approval asks for")] = None
