"""From stream records to published events: at least once, in order, what can never be published set aside."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched
from time import monotonic
from typing import Any

from pydantic import ValidationError

from agent_platform.events.dead_letters import Letter, Reason, Source, fitting
from agent_platform.events.envelope import CloudEvent, EventType, faults_of, known_type
from agent_platform.events.publishing import Publisher, Refusal
from agent_platform.events.relay_orders import OneEvent, Range
from agent_platform.observability import get_logger
from agent_platform.storage.outbox import RETENTION_SECONDS, OutboxItem, OutboxPage, OutboxReader, Place, moment_of

UNREADABLE = "event_unreadable"
CHUNK = 100
"""Events that are published together when a part of the outbox is published again."""

_NOT_TAKEN = Refusal("not_taken", "It was not taken in time. Try again.")

_ELSEWHERE = (
    "Older events are in the archive of the bus, in Kafka's topics and in the audit log: see `Rebuild and replay` in "
    "docs/operations.md. Discard a dead letter whose events came from there."
)

SendLetter = Callable[[Letter], None]
TimeLeft = Callable[[], bool]


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
        self, order: OneEvent | Range, outbox: OutboxReader, time_left: TimeLeft = lambda: True
    ) -> dict[str, Any]:
        """Publish what an operator names once more, under the same ids.

        Returns how many events were published (`done`) and what was not, with the reason (`failed`). Of a time, also
        how many nobody can ever publish (`set_aside`): each has a letter of its own, as from the stream. `next` is
        the order that goes on, where time ended or an event was not taken.

        Raises:
            InvalidInput: the order's time is none.
            NotFound: the one event is not there any more.
            StorageUnavailable: DynamoDB does not answer, or a letter cannot be sent.
        """
        if isinstance(order, Range):
            return self._publish_range(order, outbox, time_left)
        item = order.read(outbox)
        again, refused = self._publish([item])
        missed = dict.fromkeys(again, _NOT_TAKEN) | refused
        failed = [_failure(each, why) for each, why in missed.items()]
        return {"done": 1 - len(failed), "failed": failed}

    def _publish_range(self, order: Range, outbox: OutboxReader, time_left: TimeLeft) -> dict[str, Any]:
        """Page by page as it is read: neither memory nor the time of one call bounds how much there is."""
        told: dict[str, Any] = {"done": 0, "set_aside": 0, "failed": []}
        end = monotonic() + order.seconds if order.seconds else None
        place, found = order.place, order.found
        for items, following in _steps(outbox.between(order.start, order.end, place)):
            again, refused = self._publish(items)
            for item in items:
                if item.id in again:
                    # What follows must not overtake it, and is published once more.
                    return {**told, "failed": [_failure(item.id, _NOT_TAKEN)], "next": order.rest(place, found)}
                if item.id in refused:
                    self._tell(item, refused[item.id])
                told["set_aside" if item.id in refused else "done"] += 1
                place, found = Place(item.subject, item.id), found + 1
            place = following
            # Asked behind the work, so that each call comes further.
            if following and not (time_left() and (end is None or monotonic() < end)):
                return {**told, "next": order.rest(following, found)}
        return {**told, "failed": _doubts(order, found)}

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
        place = {"subject": item.subject, "event_id": item.id}
        # An event is kept beyond the outbox's week. What is none may hold anything, and is only named.
        whole = place if refusal.code == UNREADABLE else {**place, "event": item.event}
        letter = Letter(
            source=self._source,
            event_id=item.id,
            type=_type(item),
            subject=item.subject,
            reason=Reason(code=refusal.code, message=refusal.message),
            payload={"redrive": whole},
            failed_at=datetime.now(UTC),
        )
        self._send(fitting(letter, by_reference={"redrive": place}))


def _steps(pages: Iterable[OutboxPage]) -> Iterator[tuple[Sequence[OutboxItem], Place | None]]:
    """What is published together, and behind which item the next begins; None behind the last."""
    for page in pages:
        chunks: list[tuple[OutboxItem, ...]] = [*batched(page.items, CHUNK, strict=False)] or [()]
        for chunk in chunks[:-1]:
            yield chunk, Place(chunk[-1].subject, chunk[-1].id)
        yield chunks[-1], page.after


def _doubts(order: Range, found: int) -> list[dict[str, str | None]]:
    """Why a time that was read to its end may still lack events."""
    if not found:
        said = f"The outbox holds nothing that was written from {order.start} to {order.end}; it keeps a week. "
        return [_failure(None, Refusal("not_found", said + _ELSEWHERE))]
    if moment_of(order.start) < datetime.now(UTC) - timedelta(seconds=RETENTION_SECONDS):
        said = f"{found} events were found, and others may be gone: {order.start} is more than a week ago. "
        return [_failure(None, Refusal("expired", said + _ELSEWHERE))]
    return []


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


def _failure(event_id: str | None, why: Refusal) -> dict[str, str | None]:
    return {"event_id": event_id, "code": why.code, "message": why.message}
