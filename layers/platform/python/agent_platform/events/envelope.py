"""The envelope of every event: CloudEvents 1.0 in its JSON format (github.com/cloudevents/spec, v1.0.2)."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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


def known_type(name: object) -> EventType | None:
    """The type of this name. What is none of ours may be anything, and is not repeated."""
    return next((known for known in get_args(EventType) if known == name), None)


def faults_of(error: ValidationError, whole: str = "event") -> str:
    """What is wrong, by place, without what was found there; an unknown field's name may be anything, too."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    places = [fault["loc"][:-1] if fault["type"] == "extra_forbidden" else fault["loc"] for fault in faults]
    return "; ".join(
        f"{'.'.join(map(str, place)) or whole}: {fault['msg']}" for place, fault in zip(places, faults, strict=True)
    )


def traceparent(trace_id: str, span_id: str) -> str:
    """The W3C `traceparent` of a sampled span: version 00, 32 hex digits of trace, 16 of span."""
    return f"00-{trace_id}-{span_id}-01"
