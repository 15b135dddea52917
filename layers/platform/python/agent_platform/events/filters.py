"""Which events somebody waits for: types, and values that fields of the event's data may have.

One filter is judged in two places and means the same in both: by EventBridge, as a rule's pattern (triggers of
workflows), and by the platform itself (webhooks).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from agent_platform.errors import FieldError, InvalidInput
from agent_platform.events.envelope import CloudEvent, EventType

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

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter that was checked."""

    types: tuple[EventType, ...]
    match: dict[str, list[Value]]
    delegated: bool = True
    """Whether executions count that another agent put to work."""

    def pattern(self, owner: str | None) -> dict[str, Any]:
        """The pattern of EventBridge. Only facts about what is the owner's own match, whatever they asked for.

        Args:
            owner: whose events; None: everybody's.
        """
        data: dict[str, Any] = {}
        for field, values in self.match.items():
            *path, last = field.split(".")
            place = data
            for name in path:
                place = place.setdefault(name, {})
            place[last] = values
        if not self.delegated and "agent.executed" in self.types:
            data["parent_id"] = [None, {"exists": False}]
        if owner is not None:
            data["owner"] = [owner]
        found: dict[str, Any] = {"source": [SOURCE], "detail-type": list(self.types)}
        return found | ({"detail": {"data": data}} if data else {})

    def matches(self, event: CloudEvent, owner: str | None) -> bool:
        """Whether a rule of EventBridge with this filter's pattern would take the event.

        Args:
            owner: as in `pattern`.
        """
        told = {"source": SOURCE, "detail-type": event.type, "detail": event.model_dump(mode="json", exclude_none=True)}
        return _takes(self.pattern(owner), told)


def read_filter(settings: Mapping[str, Any]) -> EventFilter:
    """Check the filter of a trigger: `type`, and `match` with field names and lists of values.

    An execution that another agent put to work does not match: it tells of no run, so that a chain of runs which
    start each other could not be counted.

    Raises:
        InvalidInput: a field cannot be asked for, has no values, or all together is too long; every fault is listed.
    """
    found, faults = _read([settings.get("type")], settings.get("match") or {}, "event.type", "event.match", False)
    if faults:
        raise InvalidInput("The trigger cannot wait for such events.", errors=faults)
    return found


def read_events(types: Sequence[str], match: Mapping[str, Sequence[Value]]) -> EventFilter:
    """Check the filter of a webhook: several types, and values of fields that events of each of them have.

    Raises:
        InvalidInput: as for a trigger.
    """
    found, faults = _read(types, match, "events", "match", True)
    if faults:
        raise InvalidInput("The webhook cannot be told of such events.", errors=faults)
    return found


def _read(
    named: Sequence[Any], match: Mapping[str, Sequence[Value]], types_at: str, match_at: str, delegated: bool
) -> tuple[EventFilter, list[FieldError]]:
    types = tuple(each for each in get_args(EventType) if each in named and each in FIELDS)
    found = EventFilter(types, {field: list(values) for field, values in match.items()}, delegated)
    if not named or any(each not in types for each in named):
        return found, [FieldError(types_at, f"there is no such event; there are {', '.join(FIELDS)}")]
    known = [field for field in FIELDS[types[0]] if all(field in FIELDS[each] for each in types)]
    of = " and ".join(types)
    faults = [
        FieldError(f"{match_at}.{field[:100]}", f"is no field of {of}; there are {', '.join(known)}")
        for field in match
        if field not in known
    ]
    faults += [
        FieldError(f"{match_at}.{field[:100]}", "names no values; leave the field out to take any")
        for field, values in match.items()
        if not values
    ]
    if not faults and len(json.dumps(found.pattern("0" * 36))) > MAX_PATTERN:
        faults = [FieldError(match_at, "is too long; ask for fewer values")]
    return found, faults


def _takes(pattern: Mapping[str, Any], told: Any) -> bool:
    """EventBridge's rules for what is used of its patterns here: every field named, one of its values each.

    (Amazon EventBridge User Guide, "Comparison operators"; values equal as JSON writes them, an absent field is not
    null.)
    """
    for name, wanted in pattern.items():
        value = told.get(name, _ABSENT) if isinstance(told, Mapping) else _ABSENT
        if isinstance(wanted, Mapping):
            if not _takes(wanted, value):
                return False
        elif not any(_is(value, each) for each in wanted):
            return False
    return True


def _is(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return bool((value is not _ABSENT) == wanted["exists"])
    return type(value) is type(wanted) and bool(value == wanted)
