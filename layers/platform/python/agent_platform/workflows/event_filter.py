"""After which events a trigger starts its runs: a type, and values that fields of the event's data may have."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent_platform.errors import FieldError, InvalidInput
from agent_platform.events.envelope import EventType

Value = str | int | bool

SOURCE = "ai-agents-platform"
"""Of every event that the platform puts on its bus."""

MAX_PATTERN = 2048
"""Characters of an event pattern (Amazon EventBridge, "Quotas")."""

_RUN = (
    *("workflow_id", "workflow_name", "version", "status", "attempt", "name", "retry_of", "parent_run_id"),
    *("source.kind", "source.id", "error.code", "error.step_id"),
)
FIELDS: dict[EventType, tuple[str, ...]] = {
    "agent.executed": (
        *("agent_id", "agent_version", "status", "model", "provider", "cached", "session_id", "batch_id"),
        *("run_id", "step_id", "error.code", "escalation.rule"),
    ),
    "workflow.started": _RUN,
    "workflow.completed": _RUN,
    "workflow.failed": _RUN,
}
"""What can be asked for, by type: fields of the event's `data` that hold one plain value."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter that was checked."""

    type: EventType
    match: dict[str, list[Value]]

    def pattern(self, owner: str) -> dict[str, Any]:
        """The pattern of EventBridge. Only facts about what is the owner's own match, whatever they asked for.

        An execution that another agent put to work does not match: it tells of no run, so that a chain of runs which
        start each other could not be counted.
        """
        data: dict[str, Any] = {"parent_id": [None, {"exists": False}]} if self.type == "agent.executed" else {}
        for field, values in self.match.items():
            *path, last = field.split(".")
            place = data
            for name in path:
                place = place.setdefault(name, {})
            place[last] = values
        return {"source": [SOURCE], "detail-type": [self.type], "detail": {"data": data | {"owner": [owner]}}}


def read_filter(settings: Mapping[str, Any]) -> EventFilter:
    """Check a filter: `type`, and `match` with field names and lists of values.

    Raises:
        InvalidInput: a field cannot be asked for, has no values, or all together is too long; every fault is listed.
    """
    kind: EventType | None = next((each for each in FIELDS if each == settings.get("type")), None)
    if kind is None:
        raise _invalid([FieldError("event.type", f"there is no such event; there are {', '.join(FIELDS)}")])
    match: Mapping[str, Sequence[Value]] = settings.get("match") or {}
    faults = [
        FieldError(f"event.match.{field[:100]}", f"is no field of {kind}; there are {', '.join(FIELDS[kind])}")
        for field in match
        if field not in FIELDS[kind]
    ]
    faults += [
        FieldError(f"event.match.{field[:100]}", "names no values; leave the field out to take any")
        for field, values in match.items()
        if not values
    ]
    found = EventFilter(kind, {field: list(values) for field, values in match.items()})
    if not faults and len(json.dumps(found.pattern("0" * 36))) > MAX_PATTERN:
        faults = [FieldError("event.match", "is too long; ask for fewer values")]
    if faults:
        raise _invalid(faults)
    return found


def _invalid(faults: list[FieldError]) -> InvalidInput:
    return InvalidInput("The trigger cannot wait for such events.", errors=faults)
