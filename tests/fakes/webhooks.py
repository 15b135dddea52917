"""Webhooks with everything around them in reach: a table, a queue that holds its messages, a receiver and a clock."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from agent_platform.egress import Egress
from agent_platform.events.envelope import CloudEvent
from agent_platform.events.executions import agent_executed
from agent_platform.identity.principal import Principal
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.storage.queues import Queue
from agent_platform.storage.webhook_deliveries import Delivery, DeliveryRepository
from agent_platform.storage.webhook_pace import PaceRepository
from agent_platform.storage.webhooks import Subscription, WebhookRepository
from agent_platform.webhooks.delivery import Deliverer, Outcome, Undelivered
from agent_platform.webhooks.matching import FanOut
from agent_platform.webhooks.orders import DeliveryOrder, DeliveryQueue
from agent_platform.webhooks.signing import WebhookSecrets
from agent_platform.webhooks.subscriptions import Webhooks
from agent_platform.webhooks.wanted import NewSubscription
from tests.fakes.aws import WEBHOOKS_TABLE, store_secret
from tests.fakes.executions import an_execution

KEY = {"active": "k1", "k1": "the-platforms-own-webhook-key-of-32-bytes"}
ADA = Principal("ada", "ada@example.com", frozenset({"user"}), token_id="jti-1")
EVE = Principal("eve", "eve@example.com", frozenset({"user"}), token_id="jti-2")
ADMIN = Principal("root", "root@example.com", frozenset({"admin"}), token_id="jti-3")


class Killed(BaseException):
    """What no code catches: the process is gone."""


class HeldQueue(Queue):
    """Keeps the messages, each with the moment from which on it can be received."""

    def __init__(self, clock: "Clock") -> None:
        super().__init__("held")
        self.messages: list[tuple[datetime, Any]] = []
        self._clock = clock

    def send(self, messages: Sequence[Any], *, delay_seconds: float = 0) -> None:
        """Keep them."""
        self.messages += [(self._clock() + timedelta(seconds=min(900, delay_seconds)), each) for each in messages]


@dataclass
class Clock:
    """Stands still until a test moves it."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Hooks:
    """The parts, on one emulated table."""

    clock: Clock
    queue: HeldQueue
    repository: WebhookRepository
    deliveries: DeliveryRepository
    service: Webhooks
    fan_out: FanOut
    deliverer: Deliverer
    letters: list[Undelivered]

    def subscribe(self, url: str, who: Principal = ADA, **wanted: Any) -> tuple[Subscription, str]:
        """A webhook for `agent.executed`, and its secret."""
        order = NewSubscription(url=url, **{"events": ["agent.executed"], **wanted})
        made, secret = self.service.create(who, order)
        return made.subscription, secret

    def know(self, subscription: Subscription) -> None:
        """Its address is known for prompt answers."""
        stored = self.repository.get(subscription.partition, subscription.id)
        PaceRepository(WEBHOOKS_TABLE).was_prompt(stored, self.clock())

    def tell(self, event: CloudEvent) -> int:
        """An event comes from the bus."""
        return self.fan_out.spread(event, event.model_dump_json(exclude_none=True))

    def orders(self) -> list[DeliveryOrder]:
        """What waits in the queue."""
        return [DeliveryOrder.model_validate(message["delivery"]) for _, message in self.queue.messages]

    def next(self) -> Outcome:
        """Receive the message that comes first, at its moment."""
        self.queue.messages.sort(key=lambda each: each[0])
        at, message = self.queue.messages[0]
        self.clock.now = max(self.clock.now, at)
        outcome = self.deliverer.deliver(DeliveryOrder.model_validate(message["delivery"]))
        # Deleted only now: a worker that dies leaves it.
        self.queue.messages.remove((at, message))
        return outcome

    def settle(self) -> list[Outcome]:
        """Receive messages until there are none."""
        outcomes: list[Outcome] = []
        while self.queue.messages:
            outcomes.append(self.next())
        return outcomes

    def log(self, subscription: Subscription) -> list[Delivery]:
        """What its owner reads of it."""
        return self.deliveries.list_of(subscription.id, limit=100).items


@pytest.fixture
def one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS as each of its calls is: whole. The emulated one, in this process, is not safe from other threads."""
    call, lock = BaseClient._make_api_call, threading.RLock()

    def alone(client: Any, operation: str, request: Any) -> Any:
        with lock:
            return call(client, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", alone)


def make_hooks(allow: str = "", egress: Egress | None = None) -> Hooks:
    """Put them together on the table of the tests."""
    clock, letters = Clock(), list[Undelivered]()
    held = HeldQueue(clock)
    queue, way_out = DeliveryQueue(held), egress or Egress(allow)
    repository, deliveries = WebhookRepository(WEBHOOKS_TABLE), DeliveryRepository(WEBHOOKS_TABLE)
    pace = PaceRepository(WEBHOOKS_TABLE)
    secrets = WebhookSecrets(SigningKeys(store_secret("webhook-key", KEY)))
    return Hooks(
        clock,
        held,
        repository,
        deliveries,
        Webhooks(repository, deliveries, queue, secrets, way_out, clock),
        FanOut(repository, deliveries, pace, queue, clock),
        Deliverer(repository, deliveries, pace, queue, secrets, way_out, letters.append, clock),
        letters,
    )


def executed(owner: str = "ada", **changes: Any) -> CloudEvent:
    """The event of an execution."""
    return CloudEvent.model_validate_json(agent_executed(an_execution(owner=owner, **changes), "outbox").event)
