"""Executions: what an agent was asked, what it answered, what it cost. One DynamoDB item each."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import (
    ConfigurationError,
    ExecutionCancelled,
    ExecutionNotFound,
    IdempotencyInProgress,
    StorageUnavailable,
)
from agent_platform.storage.counters import AgentCounters, Used
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.outbox import OutboxEvent
from agent_platform.storage.payloads import EXECUTIONS, PayloadStore, compact, is_large

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

RETENTION_DAYS = 400
"""400 days, so that a month can be compared with the same one a year before; then DynamoDB's TTL removes it."""

TRIES = 10
"""How often a transaction is tried that others got in the way of, or that DynamoDB throttled. All records of one user
meet on their account: with pauses of up to half a second, ten tries lose one record in a thousand at 40 a second."""

LONGEST_PAUSE_SECONDS = 0.5

LAST_TRIES = 2
"""In these a rider that meets others on its item stays behind: what was paid for is recorded, and the money that it
would have given back stays reserved."""

LOST_AFTER = timedelta(hours=2, minutes=20)
"""An execution without an end so long after it was accepted has none to come: its state machine gives up after two
hours, and its function fifteen minutes after it was called last."""

PAGE = 100
"""Summaries read at once while a list looks for those of one status."""

PAGES = 20
"""How many such pages one request reads at most; the next cursor goes on from there."""

_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""Reasons of a cancelled transaction that pass by themselves; botocore retries none of them."""

_RANDOM = SystemRandom()  # instances restored from one snapshot must not wait in step

Usd = Annotated[
    Decimal, PlainSerializer(float, return_type=float, when_used="json"), Field(description="US dollars at list price")
]
Timestamp = Annotated[datetime, Field(description="RFC 3339, UTC")]


class TokenUsage(BaseModel):
    """Tokens by the way they are billed; the four are disjoint."""

    model_config = ConfigDict(frozen=True)

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int


class Failure(BaseModel):
    """Why an execution failed: a stable code of the error table and a sentence."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class Escalation(BaseModel):
    """What the agent hands to a person: the rule of its guardrails that was met, and why."""

    model_config = ConfigDict(frozen=True)

    rule: str
    reason: str


ExecutionStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class ExecutionSummary(BaseModel):
    """What a list shows of an execution."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    id: str
    agent_id: str
    agent_version: str
    status: ExecutionStatus
    model: str = Field(description="The model that was asked for")
    provider: Literal["anthropic", "bedrock", "offline"] = Field(description="Who answered; `offline` is no real model")
    cost_usd: Usd
    duration_ms: int = Field(description="Milliseconds from acceptance to the end of the run")
    started_at: Timestamp
    cached: bool = Field(default=False, description="Answered with the output of an earlier, equal execution")
    delegated_cost_usd: Usd = Field(
        default=Decimal(0), description="What the agents cost that this one put to work; each has its own execution"
    )
    escalation: Escalation | None = Field(default=None, description="Set when a person must decide")
    parent_id: str | None = Field(default=None, description="The execution whose agent put this one to work")
    session_id: str | None = Field(default=None, description="The conversation that this is a turn of")
    batch_id: str | None = Field(default=None, description="The batch that this is a line of")


class Execution(ExecutionSummary):
    """One execution whole."""

    owner: str = Field(description="Id of the user who asked")
    input: dict[str, Any]
    output: dict[str, Any] | None
    error: Failure | None
    usage: TokenUsage
    tool_calls: int = Field(description="How often the model called a tool")
    finished_at: Timestamp | None = Field(description="None as long as it is queued or running")
    trace_id: str
    redactions: dict[str, int] = Field(
        default={}, description="How many pieces of personal data were taken out of input and output, by kind"
    )


@dataclass(frozen=True, slots=True)
class Rider:
    """A write that rides in the transaction of an execution's record, so that it happens once with it or not at all.

    Its condition says that what it settles is still open. Where it is not (the lock went to somebody else, the
    month is over), the rider is left out and the execution is recorded without it. `together` are further writes that
    stand or fall with it, each to an item of its own.
    """

    write: "TransactWriteItemTypeDef"
    together: "Sequence[TransactWriteItemTypeDef]" = ()

    @property
    def writes(self) -> "tuple[TransactWriteItemTypeDef, ...]":
        """Everything that it writes."""
        return (self.write, *self.together)


class ExecutionPage(BaseModel):
    """One page of executions, newest first."""

    items: list[ExecutionSummary]
    next_cursor: str | None


class ExecutionRepository:
    """Reads and writes executions. Every method raises `StorageUnavailable` when DynamoDB or S3 does not answer.

    An execution that waits for a state machine is written before it runs: queued, then running, then its end. Where
    it is cancelled on the way it stays cancelled, and only what it has cost is added when its run ends.
    """

    def __init__(self, table: str, payloads: PayloadStore | None = None) -> None:
        self.table = table
        self._payloads = payloads

    def record(
        self,
        execution: Execution,
        event: OutboxEvent,
        counters: AgentCounters,
        riders: Sequence[Rider] = (),
        *,
        was: Sequence[ExecutionStatus] = (),
    ) -> Execution:
        """Write the end of an execution, its event, its counts and what rides along in one transaction: all or none.

        Args:
            was: the statuses of which one must be stored, without an end; left out, it may also not be stored at all.

        Returns what is stored: the end that was written first, or with `was` whatever came in between. Writing the
        same execution again changes nothing.

        Raises:
            ExecutionCancelled: it was cancelled while it ran; write it again as cancelled.
        """
        beginning = "" if was else "attribute_not_exists(id) OR "
        statuses = was or ("queued", "running")
        names = {f":status{index}": {"S": status} for index, status in enumerate(statuses)}
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self.table,
                "Item": _item(self._document(execution)),
                "ConditionExpression": f"{beginning}(attribute_exists(unfinished) AND #status IN ({', '.join(names)}))",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": names,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        found = self._write(
            lambda: [put, {"Put": event.put()}, {"Update": counters.update(*_counted(execution))}], riders
        )
        if found is None:
            return execution
        stored = self._execution(found) if found else self._stored(execution.id)
        if not was and stored.status == "cancelled" and stored.finished_at is None:
            raise ExecutionCancelled("The execution was cancelled while it ran.")
        return stored

    def queue(self, execution: Execution, riders: Sequence[Rider] = ()) -> None:
        """Write an execution that is to run later, with what rides along. A repeated write changes nothing."""
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self.table,
                "Item": _item(self._document(execution)),
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
        self._write(lambda: [put], riders)

    def withdraw(self, execution_id: str, riders: Sequence[Rider] = ()) -> None:
        """Take back an execution that was queued and could not be started, and the items that rode along with it."""
        delete: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self.table,
                "Key": {"id": {"S": execution_id}},
                "ConditionExpression": "#status = :queued",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {":queued": {"S": "queued"}},
            }
        }
        updates = [write["Update"] for rider in riders for write in rider.writes if "Update" in write]
        rode: list[TransactWriteItemTypeDef] = [
            {"Delete": {"TableName": update["TableName"], "Key": update["Key"]}} for update in updates
        ]
        self._write(lambda: [delete, *rode], ())

    def begin(self, execution_id: str, unqueued: Execution | None = None) -> Execution:
        """Let an execution run, once: queued becomes running. One that is over already is returned as it ended.

        Args:
            unqueued: what to write where nobody queued it; left out, there must be one.

        Raises:
            ExecutionNotFound: it was withdrawn, or never queued.
            ExecutionCancelled: it was cancelled before.
            IdempotencyInProgress: it is running already; nobody runs it a second time, since its model may be paid.
        """
        for _ in range(TRIES):
            if unqueued is not None and self._opened(unqueued):
                return unqueued
            document = self._read(execution_id)
            if document["status"] == "queued":
                if self._moved(document, "running"):
                    return self._whole(document | {"status": "running"})
                continue
            if document["finished_at"] is None:  # running, or cancelled while it ran
                raise IdempotencyInProgress(f"The execution `{execution_id}` is running already.")
            if document["status"] == "cancelled":
                raise ExecutionCancelled(f"The execution `{execution_id}` was cancelled before it could run.")
            return self._whole(document)
        raise StorageUnavailable(f"The execution `{execution_id}` changes too often to begin. Try again shortly.")

    def postpone(self, execution_id: str, riders: Sequence[Rider] = ()) -> Execution:
        """Let an execution wait again whose run ended for nothing, and write what rides along.

        Returns what is stored; if that was not running any more, nothing is written.
        """
        document = self._read(execution_id)
        if document["status"] == "running":
            waiting = document | {"status": "queued"}
            put: TransactWriteItemTypeDef = {
                "Put": {
                    "TableName": self.table,
                    "Item": _item(waiting),
                    "ConditionExpression": "#status = :running",
                    "ExpressionAttributeNames": {"#status": "status"},
                    "ExpressionAttributeValues": {":running": {"S": "running"}},
                }
            }
            if self._write(lambda: [put], riders) is None:
                return self._whole(waiting)
        return self._stored(execution_id)

    def mark_cancelled(self, execution_id: str) -> Execution:
        """Mark a running execution as cancelled; its end is written when its run ends. Returns what is stored."""
        document = self._read(execution_id)
        if document["status"] == "running" and self._moved(document, "cancelled"):
            return self._whole(document | {"status": "cancelled"})
        return self._stored(execution_id)

    def get(self, execution_id: str, *, owner: str | None) -> Execution:
        """One execution; with `owner` given, only if it is theirs. One that was lost on its way is shown as failed.

        Raises:
            ExecutionNotFound: there is none, or it belongs to somebody else.
        """
        document = self._read(execution_id)
        if owner is not None and document["owner"] != owner:
            raise _not_found(execution_id)
        execution = self._whole(document)
        if _is_lost(execution):
            return execution.model_copy(update={"status": "failed", "error": INTERRUPTED})
        return execution

    def unmasked(self, execution_id: str) -> Execution:
        """One execution as it is stored, whoever it belongs to, and also where it was lost on its way.

        Raises:
            ExecutionNotFound: there is none.
        """
        return self._stored(execution_id)

    def list_by_owner(
        self,
        owner: str,
        *,
        agent_id: str | None = None,
        status: ExecutionStatus | None = None,
        limit: int = 24,
        cursor: str | None = None,
    ) -> ExecutionPage:
        """The owner's executions, newest first, of all agents or of one, of every status or of one.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        index, key, value = ("by_owner", "owner", owner)
        if agent_id:
            index, key, value = ("by_owner_and_agent", "owner_agent", _owner_agent(owner, agent_id))
        query = {"owner": owner, "agent_id": agent_id} | ({"status": status} if status else {})
        after: str | None = decode_cursor(cursor, (str,), **query)[0] if cursor else None
        found: list[ExecutionSummary] = []
        with storage_errors("Listing executions"):
            for _ in range(PAGES if status else 1):
                start: dict[str, Any] = (
                    {"ExclusiveStartKey": {key: {"S": value}, "id": {"S": after}}} if after is not None else {}
                )
                answer = dynamodb().query(
                    TableName=self.table,
                    IndexName=index,
                    KeyConditionExpression="#key = :value",
                    ExpressionAttributeNames={"#key": key},
                    ExpressionAttributeValues={":value": {"S": value}},
                    ScanIndexForward=False,
                    Limit=PAGE if status else limit,
                    **start,
                )
                page = [_seen(ExecutionSummary.model_validate_json(item["summary"]["S"])) for item in answer["Items"]]
                found += [each for each in page if status in (None, each.status)]
                more = bool(answer.get("LastEvaluatedKey")) and bool(page)
                after = page[-1].id if more else None
                if not more or len(found) >= limit:
                    break
        if len(found) > limit:
            found = found[:limit]
            after = found[-1].id
        following = encode_cursor([after], **query) if after is not None else None
        return ExecutionPage(items=found, next_cursor=following)

    def _document(self, execution: Execution) -> dict[str, Any]:
        """The execution as it is stored; what is too large lies in the bucket before anything refers to it."""
        document = execution.model_dump(mode="json")
        # Costs as text, so that no cent is lost to binary floats.
        document["cost_usd"] = str(execution.cost_usd)
        document["delegated_cost_usd"] = str(execution.delegated_cost_usd)
        for part in ("input", "output"):
            if document[part] is not None and is_large(document[part]):
                if self._payloads is None:
                    raise ConfigurationError("A large input or output needs a payload bucket; this function has none.")
                key = payload_key(execution.id, part, document[part])
                self._payloads.put(key, document[part])
                document[part], document[f"{part}_ref"] = None, key
        return document

    def _whole(self, document: dict[str, Any]) -> Execution:
        """The execution of a stored document, with what it refers to."""
        document = dict(document)
        for part in ("input", "output"):
            if reference := document.pop(f"{part}_ref", None):
                if self._payloads is None:
                    raise ConfigurationError("A large input or output needs a payload bucket; this function has none.")
                document[part] = self._payloads.get(reference)
        return Execution.model_validate_json(json.dumps(document))

    def _execution(self, item: Mapping[str, Any]) -> Execution:
        return self._whole(json.loads(item["document"]["S"]))

    def _stored(self, execution_id: str) -> Execution:
        return self._whole(self._read(execution_id))

    def _read(self, execution_id: str) -> dict[str, Any]:
        with storage_errors("Reading the execution"):
            item = (
                dynamodb()
                .get_item(TableName=self.table, Key={"id": {"S": execution_id}}, ConsistentRead=True)
                .get("Item")
            )
        if not item:
            raise _not_found(execution_id)
        document: dict[str, Any] = json.loads(item["document"]["S"])
        return document

    def _moved(self, document: dict[str, Any], status: ExecutionStatus) -> bool:
        """Write the document with another status, if nobody else changed that meanwhile."""
        return self._if_status(
            "Updating the execution",
            lambda condition: dynamodb().put_item(
                TableName=self.table, Item=_item(document | {"status": status}), **condition
            ),
            document["status"],
        )

    def _opened(self, execution: Execution) -> bool:
        """Write an execution that runs at once, if there is none under its id."""
        client = dynamodb()
        with storage_errors("Beginning the execution"):
            try:
                client.put_item(
                    TableName=self.table,
                    Item=_item(self._document(execution)),
                    ConditionExpression="attribute_not_exists(id)",
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
            return True

    def _if_status(self, doing: str, write: Callable[[dict[str, Any]], object], status: str) -> bool:
        client = dynamodb()
        with storage_errors(doing):
            try:
                write(
                    {
                        "ConditionExpression": "#status = :status",
                        "ExpressionAttributeNames": {"#status": "status"},
                        "ExpressionAttributeValues": {":status": {"S": status}},
                    }
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
            return True

    def _write(
        self, items: "Callable[[], list[TransactWriteItemTypeDef]]", riders: Sequence[Rider]
    ) -> Mapping[str, Any] | None:
        """One transaction of `items`, made anew at each try, and of the riders whose condition still holds.

        Returns None once it is written; where the condition of the first item fails, what is there instead (empty
        where DynamoDB did not say).
        """
        client, riding = dynamodb(), list(riders)
        with storage_errors("Recording the execution"):
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
                    closed = {
                        owner
                        for owner, reason in zip(owners, reasons[len(own) :], strict=False)
                        if reason == "ConditionalCheckFailed"
                    }
                    if attempt >= TRIES - 1 - LAST_TRIES:
                        closed |= {
                            owner
                            for owner, reason in zip(owners, reasons[len(own) :], strict=False)
                            if reason == "TransactionConflict"
                        }
                    if closed:
                        riding = [rider for index, rider in enumerate(riding) if index not in closed]
                        continue
                    if attempt >= TRIES - 1 or not _PASSING.intersection(reasons):
                        raise
                    # If two executions met on one counter shard, the next try draws another one.
                    time.sleep(_RANDOM.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.02 * 2**attempt)))
        raise StorageUnavailable("Recording the execution failed: what rides along kept changing. Try again shortly.")


