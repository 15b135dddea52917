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
    waited: bool = False
    """Whether it has waited once for what another webhook of its owner would show."""
    slow: bool = False
    """Whether it waits among those of slow receivers."""


class DeliveryQueue:
    """Queues attempts: those of slow receivers apart, so that nobody else waits behind them."""

    def __init__(self, queue: Queue, slow: Queue | None = None) -> None:
        """Prepare.

        Args:
            slow: the queue of slow receivers; None for those who begin deliveries and need not know.
        """
        self._queue = queue
        self._slow = slow or queue

    def send(self, orders: Sequence[DeliveryOrder], now: datetime) -> None:
        """Queue each of them for when it is due, or as late before as the queue can.

        Raises:
            StorageUnavailable: SQS does not answer; some may have been queued.
        """
        for (slow, delay), due_then in _by_queue_and_delay(orders, now.timestamp()).items():
            # Without what is usual: so a function of the version before reads what one of this version sends.
            messages: list[Any] = [
                {"delivery": each.model_dump(mode="json", exclude_defaults=True)} for each in due_then
            ]
            (self._slow if slow else self._queue).send(messages, delay_seconds=delay)


def _by_queue_and_delay(orders: Sequence[DeliveryOrder], now: float) -> dict[tuple[bool, int], list[DeliveryOrder]]:
    found: dict[tuple[bool, int], list[DeliveryOrder]] = {}
    for each in orders:
        found.setdefault((each.slow, max(0, round(each.due - now))), []).append(each)
    return found
