"""Publish events on the EventBridge bus; what the bus refuses is told apart from what it took."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from random import SystemRandom
from time import monotonic
from typing import TYPE_CHECKING

from agent_platform.errors import ConfigurationError
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.filters import SOURCE
from agent_platform.events.publishing import Outcome, Refusal
from agent_platform.events.spans import record_sent
from agent_platform.observability import get_logger

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

ENTRIES_PER_CALL = 10
"""PutEvents takes at most ten entries (Amazon EventBridge API reference)."""

BYTES_PER_CALL = 1024 * 1024
"""All entries of a call together: 1 MiB since January 2026, 256 KiB before. What counts of each are time (14 bytes),
source, detail type and detail in UTF-8 (Amazon EventBridge User Guide, "Calculating PutEvents event entry size")."""

BATCH_SECONDS = 20.0
"""After which no further call is begun; what is left is tried again by the event source."""

TRIES = 5
"""Of the entries that a call did not take. Where three of ten are throttled, 2 in a thousand are left for later."""

LONGEST_PAUSE_SECONDS = 1.0

_FINAL = frozenset({"MalformedDetail", "InvalidArgument"})
"""What an entry is refused for that no try will mend. All else is throttling, or a fault of the bus or its rights."""

_RANDOM = SystemRandom()  # instances restored from one snapshot must not wait in step


@cache
def _eventbridge() -> "EventBridgeClient":
    import boto3  # at first use, so that importing the module stays cheap
    from botocore.config import Config

    patience = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("events", config=patience)


def _wait(attempt: int) -> None:
    """With jitter, and longer each time."""
    time.sleep(_RANDOM.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.1 * 2**attempt)))


class EventBridgePublisher:
    """Puts events on one bus: `detail-type` is the event's type, `detail` the whole CloudEvent."""

    def __init__(self, bus: str, *, seconds: float = BATCH_SECONDS, pause: Callable[[int], None] = _wait) -> None:
        self.bus = bus
        self._seconds = seconds
        self._pause = pause

    def publish(self, events: Sequence[CloudEvent]) -> Outcome:
        """Publish in order.

        Entries that a call did not take are sent again, and only those. A bus keeps no order among the entries of one
        call, so one that was taken may be heard before another of its subject that comes later; of a subject of which
        one is left in the end, nothing further is sent.

        Raises:
            ConfigurationError: there is no such bus, or no right to it.
        """
        began, deadline = datetime.now(UTC), monotonic() + self._seconds
        outcome = Outcome()
        held = set[str]()
        for batch in self._calls(events, outcome):
            waiting = [event for event in batch if event.subject not in held]
            outcome.again |= {event.id for event in batch if event.subject in held}
            for attempt in range(TRIES):
                if not waiting or monotonic() > deadline:
                    break
                if attempt:
                    self._pause(attempt)
                waiting = self._put(waiting, outcome, deadline)
            outcome.again |= {event.id for event in waiting}
            held |= {event.subject for event in waiting}
        record_sent(events, "aws_eventbridge", began, bus=self.bus, refused=outcome.again | outcome.refused.keys())
        return outcome

    def _put(self, events: Sequence[CloudEvent], outcome: Outcome, deadline: float) -> list[CloudEvent]:
        """One call; returns what it did not take and another may."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = _eventbridge().put_events(Entries=[self._entry(event) for event in events])
        except ClientError as error:
            return self._refused_whole(events, outcome, deadline, error)
        except BotoCoreError as error:
            get_logger().warning("bus_does_not_answer", extra={"reason": type(error).__name__})
            return list(events)
        left: list[CloudEvent] = []
        for event, entry in zip(events, answer["Entries"], strict=True):
            code = entry.get("ErrorCode")
            if code in _FINAL:
                why = f"The bus refuses the event for good: {code}: {entry.get('ErrorMessage', '')}"
                outcome.refused[event.id] = Refusal("refused_by_bus", why)
            elif code:
                left.append(event)
        return left

    def _refused_whole(
        self, events: Sequence[CloudEvent], outcome: Outcome, deadline: float, error: "ClientError"
    ) -> list[CloudEvent]:
        """What is left of a call that was refused as a whole: one bad entry must not hold up the others."""
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in ("AccessDeniedException", "ResourceNotFoundException"):
            raise ConfigurationError(f"The bus {self.bus} cannot be used: EventBridge answered {code}.") from error
        if code != "ValidationException":
            get_logger().warning("bus_refuses", extra={"reason": code})
            return list(events)
        if len(events) > 1:
            left: list[CloudEvent] = []
            for event in events:
                # Each call may take as long as all of them should.
                left += [event] if monotonic() > deadline else self._put([event], outcome, deadline)
            return left
        why = f"The bus refuses the event for good: {code}: {error.response['Error'].get('Message', '')}"
        outcome.refused[events[0].id] = Refusal("refused_by_bus", why)
        return []

    def _calls(self, events: Sequence[CloudEvent], outcome: Outcome) -> Iterator[list[CloudEvent]]:
        """Batches that one call takes."""
        batch: list[CloudEvent] = []
        size = 0
        for event in events:
            own = 14 + len(f"{SOURCE}{event.type}{event.model_dump_json(exclude_none=True)}".encode())
            if own > BYTES_PER_CALL:
                why = f"The event has {own} bytes, and a bus takes {BYTES_PER_CALL} at most."
                outcome.refused[event.id] = Refusal("event_too_large", why)
                continue
            if len(batch) == ENTRIES_PER_CALL or size + own > BYTES_PER_CALL:
                yield batch
                batch, size = [], 0
            batch.append(event)
            size += own
        if batch:
            yield batch

    def _entry(self, event: CloudEvent) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self.bus,
            "Source": SOURCE,
            "DetailType": event.type,
            "Detail": event.model_dump_json(exclude_none=True),
            "Resources": [],
            "Time": event.time,
        }
