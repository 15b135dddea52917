"""Puts the services of webhooks together, from the environment of the control plane."""

from agent_platform.egress import Egress
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.settings import ApiSettings
from agent_platform.storage.queues import Queue
from agent_platform.storage.webhook_deliveries import DeliveryRepository
from agent_platform.storage.webhooks import WebhookRepository
from agent_platform.webhooks.orders import DeliveryQueue
from agent_platform.webhooks.signing import WebhookSecrets
from agent_platform.webhooks.subscriptions import Webhooks


def webhooks(env: ApiSettings) -> Webhooks:
    """Webhooks on this function's table and queue."""
    return Webhooks(
        WebhookRepository(env.webhooks_table),
        DeliveryRepository(env.webhooks_table),
        DeliveryQueue(Queue(env.webhooks_queue_url)),
        WebhookSecrets(SigningKeys(env.webhook_secret_arn)),
        Egress(env.egress_allow),
    )
