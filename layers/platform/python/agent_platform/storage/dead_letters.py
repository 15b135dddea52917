"""Dead letters: one DynamoDB item each, open until somebody redrives or discards it.

Whoever changes a letter claims it first, and writes under that claim: of two operators one does the work again, and a
claim whose holder died lapses. Letters of a state and source share a partition of the index, so that lists and counts
read nothing else.
"""

import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import DeadLetterBusy, DeadLetterClosed, DeadLetterNotFound
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Timestamp
from agent_platform.storage.payloads import DEAD_LETTERS, PayloadStore, compact, is_large

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

RETENTION_SECONDS = 90 * 86_400
"""How long a letter is kept once it is closed; open ones do not expire."""

State = Literal["open", "redriven", "discarded"]


class DeadLetter(BaseModel):
    """One piece of work that was given up."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    id: str
    source: str = Field(description="Whose work failed", examples=["webhooks"])
    state: State
    event_id: str | None = Field(default=None, description="The event that it was about, where that is known")
    type: str | None = Field(default=None, description="The event's type")
    subject: str | None = Field(default=None, description="The agent or run that the event tells of")
    code: str = Field(description="Why it failed, in a word that programs can compare")
    message: str = Field(description="Why it failed")
    tries: int
    failed_at: Timestamp
    arrived_at: Timestamp
    changed_at: Timestamp | None = Field(default=None, description="When somebody last redrove or discarded it")
    changed_by: str | None = Field(default=None, description="The user who did")
    note: str | None = Field(default=None, description="Why it was discarded")


class DeadLetterPage(BaseModel):
    """One page of dead letters, the newest first."""

    items: list[DeadLetter]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter that is ours to change until the claim lapses."""

    letter: DeadLetter
    claim: str


