"""Puts events into the audit log; one that cannot be kept does not hold up the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent_platform.errors import EventNotStorable
from agent_platform.events.envelope import CloudEvent
from agent_platform.observability import get_logger
from agent_platform.storage.audit import Appended, AuditEvent, AuditLog


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that cannot be kept as it is, and why. `index` is its place among those that were given."""

    index: int
    error: EventNotStorable


class Ledger:
    """Keeps events in the audit log, each once. Raises `StorageUnavailable` when the database does not answer."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def keep(self, events: Sequence[CloudEvent]) -> list[Refused]:
        """Append what is not known yet; returns what can never be, while all others are kept."""
        storable: list[tuple[int, AuditEvent]] = []
        refused: list[Refused] = []
        for index, event in enumerate(events):
            try:
                storable.append((index, AuditEvent.of(event.model_dump(mode="json", exclude_none=True))))
            except EventNotStorable as error:
                refused.append(Refused(index, error))
        return refused + self._append(storable)

    def _append(self, events: Sequence[tuple[int, AuditEvent]]) -> list[Refused]:
        """Append them together; where the database refuses one, halve until it is alone."""
        if not events:
            return []
        try:
            _log(self._log.append([event for _, event in events]))
        except EventNotStorable as error:
            if len(events) == 1:
                return [Refused(events[0][0], error)]
            half = len(events) // 2
            return self._append(events[:half]) + self._append(events[half:])
        return []


def _log(appended: Appended) -> None:
    """Tell the log where the chain ends: who rewrites all of the database cannot rewrite that."""
    if appended.added:
        about = {"added": appended.added, "seq": appended.head.seq, "hash": appended.head.hash}
        get_logger().info("audit_log_extended", extra=about)