def payload_key(execution_id: str, part: str, value: Any) -> str:
    """Where a large input or output lies: named by its content, so no other try can change what a record refers to."""
    return f"{EXECUTIONS}{execution_id}/{part}-{hashlib.sha256(compact(value)).hexdigest()[:16]}.json"


INTERRUPTED = Failure(
    code="interrupted",
    message="The execution was accepted but never came to an end: the platform was interrupted. Send it again.",
)
"""What is shown of an execution that was lost on its way; nobody writes it."""


def _is_lost(execution: ExecutionSummary) -> bool:
    return execution.status in ("queued", "running") and datetime.now(UTC) - execution.started_at > LOST_AFTER


def _seen(summary: ExecutionSummary) -> ExecutionSummary:
    return summary.model_copy(update={"status": "failed"}) if _is_lost(summary) else summary


def _not_found(execution_id: str) -> ExecutionNotFound:
    return ExecutionNotFound(f"There is no execution `{execution_id}` of yours. GET /api/v1/executions lists them.")


def _counted(execution: Execution) -> tuple[str, str, float, Used]:
    used = execution.usage
    tokens = (used.input_tokens, used.output_tokens, used.cache_read_tokens, used.cache_write_tokens)
    return (
        execution.agent_id,
        execution.status,
        execution.duration_ms / 1000,
        Used(tokens, execution.tool_calls, execution.cost_usd, execution.cached),
    )


def _owner_agent(owner: str, agent_id: str) -> str:
    return f"{owner}#{agent_id}"


def _item(document: dict[str, Any]) -> dict[str, Any]:
    # The document is stored as JSON text: DynamoDB's own types would turn floats into decimals and refuse some values.
    summary = ExecutionSummary.model_validate_json(
        json.dumps({name: document[name] for name in ExecutionSummary.model_fields})
    )
    return {
        "id": {"S": summary.id},
        "owner": {"S": document["owner"]},
        "owner_agent": {"S": _owner_agent(document["owner"], summary.agent_id)},
        "summary": {"S": summary.model_dump_json(exclude_defaults=True)},
        "status": {"S": summary.status},
        "document": {"S": json.dumps(document, ensure_ascii=False, separators=(",", ":"))},
        "expires_at": {"N": str(int(summary.started_at.timestamp()) + RETENTION_DAYS * 86_400)},
        **({"unfinished": {"BOOL": True}} if document["finished_at"] is None else {}),
    }
