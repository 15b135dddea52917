"""The outbox: an event waits here, written in the transaction of the state it tells of, until the stream relays it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

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

    def put(self, now: datetime | None = None) -> "PutTypeDef":
        """The item as a part of a DynamoDB transaction that is sent at once.

        It tells its moment by itself, since neither the id nor the event's time does: the id of a run's end is made of
        the run's beginning, and an end that was missed is written long after it came.
        """
        written_at = _milliseconds(now or datetime.now(UTC))
        return {
            "TableName": self.table,
            "Item": {
                "subject": {"S": self.subject},
                "id": {"S": self.id},
                "event": {"S": self.event},
                "written_at": {"N": str(written_at)},
                "expires_at": {"N": str(written_at // 1000 + RETENTION_SECONDS)},
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader of the whole table stands: behind this item, whether it is still there or not."""

    subject: str
    id: str


@dataclass(frozen=True, slots=True)
class OutboxPage:
    """What one call found; `after` is where the next begins, and None behind the last."""

    items: list[OutboxItem]
    after: Place | None


class OutboxReader:
    """Reads the last week's events. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def get(self, subject: str, event_id: str) -> OutboxItem:
        """One event.

        Raises:
            NotFound: it is not there, or no longer: a week after it was written it goes.
        """
        with storage_errors("Reading the outbox"):
            key: dict[str, AttributeValueTypeDef] = {"subject": {"S": subject}, "id": {"S": event_id}}
            item = dynamodb().get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            raise NotFound(f"The outbox holds no event `{event_id[:100]}`; events stay for seven days.")
        return OutboxItem.of(item)

    def between(self, start: object, end: object, after: Place | None = None) -> Iterator[OutboxPage]:
        """The events that were written from `start` on and until `end`, page by page. Reads the whole table.

        Subjects come in no order, the events of one subject in that of their ids. Pages may be empty.

        Args:
            start: RFC 3339; without a zone, UTC. It counts to the millisecond, and this millisecond whole.
            end: likewise.
            after: where an earlier reader stood.

        Raises:
            InvalidInput: one of them is no moment, or the end comes first.
        """
        first, last = _milliseconds(moment_of(start)), _milliseconds(moment_of(end))
        if last < first:
            raise InvalidInput("The end of the time comes before its beginning.")
        return self._pages(first, last, after)

    def _pages(self, first: int, last: int, after: Place | None) -> Iterator[OutboxPage]:
        begin: dict[str, Any] = {}
        if after:
            begin = {"ExclusiveStartKey": {"subject": {"S": after.subject}, "id": {"S": after.id}}}
        while True:
            with storage_errors("Reading the outbox"):
                page = dynamodb().scan(
                    TableName=self.table,
                    ConsistentRead=True,
                    FilterExpression="written_at BETWEEN :first AND :last",
                    ExpressionAttributeValues={":first": {"N": str(first)}, ":last": {"N": str(last)}},
                    **begin,
                )
            key = page.get("LastEvaluatedKey")
            place = Place(str(key["subject"]["S"]), str(key["id"]["S"])) if key else None
            yield OutboxPage([OutboxItem.of(item) for item in page["Items"]], place)
            if key is None:
                return
            begin = {"ExclusiveStartKey": key}


def moment_of(text: object) -> datetime:
    """A moment in UTC, of RFC 3339; without a zone it is one in UTC.

    Raises:
        InvalidInput: it is none.
    """
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise InvalidInput(f"`{str(text)[:40]}` is no moment, such as 2026-11-22T09:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _milliseconds(moment: datetime) -> int:
    return max(0, (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1))
