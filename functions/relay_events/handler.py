"""Lambda entry: relay outbox events from the DynamoDB stream to the EventBridge bus."""

from functools import cache
from typing import Any

from agent_platform.events.publisher import EventBridgePublisher
from agent_platform.events.relay import relay
from agent_platform.observability import get_logger
from agent_platform.settings import RelayEventsSettings, load

log = get_logger()


@cache
def publisher() -> EventBridgePublisher:
    """The publisher of this function's bus."""
    return EventBridgePublisher(load(RelayEventsSettings).event_bus_name)


@log.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Publish the batch; answers the first record to try again, so that order per subject is kept."""
    return relay(event["Records"], publisher())
