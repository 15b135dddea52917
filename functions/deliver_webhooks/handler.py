"""Lambda entry: send events to the addresses that users named."""

import json
from functools import cache
from typing import Any

from agent_platform.egress import Egress
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.observability import get_logger
from agent_platform.settings import DeliverWebhooksSettings, load
from agent_platform.storage.queues import Queue
from agent_platform.storage.webhook_deliveries import DeliveryRepository
from agent_platform.storage.webhook_pace import PaceRepository
from agent_platform.storage.webhooks import WebhookRepository
from agent_platform.tracing import flushed
from agent_platform.webhooks.delivery import Deliverer
from agent_platform.webhooks.matching import FanOut
from agent_platform.webhooks.orders import DeliveryQueue
from agent_platform.webhooks.signing import WebhookSecrets
from functions.deliver_webhooks.letters import Letters
from functions.deliver_webhooks.messages import read_redrive
from functions.deliver_webhooks.worker import Worker

log = get_logger()


@cache
def worker() -> Worker:
    """What works on this function's table and queues."""
    env = load(DeliverWebhooksSettings)
    webhooks, deliveries = WebhookRepository(env.webhooks_table), DeliveryRepository(env.webhooks_table)
    queue = DeliveryQueue(Queue(env.webhooks_queue_url), Queue(env.slow_webhooks_queue_url))
    pace, letters = PaceRepository(env.webhooks_table), Letters(env.dead_letters_queue_url)
    secrets, egress = WebhookSecrets(SigningKeys(env.webhook_secret_arn)), Egress(env.egress_allow)
    deliverer = Deliverer(webhooks, deliveries, pace, queue, secrets, egress, letters.undelivered)
    return Worker(FanOut(webhooks, deliveries, pace, queue), deliverer, letters.unreadable)


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Work through a batch of the queue, or do again what a dead letter holds."""
    if "Records" in event:
        return worker().work(event["Records"])
    # A letter that the queue itself set aside holds the message as it was.
    wanted = event["redrive"] if "redrive" in event else {"message": json.dumps(event)}
    return worker().redrive(read_redrive(wanted))
