"""One attempt to deliver, and what follows from it.

The message that asks for an attempt is gone only when its successor is queued and what came of the attempt is written,
in this order. A worker that dies in between leaves the message, which comes again and finds out from the delivery
itself what is left to do. So an event is sent at least once, and again only where nobody knows how it went.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from agent_platform.egress import Egress
from agent_platform.errors import EgressFailed, EgressRefused
from agent_platform.events.dead_letters import UNDELIVERED
from agent_platform.observability import count, get_logger
from agent_platform.storage.executions import Failure
from agent_platform.storage.webhook_deliveries import Attempt, Busy, Claimed, DeliveryRepository
from agent_platform.storage.webhook_pace import PaceRepository
from agent_platform.storage.webhooks import StoredSubscription, Subscription, WebhookRepository
from agent_platform.webhooks.log import answered, unanswered
from agent_platform.webhooks.orders import DeliveryKey, DeliveryOrder, DeliveryQueue
from agent_platform.webhooks.schedule import next_try
from agent_platform.webhooks.signing import WebhookSecrets

ATTEMPT_SECONDS = 10.0
"""For name, connection, TLS and answer together."""

CLAIM = timedelta(seconds=45)
"""How long a delivery is ours: longer than an attempt with what is written afterwards may take."""

DISABLED_AFTER = timedelta(days=5)
"""Without one attempt that went well, and then with the first delivery that is given up."""

PROMPT_MS = 2_000
"""Who answers later than this, or not at all, is slow: it holds one of the places in which everybody is served."""

SLOW_FOR = timedelta(minutes=15)
"""How long the webhooks of an owner that are not known for prompt answers wait apart, after a slow one."""

TRIAL = timedelta(seconds=15)
"""How long one that is not known for them is tried: longer than an attempt takes."""

TRIAL_WAIT = timedelta(seconds=3)
"""How long the others wait meanwhile, once; most receivers have answered by then."""

CONTENT_TYPE = "application/cloudevents+json"
USER_AGENT = "AI-Agents-Platform-Webhooks/1"
GONE = 410

Outcome = Literal["delivered", "retried", "failed", "cancelled", "postponed", "set_aside", "nothing"]


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A delivery that was given up after its last try."""

    key: DeliveryKey
    type: str
    subject: str
    reason: Failure
    tries: int
    at: datetime


