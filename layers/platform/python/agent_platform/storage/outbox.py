"""The outbox: an event waits here, written in the transaction of the state it tells of, until the stream relays it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import PutTypeDef

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
