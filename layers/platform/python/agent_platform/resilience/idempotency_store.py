"""Locks of idempotency keys in DynamoDB, by Powertools' persistence layer. Imports boto3: import it late."""

from datetime import UTC, datetime
from decimal import Decimal
from secrets import randbelow
from typing import Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS, DataRecord

from agent_platform.storage.dynamodb import dynamodb

MILLION = 1_000_000


class IdempotencyStore(DynamoDBPersistenceLayer):
    """Powertools' records, conditions and payload validation; what differs is that every lock can be told apart.

    A lock is known by the moment at which it lapses. Powertools' whole milliseconds could fall together; six random
    digits behind the point (DynamoDB's numbers keep 38) make it unique, so that nobody settles another's lock.
    """

    def __init__(self, table: str, keep_seconds: int) -> None:
        super().__init__(table, key_attr="id", expiry_attr="expires_at", boto3_client=dynamodb())
        config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="payload",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=keep_seconds,
            hash_function="sha256",
        )
        self.configure(config, key_prefix="execute")

    def lock(self, request: dict[str, Any], seconds: float) -> tuple[DataRecord, bool]:
        """Take the lock of `request` for so long: my record and True, or the record that is in the way and False.

        Raises:
            IdempotencyValidationError: the key was sent before with another payload.
            botocore.exceptions.ClientError: DynamoDB refused, also while a transaction settles this very lock.
        """
        mine = DataRecord(
            idempotency_key=self._get_hashed_idempotency_key(request) or "",
            status=STATUS_CONSTANTS["INPROGRESS"],
            expiry_timestamp=self._get_expiry_timestamp(),
            payload_hash=self._get_hashed_payload(request),
        )
        until = _now_milliseconds() + round(seconds * 1000) + Decimal(randbelow(MILLION)) / MILLION
        mine.in_progress_expiry_timestamp = until  # type: ignore[assignment]  # written by str(), read as a Decimal
        try:
            self._put_record(mine)
        except IdempotencyItemAlreadyExistsError as error:
            old = error.old_data_record
            if old is None:
                raise
            # My own: the client sent the request again because the answer to the first was lost.
            return old, old.in_progress_expiry_timestamp == until
        return mine, True

    def holder(self, request: dict[str, Any]) -> DataRecord | None:
        """The record in the way of `request`; None if its lock can be taken.

        Raises:
            IdempotencyValidationError: the key was sent before with another payload.
        """
        try:
            record = self.get_record(request)
        except IdempotencyItemNotFoundError:
            return None
        if record is None or record.is_expired:
            return None
        return None if record.status == STATUS_CONSTANTS["INPROGRESS"] and lapses_in(record) <= 0 else record


def lapses_in(record: DataRecord) -> float:
    """Seconds until the lock can be taken over."""
    return float((record.in_progress_expiry_timestamp or 0) - _now_milliseconds()) / 1000


def _now_milliseconds() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