class Deliverer:
    """Makes attempts."""

    def __init__(
        self,
        webhooks: WebhookRepository,
        deliveries: DeliveryRepository,
        pace: PaceRepository,
        queue: DeliveryQueue,
        secrets: WebhookSecrets,
        egress: Egress,
        give_up: Callable[[Undelivered], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._pace = pace
        self._queue = queue
        self._secrets = secrets
        self._egress = egress
        self._give_up = give_up
        self._clock = clock

    def deliver(self, order: DeliveryOrder) -> Outcome:
        """Do what a message asks for, if it is due and nobody has done it.

        Raises:
            StorageUnavailable: DynamoDB or SQS does not answer; the message must come again.
            ConfigurationError: the platform's webhook key is missing.
        """
        now = self._clock()
        if order.due > now.timestamp() + 1:
            self._queue.send([order], now)
            return "postponed"
        stored = self._webhooks.find(order.partition, order.webhook_id)
        if stored is None or not stored.subscription.enabled or stored.prompt or order.slow:
            return self._claim(stored, order, now)
        trial = self._pace.begin_trial(order.partition, now, now + TRIAL)
        if trial == "begun":
            outcome = self._claim(stored, order, now)
            if outcome in ("postponed", "cancelled", "nothing"):
                self._pace.end_trial(order.partition, now)
            return outcome
        if trial == "busy" and not order.waited:
            later = (now + TRIAL_WAIT).timestamp()
            self._queue.send([order.model_copy(update={"due": later, "waited": True})], now)
            return "postponed"
        self._queue.send([order.model_copy(update={"slow": True})], now)
        return "set_aside"

    def redrive(self, key: DeliveryKey) -> Failure | None:
        """Try a delivery that was given up once more, at once; None where it has arrived.

        Raises:
            StorageUnavailable: DynamoDB or SQS does not answer.
            ConfigurationError: the platform's webhook key is missing.
            WebhookNotFound: the webhook was deleted meanwhile.
            DeliveryNotFound: the delivery is too old.
            Conflict: it was tried too often.
        """
        if self._deliveries.get(key.webhook_id, key.event_id).state == "delivered":
            return None
        stored = self._webhooks.get(key.partition, key.webhook_id)
        if not stored.subscription.enabled:
            return Failure(code="webhook_disabled", message="The webhook is disabled. Its owner can enable it.")
        number = self._deliveries.reopen(key.webhook_id, key.event_id, now=self._clock(), once=True)
        # As if it had been set aside: whoever asks waits for what comes of it.
        outcome = self.deliver(DeliveryOrder(**key.model_dump(), number=number, due=0, slow=True))
        if outcome == "delivered":
            return None
        attempts = self._deliveries.get(key.webhook_id, key.event_id).attempts
        return _reason(attempts[-1]) if attempts else Failure(code=UNDELIVERED, message="It was not tried.")

    def _claim(self, stored: StoredSubscription | None, order: DeliveryOrder, now: datetime) -> Outcome:
        claimed = self._deliveries.claim(order.webhook_id, order.event_id, order.number, now=now, until=now + CLAIM)
        if claimed is None:
            return "nothing"
        if isinstance(claimed, Busy):
            # Whoever has it may have died: come back when the claim lapses, and find out.
            self._queue.send([order.model_copy(update={"due": claimed.until.timestamp() + 1})], now)
            return "postponed"
        if stored is None or not stored.subscription.enabled:
            self._deliveries.record(claimed, "cancelled")
            return "cancelled"
        outcome, took = self._try(stored, claimed)
        if took > PROMPT_MS:
            self._pace.was_slow(stored.subscription, self._clock() + SLOW_FOR)
        elif not order.slow and not stored.prompt:
            self._pace.was_prompt(stored, self._clock())
        return outcome

    def _try(self, stored: StoredSubscription, claimed: Claimed) -> tuple[Outcome, int]:
        """Send it and write what came of it, which is returned with the milliseconds that the receiver took."""
        subscription = stored.subscription
        attempt, headers = self._send(subscription, claimed)
        if attempt.error is None:
            outcome: Outcome = "delivered"
            self._deliveries.record(claimed, "delivered", attempt)
            self._webhooks.went_well(stored)
        else:
            outcome = self._failed(stored, claimed, attempt, headers)
        about = {"webhook_id": subscription.id, "event_id": claimed.delivery.id, "status": attempt.status}
        get_logger().info("webhook_attempted", extra={**about, "outcome": outcome, "milliseconds": attempt.duration_ms})
        count({"outcome": outcome}, {"WebhookAttempts": ("Count", 1)}, about)
        return outcome, attempt.duration_ms

    def _send(self, subscription: Subscription, claimed: Claimed) -> tuple[Attempt, dict[str, str]]:
        at, began = self._clock(), time.monotonic()
        body = claimed.event.encode()
        headers = {"Content-Type": CONTENT_TYPE, "User-Agent": USER_AGENT}
        headers |= self._secrets.headers(subscription, claimed.delivery.id, body, at)
        try:
            answer = self._egress.request("POST", subscription.url, headers=headers, body=body, seconds=ATTEMPT_SECONDS)
        except (EgressFailed, EgressRefused) as error:
            return unanswered(error, at, round((time.monotonic() - began) * 1000)), {}
        return answered(answer, at), dict(answer.headers)

    def _failed(
        self, stored: StoredSubscription, claimed: Claimed, attempt: Attempt, headers: dict[str, str]
    ) -> Outcome:
        now, subscription, delivery = self._clock(), stored.subscription, claimed.delivery
        since = self._webhooks.failed(subscription, now)
        if attempt.status == GONE:
            message = "The receiver answered 410 Gone: it wants no more events."
            disable(self._webhooks, stored, Failure(code="webhook_gone", message=message), now)
            self._deliveries.record(claimed, "failed", attempt)
            return "failed"
        following = None if claimed.once else next_try(claimed.round, now, headers)
        key = DeliveryKey.of(subscription, delivery.id)
        if following is not None:
            # The longer pauses outlast what is known of it now.
            apart = attempt.duration_ms > PROMPT_MS and following - now < SLOW_FOR
            order = DeliveryOrder(**key.model_dump(), number=claimed.number + 1, due=following.timestamp(), slow=apart)
            self._queue.send([order], now)
            self._deliveries.record(claimed, "pending", attempt, next_at=following)
            return "retried"
        if not claimed.once:
            reason, tries = _reason(attempt), claimed.number + 1
            self._give_up(Undelivered(key, delivery.type, delivery.subject, reason, tries, now))
        self._deliveries.record(claimed, "failed", attempt)
        # Only with a delivery that was tried for a day: of a quiet webhook, the first try after days may meet a blip.
        if not claimed.once and now - since >= DISABLED_AFTER:
            message = f"No delivery has arrived for {DISABLED_AFTER.days} days. The last attempt: {attempt.error}"
            disable(self._webhooks, stored, Failure(code="webhook_failing", message=message), now)
        return "failed"


def disable(webhooks: WebhookRepository, stored: StoredSubscription, why: Failure, now: datetime) -> None:
    """Stop a subscription and keep the reason; what its owner changed meanwhile stays."""
    found: StoredSubscription | None = stored
    while found is not None and found.subscription.enabled:
        changed = found.subscription.model_copy(update={"enabled": False, "disabled": why, "updated_at": now})
        if webhooks.change(found, changed):
            about = {"webhook_id": changed.id, "code": why.code}
            get_logger().warning("webhook_disabled", extra=about)
            return
        found = webhooks.find(changed.partition, changed.id)


def _reason(attempt: Attempt) -> Failure:
    return Failure(code=UNDELIVERED, message=attempt.error or "It was delivered.")
