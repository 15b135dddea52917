"""The outbox: an event waits here, written in the transaction of the state it tells of, until the stream relays it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from agent_platform.errors import InvalidInput, NotFound
from agent_platform.storage.dynamodb import dynamodb, storage_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, PutTypeDef

RETENTION_SECONDS = 7 * 86_400
"""A week, against the 24 hours that DynamoDB Streams keeps a record: a stalled relay can be replayed by hand."""


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """One event on its way out. `event` is a CloudEvents JSON document; order is kept per `subject`."""

    table: str
    id: str
    subject: str
    event: str
    created_at: int

    def put(self) -> "PutTypeDef":
        """The item as a part of a DynamoDB transaction."""
        return {
            "TableName": self.table,
            "Item": {
                "subject": {"S": self.subject},
                "id": {"S": self.id},
                "event": {"S": self.event},
                "expires_at": {"N": str(self.created_at + RETENTION_SECONDS)},
            },
            "ConditionExpression": "attribute_not_exists(subject)",
        }


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One item of the table as it lies there; `event` may be no event at all."""

    subject: str
    id: str
    event: str

    @classmethod
    def of(cls, item: Mapping[str, Any], keys: Mapping[str, Any] | None = None) -> "OutboxItem":
        """An item as DynamoDB or its stream gives it; what is missing is empty."""
        found = {**(keys or {}), **item}
        return cls(*(str(found.get(name, {}).get("S", "")) for name in ("subject", "id", "event")))


class OutboxReader:
    """Reads the last week's events. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def get(self, subject: str, event_id: str) -> OutboxItem:
        """One event.

        Raises:
            NotFound: it is not there, or no longer: a week after it happened it goes.
        """
        with storage_errors("Reading the outbox"):
            key: dict[str, AttributeValueTypeDef] = {"subject": {"S": subject}, "id": {"S": event_id}}
            item = dynamodb().get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            raise NotFound(f"The outbox holds no event `{event_id[:100]}`; events stay for seven days.")
        return OutboxItem.of(item)

    def between(self, start: object, end: object) -> list[OutboxItem]:
        """The events that were made from `start` on and until `end`, oldest first. Reads the whole table.

        Both moments (RFC 3339; without a zone, UTC) count to the millisecond, and both of these milliseconds whole.

        Raises:
            InvalidInput: one of them is no moment, or the end comes first.
        """
        first, last = _begins(start), f"{_begins(end)}-ffff-ffff-ffffffffffff"
        if last < first:
            raise InvalidInput("The end of the time comes before its beginning.")
        with storage_errors("Reading the outbox"):
            pages = (
                dynamodb()
                .get_paginator("scan")
                .paginate(
                    TableName=self.table,
                    ConsistentRead=True,
                    FilterExpression="#id BETWEEN :first AND :last",
                    ExpressionAttributeNames={"#id": "id"},
                    ExpressionAttributeValues={":first": {"S": first}, ":last": {"S": last}},
                )
            )
            items = [OutboxItem.of(item) for page in pages for item in page["Items"]]
        return sorted(items, key=lambda item: item.id)


def made_at(event_id: str) -> datetime:
    """When a UUIDv7 was made, to the millisecond; of anything else, the beginning of time."""
    try:
        milliseconds = UUID(event_id).int >> 80
    except ValueError:
        milliseconds = 0
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def _begins(moment: object) -> str:
    """How every UUIDv7 of a moment begins: with its milliseconds in twelve hexadecimal digits (RFC 9562)."""
    try:
        found = datetime.fromisoformat(str(moment))
    except ValueError:
        raise InvalidInput(f"`{str(moment)[:40]}` is no moment, such as 2026-11-22T09:00:00Z.") from None
    since = (found if found.tzinfo else found.replace(tzinfo=UTC)) - datetime.fromtimestamp(0, UTC)
    digits = f"{max(0, since // timedelta(milliseconds=1)):012x}"
    return f"{digits[:8]}-{digits[8:]}"
