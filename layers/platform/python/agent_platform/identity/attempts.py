"""Attempts: how often something may be tried before it has to wait, counted over all processes in the tokens table.

A try is counted before it is made, by a conditional write, so that a hundred at once are not a hundred free guesses.
What is refused is not counted: nobody prolongs another's wait by asking again and again.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from agent_platform.errors import TooManyAttempts
from agent_platform.storage.dynamodb import dynamodb, storage_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

UNTIL_CLEARED = 365 * 24 * 3600
"""Seconds for which a way stays closed that only `clear` opens; the table's TTL wants some number."""

_ROUNDS = 5
"""How often a count is looked at again that others change meanwhile."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How often one subject may try.

    Attributes:
        kind: what is tried; counts of different kinds have nothing to do with each other.
        free: tries without a wait.
        forget: seconds from the last try until all are forgotten; without `first_wait`, from the first one.
        first_wait: seconds to wait after the free ones, doubled by each further try; None waits until they are
            forgotten.
        longest_wait: no wait is longer, in seconds.
        most: after so many tries only `clear` lets the next through; None for no such end.
    """

    kind: str
    free: int
    forget: int
    first_wait: int | None = None
    longest_wait: int = 3600
    most: int | None = None

    def wait_after(self, tries: int, left: float) -> float:
        """Seconds until the next try after so many, where all are forgotten in `left` seconds."""
        if self.most is not None and tries >= self.most:
            return UNTIL_CLEARED
        if tries < self.free:
            return 0
        if self.first_wait is None:
            return left
        # The exponent is bounded: a count may grow for years, and two to its power with it.
        return float(min(self.longest_wait, self.first_wait * 2 ** min(tries - self.free, 32)))


