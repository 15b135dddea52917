"""Does what messages ask for, each for itself: what one of them meets holds up no other."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from agent_platform.errors import InvalidInput, PlatformError
from agent_platform.observability import get_logger
from agent_platform.webhooks.delivery import Deliverer
from agent_platform.webhooks.matching import FanOut
from functions.deliver_webhooks.messages import Due, Redrive, read_message

Unreadable = Callable[[str, int, PlatformError, datetime], None]
"""Takes a message that nobody can read: its body, how often it came, what is wrong with it, and when."""


class Worker:
    """Works through messages."""

    def __init__(self, fan_out: FanOut, deliverer: Deliverer, unreadable: Unreadable) -> None:
        self._fan_out = fan_out
        self._deliverer = deliverer
        self._unreadable = unreadable

    def work(self, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """All messages of a batch at once, since most of the time is waiting for receivers.

        Returns the response of a Lambda event source with ReportBatchItemFailures: messages that must come again.
        """
        if not records:
            return {"batchItemFailures": []}
        with ThreadPoolExecutor(max_workers=len(records)) as threads:
            done = list(threads.map(self._done, records))
        failed = [each["messageId"] for each, well in zip(records, done, strict=True) if not well]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    def redrive(self, wanted: Redrive) -> dict[str, Any]:
        """Try again what a dead letter holds; answers what failed and why."""
        event_id = wanted.delivery.event_id if wanted.delivery else None
        try:
            if wanted.delivery:
                failure = self._deliverer.redrive(wanted.delivery)
                problem = {"code": failure.code, "message": failure.message} if failure else None
            else:
                self._do(wanted.message or "")
                problem = None
        except PlatformError as error:
            problem = {"code": error.code, "message": error.public_detail}
        if problem is None:
            return {"done": 1, "failed": []}
        return {"done": 0, "failed": [{"event_id": event_id, **problem}]}

    def _done(self, record: dict[str, Any]) -> bool:
        """Whether a message is done with."""
        message_id, body = record["messageId"], record["body"]
        received = int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
        try:
            try:
                self._do(body)
            except InvalidInput as error:
                get_logger().exception("webhook_message_unreadable", extra={"message_id": message_id})
                self._unreadable(body, received, error, datetime.now(UTC))
        except Exception:  # noqa: BLE001 - one message must not take the others with it
            get_logger().exception("webhook_message_failed", extra={"message_id": message_id})
            return False
        return True

    def _do(self, body: str) -> None:
        message = read_message(body)
        if isinstance(message, Due):
            self._deliverer.deliver(message.delivery)
        else:
            self._fan_out.spread(message.event, message.text)
