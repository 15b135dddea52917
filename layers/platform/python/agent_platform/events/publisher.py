"""Publish events on the EventBridge bus; what the bus refuses is told apart from what it took."""

from collections.abc import Sequence
from functools import cache
from itertools import batched
from typing import TYPE_CHECKING

from agent_platform.events.envelope import CloudEvent

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

ENTRIES_PER_CALL = 10
"""PutEvents takes at most ten entries (Amazon EventBridge API reference)."""


@cache
def _eventbridge() -> "EventBridgeClient":
    import boto3  # at first use, so that importing the module stays cheap
    from botocore.config import Config

    patience = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("events", config=patience)


class EventBridgePublisher:
    """Puts events on one bus: `detail-type` is the event's type, `detail` the whole CloudEvent."""

    def __init__(self, bus: str) -> None:
        self.bus = bus

    def publish(self, events: Sequence[CloudEvent]) -> set[str]:
        """Publish in order; returns the ids of the events that the bus did not take.

        After a call with a refusal the rest is not tried, so that no event overtakes one before it.
        """
        refused = set[str]()
        for batch in batched(events, ENTRIES_PER_CALL, strict=False):
            if refused:
                refused |= {event.id for event in batch}
                continue
            answer = _eventbridge().put_events(
                Entries=[
                    {
                        "EventBusName": self.bus,
                        "Source": "ai-agents-platform",
                        "DetailType": event.type,
                        "Detail": event.model_dump_json(exclude_none=True),
                        "Resources": [],
                        "Time": event.time,
                    }
                    for event in batch
                ]
            )
            refused |= {
                event.id for event, entry in zip(batch, answer["Entries"], strict=True) if entry.get("ErrorCode")
            }
        return refused