class DeadLetterRepository:
    """Reads and writes letters. Every method raises `StorageUnavailable` when DynamoDB or S3 does not answer."""

    def __init__(self, table: str, payloads: PayloadStore) -> None:
        self.table = table
        self._payloads = payloads

    def keep(self, letter: DeadLetter, payload: dict[str, Any]) -> bool:
        """Write a new letter; False where it is there already, in whatever state."""
        item: dict[str, AttributeValueTypeDef] = {
            "id": {"S": letter.id},
            "state": {"S": _partition(letter.state, letter.source)},
            "summary": {"S": letter.model_dump_json()},
        }
        if letter.event_id:
            item["event_id"] = {"S": letter.event_id}
        if is_large(payload):
            self._payloads.put(_key(letter.id), payload)
        else:
            item["payload"] = {"S": compact(payload).decode()}
        client = dynamodb()
        with storage_errors("Keeping the dead letter"):
            try:
                client.put_item(TableName=self.table, Item=item, ConditionExpression="attribute_not_exists(id)")
            except client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def get(self, letter_id: str) -> DeadLetter:
        """One letter, without its payload.

        Raises:
            DeadLetterNotFound: there is none, or no longer.
        """
        return _letter(self._item(letter_id))

    def payload(self, letter_id: str) -> dict[str, Any]:
        """With what its function is invoked to do the work again.

        Raises:
            DeadLetterNotFound: there is no such letter, or no longer.
            PayloadMissing: it was too large for the table, and is not where it should lie.
        """
        item = self._item(letter_id)
        found: dict[str, Any] = (
            json.loads(item["payload"]["S"]) if "payload" in item else self._payloads.get(_key(letter_id))
        )
        return found

    def list_of(
        self, state: State, sources: Sequence[str], *, limit: int = 24, cursor: str | None = None
    ) -> DeadLetterPage:
        """The letters of some sources in one state, the newest first.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        query = {"dead_letters": state, "sources": sorted(sources)}
        after = decode_cursor(cursor, (str,), **query)[0] if cursor else None
        parts = [self._newest(state, source, after, limit + 1) for source in sources]
        found = [*heapq.merge(*parts, key=lambda each: each.id, reverse=True)][: limit + 1]
        items = found[:limit]
        following = encode_cursor([items[-1].id], **query) if len(found) > limit else None
        return DeadLetterPage(items=items, next_cursor=following)

    def count_open(self, source: str) -> int:
        """How many letters of a source are open."""
        total, start = 0, dict[str, Any]()
        while True:
            with storage_errors("Counting dead letters"):
                answer = dynamodb().query(
                    TableName=self.table,
                    IndexName="by_state",
                    KeyConditionExpression="#state = :partition",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={":partition": {"S": _partition("open", source)}},
                    Select="COUNT",
                    **start,
                )
            total += answer["Count"]
            if "LastEvaluatedKey" not in answer:
                return total
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def claim(self, letter_id: str, *, now: datetime, until: datetime) -> Claimed:
        """Claim an open letter.

        Raises:
            DeadLetterNotFound: there is none, or no longer.
            DeadLetterClosed: it was redriven or discarded before.
            DeadLetterBusy: somebody else is at it.
        """
        client, claim = dynamodb(), f"{until.timestamp():.6f}"
        with storage_errors("Claiming the dead letter"):
            try:
                answer = client.update_item(
                    TableName=self.table,
                    Key={"id": {"S": letter_id}},
                    UpdateExpression="SET claimed_until = :until",
                    ConditionExpression="begins_with(#state, :open) AND "
                    "(attribute_not_exists(claimed_until) OR claimed_until < :now)",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={
                        ":open": {"S": "open#"},
                        ":now": {"N": f"{now.timestamp():.6f}"},
                        ":until": {"N": claim},
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except client.exceptions.ConditionalCheckFailedException as error:
                there: Any = error.response.get("Item")
                if not there:
                    raise _not_found(letter_id) from None
                known = _letter(there)
                if known.state != "open":
                    raise DeadLetterClosed(f"This dead letter was {known.state} before.") from None
                busy = DeadLetterBusy("Somebody else is redriving or discarding this dead letter. Look again shortly.")
                busy.retry_after = max(1, round(float(there["claimed_until"]["N"]) - now.timestamp()))
                raise busy from None
        return Claimed(_letter(answer["Attributes"]), claim)

    def record(self, claimed: Claimed, changed: DeadLetter, left: dict[str, Any] | None = None) -> bool:
        """Write what became of a claimed letter; False where the claim had lapsed and somebody else took over.

        `left` is its payload from now on, where a part of the work is done; it must be small.
        """
        client = dynamodb()
        values: dict[str, AttributeValueTypeDef] = {
            ":state": {"S": _partition(changed.state, changed.source)},
            ":summary": {"S": changed.model_dump_json()},
            ":claim": {"N": claimed.claim},
        }
        change = "SET #state = :state, summary = :summary"
        if left is not None:
            change += ", payload = :payload"
            values[":payload"] = {"S": compact(left).decode()}
        if changed.state != "open" and changed.changed_at:
            change += ", expires_at = :expires"
            values[":expires"] = {"N": str(int(changed.changed_at.timestamp()) + RETENTION_SECONDS)}
        with storage_errors("Recording the dead letter"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key={"id": {"S": changed.id}},
                    UpdateExpression=f"{change} REMOVE claimed_until",
                    ConditionExpression="claimed_until = :claim",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues=values,
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def _item(self, letter_id: str) -> Any:
        with storage_errors("Reading the dead letter"):
            answer = dynamodb().get_item(TableName=self.table, Key={"id": {"S": letter_id}}, ConsistentRead=True)
        if "Item" not in answer:
            raise _not_found(letter_id)
        return answer["Item"]

    def _newest(self, state: State, source: str, after: str | None, limit: int) -> list[DeadLetter]:
        condition, values = "#state = :partition", {":partition": {"S": _partition(state, source)}}
        if after:
            condition, values = f"{condition} AND id < :after", values | {":after": {"S": after}}
        with storage_errors("Listing dead letters"):
            answer = dynamodb().query(
                TableName=self.table,
                IndexName="by_state",
                KeyConditionExpression=condition,
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=values,
                ScanIndexForward=False,
                Limit=limit,
            )
        return [_letter(each) for each in answer["Items"]]


def _partition(state: State, source: str) -> str:
    return f"{state}#{source}"


def _key(letter_id: str) -> str:
    return f"{DEAD_LETTERS}{letter_id}"


def _letter(item: Any) -> DeadLetter:
    return DeadLetter.model_validate_json(item["summary"]["S"])


def _not_found(letter_id: str) -> DeadLetterNotFound:
    return DeadLetterNotFound(f"There is no dead letter `{letter_id[:50]}`. Closed ones are kept for 90 days.")