class Attempts:
    """The counts. Every method raises `StorageUnavailable` when the table does not answer: then nothing is tried."""

    def __init__(self, table: str, clock: Callable[[], float] = time.time) -> None:
        """`table` is that of the tokens; `clock` gives Unix seconds."""
        self._table = table
        self._clock = clock

    def count(self, limit: Limit, *subject: str, of: str | None = None) -> int:
        """Count one try, which may then be made; returns how many there were, this one included.

        Args:
            of: whom `open` opens the way for; what was counted before does not make them wait.

        Raises:
            TooManyAttempts: it has to wait; `retry_after` says how many seconds. It was not counted.
        """
        now = self._clock()
        key = _key(limit.kind, subject)
        seen = None
        if limit.free > 1:
            tries, seen = self._count_free(limit, key, now)
            if tries:
                return tries
        for _ in range(_ROUNDS):
            tries, waits_until = _state(seen, now)
            if waits_until > now:
                if of is None or seen is None or not self._opened_since(seen, of):
                    raise _refused(waits_until - now)
                tries = 0
            written, seen = self._put(limit, key, tries + 1, now, seen)
            if written:
                return tries + 1
        raise _refused(1)

    def remember(self, kind: str, *subject: str, seconds: int) -> None:
        """Note that this was seen; `remembers` says so for as many seconds."""
        item = {**_key(kind, subject), "expires_at": {"N": str(int(self._clock()) + seconds)}}
        with storage_errors("Noting a sign-in"):
            dynamodb().put_item(TableName=self._table, Item=item)

    def remembers(self, kind: str, *subject: str) -> bool:
        """Whether `remember` noted this."""
        with storage_errors("Looking up a sign-in"):
            item = dynamodb().get_item(TableName=self._table, Key=_key(kind, subject)).get("Item")
        return item is not None and int(item["expires_at"]["N"]) > self._clock()

    def clear(self, limit: Limit, *subject: str) -> None:
        """Forget the tries: it was the right person."""
        with storage_errors("Forgetting attempts"):
            dynamodb().delete_item(TableName=self._table, Key=_key(limit.kind, subject))

    def open(self, whom: str) -> None:
        """Let whoever waits try again, in every count `of` them, whatever else it is about."""
        now = self._clock()
        until = {"N": str(int(now) + UNTIL_CLEARED)}
        item = {**_key("opened", (whom,)), "opened_at": {"N": f"{now:.3f}"}, "expires_at": until}
        with storage_errors("Forgetting attempts"):
            dynamodb().put_item(TableName=self._table, Item=item)

    def _opened_since(self, seen: "dict[str, AttributeValueTypeDef]", whom: str) -> bool:
        """Whether the way was opened after this was counted."""
        with storage_errors("Counting attempts"):
            answer = dynamodb().get_item(TableName=self._table, Key=_key("opened", (whom,)), ConsistentRead=True)
        counted_at = float(seen["counted_at"]["N"]) if "counted_at" in seen else 0.0
        return "Item" in answer and counted_at <= float(answer["Item"]["opened_at"]["N"])

    def give_back(self, limit: Limit, *subject: str) -> None:
        """Take one counted try back: it was none that the limit is about."""
        client = dynamodb()
        with storage_errors("Counting attempts"):
            try:
                client.update_item(
                    TableName=self._table,
                    Key=_key(limit.kind, subject),
                    UpdateExpression="SET tries = tries - :one REMOVE waits_until",
                    ConditionExpression="tries >= :one",
                    ExpressionAttributeValues={":one": {"N": "1"}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return  # forgotten meanwhile

    def _count_free(
        self, limit: Limit, key: dict[str, Any], now: float
    ) -> "tuple[int, dict[str, AttributeValueTypeDef] | None]":
        """One of the free tries, which any number of processes may count at once; else 0 and what there is."""
        client = dynamodb()
        with storage_errors("Counting attempts"):
            try:
                answer = client.update_item(
                    TableName=self._table,
                    Key=key,
                    UpdateExpression=f"SET expires_at = {_EXPIRY[limit.first_wait is None]} ADD tries :one",
                    ConditionExpression="attribute_not_exists(pk) OR (tries < :free AND expires_at > :now)",
                    ExpressionAttributeValues={
                        ":one": {"N": "1"},
                        ":free": {"N": str(limit.free - 1)},
                        ":now": {"N": str(int(now))},
                        ":until": {"N": str(int(now) + limit.forget)},
                    },
                    ReturnValues="UPDATED_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except client.exceptions.ConditionalCheckFailedException as error:
                return 0, _there_is(error.response)
        return int(answer["Attributes"]["tries"]["N"]), None

    def _put(
        self,
        limit: Limit,
        key: dict[str, Any],
        tries: int,
        now: float,
        seen: "dict[str, AttributeValueTypeDef] | None",
    ) -> "tuple[bool, dict[str, AttributeValueTypeDef] | None]":
        """Write the count and its wait if nothing changed since it was `seen`; else what there is now."""
        client = dynamodb()
        forgotten = now + limit.forget
        if limit.first_wait is None and seen is not None and tries > 1:
            forgotten = float(seen["expires_at"]["N"])
        wait = limit.wait_after(tries, forgotten - now)
        item = {
            **key,
            "tries": {"N": str(tries)},
            "counted_at": {"N": f"{now:.3f}"},
            "waits_until": {"N": f"{now + wait:.3f}"},
            "expires_at": {"N": str(ceil(max(forgotten, now + wait)))},
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if seen is not None:
            condition = {
                "ConditionExpression": "tries = :tries AND expires_at = :expires",
                "ExpressionAttributeValues": {":tries": seen["tries"], ":expires": seen["expires_at"]},
            }
        with storage_errors("Counting attempts"):
            try:
                client.put_item(
                    TableName=self._table, Item=item, **condition, ReturnValuesOnConditionCheckFailure="ALL_OLD"
                )
            except client.exceptions.ConditionalCheckFailedException as error:
                return False, _there_is(error.response)
        return True, None


def _there_is(refusal: Any) -> "dict[str, AttributeValueTypeDef] | None":
    """The item that a condition was not true of; botocore's stubs do not know it."""
    item: dict[str, AttributeValueTypeDef] | None = refusal.get("Item")
    return item


_EXPIRY = {True: "if_not_exists(expires_at, :until)", False: ":until"}
"""When a count is forgotten, by whether that is reckoned from the first try."""

_LONGEST_TOLD = 7 * 24 * 3600


def _state(item: "dict[str, AttributeValueTypeDef] | None", now: float) -> tuple[int, float]:
    """How many tries there were, and until when the next has to wait, in Unix seconds."""
    # The TTL removes items only some time after they expire, so the time is compared here as well.
    if item is None or int(item["expires_at"]["N"]) <= now:
        return 0, 0.0
    return int(item["tries"]["N"]), float(item["waits_until"]["N"]) if "waits_until" in item else 0.0


def _key(kind: str, subject: tuple[str, ...]) -> dict[str, Any]:
    # Addresses of people and machines are nothing that this table needs to tell.
    digest = hashlib.sha256("\n".join(subject).encode("utf-8", "surrogatepass")).hexdigest()
    return {"pk": {"S": f"attempts#{kind}#{digest}"}}


def _refused(seconds: float) -> TooManyAttempts:
    wait = max(1, ceil(seconds))
    remedy = f"wait {_in_words(wait)}, then try again" if wait <= _LONGEST_TOLD else "set a new password by mail"
    refused = TooManyAttempts(f"Tried too often: {remedy}.")
    refused.retry_after = wait
    return refused


def _in_words(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    return f"{ceil(seconds / 60)} minutes" if seconds < 2 * 3600 else f"{ceil(seconds / 3600)} hours"
