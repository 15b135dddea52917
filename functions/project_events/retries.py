"""When messages of the queue come again whose batch failed."""

from collections.abc import Mapping
from typing import Any

from agent_platform.errors import PlatformError
from agent_platform.observability import get_logger
from agent_platform.storage.queues import Queue

SOON = {1: 15, 2: 120}
"""Seconds until a message comes again, by how often it was tried. Most failures of a database pass by then. From the
third on it is hidden as long as its queue says: tries are counted, and have to outlast an outage."""


def bring_back_soon(event: Mapping[str, Any], queue_url: str) -> None:
    """Have the messages of a batch come again soon. Where that fails, they come when the queue says."""
    again: dict[str, int] = {}
    for each in event["Records"]:
        seconds = SOON.get(int(each.get("attributes", {}).get("ApproximateReceiveCount", 0)))
        if seconds is not None:
            again[each["receiptHandle"]] = seconds
    if not again:
        return
    try:
        Queue(queue_url).show_in(again)
    except PlatformError:
        get_logger().exception("batch_not_brought_back")
