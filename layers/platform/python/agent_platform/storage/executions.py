"""Executions: what an agent was asked, what it answered, what it cost. One DynamoDB item each."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
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
from agent_platform.storage.transactions import TRIES, Rider, write_together

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

RETENTION_DAYS = 400
"""400 days, so that a month can be compared with the same one a year before; then DynamoDB's TTL removes it."""

LOST_AFTER = timedelta(hours=2, minutes=20)
"""An execution without an end so long after it was accepted has none to come: its state machine gives up after two
hours, and its function fifteen minutes after it was called last."""

UNDO = "if_failed"
"""The attribute of a queued execution that keeps what its failure undoes (`Rider.undo`), as DynamoDB takes it."""

PAGE = 100
"""Summaries read at once while a list looks for those of one status."""

PAGES = 20
"""How many such pages one request reads at most; the next cursor goes on from there."""

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
    run_id: str | None = Field(default=None, description="The run of a workflow that this is a part of")
    step_id: str | None = Field(default=None, description="The step of that run")
    key_id: str | None = Field(default=None, description="The API key that it was asked with; null for a person")


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
    tool_approval_id: str | None = Field(
        default=None, description="The request for approval that it ended with; null unless a person must decide on one"
    )
    redactions: dict[str, int] = Field(
        default={}, description="How many pieces of personal data were taken out of input and output, by kind"
    )


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
            ExecutionNotFound: the id is that of an execution of somebody else, or of another agent.
        """
        return self._end(execution, self._document(execution), event, counters, riders, was)

    def end(
        self,
        execution: Execution,
        event: OutboxEvent,
        counters: AgentCounters,
        riders: Sequence[Rider] = (),
        *,
        was: Sequence[ExecutionStatus],
    ) -> Execution:
        """As `record`, for an execution that was read from here and did not run on: its outcome alone is written.

        What is too large for the table stays where it lies, so this needs no right to write to the bucket.

        Raises:
            ExecutionNotFound: there is none.
        """
        outcome = execution.model_dump(mode="json", include={"status", "error", "finished_at", "duration_ms"})
        return self._end(execution, self._read(execution.id) | outcome, event, counters, riders, was)

    def _end(
        self,
        execution: Execution,
        document: dict[str, Any],
        event: OutboxEvent,
        counters: AgentCounters,
        riders: Sequence[Rider],
        was: Sequence[ExecutionStatus],
    ) -> Execution:
        item = _item({name: value for name, value in document.items() if name != UNDO})
        statuses = was or ("queued", "running")

        def write(more: str, riders: Sequence[Rider]) -> Mapping[str, Any] | None:
            names = {f":status{index}": {"S": status} for index, status in enumerate(statuses)}
            unfinished = f"attribute_exists(unfinished) AND #status IN ({', '.join(names)}) AND owner_agent = :whose"
            put: TransactWriteItemTypeDef = {
                "Put": {
                    "TableName": self.table,
                    "Item": item,
                    "ConditionExpression": f"{'' if was else 'attribute_not_exists(id) OR '}({unfinished}{more})",
                    "ExpressionAttributeNames": {"#status": "status"},
                    "ExpressionAttributeValues": {**names, ":whose": item["owner_agent"]},
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            }
            counted = _counted(execution)
            return write_together(lambda: [put, {"Put": event.put()}, {"Update": counters.update(*counted)}], riders)

        # Only where it was queued with something to undo does a failure cost a second transaction.
        failed = execution.status == "failed"
        found = write(f" AND attribute_not_exists({UNDO})" if failed else "", riders)
        if found is None:
            return execution
        stored = json.loads(found["document"]["S"]) if found else self._read(execution.id)
        _check_whose(stored, execution.owner, execution.agent_id)
        if failed and UNDO in stored and stored["status"] in statuses:
            found = write("", [*riders, *(Rider(undo) for undo in stored[UNDO])])
            if found is None:
                return execution
            stored = json.loads(found["document"]["S"]) if found else self._read(execution.id)
        if not was and stored["status"] == "cancelled" and stored["finished_at"] is None:
            raise ExecutionCancelled("The execution was cancelled while it ran.")
        return self._whole(stored)

    def queue(self, execution: Execution, riders: Sequence[Rider] = ()) -> None:
        """Write an execution that is to run later, with all that rides along. A repeated write changes nothing.

        Raises:
            IdempotencyInProgress: what rides along is not open any more: its idempotency key went to another request.
        """
        undo = [rider.undo for rider in riders if rider.undo]
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self.table,
                "Item": _item(self._document(execution) | ({UNDO: undo} if undo else {})),
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
        write_together(lambda: [put], riders, all_must_ride=True)

    def withdraw(self, execution_id: str, riders: Sequence[Rider] = ()) -> None:
        """Take back an execution that was queued and could not be started, and undo what rode along with it."""
        delete: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self.table,
                "Key": {"id": {"S": execution_id}},
                "ConditionExpression": "#status = :queued",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {":queued": {"S": "queued"}},
            }
        }
        write_together(lambda: [delete], [Rider(rider.undo) for rider in riders if rider.undo])

    def begin(self, execution_id: str, unqueued: Execution | None = None, *, owner: str, agent_id: str) -> Execution:
        """Let an execution run, once: queued becomes running. One that is over already is returned as it ended.

        Args:
            unqueued: what to write where nobody queued it; left out, there must be one.
            owner: whose it must be.
            agent_id: the agent that it must be of.

        Raises:
            ExecutionNotFound: it was withdrawn, never queued, or is somebody else's or another agent's.
            ExecutionCancelled: it was cancelled before.
            IdempotencyInProgress: it is running already; nobody runs it a second time, since its model may be paid.
        """
        for _ in range(TRIES):
            if unqueued is not None and self._opened(unqueued):
                return unqueued
            document = self._read(execution_id)
            _check_whose(document, owner, agent_id)
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
            if write_together(lambda: [put], riders) is None:
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

    def is_over(self, execution_id: str) -> bool:
        """Whether it has an end, or was lost on its way: cheap enough to be asked again and again.

        Raises:
            ExecutionNotFound: there is none.
        """
        with storage_errors("Asking for the end of the execution"):
            item = (
                dynamodb()
                .get_item(
                    TableName=self.table,
                    Key={"id": {"S": execution_id}},
                    ProjectionExpression="unfinished, summary",
                    ConsistentRead=True,
                )
                .get("Item")
            )
        if not item:
            raise _not_found(execution_id)
        return "unfinished" not in item or _is_lost(ExecutionSummary.model_validate_json(item["summary"]["S"]))

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
                    # One more than is asked for tells whether there are more.
                    Limit=PAGE if status else limit + 1,
                    **start,
                )
                page = [_seen(ExecutionSummary.model_validate_json(item["summary"]["S"])) for item in answer["Items"]]
                found += [each for each in page if status in (None, each.status)]
                more = bool(answer.get("LastEvaluatedKey")) and bool(page)
                after = page[-1].id if more else None
                if not more or len(found) > limit:
                    break
        if len(found) > limit:
            found = found[:limit]
            after = found[-1].id
        following = encode_cursor([after], **query) if after is not None else None
        return ExecutionPage(items=found, next_cursor=following)

    def list_by_run(self, run_id: str) -> list[ExecutionSummary]:
        """All executions of a run of a workflow, oldest first, whoever's they are."""
        found: list[ExecutionSummary] = []
        start: dict[str, Any] = {}
        with storage_errors("Listing the executions of the run"):
            while True:
                answer = dynamodb().query(
                    TableName=self.table,
                    IndexName="by_run",
                    KeyConditionExpression="run_id = :run",
                    ExpressionAttributeValues={":run": {"S": run_id}},
                    **start,
                )
                found += [_seen(ExecutionSummary.model_validate_json(each["summary"]["S"])) for each in answer["Items"]]
                if not (last := answer.get("LastEvaluatedKey")):
                    return found
                start = {"ExclusiveStartKey": last}

    def cost_of_run(self, run_id: str) -> Decimal:
        """What the executions of a run cost in USD: failed tries, and agents that others put to work, included."""
        return sum((each.cost_usd for each in self.list_by_run(run_id)), Decimal(0))

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
        document = {name: value for name, value in document.items() if name != UNDO}
        for part in ("input", "output"):
            if reference := document.pop(f"{part}_ref", None):
                if self._payloads is None:
                    raise ConfigurationError("A large input or output needs a payload bucket; this function has none.")
                document[part] = self._payloads.get(reference)
        return Execution.model_validate_json(json.dumps(document))

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
            document,
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

    def _if_status(self, doing: str, write: Callable[[dict[str, Any]], object], document: Mapping[str, Any]) -> bool:
        client = dynamodb()
        with storage_errors(doing):
            try:
                write(
                    {
                        "ConditionExpression": "#status = :status AND #owner = :owner",
                        "ExpressionAttributeNames": {"#status": "status", "#owner": "owner"},
                        "ExpressionAttributeValues": {
                            ":status": {"S": document["status"]},
                            ":owner": {"S": document["owner"]},
                        },
                    }
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
            return True


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


def _check_whose(document: Mapping[str, Any], owner: str, agent_id: str) -> None:
    if (document["owner"], document["agent_id"]) != (owner, agent_id):
        raise _not_found(document["id"])


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
        # What was queued by an earlier version of the platform may lack a field.
        json.dumps({name: document[name] for name in ExecutionSummary.model_fields if name in document})
    )
    return {
        "id": {"S": summary.id},
        "owner": {"S": document["owner"]},
        "owner_agent": {"S": _owner_agent(document["owner"], summary.agent_id)},
        "summary": {"S": summary.model_dump_json(exclude_defaults=True)},
        "status": {"S": summary.status},
        "document": {"S": json.dumps(document, ensure_ascii=False, separators=(",", ":"))},
        "expires_at": {"N": str(int(summary.started_at.timestamp()) + RETENTION_DAYS * 86_400)},
        **({"run_id": {"S": summary.run_id}} if summary.run_id else {}),
        **({"unfinished": {"BOOL": True}} if document["finished_at"] is None else {}),
        **({UNDO: {"BOOL": True}} if UNDO in document else {}),
    }
