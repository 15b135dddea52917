"""Single events, as the platform writes them or as nobody should."""

from typing import Any

from agent_platform.events.envelope import CloudEvent
from agent_platform.events.executions import agent_executed
from agent_platform.storage.audit import AuditEvent
from tests.fakes.executions import an_execution


def an_event(**changes: Any) -> CloudEvent:
    """`agent.executed` of an execution that succeeded; `changes` replace fields of its data."""
    event = CloudEvent.model_validate_json(agent_executed(an_execution(), "outbox").event)
    return event.model_copy(update={"data": event.data | changes})


def kept(event: CloudEvent) -> AuditEvent:
    """The event as the audit log takes it."""
    return AuditEvent.of(event.model_dump(mode="json", exclude_none=True))
