"""What the data of each event holds: the promise to whoever reads events, apart from the platform's own models.

From these models the JSON Schemas in `schemas/` are generated (`schema_file.py`). Every field is always written, null
where there is nothing to tell. Readers ignore fields that they do not know: the promise is only ever added to
(`compatibility.py`).
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.events.envelope import EventType


def _open(*values: str) -> Any:
    """Marks a text that has one of these values today and may have others later."""
    return Field(json_schema_extra={"x-extensible-enum": list(values)})


Usd = Annotated[float, Field(description="US dollars at list price")]
Time = Annotated[datetime, Field(description="RFC 3339, UTC")]
Count = Annotated[int, Field(ge=0)]


class Fact(BaseModel):
    """Facts are never changed."""

    model_config = ConfigDict(frozen=True)


class Tokens(Fact):
    """Tokens by the way they are billed; the four are disjoint."""

    input_tokens: Count
    output_tokens: Count
    cache_read_tokens: Count
    cache_write_tokens: Count


class Error(Fact):
    """Why it failed."""

    code: str = Field(description="A stable code of the error table; there may be new ones")
    message: str = Field(description="A sentence for people; its wording may change")


class RunError(Error):
    """Why a run failed."""

    step_id: str | None = Field(description="The step that failed; null where none is to blame")


class HandedOver(Fact):
    """An agent leaves the decision to a person."""

    rule: str = Field(description="The rule of its guardrails that was met")


class Source(Fact):
    """Who or what started a run."""

    kind: Annotated[str, _open("api", "schedule", "event", "workflow")]
    id: str | None = Field(description="The trigger, or the run whose step started this one")
    depth: Count = Field(description="How many runs led to this one, each started by what came of the last")


class AgentExecuted(Fact):
    """An agent was executed, and this came of it. What it was asked and what it answered are not told here."""

    id: str = Field(description="The execution")
    agent_id: str = Field(description="`group/name`; the subject of the event")
    agent_version: str
    status: Literal["succeeded", "failed", "cancelled"]
    model: str = Field(description="The model that was asked for")
    provider: Annotated[str, _open("anthropic", "bedrock", "offline")] = Field(
        description="Who answered; `offline` is no real model"
    )
    cost_usd: Usd
    duration_ms: int = Field(description="Milliseconds from acceptance to the end of the run")
    started_at: Time
    finished_at: Time
    cached: bool = Field(description="Answered with the output of an earlier, equal execution")
    delegated_cost_usd: Usd = Field(
        description="What the agents cost that this one put to work; each has an event of its own"
    )
    usage: Tokens
    tool_calls: Count = Field(description="How often the model called a tool")
    error: Error | None = Field(description="Null unless it failed")
    escalation: HandedOver | None = Field(description="Set when a person must decide")
    redactions: dict[str, Count] = Field(
        description="How many pieces of personal data were taken out of input and output, by kind"
    )
    owner: str = Field(description="Id of the user who asked")
    key_id: str | None = Field(default=None, description="The API key that they asked with; null without one")
    parent_id: str | None = Field(description="The execution whose agent put this one to work")
    session_id: str | None = Field(description="The conversation that this is a turn of")
    batch_id: str | None = Field(description="The batch that this is a line of")
    run_id: str | None = Field(description="The run of a workflow that this is a part of")
    step_id: str | None = Field(description="The step of that run")


class _WorkflowRun(Fact):
    """What every event of a run tells. What went in and what came out are not told here."""

    id: str = Field(description="The run; the subject of the event")
    workflow_id: str
    workflow_name: str
    workflow_title: str
    version: int = Field(description="The version of the workflow that was live when the run started")
    name: str | None = Field(description="The name that its caller gave it; one name is one run")
    started_at: Time
    attempt: int = Field(ge=1, description="Counts from 1; each retry that goes on with the same run is one more")
    retry_of: str | None = Field(description="The failed run that this one repeats")
    parent_run_id: str | None = Field(description="The run whose step waits for this one")
    source: Source
    owner: str = Field(description="Id of the user as whom its agents are asked")


class WorkflowStarted(_WorkflowRun):
    """An attempt of a run began."""

    status: Literal["running"]
    finished_at: None
    duration_ms: None
    cost_usd: None
    error: None


class _WorkflowEnded(_WorkflowRun):
    finished_at: Time
    duration_ms: int = Field(description="Milliseconds from the start of the last attempt")
    cost_usd: Usd = Field(description="What the agents of its own steps cost, failed tries included")


class WorkflowCompleted(_WorkflowEnded):
    """A run succeeded."""

    status: Literal["succeeded"]
    error: None


class WorkflowFailed(_WorkflowEnded):
    """An attempt of a run failed, or somebody stopped it."""

    status: Literal["failed", "stopped"]
    error: RunError | None


FACTS: dict[EventType, type[Fact]] = {
    "agent.executed": AgentExecuted,
    "workflow.started": WorkflowStarted,
    "workflow.completed": WorkflowCompleted,
    "workflow.failed": WorkflowFailed,
}
"""The data of each type of event."""
