"""Subscriptions of webhooks. One DynamoDB item each, beside the others of its owner or of the platform.

How it goes with a subscription's deliveries is an attribute of its own: who delivers writes it, while its owner may be
changing the rest.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import Conflict, WebhookNotFound
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Failure, Timestamp
from agent_platform.storage.transactions import write_together

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

MAX_WEBHOOKS = 20
"""Of one user, and as many of the whole platform."""

PLATFORM = "platform"
"""The partition of subscriptions to everybody's events."""

COUNT = "#"
"""The sort key under which a partition counts its subscriptions, and pings, and keeps how prompt they are lately; it
sorts before every id."""

_MAX_ID = 100
"""Characters of an id at most; DynamoDB refuses a very long key as a fault of ours."""


class SecretVersion(BaseModel):
    """Which secret signs: derived from the platform's key of this name and this number, so that none is stored."""

    model_config = ConfigDict(frozen=True)

    number: int
    key: str


class Subscription(BaseModel):
    """One webhook: where its owner wants to be told, and of what."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner: str
    """Id of the user who made it."""
    platform_wide: bool = False
    """Whether it is told of everybody's events, not only of its owner's."""
    url: str
    events: tuple[str, ...]
    match: dict[str, list[str | int | bool]] = {}
    description: str = ""
    enabled: bool = True
    disabled: Failure | None = None
    """Why the platform stopped it; None where nobody did, or its owner."""
    created_at: Timestamp
    updated_at: Timestamp
    secret: SecretVersion
    previous_secret: SecretVersion | None = None
    previous_until: Timestamp | None = None
    """Until when messages are signed with the previous secret too."""

    @property
    def partition(self) -> str:
        """Among which it lies."""
        return PLATFORM if self.platform_wide else owned_by(self.owner)


class StoredSubscription(BaseModel):
    """A subscription as it was read. `revision` counts its changes."""

    model_config = ConfigDict(frozen=True)

    subscription: Subscription
    revision: int
    failing_since: Timestamp | None = None
    """When the first of the attempts failed after which none went well."""
    prompt: bool = False
    """Whether its address is known for prompt answers."""


class SubscriptionPage(BaseModel):
    """One page of subscriptions, the newest first."""

    items: list[StoredSubscription]
    next_cursor: str | None


class WebhookRepository:
    """Reads and writes subscriptions. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def add(self, subscription: Subscription) -> StoredSubscription:
        """Write a new subscription.

        Raises:
            Conflict: there are 20 beside it already.
        """
        made = StoredSubscription(subscription=subscription, revision=1)
        count: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self.table,
                "Key": _key(subscription.partition, COUNT),
                "UpdateExpression": "ADD subscriptions :one",
                "ConditionExpression": "attribute_not_exists(subscriptions) OR subscriptions < :most",
                "ExpressionAttributeValues": {":one": {"N": "1"}, ":most": {"N": str(MAX_WEBHOOKS)}},
            }
        }
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self.table,
                "Item": _item(made),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        if write_together(lambda: [count, put], (), doing="Making the webhook") is not None:
            raise Conflict(f"There are {MAX_WEBHOOKS} webhooks already. Delete one that is not needed any more.")
        return made

    def count_sent(self, user_id: str, what: str, minute: int, most: int) -> bool:
        """Count what a user asks to be sent; False where `most` were counted in this minute (since the epoch)."""
        # One write, or two when the minute is new: whoever loses the race for it finds it begun. Clocks differ a
        # little: once somebody is in the next minute, everybody is.
        values = {":minute": {"N": str(minute)}, ":one": {"N": "1"}}
        one_more = ("ADD #sent :one", "#sent_in >= :minute AND #sent < :most", {**values, ":most": {"N": str(most)}})
        first_one = (
            "SET #sent_in = :minute, #sent = :one",
            "attribute_not_exists(#sent_in) OR #sent_in < :minute",
            values,
        )
        return any(self._counted(user_id, what, *each) for each in (one_more, first_one, one_more))

    def _counted(self, user_id: str, what: str, change: str, condition: str, values: Any) -> bool:
        client = dynamodb()
        with storage_errors("Counting what is sent"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=_key(owned_by(user_id), COUNT),
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#sent": what, "#sent_in": f"{what}_in"},
                    ExpressionAttributeValues=values,
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def get(self, partition: str, webhook_id: str) -> StoredSubscription:
        """One subscription.

        Raises:
            WebhookNotFound: there is none in this partition.
        """
        found = self.find(partition, webhook_id)
        if found is None:
            raise webhook_not_found(webhook_id)
        return found

    def find(self, partition: str, webhook_id: str) -> StoredSubscription | None:
        """The same; None where there is none."""
        if webhook_id <= COUNT or len(webhook_id) > _MAX_ID:
            return None
        with storage_errors("Reading the webhook"):
            answer = dynamodb().get_item(TableName=self.table, Key=_key(partition, webhook_id), ConsistentRead=True)
        item = answer.get("Item")
        return _stored(item) if item else None

    def list_of(self, partition: str, *, limit: int = MAX_WEBHOOKS, cursor: str | None = None) -> SubscriptionPage:
        """The subscriptions of a partition, the newest first.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        start: dict[str, Any] = {}
        if cursor:
            (after,) = decode_cursor(cursor, (str,), webhooks_of=partition)
            start = {"ExclusiveStartKey": _key(partition, after)}
        with storage_errors("Listing webhooks"):
            answer = dynamodb().query(
                TableName=self.table,
                KeyConditionExpression="pk = :partition AND sk > :count",
                ExpressionAttributeValues={":partition": {"S": partition}, ":count": {"S": COUNT}},
                ScanIndexForward=False,
                ConsistentRead=True,
                Limit=limit + 1,
                **start,
            )
        found = [_stored(item) for item in answer["Items"]]
        items = found[:limit]
        following = encode_cursor([items[-1].subscription.id], webhooks_of=partition) if len(found) > limit else None
        return SubscriptionPage(items=items, next_cursor=following)

    def change(
        self, stored: StoredSubscription, changed: Subscription, *, forgive: bool = False
    ) -> StoredSubscription | None:
        """Write `changed` instead of what was read; None where somebody was faster, or it is gone.

        Args:
            forgive: forget since when its deliveries have been failing.
        """
        client, revision = dynamodb(), stored.revision + 1
        # Of another address nothing is known.
        forgotten = ["failing_since"] * forgive + ["prompt"] * (changed.url != stored.subscription.url)
        with storage_errors("Changing the webhook"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=_key(changed.partition, changed.id),
                    UpdateExpression="SET document = :document, revision = :next"
                    + (f" REMOVE {', '.join(forgotten)}" if forgotten else ""),
                    ConditionExpression="revision = :was",
                    ExpressionAttributeValues={
                        ":document": {"S": changed.model_dump_json(exclude_defaults=True)},
                        ":next": {"N": str(revision)},
                        ":was": {"N": str(stored.revision)},
                    },
                )
            except client.exceptions.ConditionalCheckFailedException:
                return None
        since = None if forgive else stored.failing_since
        return StoredSubscription(
            subscription=changed,
            revision=revision,
            failing_since=since,
            prompt=stored.prompt and "prompt" not in forgotten,
        )

    def remove(self, subscription: Subscription) -> None:
        """Delete a subscription; what is still to be delivered is not. One that is gone stays so."""
        delete: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self.table,
                "Key": _key(subscription.partition, subscription.id),
                "ConditionExpression": "attribute_exists(pk)",
            }
        }
        count: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self.table,
                "Key": _key(subscription.partition, COUNT),
                "UpdateExpression": "ADD subscriptions :less",
                "ExpressionAttributeValues": {":less": {"N": "-1"}},
            }
        }
        write_together(lambda: [delete, count], (), doing="Deleting the webhook")

    def failed(self, subscription: Subscription, now: datetime) -> datetime:
        """Note that an attempt failed; returns since when none has gone well."""
        client = dynamodb()
        with storage_errors("Noting how the webhook goes"):
            try:
                answer = client.update_item(
                    TableName=self.table,
                    Key=_key(subscription.partition, subscription.id),
                    UpdateExpression="SET failing_since = if_not_exists(failing_since, :now)",
                    ConditionExpression="attribute_exists(pk)",
                    ExpressionAttributeValues={":now": {"N": str(now.timestamp())}},
                    ReturnValues="ALL_NEW",
                )
            except client.exceptions.ConditionalCheckFailedException:
                return now
        return _moment(answer["Attributes"]["failing_since"])

    def went_well(self, stored: StoredSubscription) -> None:
        """Note that an attempt went well; nothing is written where the last one did too."""
        if stored.failing_since is None:
            return
        client = dynamodb()
        with storage_errors("Noting how the webhook goes"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=_key(stored.subscription.partition, stored.subscription.id),
                    UpdateExpression="REMOVE failing_since",
                    ConditionExpression="attribute_exists(pk)",
                )
            except client.exceptions.ConditionalCheckFailedException:
                return


def owned_by(user_id: str) -> str:
    """The partition of a user's subscriptions."""
    return f"owner#{user_id}"


def webhook_not_found(webhook_id: str) -> WebhookNotFound:
    """What a caller hears of a webhook that does not exist, and of one that is not theirs."""
    return WebhookNotFound(f"There is no webhook `{webhook_id[:50]}` of yours. GET /api/v1/webhooks lists them.")


def _key(partition: str, webhook_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": partition}, "sk": {"S": webhook_id}}


def _item(stored: StoredSubscription) -> "dict[str, AttributeValueTypeDef]":
    return {
        **_key(stored.subscription.partition, stored.subscription.id),
        "document": {"S": stored.subscription.model_dump_json(exclude_defaults=True)},
        "revision": {"N": str(stored.revision)},
    }


def _stored(item: Any) -> StoredSubscription:
    since = item.get("failing_since")
    return StoredSubscription(
        subscription=Subscription.model_validate_json(item["document"]["S"]),
        revision=int(item["revision"]["N"]),
        failing_since=_moment(since) if since else None,
        prompt="prompt" in item and item["prompt"]["BOOL"],
    )


def _moment(value: Any) -> datetime:
    return datetime.fromtimestamp(float(value["N"]), UTC)
