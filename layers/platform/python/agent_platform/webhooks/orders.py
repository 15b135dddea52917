"""The messages of the webhooks' queue that the platform sends itself: one for the next attempt of each delivery."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from agent_platform.storage.queues import Queue
from agent_platform.storage.webhooks import Subscription


class DeliveryKey(BaseModel):
    """Which delivery."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition: str
    """Where its subscription lies."""
    webhook_id: str
    event_id: str

    @classmethod
    def of(cls, subscription: Subscription, event_id: str) -> "DeliveryKey":
        """The delivery of an event to a subscription."""
        return cls(partition=subscription.partition, webhook_id=subscription.id, event_id=event_id)


class DeliveryOrder(DeliveryKey):
    """Try a delivery, of which `number` attempts are recorded by the time that it is due."""

    number: int = 0
    due: float
    """Unix seconds; where it lies farther off than the queue can hold, the message is queued again on the way."""


class DeliveryQueue:
    """Queues attempts."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def send(self, orders: Sequence[DeliveryOrder], now: datetime) -> None:
        """Queue each of them for when it is due, or as late before as the queue can.

        Raises:
            StorageUnavailable: SQS does not answer; some may have been queued.
        """
        for delay, due_then in _by_delay(orders, now.timestamp()).items():
            messages: list[Any] = [{"delivery": each.model_dump(mode="json")} for each in due_then]
            self._queue.send(messages, delay_seconds=delay)


def _by_delay(orders: Sequence[DeliveryOrder], now: float) -> dict[int, list[DeliveryOrder]]:
    found: dict[int, list[DeliveryOrder]] = {}
    for each in orders:
        found.setdefault(max(0, round(each.due - now)), []).append(each)
    return found
