"""Answers kept for equal questions, and one flight per question: who asks first gets the answer for all who wait.

Per question there is one item: a claim while the first is at work, the answer once its execution is recorded. The
answer is written by the record's own transaction (`fill`), so that nothing is served that was never recorded.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from agent_platform.errors import DeadlineExceeded
from agent_platform.ids import new_id
from agent_platform.resilience.waiting import pauses
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Escalation
from agent_platform.storage.transactions import Rider

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

MAX_ANSWER_BYTES = 100_000
"""A larger answer is not kept: each look-up is billed by the kilobyte."""

PATIENCE = 0.5
"""Part of its time that a waiting caller gives one flight, before it takes over: the flight's process may be gone."""


class CachedAnswer(BaseModel):
    """An output as it was recorded and delivered, with what goes with it."""

    model_config = ConfigDict(frozen=True)

    output: dict[str, Any]
    provider: Literal["anthropic", "bedrock", "offline"]
    escalation: Escalation | None = None
    redactions: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Flight:
    """The duty to find the answer to the question `key`; `token` tells one flight from another."""

    key: str
    token: str


@dataclass(frozen=True, slots=True)
class _Item:
    """What the table holds about a question: a flight's claim or an answer, as JSON."""

    valid_until: int
    flight: str | None
    answer: str | None

    @property
    def counts(self) -> bool:
        """Whether its time is not over; DynamoDB deletes it some time later."""
        return self.valid_until > _now()

    @classmethod
    def read(cls, item: Any) -> "_Item | None":
        """From DynamoDB's form."""
        if not item:
            return None
        return cls(int(item["valid_until"]["N"]), item.get("flight", {}).get("S"), item.get("answer", {}).get("S"))


class ResponseCache:
    """Answers and claims in one table, shared by all processes."""

    def __init__(self, table: str) -> None:
        self.table = table

    def obtain(self, key: str, deadline: float) -> CachedAnswer | Flight:
        """The answer to a question, waiting for it if somebody else is at it; or the duty to find it.

        Args:
            key: of the question: a digest, the same for equal questions alone.
            deadline: of the caller, on the clock of `time.monotonic`; bounds the waiting and the claim.

        Raises:
            DeadlineExceeded: whoever is at it did not come to an answer in the caller's time.
            StorageUnavailable: DynamoDB does not answer.
        """
        mine = Flight(key, new_id())
        patience = (deadline - time.monotonic()) * PATIENCE
        waits = pauses()
        with storage_errors("Looking up the response cache"):
            found = self._claim(mine, deadline)
            watched, since = found and found.flight, time.monotonic()
            while not (found and found.counts and (found.answer or found.flight == mine.token)):
                if (left := deadline - time.monotonic()) <= 0:
                    raise DeadlineExceeded(
                        "An equal request is being answered, and was not within the time of this one. Send it again."
                    )
                time.sleep(min(next(waits), left))
                # Read, not claimed by writing: a write would get in the way of the transaction that brings the answer.
                found = self._read(key)
                if found and found.flight != watched:
                    watched, since = found.flight, time.monotonic()
                if found is None or not found.counts:
                    found = self._claim(mine, deadline)
                elif found.flight and time.monotonic() - since > patience:
                    found = self._claim(mine, deadline, found.flight)
        return CachedAnswer.model_validate_json(found.answer) if found.answer else mine

    def _claim(self, mine: Flight, deadline: float, instead_of: str | None = None) -> "_Item | None":
        """Claim the question, unless it is answered or claimed by another flight than `instead_of`.

        Returns:
            What there is now: `mine`, or what is in the way; None if that cannot be said yet.
        """
        client, now = dynamodb(), _now()
        until = now + max(1, round((deadline - time.monotonic()) * 1000))
        condition = "attribute_not_exists(id) OR valid_until <= :now"
        values: dict[str, AttributeValueTypeDef] = {":now": {"N": str(now)}}
        if instead_of:
            condition += " OR flight = :flight"
            values[":flight"] = {"S": instead_of}
        try:
            client.put_item(
                TableName=self.table,
                Item={"id": {"S": mine.key}, "flight": {"S": mine.token}, **_until(until)},
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except client.exceptions.ConditionalCheckFailedException as error:
            # Perhaps my own claim: the client sends it again if the answer to the first was lost.
            return _Item.read(error.response.get("Item"))
        except client.exceptions.TransactionConflictException:
            return None  # somebody brings the answer in this moment
        return _Item(until, mine.token, None)

    def _read(self, key: str) -> "_Item | None":
        found = dynamodb().get_item(TableName=self.table, Key={"id": {"S": key}}, ConsistentRead=True)
        return _Item.read(found.get("Item"))

    def fill(self, flight: Flight, answer: CachedAnswer, seconds: int, *, owner: str | None = None) -> Rider:
        """What the record takes along: the answer, kept for so long; or the end of the claim if it is too large.

        A flight that was taken over may still bring the answer: it is the same question. The first answer stays.
        `owner` is whom it was first given to: with their account it is erased.
        """
        document = answer.model_dump_json(exclude_defaults=True)
        if len(document.encode()) > MAX_ANSWER_BYTES:
            return self.release(flight)
        return Rider(
            {
                "Put": {
                    "TableName": self.table,
                    "Item": {
                        "id": {"S": flight.key},
                        "answer": {"S": document},
                        **_until(_now() + seconds * 1000),
                        **({"owner": {"S": owner}} if owner else {}),
                    },
                    "ConditionExpression": "attribute_not_exists(answer)",
                }
            },
            dispensable=True,
        )

    def release(self, flight: Flight) -> Rider:
        """What the record of a failed flight takes along: the end of its claim, so that the next one may try."""
        return Rider(
            {
                "Delete": {
                    "TableName": self.table,
                    "Key": {"id": {"S": flight.key}},
                    "ConditionExpression": "flight = :mine",
                    "ExpressionAttributeValues": {":mine": {"S": flight.token}},
                }
            },
            dispensable=True,
        )


def _until(milliseconds: int) -> "dict[str, AttributeValueTypeDef]":
    """Until when an item counts, and the second after which DynamoDB may delete it."""
    return {"valid_until": {"N": str(milliseconds)}, "expires_at": {"N": str(milliseconds // 1000 + 1)}}


def _now() -> int:
    return time.time_ns() // 1_000_000
