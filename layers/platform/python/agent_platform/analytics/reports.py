"""What the reports say. Money is US dollars at list price, times are milliseconds, moments are UTC."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agent_platform.resilience.budgets import Budget
from agent_platform.storage.executions import Timestamp, Usd

if TYPE_CHECKING:  # what is answered is described without loading a database driver
    from agent_platform.storage.usage import Usage
    from agent_platform.storage.workflow_history import PastRun, WorkflowUsage


def _rounded(digits: int) -> AfterValidator:
    """So that nobody reads thirteen decimals of what is within 5 %."""
    return AfterValidator(lambda value: None if value is None else round(value, digits))


SHARE_DIGITS = 6
Share = Annotated[
    float | None,
    Field(ge=0, le=1, description="Of what is over and was not cancelled; null for none"),
    _rounded(SHARE_DIGITS),
]
Milliseconds = Annotated[
    float | None, Field(description="Milliseconds, within 5 %; null where nothing ran"), _rounded(3)
]


class Model(BaseModel):
    """Immutable; every field is in every answer."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class Figures(Model):
    """Sums over executions."""

    executions: int
    succeeded: int
    failed: int
    cancelled: int
    cached: int = Field(description="Answered with the output of an earlier, equal execution")
    escalated: int = Field(description="Handed to a person")
    success_share: Share
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: Usd

    @classmethod
    def of(cls, usage: "Usage", **more: object) -> Self:
        """The figures of these sums."""
        named = {name: getattr(usage, name) for name in cls.model_fields if hasattr(usage, name)}
        return cls.model_validate({**named, "success_share": share(usage.succeeded, usage.failed), **more})


class Speeds(Model):
    """How long executions took."""

    p50_ms: Milliseconds
    p95_ms: Milliseconds
    p99_ms: Milliseconds

    @staticmethod
    def of_buckets(buckets: Mapping[int, int]) -> dict[str, float | None]:
        """The three percentiles of a histogram."""
        from agent_platform.analytics.histogram import percentile

        return {f"p{name}_ms": percentile(buckets, name / 100) for name in (50, 95, 99)}


class Period(Figures, Speeds):
    """All executions of a range."""


class Point(Figures, Speeds):
    """All executions of one hour or day."""

    period: Timestamp = Field(description="When it begins")


class AgentFigures(Figures, Speeds):
    """The executions of one agent."""

    agent_id: str
    group: str


class GroupFigures(Figures):
    """The executions of one group's agents."""

    group: str


class UserFigures(Figures):
    """The executions of one user."""

    user_id: str
    email: str | None = Field(description="null where the account is gone")
    name: str | None


class ErrorFigures(Model):
    """How often executions of an agent failed for one reason."""

    code: str
    agent_id: str
    group: str
    count: int
    share: Annotated[float, _rounded(SHARE_DIGITS)] = Field(description="Of all failures in the range")


class SpeedFigures(Speeds):
    """How long executions of one agent, or by one model, took."""

    name: str = Field(description="The agent's id, or the model's name")
    executions: int


class WorkflowFigures(Model):
    """The runs of one workflow."""

    workflow_id: str
    workflow_name: str
    runs: int
    running: int
    succeeded: int
    failed: int
    stopped: int
    retried: int
    success_share: Share
    mean_duration_ms: Milliseconds
    cost_usd: Usd

    @classmethod
    def of(cls, usage: "WorkflowUsage") -> Self:
        """The figures of these sums."""
        over = usage.succeeded + usage.failed + usage.stopped
        named = {name: getattr(usage, name) for name in cls.model_fields if hasattr(usage, name)}
        mean = usage.duration_ms / over if over else None
        return cls.model_validate(
            {**named, "success_share": share(usage.succeeded, usage.failed), "mean_duration_ms": mean}
        )


class FailedRun(Model):
    """A run that failed or was stopped."""

    run_id: str
    workflow_id: str
    workflow_name: str
    status: str
    started_at: Timestamp
    finished_at: Timestamp | None
    error_code: str | None
    cost_usd: Usd | None

    @classmethod
    def of(cls, run: "PastRun") -> Self:
        """What is shown of it."""
        return cls.model_validate({name: getattr(run, name) for name in cls.model_fields})


class Consumption(Model):
    """How much of a month's budget is gone."""

    kind: str = Field(description="user or agent")
    id: str
    name: str | None = Field(description="The user's e-mail address")
    budget: Budget
    used_share: Annotated[float | None, _rounded(SHARE_DIGITS)] = Field(
        description="Spent and reserved, of the ceiling; null for a ceiling of zero"
    )
    projected_usd: Usd = Field(description="What the month costs if it goes on as it began")


class Report(Model):
    """What every report says of itself."""

    start: Timestamp
    end: Timestamp = Field(description="The first moment after it")
    as_of: Timestamp | None = Field(description="When the newest event counted here occurred; null before the first")
    complete: bool = Field(
        description="false while more of the audit log is still to be counted: in a rebuild, or after an outage"
    )


class Overview(Report):
    """The range, and the one just as long before it."""

    now: Period
    before: Period


class Series(Report):
    """Hour by hour, or day by day, without gaps."""

    grain: str
    points: list[Point]


class TopAgents(Report):
    """Agents, by what was asked for."""

    items: list[AgentFigures]


class Groups(Report):
    """Groups of agents, the dearest first."""

    items: list[GroupFigures]


class UsersOfRange(Report):
    """Users, who spent most first."""

    items: list[UserFigures]


class Errors(Report):
    """Reasons of failures, the most frequent first."""

    items: list[ErrorFigures]


class Latency(Report):
    """All together, and each agent or model, the slowest (95 %) first."""

    overall: Speeds
    items: list[SpeedFigures]


class Workflows(Report):
    """Workflows, the most used first, and the latest runs that went wrong."""

    items: list[WorkflowFigures]
    failures: list[FailedRun]


class BudgetConsumption(Model):
    """This month's budgets: the caller's, and for administrators those that are most nearly gone."""

    mine: Consumption
    items: list[Consumption]


def share(good: int, bad: int) -> float | None:
    """What part of both was good."""
    return good / (good + bad) if good + bad else None


def group_of(agent_id: str) -> str:
    """The group of an agent: what stands before the slash of its id."""
    return agent_id.partition("/")[0]


def projected(budget: Budget, now: datetime) -> float:
    """What the month costs in USD if it goes on as it began."""
    begins = datetime.fromisoformat(f"{budget.period}-01T00:00:00+00:00")
    gone = (now - begins) / (budget.ends_at - begins)
    return float(budget.spent_usd) / min(1.0, max(gone, 1 / 31))
