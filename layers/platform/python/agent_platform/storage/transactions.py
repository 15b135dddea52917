"""One transaction that records an execution, and what rides along in it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from agent_platform.errors import IdempotencyInProgress, StorageUnavailable
from agent_platform.storage.dynamodb import dynamodb, storage_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

TRIES = 10
"""How often a transaction is tried that others got in the way of, or that DynamoDB throttled. All records of one user
meet on their account: with pauses of up to half a second, ten tries lose one record in a thousand at 40 a second."""

LONGEST_PAUSE_SECONDS = 0.5

LAST_TRIES = 2
"""In these a dispensable rider that meets others on its item stays behind, so that what was paid for is recorded."""

_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""Reasons of a cancelled transaction that pass by themselves; botocore retries none of them."""

_RANDOM = SystemRandom()  # instances restored from one snapshot must not wait in step


@dataclass(frozen=True, slots=True)
class Rider:
    """A write that rides in the transaction of an execution's record, so that it happens once with it or not at all.

    Its condition says that what it settles is still open. Where it is not (the lock went to somebody else, the
    month is over), the rider is left out and the execution is recorded without it.

    Attributes:
        write: to an item that nothing else in the transaction touches.
        together: further writes that stand or fall with it, each to an item of its own.
        dispensable: losing it errs on the safe side, so it may stay behind where others keep getting in its way: money
            that stays reserved, a claim that lapses. Any other rider is tried as long as the record itself.
        undo: what takes it back if the execution was queued with it and fails later, or cannot be started. Its
            condition says that it is still there. None: it stays.
    """

    write: "TransactWriteItemTypeDef"
    together: "Sequence[TransactWriteItemTypeDef]" = ()
    dispensable: bool = False
    undo: "TransactWriteItemTypeDef | None" = None

    @property
    def writes(self) -> "tuple[TransactWriteItemTypeDef, ...]":
        """Everything that it writes."""
        return (self.write, *self.together)


def write_together(
    items: "Callable[[], list[TransactWriteItemTypeDef]]",
    riders: Sequence[Rider],
    *,
    all_must_ride: bool = False,
    doing: str = "Recording the execution",
) -> Mapping[str, Any] | None:
    """One transaction of `items`, made anew at each try, and of the riders whose condition still holds.

    Returns None once it is written; where the condition of the first item fails, what is there instead (empty
    where DynamoDB did not say). `doing` completes the sentence "… failed".

    Raises:
        IdempotencyInProgress: with `all_must_ride`, where the condition of a rider does not hold.
    """
    client, riding = dynamodb(), list(riders)
    with storage_errors(doing):
        for attempt in range(TRIES + len(riding)):
            own = items()
            try:
                client.transact_write_items(
                    TransactItems=[*own, *(write for rider in riding for write in rider.writes)]
                )
                return None
            except client.exceptions.TransactionCanceledException as error:
                details = error.response["CancellationReasons"]
                reasons = [reason.get("Code") for reason in details]
                if reasons[0] == "ConditionalCheckFailed":
                    return dict(details[0].get("Item") or {})
                owners = [index for index, rider in enumerate(riding) for _ in rider.writes]
                theirs = [*zip(owners, reasons[len(own) :], strict=False)]
                closed = {index for index, reason in theirs if reason == "ConditionalCheckFailed"}
                if closed and all_must_ride:
                    raise _key_lost() from None
                if attempt >= TRIES - 1 - LAST_TRIES:
                    in_the_way = {index for index, reason in theirs if reason == "TransactionConflict"}
                    closed |= {index for index in in_the_way if riding[index].dispensable}
                if closed:
                    riding = [rider for index, rider in enumerate(riding) if index not in closed]
                    continue
                if attempt >= TRIES - 1 or not _PASSING.intersection(reasons):
                    raise
                # If two executions met on one counter shard, the next try draws another one.
                time.sleep(_RANDOM.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.02 * 2**attempt)))
    raise StorageUnavailable(f"{doing} failed: what rides along kept changing. Try again shortly.")


def _key_lost() -> IdempotencyInProgress:
    lost = IdempotencyInProgress(
        "Another request with this Idempotency-Key took over while this one was being accepted. Send it again, with "
        "the same key, to get the answer of the other."
    )
    lost.retry_after = 1
    return lost
