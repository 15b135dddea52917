"""SQS queues of the platform: JSON messages, now or a while later."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import batched
from typing import TYPE_CHECKING, Any

from agent_platform.errors import ConfigurationError, StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

MAX_DELAY_SECONDS = 900
"""The longest that SQS holds a message back (Amazon SQS Developer Guide, "Delay queues")."""

_ENTRIES = 10
"""Of one call."""

_TRIES = 3

_DEPLOYMENT_FAULTS = frozenset(
    {"AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
)


@cache
def sqs() -> "SQSClient":
    """The process's client: 2 s to connect, 5 s to answer, 4 tries with jitter (botocore's `standard` mode)."""
    import boto3  # at first use: most functions send no messages
    from botocore.config import Config

    config = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=20,
    )
    return boto3.client("sqs", config=config)


class Queue:
    """One queue."""

    def __init__(self, url: str) -> None:
        self.url = url

    def send(self, messages: Sequence[Any], *, delay_seconds: float = 0) -> None:
        """Send all of them, to be received after the delay, fifteen minutes at most; a message may come twice.

        Raises:
            StorageUnavailable: SQS does not answer, or did not take one of them; others may have been sent.
            ConfigurationError: the queue, or the right to send, is missing.
        """
        delay = min(MAX_DELAY_SECONDS, max(0, round(delay_seconds)))
        for batch in batched(messages, _ENTRIES, strict=False):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(index), "MessageBody": json.dumps(each, separators=(",", ":")), "DelaySeconds": delay}
                for index, each in enumerate(batch)
            ]
            for _ in range(_TRIES):
                with _errors():
                    refused = sqs().send_message_batch(QueueUrl=self.url, Entries=entries).get("Failed", [])
                again = {each["Id"] for each in refused}
                entries = [each for each in entries if each["Id"] in again]
                if not entries:
                    break
            else:
                raise StorageUnavailable("Sending a message failed: the queue did not take it. Try again shortly.")

    def show_in(self, seconds_by_receipt: Mapping[str, int]) -> None:
        """Have messages that were received come again so many seconds from now, by their receipts; at most ten.

        Raises:
            StorageUnavailable: SQS does not answer, or refuses one of them; the others may have been changed.
            ConfigurationError: the queue, or the right to do so, is missing.
        """
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(index), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
            for index, (receipt, seconds) in enumerate(seconds_by_receipt.items())
        ]
        with _errors("Hiding a message"):
            refused = sqs().change_message_visibility_batch(QueueUrl=self.url, Entries=entries).get("Failed", [])
        if refused:
            raise StorageUnavailable(f"Hiding a message failed: SQS answered {refused[0]['Code']}.")


@contextmanager
def _errors(doing: str = "Sending a message") -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _DEPLOYMENT_FAULTS:
            raise ConfigurationError(f"{doing} failed: SQS answered {code}: {error}") from error
        raise StorageUnavailable(f"{doing} failed: SQS answered {code}. Try again shortly.") from error
    except BotoCoreError as error:
        raise StorageUnavailable(
            f"{doing} failed: SQS does not answer ({type(error).__name__}). Try again shortly."
        ) from error
