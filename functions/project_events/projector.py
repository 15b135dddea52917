"""What is done with a batch of events, and with an operator's request."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

from agent_platform.analytics.ledger import Ledger
from agent_platform.analytics.projections import Projections
from agent_platform.errors import PlatformError
from agent_platform.events.dead_letters import Letter, Reason
from agent_platform.events.envelope import known_type
from agent_platform.events.incoming import Incoming, incoming, read_event, shape
from agent_platform.events.spans import process_span
from agent_platform.observability import get_logger
from agent_platform.storage.audit import AuditLog
from functions.project_events.requests import KafkaRange, Order

UNREADABLE = "event_unreadable"

TimeLeft = Callable[[], bool]


class ReadRange(Protocol):
    """Reads records of a topic again."""

    def __call__(self, wanted: KafkaRange) -> Sequence[Incoming]: ...


class Send(Protocol):
    """Sends a letter; one whose payload is too large goes with the other payload, which does the same."""

    def __call__(self, letter: Letter, *, by_reference: dict[str, Any] | None) -> None: ...


class EventProjector:
    """Keeps events, advances the projections, and sends away what can never be kept.

    Raises `StorageUnavailable` when the database does not answer: whoever brought the batch brings it again.
    """

    def __init__(self, log: AuditLog, projections: Projections, send: Send, read_range: ReadRange) -> None:
        self._log = log
        self._ledger = Ledger(log)
        self._projections = projections
        self._send = send
        self._read_range = read_range

    def take(self, event: Mapping[str, Any], time_left: TimeLeft) -> dict[str, Any]:
        """Keep and apply a batch. Answers which messages of a queue shall come again: those whose letter was not sent.

        Letters are sent last: if the batch comes again, because the database failed, none was sent for nothing.

        Raises:
            StorageUnavailable: also when a letter about a record of Kafka, which cannot come again alone, is not sent.
        """
        records, is_kafka = incoming(event), shape(event) == "kafka"
        with process_span([each.event for each in records], "kafka" if is_kafka else "aws_sqs", "projections"):
            unfit = self._keep(records, time_left)
        again: list[str] = []
        for record, reason in unfit:
            try:
                self._send(_letter(record, reason), by_reference=_reference(record) if is_kafka else None)
                get_logger().error("event_not_kept", extra={"place": record.place, "code": reason.code})
            except PlatformError:
                if is_kafka:
                    raise
                get_logger().exception("letter_not_sent", extra={"place": record.place})
                again.append(record.place)
        return {"batchItemFailures": [{"itemIdentifier": place} for place in again]}

    def carry_out(self, order: Order, time_left: TimeLeft) -> dict[str, Any]:
        """Do what an operator asks for."""
        if order.redrive is not None:
            read = (
                self._read_range(order.redrive.kafka)
                if order.redrive.kafka
                else [read_event(order.redrive.event or "")]
            )
            return self._redrive(read, time_left)
        if order.rebuild:
            return self._rebuild(order.rebuild_to, time_left)
        return asdict(self._log.verify(order.from_seq, order.to_seq, time_left=time_left))

    def _redrive(self, records: Sequence[Incoming], time_left: TimeLeft) -> dict[str, Any]:
        unfit = self._keep(records, time_left)
        failed = [
            {"event_id": record.event.id if record.event else None, "code": reason.code, "message": reason.message}
            for record, reason in unfit
        ]
        return {"done": len(records) - len(failed), "failed": failed}

    def _rebuild(self, to: int | None, time_left: TimeLeft) -> dict[str, Any]:
        states = self._projections.rebuild(time_left, to=to)
        return {
            "projections": [
                {"name": state.name, "applied_seq": state.applied_seq, "head": state.head} for state in states
            ],
            "complete": not any(state.rebuilding for state in states),
            "rebuild_to": max(state.rebuild_to for state in states),
        }

    def _keep(self, records: Sequence[Incoming], time_left: TimeLeft) -> list[tuple[Incoming, Reason]]:
        """Keep and apply what can be; the rest with its reason."""
        readable = [(record, record.event) for record in records if record.event is not None]
        refused = self._ledger.keep([event for _, event in readable])
        self._apply(time_left)
        return [
            *((each, Reason(code=UNREADABLE, message=each.fault or "")) for each in records if each.event is None),
            *((readable[each.index][0], Reason(code=each.error.code, message=each.error.detail)) for each in refused),
        ]

    def _apply(self, time_left: TimeLeft) -> None:
        """Bring the projections up to what was kept."""
        try:
            self._projections.keep_up(time_left)
        except Exception:
            if not any(state.rebuilding for state in self._projections.states()):
                raise
            # The batch has done what it must. Whoever rebuilds meets the same fault, and mends it.
            get_logger().exception("projections_left_to_rebuild")


def _letter(record: Incoming, reason: Reason) -> Letter:
    """What is sent away, with what the record tells of its event, even if the rest of it cannot be read."""
    told = record.event.model_dump() if record.event else _document(record.raw)
    event_id, subject = (value if isinstance(value := told.get(name), str) else None for name in ("id", "subject"))
    return Letter(
        source="projections",
        event_id=event_id,
        type=known_type(told.get("type")),
        subject=subject,
        reason=reason,
        payload={"redrive": {"event": record.raw}},
        failed_at=datetime.now(UTC),
    )


def _reference(record: Incoming) -> dict[str, Any]:
    """The payload that reads a record of Kafka again, as long as its topic keeps it."""
    topic, partition, offset = record.place.rsplit("-", 2)
    return {
        "redrive": {"kafka": {"topic": topic, "partition": int(partition), "first": int(offset), "last": int(offset)}}
    }


def _document(raw: str) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
