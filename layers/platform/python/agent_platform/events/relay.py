"""From stream records to published events: at least once, in order, the failed part told to the event source."""

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import ValidationError

from agent_platform.events.envelope import CloudEvent
from agent_platform.observability import get_logger


class Publisher(Protocol):
    """Takes events; returns the ids of those it refused."""

    def publish(self, events: Sequence[CloudEvent]) -> set[str]: ...


def relay(records: Sequence[dict[str, Any]], publisher: Publisher) -> dict[str, Any]:
    """Publish the inserted outbox items of one stream batch.

    Returns the response of a Lambda event source with ReportBatchItemFailures. For a stream, everything from the first
    failed record on is delivered again: that keeps the order, and consumers drop the event ids they have seen.
    """
    pending: list[tuple[str, CloudEvent]] = []
    poison: str | None = None
    for record in records:
        sequence = record["dynamodb"]["SequenceNumber"]
        if record["eventName"] != "INSERT":
            continue  # an item that its TTL removed
        try:
            pending.append((sequence, CloudEvent.model_validate_json(record["dynamodb"]["NewImage"]["event"]["S"])))
        except (KeyError, ValidationError):
            get_logger().exception("outbox_event_unreadable", extra={"sequence_number": sequence})
            poison = sequence
            break
    refused = publisher.publish([event for _, event in pending])
    failed = next((sequence for sequence, event in pending if event.id in refused), poison)
    if refused:
        get_logger().error("events_refused", extra={"event_ids": sorted(refused)})
    return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}
