"""Lambda entry: run by each deployment as a CloudFormation custom resource, and by operators directly."""

from dataclasses import asdict
from typing import Any

from agent_platform.events.topics import ensure_topics
from agent_platform.observability import get_logger
from agent_platform.settings import CreateTopicsSettings, load

TOPICS_ID = "kafka-topics"
"""The custom resource's physical id. It never changes, so that an update never deletes an older one."""


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Make the Kafka topics and bring their settings to what the code says, for CloudFormation or directly (`{}`).

    Raises:
        PlatformError: what went wrong and what to do; the deployment fails with this message.
    """
    if event.get("RequestType") == "Delete":  # a deleted stack keeps its records, as long as its brokers are kept
        return {"PhysicalResourceId": event.get("PhysicalResourceId", TOPICS_ID), "Data": {}}
    done = asdict(ensure_topics(load(CreateTopicsSettings)))
    get_logger().info("topics_ensured", extra={"topics": done})
    if "RequestType" not in event:
        return done
    return {
        "PhysicalResourceId": event.get("PhysicalResourceId", TOPICS_ID),
        "Data": {name: ",".join(topics) for name, topics in done.items()},
    }
