"""The envelope of every event: CloudEvents 1.0 in its JSON format (github.com/cloudevents/spec, v1.0.2)."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.ids import new_id

EventType = Literal["agent.executed", "workflow.started", "workflow.completed", "workflow.failed"]


class CloudEvent(BaseModel):
    """One fact. `type` is the topic, `subject` the agent or run it is about and the key that keeps its order."""

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(default_factory=new_id)
    source: str = "/ai-agents-platform"
    type: EventType
    subject: str
    time: Annotated[datetime, Field(default_factory=lambda: datetime.now(UTC))]
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = Field(
        default=None, description="W3C trace context (CloudEvents distributed tracing extension)"
    )
    data: dict[str, Any]


def traceparent(trace_id: str, span_id: str) -> str:
    """The W3C `traceparent` of a sampled span: version 00, 32 hex digits of trace, 16 of span."""
    return f"00-{trace_id}-{span_id}-01"
