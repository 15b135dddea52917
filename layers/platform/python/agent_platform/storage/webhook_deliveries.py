"""Deliveries of webhooks: one DynamoDB item for each event that a subscription is told of, with all that was tried.

It is made once for a webhook and an event. Whoever is about to send claims it first, and what came of it is written
only under that claim: of two workers with one message one sends, and a worker that died leaves a claim that lapses.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import Conflict, DeliveryNotFound
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

RETENTION_SECONDS = 30 * 86_400
"""How long a delivery is shown and can be repeated."""

MAX_ATTEMPTS = 60
"""Of one delivery, repetitions included, so that its item stays far below the 400 KB of DynamoDB."""

DeliveryState = Literal["pending", "delivered", "failed", "cancelled"]


class Attempt(BaseModel):
    """One try to deliver."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    at: Timestamp
    duration_ms: int
    status: int | None = Field(default=None, description="HTTP status of the answer; null where none came")
    error: str | None = Field(default=None, description="Why it does not count as delivered; null where it does")
    answer: str = Field(default="", description="How the body of the answer begins, a kilobyte at most")


class Delivery(BaseModel):
    """One event on its way to one webhook."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    id: str = Field(description="The event's id, which the receiver finds in the header `webhook-id`")
    webhook_id: str
    type: str = Field(description="The event's type", examples=["workflow.failed"])
    subject: str = Field(description="The agent or run that it tells of")
    state: DeliveryState = Field(
        description="failed: given up after the last try; cancelled: the webhook was disabled or deleted meanwhile"
    )
    created_at: Timestamp
    next_at: Timestamp | None = Field(default=None, description="When it is tried again")
    attempts: list[Attempt] = []


class DeliveryPage(BaseModel):
    """One page of deliveries, the newest event first."""

    items: list[Delivery]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to try until the claim lapses."""

    delivery: Delivery
    event: str
    """What is sent: the JSON text of the event."""
    number: int
    """How many attempts were recorded before this one."""
    round: int
    """How many of those since it was last begun."""
    once: bool
    """Whether this attempt is the only one."""
    claim: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else is trying it."""

    until: datetime


class DeliveryRepository:
    """Reads and writes deliveries. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def create(self, delivery: Delivery, event: str, *, once: bool = False) -> bool:
        """Write a new delivery; False where it was tried already, so that there is nothing to queue.

        Args:
            event: the JSON text that is sent.
            once: do not try again what fails.
        """
        client = dynamodb()
        head = delivery.model_dump_json(include={"id", "webhook_id", "type", "subject", "created_at"})
        item: dict[str, AttributeValueTypeDef] = {
            **_key(delivery.webhook_id, delivery.id),
            "head": {"S": head},
            "event": {"S": event},
            "once": {"BOOL": once},
            "tries": {"N": "0"},
            "begun_at_try": {"N": "0"},
            "progress": {"S": "pending"},
            "attempts": {"L": []},
            "next_at": {"N": _seconds(delivery.created_at)},
            "expires_at": {"N": str(int(delivery.created_at.timestamp()) + RETENTION_SECONDS)},
        }
        with storage_errors("Making the delivery"):
            try:
                client.put_item(
                    TableName=self.table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except client.exceptions.ConditionalCheckFailedException as error:
                there: Any = error.response.get("Item")
                return bool(there["progress"]["S"] == "pending" and there["tries"]["N"] == "0")
        return True

    def get(self, webhook_id: str, event_id: str) -> Delivery:
        """One delivery.

        Raises:
            DeliveryNotFound: there is none, or no longer.
        """
        with storage_errors("Reading the delivery"):
            answer = dynamodb().get_item(TableName=self.table, Key=_key(webhook_id, event_id), ConsistentRead=True)
        item = answer.get("Item")
        if item is None:
            raise delivery_not_found(event_id)
        return _delivery(item)

    def list_of(self, webhook_id: str, *, limit: int = 24, cursor: str | None = None) -> DeliveryPage:
        """The deliveries of a webhook, the newest event first, by its id: a run's end stands where the run began.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        start: dict[str, Any] = {}
        if cursor:
            (after,) = decode_cursor(cursor, (str,), deliveries_of=webhook_id)
            start = {"ExclusiveStartKey": _key(webhook_id, after)}
        with storage_errors("Listing deliveries"):
            answer = dynamodb().query(
                TableName=self.table,
                KeyConditionExpression="pk = :webhook",
                ExpressionAttributeValues={":webhook": {"S": _partition(webhook_id)}},
                ScanIndexForward=False,
                Limit=limit + 1,
                **start,
            )
        found = [_delivery(item) for item in answer["Items"]]
        items = found[:limit]
        more = bool(items) and (len(found) > limit or "LastEvaluatedKey" in answer)
        following = encode_cursor([items[-1].id], deliveries_of=webhook_id) if more else None
        return DeliveryPage(items=items, next_cursor=following)

    def remove_of(self, webhook_id: str) -> None:
        """Delete the log of a webhook, with what is still to be delivered."""
        with storage_errors("Deleting deliveries"):
            pages = (
                dynamodb()
                .get_paginator("query")
                .paginate(
                    TableName=self.table,
                    KeyConditionExpression="pk = :webhook",
                    ExpressionAttributeValues={":webhook": {"S": _partition(webhook_id)}},
                    ProjectionExpression="pk, sk",
                )
            )
            for item in (each for page in pages for each in page["Items"]):
                dynamodb().delete_item(TableName=self.table, Key={"pk": item["pk"], "sk": item["sk"]})

    def claim(
        self, webhook_id: str, event_id: str, number: int, *, now: datetime, until: datetime
    ) -> Claimed | Busy | None:
        """Claim a delivery of which `number` attempts are known; None where there is nothing to do any more.

        That is so where it is over or gone, or where more attempts have been recorded: whoever recorded them has queued
        what follows before.
        """
        client, claim = dynamodb(), _seconds(until)
        with storage_errors("Claiming the delivery"):
            try:
                answer = client.update_item(
                    TableName=self.table,
                    Key=_key(webhook_id, event_id),
                    UpdateExpression="SET claimed_until = :until",
                    ConditionExpression="progress = :pending AND tries <= :number AND "
                    "(attribute_not_exists(claimed_until) OR claimed_until < :now)",
                    ExpressionAttributeValues={
                        ":pending": {"S": "pending"},
                        ":number": {"N": str(number)},
                        ":now": {"N": _seconds(now)},
                        ":until": {"N": claim},
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except client.exceptions.ConditionalCheckFailedException as error:
                there: Any = error.response.get("Item")
                if not there or there["progress"]["S"] != "pending" or int(there["tries"]["N"]) > number:
                    return None
                return Busy(_moment(there["claimed_until"]))
        item: Any = answer["Attributes"]
        tries = int(item["tries"]["N"])
        return Claimed(
            delivery=_delivery(item),
            event=item["event"]["S"],
            number=tries,
            round=tries - int(item["begun_at_try"]["N"]),
            once=item["once"]["BOOL"],
            claim=claim,
        )

    def record(
        self, claimed: Claimed, state: DeliveryState, attempt: Attempt | None = None, *, next_at: datetime | None = None
    ) -> bool:
        """Write what came of a claimed delivery; False where the claim had lapsed and somebody else took over.

        Args:
            attempt: what was tried; None where it is over without.
            next_at: when a pending one is tried again.
        """
        client = dynamodb()
        values: dict[str, Any] = {
            ":state": {"S": state},
            ":claim": {"N": claimed.claim},
            ":number": {"N": str(claimed.number)},
            ":next": {"N": str(claimed.number + (attempt is not None))},
            ":new": {"L": [{"S": attempt.model_dump_json(exclude_defaults=True)}] if attempt else []},
        }
        change = "SET progress = :state, tries = :next, attempts = list_append(attempts, :new)"
        if next_at is not None:
            values[":at"] = {"N": _seconds(next_at)}
            change += ", next_at = :at REMOVE claimed_until"
        else:
            change += " REMOVE claimed_until, next_at"
        with storage_errors("Recording the delivery"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=_key(claimed.delivery.webhook_id, claimed.delivery.id),
                    UpdateExpression=change,
                    ConditionExpression="tries = :number AND claimed_until = :claim",
                    ExpressionAttributeValues=values,
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def reopen(self, webhook_id: str, event_id: str, *, now: datetime, once: bool = False) -> int:
        """Begin a delivery that is over once more; returns how many attempts there were. A pending one stays as it is.

        Raises:
            DeliveryNotFound: there is none, or no longer.
            Conflict: it was tried 60 times.
        """
        client = dynamodb()
        with storage_errors("Repeating the delivery"):
            try:
                answer = client.update_item(
                    TableName=self.table,
                    Key=_key(webhook_id, event_id),
                    UpdateExpression="SET progress = :pending, begun_at_try = tries, once = :once, next_at = :now",
                    ConditionExpression="attribute_exists(pk) AND progress <> :pending AND tries < :most",
                    ExpressionAttributeValues={
                        ":pending": {"S": "pending"},
                        ":once": {"BOOL": once},
                        ":now": {"N": _seconds(now)},
                        ":most": {"N": str(MAX_ATTEMPTS)},
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except client.exceptions.ConditionalCheckFailedException as error:
                there: Any = error.response.get("Item")
                if not there:
                    raise delivery_not_found(event_id) from None
                if there["progress"]["S"] != "pending":
                    raise Conflict(f"This was tried {MAX_ATTEMPTS} times and is not sent any more.") from None
                return int(there["tries"]["N"])
        return int(answer["Attributes"]["tries"]["N"])


def delivery_not_found(event_id: str) -> DeliveryNotFound:
    """What a caller hears of a delivery that does not exist, or no longer."""
    return DeliveryNotFound(f"The webhook has no delivery `{event_id[:50]}`. They are kept for 30 days.")


def _partition(webhook_id: str) -> str:
    return f"webhook#{webhook_id}"


def _key(webhook_id: str, event_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": _partition(webhook_id)}, "sk": {"S": event_id}}


def _delivery(item: Any) -> Delivery:
    return Delivery.model_validate(
        json.loads(item["head"]["S"])
        | {
            "state": item["progress"]["S"],
            "next_at": _moment(item["next_at"]) if "next_at" in item else None,
            "attempts": [json.loads(each["S"]) for each in item["attempts"]["L"]],
        }
    )


def _seconds(moment: datetime) -> str:
    return f"{moment.timestamp():.6f}"


def _moment(value: Any) -> datetime:
    return datetime.fromtimestamp(float(value["N"]), UTC)
