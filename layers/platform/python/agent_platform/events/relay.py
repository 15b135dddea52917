"""From stream records to published events: at least once, in order, what can never be published set aside."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from pydantic import ValidationError

from agent_platform.errors import InvalidInput
from agent_platform.events.dead_letters import Letter, Reason, Source
from agent_platform.events.envelope import CloudEvent, EventType, faults_of, known_type
from agent_platform.events.publishing import Publisher, Refusal
from agent_platform.observability import get_logger
from agent_platform.storage.outbox import OutboxItem, OutboxReader, made_at

UNREADABLE = "event_unreadable"
CHUNK = 100
"""Events that are published together when a part of the outbox is published again."""

SendLetter = Callable[[Letter], None]


class Relay:
    """Publishes what the outbox holds, and sends a letter about what nobody can publish.

    Args:
        source: in whose name letters are sent.
        send: puts a letter into the dead-letter queue, or raises; then the batch comes again.
    """

    def __init__(self, publisher: Publisher, source: Source, send: SendLetter) -> None:
        self._publisher = publisher
        self._source = source
        self._send = send

    def take(self, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Publish the inserted outbox items of one stream batch.

        A record that no try can bring through goes to the dead letters, and the others go on.

        Returns the response of a Lambda event source with ReportBatchItemFailures. For a stream, everything from the
        first failed record on is delivered again: that keeps the order, and consumers drop the event ids they have
        seen.

        Raises:
            ConfigurationError: the destination is missing, or the right to it.
            StorageUnavailable: a letter cannot be sent, so nothing of the batch counts as done.
        """
        inserted = [each["dynamodb"] for each in records if each["eventName"] == "INSERT"]  # not what its TTL removed
        items = [OutboxItem.of(each.get("NewImage", {}), each.get("Keys")) for each in inserted]
        again, refused = self._publish(items)
        for item, record in zip(items, inserted, strict=True):
            if item.id in again:
                # From here on all come again; a letter about one of those would be sent at each try.
                return {"batchItemFailures": [{"itemIdentifier": record["SequenceNumber"]}]}
            if item.id in refused:
                self._tell(item, refused[item.id])
        return {"batchItemFailures": []}

    def publish_again(
        self, items: Sequence[OutboxItem], time_left: Callable[[], bool] = lambda: True
    ) -> dict[str, Any]:
        """Publish events of the outbox once more, under the same ids, oldest first, as long as there is time.

        Returns how many were published, and which were not, with the reason. No letter is sent about those, since
        whoever asked hears of it.
        """
        done, failed = 0, list[dict[str, str]]()
        for chunk in batched(items, CHUNK, strict=False):
            if not time_left():
                why = f"There was no time left from here on: publish again from {made_at(chunk[0].id).isoformat()}."
                return {"done": done, "failed": [*failed, _failure(chunk[0].id, Refusal("out_of_time", why))]}
            again, refused = self._publish(chunk)
            missed = dict.fromkeys(again, Refusal("not_taken", "It was not taken in time. Try again.")) | refused
            failed += [_failure(item.id, missed[item.id]) for item in chunk if item.id in missed]
            done += sum(item.id not in missed for item in chunk)
        return {"done": done, "failed": failed}

    def _publish(self, items: Sequence[OutboxItem]) -> tuple[set[str], dict[str, Refusal]]:
        """Publish; returns the ids of those to be tried again and of those that never can be."""
        events: list[CloudEvent] = []
        unreadable: dict[str, Refusal] = {}
        for item in items:
            try:
                events.append(_event(item))
            except ValueError as fault:
                unreadable[item.id] = Refusal(UNREADABLE, str(fault))
        outcome = self._publisher.publish(events)
        if outcome.again:
            get_logger().error("events_not_taken", extra={"event_ids": sorted(outcome.again)})
        return outcome.again, unreadable | outcome.refused

    def _tell(self, item: OutboxItem, refusal: Refusal) -> None:
        get_logger().error("event_set_aside", extra={"event_id": item.id, "reason": refusal.code})
        self._send(
            Letter(
                source=self._source,
                event_id=item.id,
                type=_type(item),
                subject=item.subject,
                reason=Reason(code=refusal.code, message=refusal.message),
                payload={"redrive": {"subject": item.subject, "event_id": item.id}},
                failed_at=datetime.now(UTC),
            )
        )


def again_from(outbox: OutboxReader, order: Mapping[str, Any]) -> list[OutboxItem]:
    """The items that an operator names: one by `subject` and `event_id`, or all of a time by `from` and `to`.

    Raises:
        InvalidInput: neither is named, or not wholly.
        NotFound: the one item is not there any more.
        StorageUnavailable: DynamoDB does not answer.
    """
    if "event_id" in order:
        if not (order["event_id"] and order.get("subject")):
            raise InvalidInput("Name one event by its `subject` and its `event_id`.")
        return [outbox.get(str(order["subject"]), str(order["event_id"]))]
    return outbox.between(order.get("from"), order.get("to"))


def _event(item: OutboxItem) -> CloudEvent:
    """The event of an item.

    Raises:
        ValueError: it is none, or another one than the item says.
    """
    try:
        event = CloudEvent.model_validate_json(item.event)
    except ValidationError as error:
        raise ValueError(f"The outbox item holds no event of the platform: {faults_of(error)}") from None
    if (event.id, event.subject) != (item.id, item.subject):
        raise ValueError(f"The outbox item holds another event: {event.id} about {event.subject}.")
    return event


def _type(item: OutboxItem) -> EventType | None:
    """Which type of event the item says it is."""
    try:
        return known_type(json.loads(item.event)["type"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _failure(event_id: str, why: Refusal) -> dict[str, str]:
    return {"event_id": event_id, "code": why.code, "message": why.message}
