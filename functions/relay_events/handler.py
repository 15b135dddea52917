"""Lambda entry: relay outbox events from the DynamoDB stream to the EventBridge bus, or to Kafka."""

from functools import cache, partial
from typing import Any

from agent_platform.errors import ConfigurationError
from agent_platform.events.dead_letters import Source, send_letter
from agent_platform.events.publisher import EventBridgePublisher
from agent_platform.events.publishing import Publisher
from agent_platform.events.relay import Relay
from agent_platform.events.relay_orders import relay_order
from agent_platform.observability import get_logger
from agent_platform.settings import RelayEventsSettings, load
from agent_platform.storage.outbox import OutboxReader
from agent_platform.tracing import flushed

RESERVE_MILLISECONDS = 25_000
"""No part of the outbox is begun with less time left: each may take twenty seconds."""

log = get_logger()


@cache
def relay() -> Relay:
    """The relay of this deployment's destination.

    Raises:
        ConfigurationError: the destination is not named.
    """
    env = load(RelayEventsSettings)
    publisher: Publisher
    if env.relay_to == "kafka":
        from agent_platform.events.kafka import KafkaPublisher

        publisher = KafkaPublisher(env)
    elif env.event_bus_name:
        publisher = EventBridgePublisher(env.event_bus_name)
    else:
        raise ConfigurationError("RELAY_TO=bus needs EVENT_BUS_NAME.")
    source: Source = "relay-kafka" if env.relay_to == "kafka" else "relay-bus"
    return Relay(publisher, source, partial(send_letter, env.dead_letters_queue_url))


@flushed
@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Publish the batch; answers the first record to try again, so that order per subject is kept.

    With `redrive`, publish again what an operator names: `subject` and `event_id`, or `from` and `to`. Where the
    answer has a `next`, this is the order that goes on.
    """
    if "redrive" not in event:
        return relay().take(event["Records"])
    order, outbox = relay_order(event["redrive"]), OutboxReader(load(RelayEventsSettings).outbox_table)
    return relay().publish_again(order, outbox, lambda: context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS)
