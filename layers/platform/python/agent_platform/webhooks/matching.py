"""From one event to the webhooks that are told of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import cast

from agent_platform.events.envelope import CloudEvent, EventType
from agent_platform.events.filters import EventFilter
from agent_platform.storage.webhook_deliveries import Delivery, DeliveryRepository
from agent_platform.storage.webhook_pace import PaceRepository
from agent_platform.storage.webhooks import PLATFORM, StoredSubscription, Subscription, WebhookRepository, owned_by
from agent_platform.webhooks.orders import DeliveryKey, DeliveryOrder, DeliveryQueue


def filter_of(subscription: Subscription) -> EventFilter:
    """The filter of a subscription, which was checked when it was made."""
    return EventFilter(cast("tuple[EventType, ...]", subscription.events), subscription.match)


class FanOut:
    """Makes a delivery for each webhook that is to be told of an event, and queues its first attempt."""

    def __init__(
        self,
        webhooks: WebhookRepository,
        deliveries: DeliveryRepository,
        pace: PaceRepository,
        queue: DeliveryQueue,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._pace = pace
        self._queue = queue
        self._clock = clock

    def spread(self, event: CloudEvent, text: str) -> int:
        """Do so, once however often the event comes; returns how many deliveries begin.

        A delivery is written before its message is sent: where this breaks off in between, the event comes again, and
        what was not tried yet is queued once more.

        Args:
            event: what happened.
            text: the same as it is sent, JSON.

        Raises:
            StorageUnavailable: DynamoDB or SQS does not answer.
        """
        now = self._clock()
        orders, slow = [], dict[str, bool]()
        for stored in self._told(event):
            subscription = stored.subscription
            if not stored.prompt and subscription.partition not in slow:
                slow[subscription.partition] = self._pace.is_slow(subscription.partition, now)
            delivery = Delivery(
                id=event.id,
                webhook_id=subscription.id,
                type=event.type,
                subject=event.subject,
                state="pending",
                created_at=now,
            )
            if self._deliveries.create(delivery, text):
                key = DeliveryKey.of(subscription, event.id)
                apart = not stored.prompt and slow[subscription.partition]
                orders.append(DeliveryOrder(**key.model_dump(), due=now.timestamp(), slow=apart))
        self._queue.send(orders, now)
        return len(orders)

    def _told(self, event: CloudEvent) -> Iterator[StoredSubscription]:
        """The webhooks of the event's owner, and those of the platform, which are told of everybody's events."""
        owner = event.data.get("owner")
        if isinstance(owner, str) and owner:
            yield from self._matching(event, owned_by(owner), owner)
        yield from self._matching(event, PLATFORM, None)

    def _matching(self, event: CloudEvent, partition: str, owner: str | None) -> Iterator[StoredSubscription]:
        for stored in self._webhooks.list_of(partition).items:
            subscription = stored.subscription
            if subscription.enabled and filter_of(subscription).matches(event, owner):
                yield stored
