"""Webhooks as their owners handle them: made, changed, given a new secret, tried out, and deleted."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_platform.egress import Egress
from agent_platform.errors import (
    Conflict,
    EgressFailed,
    EgressRefused,
    FieldError,
    Forbidden,
    InvalidInput,
    StorageUnavailable,
)
from agent_platform.events.filters import read_events
from agent_platform.identity.principal import Principal
from agent_platform.ids import new_id
from agent_platform.resilience.accounts import Rate, too_often
from agent_platform.resilience.moments import Moment
from agent_platform.storage.webhook_deliveries import Delivery, DeliveryPage, DeliveryRepository
from agent_platform.storage.webhooks import (
    MAX_WEBHOOKS,
    PLATFORM,
    StoredSubscription,
    Subscription,
    SubscriptionPage,
    WebhookRepository,
    owned_by,
    webhook_not_found,
)
from agent_platform.webhooks.orders import DeliveryKey, DeliveryOrder, DeliveryQueue
from agent_platform.webhooks.signing import WebhookSecrets
from agent_platform.webhooks.wanted import NewSubscription

PREVIOUS_SECRET_FOR = timedelta(hours=24)
"""How long messages are signed with the previous secret too, after a rotation."""

PING = "webhook.ping"
PINGS = Rate(PING, 10)
"""Of one person, over all their webhooks: a button for humans, at an address that they name."""

REDELIVERIES = Rate("webhook.redeliver", 60)
"""The same of what they have sent again; a ping that is sent again counts as a ping."""

_TRIES = 5


class Webhooks:
    """The subscriptions that a principal may handle: their own, and an administrator those of the platform.

    Every method raises `StorageUnavailable` when DynamoDB or SQS does not answer.
    """

    def __init__(
        self,
        webhooks: WebhookRepository,
        deliveries: DeliveryRepository,
        queue: DeliveryQueue,
        secrets: WebhookSecrets,
        egress: Egress,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._queue = queue
        self._secrets = secrets
        self._egress = egress
        self._clock = clock

    def create(self, principal: Principal, wanted: NewSubscription) -> tuple[StoredSubscription, str]:
        """A new subscription, and its secret.

        Raises:
            Forbidden: it is for everybody's events, and the principal is no administrator.
            InvalidInput: the address or the filter is not accepted.
            Conflict: there are 20 already.
        """
        if wanted.platform_wide and not principal.is_admin:
            raise Forbidden("Only administrators may be told of everybody's events. Leave `platform_wide` out.")
        read = read_events(wanted.events, wanted.match)
        self._check_url(wanted.url)
        now = self._clock()
        made = self._webhooks.add(
            Subscription(
                id=new_id(),
                owner=principal.user_id,
                platform_wide=wanted.platform_wide,
                url=wanted.url,
                events=read.types,
                match=read.match,
                description=wanted.description,
                enabled=wanted.enabled,
                created_at=now,
                updated_at=now,
                secret=self._secrets.following(None),
            )
        )
        return made, self._secret(made)

    def get(self, principal: Principal, webhook_id: str) -> StoredSubscription:
        """One subscription.

        Raises:
            WebhookNotFound: there is none that is the principal's to see.
        """
        found = self._webhooks.find(owned_by(principal.user_id), webhook_id)
        if found is None and principal.is_admin:
            found = self._webhooks.find(PLATFORM, webhook_id)
        if found is None:
            raise webhook_not_found(webhook_id)
        return found

    def mine(
        self, principal: Principal, *, platform_wide: bool = False, limit: int = MAX_WEBHOOKS, cursor: str | None = None
    ) -> SubscriptionPage:
        """The principal's subscriptions, or those of the platform, the newest first.

        Raises:
            Forbidden: those of the platform are for administrators.
            InvalidCursor: `cursor` belongs to another list.
        """
        if platform_wide and not principal.is_admin:
            raise Forbidden("Only administrators see the webhooks of the platform. Leave `platform_wide` out.")
        partition = PLATFORM if platform_wide else owned_by(principal.user_id)
        return self._webhooks.list_of(partition, limit=limit, cursor=cursor)

    def update(self, principal: Principal, webhook_id: str, changes: Mapping[str, Any]) -> StoredSubscription:
        """Change `url`, `events`, `match`, `description` or `enabled`, as far as they are given.

        Enabling forgets why it was disabled, and since when its deliveries failed.

        Raises:
            WebhookNotFound: there is none that is the principal's to see.
            InvalidInput: the address or the filter is not accepted.
        """
        if "url" in changes:
            self._check_url(changes["url"])

        def changed(was: Subscription) -> Subscription:
            events, match = changes.get("events", was.events), changes.get("match", was.match)
            read = read_events(events, match)
            update = {**changes, "events": read.types, "match": read.match, "updated_at": self._clock()}
            if "enabled" in changes:
                update["disabled"] = None
            return was.model_copy(update=update)

        return self._change(principal, webhook_id, changed, forgive=changes.get("enabled") is True)

    def rotate(self, principal: Principal, webhook_id: str) -> tuple[StoredSubscription, str]:
        """Give it a new secret; for 24 hours messages are signed with the previous one too.

        Raises:
            WebhookNotFound: there is none that is the principal's to see.
        """

        def changed(was: Subscription) -> Subscription:
            now = self._clock()
            return was.model_copy(
                update={
                    "secret": self._secrets.following(was.secret),
                    "previous_secret": was.secret,
                    "previous_until": now + PREVIOUS_SECRET_FOR,
                    "updated_at": now,
                }
            )

        rotated = self._change(principal, webhook_id, changed)
        return rotated, self._secret(rotated)

    def delete(self, principal: Principal, webhook_id: str) -> None:
        """Delete a subscription. What is still on its way to it is not sent.

        Raises:
            WebhookNotFound: there is none that is the principal's to see.
        """
        self._webhooks.remove(self.get(principal, webhook_id).subscription)

    def ping(self, principal: Principal, webhook_id: str) -> Delivery:
        """Send it an event of the type `webhook.ping`, once; what comes of it stands among its deliveries.

        Raises:
            WebhookNotFound: there is none that is the principal's to see.
            Conflict: it is disabled.
            RateLimited: the principal had ten sent in this minute.
        """
        subscription, now = self._enabled(principal, webhook_id), self._clock()
        self._count(principal, PINGS, now)
        delivery = Delivery(
            id=new_id(),
            webhook_id=webhook_id,
            type=PING,
            subject=webhook_id,
            state="pending",
            created_at=now,
            next_at=now,
        )
        event = {
            "specversion": "1.0",
            "id": delivery.id,
            "source": "/ai-agents-platform",
            "type": PING,
            "subject": webhook_id,
            "time": now.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": {"webhook_id": webhook_id, "owner": subscription.owner},
        }
        self._deliveries.create(delivery, json.dumps(event, separators=(",", ":")), once=True)
        self._begin(subscription, delivery.id, 0, now)
        return delivery

    def deliveries(
        self, principal: Principal, webhook_id: str, *, limit: int = 24, cursor: str | None = None
    ) -> DeliveryPage:
        """What was sent to it in the last 30 days, the newest event first.

        Raises:
            WebhookNotFound: there is none that is the principal's to see.
            InvalidCursor: `cursor` belongs to another list.
        """
        self.get(principal, webhook_id)
        return self._deliveries.list_of(webhook_id, limit=limit, cursor=cursor)

    def redeliver(self, principal: Principal, webhook_id: str, delivery_id: str) -> Delivery:
        """Send an event again, whatever came of it before, and try as often as the first time.

        One that waits for its next try is tried at once.

        Raises:
            WebhookNotFound: there is none that is the principal's to see.
            DeliveryNotFound: it was never sent, or longer than 30 days ago.
            Conflict: the webhook is disabled, or the event was sent too often.
            RateLimited: the principal had sixty sent again in this minute, or ten pings.
        """
        subscription, now = self._enabled(principal, webhook_id), self._clock()
        is_ping = self._deliveries.get(webhook_id, delivery_id).type == PING
        self._count(principal, PINGS if is_ping else REDELIVERIES, now)
        number = self._deliveries.reopen(webhook_id, delivery_id, now=now)
        self._begin(subscription, delivery_id, number, now)
        return self._deliveries.get(webhook_id, delivery_id)

    def _count(self, principal: Principal, rate: Rate, now: datetime) -> None:
        moment = Moment(now.timestamp())
        if not self._webhooks.count_sent(principal.user_id, rate.counted, moment.minute, rate.limit):
            raise too_often(rate, moment)

    def _begin(self, subscription: Subscription, event_id: str, number: int, now: datetime) -> None:
        key = DeliveryKey.of(subscription, event_id)
        self._queue.send([DeliveryOrder(**key.model_dump(), number=number, due=now.timestamp())], now)

    def _enabled(self, principal: Principal, webhook_id: str) -> Subscription:
        subscription = self.get(principal, webhook_id).subscription
        if not subscription.enabled:
            raise Conflict("The webhook is disabled, so nothing is sent. Enable it first.")
        return subscription

    def _change(
        self,
        principal: Principal,
        webhook_id: str,
        changed: Callable[[Subscription], Subscription],
        *,
        forgive: bool = False,
    ) -> StoredSubscription:
        for _ in range(_TRIES):
            stored = self.get(principal, webhook_id)
            made = self._webhooks.change(stored, changed(stored.subscription), forgive=forgive)
            if made is not None:
                return made
        raise StorageUnavailable("The webhook is being changed by somebody else. Try again shortly.")

    def _secret(self, stored: StoredSubscription) -> str:
        return self._secrets.secret(stored.subscription.id, stored.subscription.secret)

    def _check_url(self, url: str) -> None:
        try:
            self._egress.check(url)
        except (EgressRefused, EgressFailed) as error:
            raise InvalidInput(
                "The webhook's address cannot be used.", errors=[FieldError("url", error.detail)]
            ) from error
