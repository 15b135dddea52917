"""The accounts in DynamoDB: one item each, changed by single conditional writes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from agent_platform.resilience.account import Account
from agent_platform.storage.dynamodb import dynamodb
from agent_platform.storage.scans import scan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef

TRIES = 8
"""How often a write is tried that meets a transaction of the same item: 0.6 s of pauses on average."""

_PAUSE_SECONDS = (0.02, 0.3)  # the longest first pause, and the longest of all
_RANDOM = SystemRandom()  # instances restored from one snapshot must not wait in step


class Differs(Exception):
    """The account is not as the write expects it; `found` is what it is. Nothing was changed."""

    def __init__(self, found: Account) -> None:
        super().__init__(found)
        self.found = found


@dataclass(frozen=True, slots=True)
class Admission:
    """What one call takes from an account.

    Attributes:
        amount: the reservation in nano-USD.
        ceiling: what applies where no administrator gave another, in nano-USD.
        entry: under which name it is counted; None where calls are not.
        most_calls: that may be counted under this name.
        key_id: the API key that the call came by.
    """

    call_id: str
    amount: int
    ceiling: int
    entry: str | None = None
    most_calls: int = 0
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """What ends one reservation: all of it comes back, and what was spent is booked.

    Attributes:
        amount: the reservation in nano-USD.
        spent: what the call cost in nano-USD.
        stale: counts of past minutes, to be dropped on this occasion.
        uncount: the name under which the call shall count no longer.
    """

    call_id: str
    amount: int
    spent: int = 0
    key_id: str | None = None
    stale: Sequence[str] = ()
    uncount: str | None = None


class AccountTable:
    """Reads and writes accounts. What botocore raises passes through; callers name what they were doing."""

    def __init__(self, table: str) -> None:
        self.table = table

    def read(self, account: str) -> Account:
        """The account as of now; an empty one where there is none."""
        answer = dynamodb().get_item(TableName=self.table, Key=_key(account), ConsistentRead=True)
        return _account(answer.get("Item"))

    def used_in(self, period: str) -> list[tuple[str, Account]]:
        """Every account with a reservation in this month, by id: its amounts, eventually consistent.

        Raises:
            StorageUnavailable: DynamoDB does not answer.
        """
        amounts = ("ceiling", "available", "spent")
        items = scan(self.table, doing="Reading all budgets", names=("id", "period", *amounts))
        found = []
        for item in items:
            if item["period"]["S"] == period:
                ceiling, available, spent = (int(item[name]["N"]) for name in amounts)
                account = Account(period=period, ceiling=ceiling, available=available, spent=spent)
                found.append((item["id"]["S"], account))
        return found

    def take(self, account: str, period: str, wanted: Admission) -> Account:
        """Reserve and count in the account as it is; returns what it is then.

        Raises:
            Differs: it is in another period or has another ceiling, or one of its limits stands against it.
        """
        update, amount = _Update(), wanted.amount
        version, available, hold = (
            update.path("version"),
            update.path("available"),
            update.path("holds", wanted.call_id),
        )
        override, ceiling = update.path("override"), update.path("ceiling")
        taken, one = update.value(amount), update.value(1)
        sets = [
            f"{version} = {version} + {one}",
            f"{available} = {available} - {taken}",
            f"{hold} = {taken}",
        ]
        conditions = [
            f"{update.path('period')} = {update.value(period)}",
            f"(attribute_exists({override}) OR {ceiling} = {update.value(wanted.ceiling)})",
            f"{available} >= {taken}",
            f"attribute_not_exists({hold})",
        ]
        if wanted.entry:
            calls = update.path("calls", wanted.entry)
            sets.append(f"{calls} = if_not_exists({calls}, {update.value(0)}) + {one}")
            conditions.append(f"(attribute_not_exists({calls}) OR {calls} < {update.value(wanted.most_calls)})")
        if wanted.key_id:
            left, most = (update.path("keys", wanted.key_id, name) for name in ("available", "ceiling"))
            sets.append(f"{left} = {left} - {taken}")
            conditions.append(f"attribute_exists({left}) AND (attribute_not_exists({most}) OR {left} >= {taken})")
        request = update.request(self.table, account, set_=sets, conditions=conditions)
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        answer = self._write(lambda: dynamodb().update_item(**request, ReturnValues="ALL_NEW"))
        return _account(answer["Attributes"])

    def replace(self, account: str, old: Account, new: Account) -> Account:
        """Put `new` in the place of `old`, for what needs more than a reservation: a new month, ceiling or key.

        Raises:
            Differs: somebody else wrote in between.
        """
        written = replace(new, version=old.version + 1)
        item = _key(account) | _item(written)
        if old.version:
            only_if: dict[str, Any] = {
                "ConditionExpression": "#version = :version",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":version": {"N": str(old.version)}},
            }
        else:
            only_if = {"ConditionExpression": "attribute_not_exists(id)"}
        self._write(
            lambda: dynamodb().put_item(
                TableName=self.table, Item=item, **only_if, ReturnValuesOnConditionCheckFailure="ALL_OLD"
            )
        )
        return written

    def closing(self, account: str, closing: Closing) -> "UpdateTypeDef":
        """The write that ends a reservation, on the condition that it has not ended."""
        update = _Update()
        version, hold, one = update.path("version"), update.path("holds", closing.call_id), update.value(1)
        back, spent = update.value(closing.amount - closing.spent), update.value(closing.spent)
        sets = [f"{version} = {version} + {one}"]
        for place in ((), *((("keys", closing.key_id),) if closing.key_id else ())):
            for name, more in (("available", back), ("spent", spent)):
                path = update.path(*place, name)
                sets.append(f"{path} = {path} + {more}")
        removed = [hold, *(update.path("calls", name) for name in closing.stale)]
        if closing.uncount:
            calls = update.path("calls", closing.uncount)
            sets.append(f"{calls} = if_not_exists({calls}, {one}) - {one}")
        return update.request(self.table, account, set_=sets, remove=removed, conditions=[f"attribute_exists({hold})"])

    def close(self, account: str, closing: Closing) -> None:
        """End a reservation now; one that has ended stays as it is."""
        request = self.closing(account, closing)
        client = dynamodb()
        try:
            unhindered(lambda: client.update_item(**request))
        except client.exceptions.ConditionalCheckFailedException:
            return

    @staticmethod
    def _write[T](write: Callable[[], T]) -> T:
        client = dynamodb()
        try:
            return unhindered(write)
        except client.exceptions.ConditionalCheckFailedException as error:
            raise Differs(_account(error.response.get("Item"))) from None


def unhindered[T](write: Callable[[], T]) -> T:
    """Write again when a transaction of the same item is under way; botocore retries throttling, but not this."""
    first, longest = _PAUSE_SECONDS
    client = dynamodb()
    for attempt in range(TRIES - 1):
        try:
            return write()
        except client.exceptions.TransactionConflictException:
            time.sleep(_RANDOM.uniform(0, min(first * 2**attempt, longest)))
    return write()


class _Update:
    """An update expression in the making: every name gets an alias, because many plain ones are reserved."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def path(self, *segments: str) -> str:
        """The alias of a document path."""
        return ".".join(self._names.setdefault(segment, f"#{len(self._names)}") for segment in segments)

    def value(self, value: int | str) -> str:
        """The placeholder of a value."""
        name = f":{len(self._values)}"
        self._values[name] = {"S": value} if isinstance(value, str) else {"N": str(value)}
        return name

    def request(
        self,
        table: str,
        account: str,
        *,
        set_: Sequence[str],
        remove: Sequence[str] = (),
        conditions: Sequence[str],
    ) -> "UpdateTypeDef":
        """The whole write."""
        expression = f"SET {', '.join(set_)}"
        return {
            "TableName": table,
            "Key": _key(account),
            "UpdateExpression": f"{expression} REMOVE {', '.join(remove)}" if remove else expression,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {alias: name for name, alias in self._names.items()},
            "ExpressionAttributeValues": self._values,
        }


def _key(account: str) -> dict[str, Any]:
    return {"id": {"S": account}}


def _account(item: Any) -> Account:
    from boto3.dynamodb.types import TypeDeserializer  # boto3 is 300 ms of a cold start

    read = TypeDeserializer().deserialize
    return Account.of({name: read(value) for name, value in item.items()}) if item else Account()


def _item(account: Account) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeSerializer  # boto3 is 300 ms of a cold start

    write = TypeSerializer().serialize
    return {name: write(value) for name, value in account.fields().items()}
