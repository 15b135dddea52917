"""Idempotency keys: a request that is sent again is answered with the record of the first, and is never run twice.

Per key there is one item. It is a lock while the first request runs, and names the execution once that is recorded:
the record's own transaction turns the one into the other (`settle`), so the two never contradict each other.
"""

import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any

from agent_platform.errors import (
    BadRequest,
    DeadlineExceeded,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    PlatformError,
)
from agent_platform.observability import get_logger
from agent_platform.resilience.waiting import pauses
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Execution
from agent_platform.storage.transactions import Rider

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord

    from agent_platform.resilience.idempotency_store import IdempotencyStore

KEEP_SECONDS = 24 * 3600
"""How long a key is remembered."""

GRACE_SECONDS = 0.5
"""By which a lock outlives its request's deadline: an answer in the last moment still has to be recorded."""

KEY = re.compile(r"[!-~]{1,255}")

_STILL_MINE = "#status = :in_progress AND in_progress_expiration = :mine"


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with a key. `owner`, `agent_id` and `key` say which one it is; `payload`, whether it is the same."""

    owner: str
    agent_id: str
    key: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lock:
    """The right to run a request until `until` (epoch milliseconds), which no other lock has alike."""

    id: str
    until: Decimal


@dataclass(frozen=True, slots=True)
class Answered:
    """The request ran before; this execution is its answer."""

    execution_id: str


class IdempotencyLocks:
    """Locks in one table, shared by all processes."""

    def __init__(self, table: str) -> None:
        self.table = table

    def take(self, request: KeyedRequest, deadline: float) -> Lock | Answered:
        """Take the lock, or wait for what the first request with this key comes to.

        Args:
            request: what is asked.
            deadline: of this request, on the clock of `time.monotonic`; bounds the waiting and the lock.

        Raises:
            BadRequest: the key is not 1 to 255 visible ASCII characters.
            DeadlineExceeded: there was no time left to begin.
            IdempotencyInProgress: the first request is still running; `retry_after` says until when at most.
            IdempotencyKeyReused: the key was sent before with another payload.
            StorageUnavailable: DynamoDB does not answer.
        """
        from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyValidationError  # boto3 comes too

        if not KEY.fullmatch(request.key):
            raise BadRequest("An Idempotency-Key has 1 to 255 visible ASCII characters; a UUID is a good one.")
        try:
            with storage_errors("Taking the lock of the idempotency key"):
                return self._take(request, deadline)
        except IdempotencyValidationError:
            raise IdempotencyKeyReused(
                "This Idempotency-Key was sent before with another body. Send a new key for a new request, and the "
                "same body to repeat the old one."
            ) from None

    def _take(self, request: KeyedRequest, deadline: float) -> Lock | Answered:
        from agent_platform.resilience.idempotency_store import lapses_in

        data = {"key": [request.owner, request.agent_id, request.key], "payload": request.payload}
        holder: DataRecord | None = None
        waits = pauses()
        while (left := deadline - time.monotonic()) > 0:
            if holder is None:
                holder, mine = self._lock(data, left + GRACE_SECONDS)
                if holder and mine:
                    return Lock(holder.idempotency_key, Decimal(holder.in_progress_expiry_timestamp or 0))
            if holder and (answer := holder.response_json_as_dict()):
                return Answered(answer["execution_id"])
            time.sleep(min(next(waits), left, max(0.0, lapses_in(holder)) if holder else left))
            # Read, not tried again by writing: a write would get in the way of the transaction that settles the lock.
            holder = self._store.holder(data)
        if holder is None:
            raise DeadlineExceeded("The time of this request was over before it could begin. Send it again.")
        busy = IdempotencyInProgress(
            "The first request with this Idempotency-Key is still running. Send it again later, with the same key."
        )
        busy.retry_after = max(1, ceil(lapses_in(holder)))
        raise busy

    def _lock(self, data: dict[str, Any], seconds: float) -> "tuple[DataRecord | None, bool]":
        try:
            return self._store.lock(data, seconds)
        except dynamodb().exceptions.TransactionConflictException:
            return None, False  # somebody is settling it in this moment

    def settle(self, lock: Lock, execution: Execution) -> Rider:
        """What the record of `execution` takes along: the key names it from now on, or is free again if it failed.

        Taken back, where it is queued now and fails later, it frees the key as well.
        """
        still_mine = {":in_progress": {"S": "INPROGRESS"}, ":mine": {"N": str(lock.until)}}
        if execution.status == "failed":
            return Rider(
                {
                    "Delete": {
                        "TableName": self.table,
                        "Key": {"id": {"S": lock.id}},
                        "ConditionExpression": _STILL_MINE,
                        "ExpressionAttributeNames": {"#status": "status"},
                        "ExpressionAttributeValues": still_mine,
                    }
                }
            )
        names, answer = {"#data": "data"}, {":answer": {"S": json.dumps({"execution_id": execution.id})}}
        return Rider(
            {
                "Update": {
                    "TableName": self.table,
                    "Key": {"id": {"S": lock.id}},
                    "UpdateExpression": "SET #status = :completed, #data = :answer, expires_at = :forgotten",
                    "ConditionExpression": _STILL_MINE,
                    "ExpressionAttributeNames": {"#status": "status", **names},
                    "ExpressionAttributeValues": {
                        **still_mine,
                        **answer,
                        ":completed": {"S": "COMPLETED"},
                        ":forgotten": {"N": str(int(time.time()) + KEEP_SECONDS)},
                    },
                }
            },
            undo={
                "Delete": {
                    "TableName": self.table,
                    "Key": {"id": {"S": lock.id}},
                    "ConditionExpression": "#data = :answer",
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": answer,
                }
            },
        )

    def release(self, lock: Lock) -> None:
        """Give back a lock under which nothing was recorded. Where that fails it lapses by itself; the log tells."""
        client = dynamodb()
        try:
            with (
                storage_errors("Releasing the lock of the idempotency key"),
                # Settled after all, or somebody else's by now.
                suppress(client.exceptions.ConditionalCheckFailedException),
            ):
                client.delete_item(
                    TableName=self.table,
                    Key={"id": {"S": lock.id}},
                    ConditionExpression=_STILL_MINE,
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={":in_progress": {"S": "INPROGRESS"}, ":mine": {"N": str(lock.until)}},
                )
        except PlatformError as error:
            get_logger().warning("idempotency_lock_not_released", extra={"reason": error.detail})

    @cached_property
    def _store(self) -> "IdempotencyStore":
        from agent_platform.resilience.idempotency_store import IdempotencyStore  # imports boto3

        return IdempotencyStore(self.table, KEEP_SECONDS)
