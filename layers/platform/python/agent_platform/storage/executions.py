"""Executions: what an agent was asked, what it answered, what it cost. One DynamoDB item each."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import ExecutionNotFound
from agent_platform.storage.counters import AgentCounters, Used
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.outbox import OutboxEvent

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

RETENTION_DAYS = 400
"""400 days, so that a month can be compared with the same one a year before; then DynamoDB's TTL removes it."""

TRIES = 5
"""How often a transaction is tried that others got in the way of, or that DynamoDB throttled."""

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

    model_config = ConfigDict(frozen=True)

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
    """Reads and writes executions. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def record(
        self, execution: Execution, event: OutboxEvent, counters: AgentCounters, riders: Sequence[Rider] = ()
    ) -> None:
        """Write the execution, its event, its counts and what rides along in one transaction: all or none.

        Writing the same execution again changes nothing.
        """
        client, riding = dynamodb(), list(riders)
        with storage_errors("Recording the execution"):
            for attempt in range(TRIES + len(riding)):
                items: list[TransactWriteItemTypeDef] = [
                    {
                        "Put": {
                            "TableName": self.table,
                            "Item": _item(execution),
                            "ConditionExpression": "attribute_not_exists(id)",
                        }
                    },
                    {"Put": event.put()},
                    {"Update": counters.update(*_counted(execution))},
                    *(write for rider in riding for write in rider.writes),
                ]
                try:
                    client.transact_write_items(TransactItems=items)
                    return
                except client.exceptions.TransactionCanceledException as error:
                    reasons = [reason.get("Code") for reason in error.response["CancellationReasons"]]
                    if reasons[0] == "ConditionalCheckFailed":
                        return  # an earlier try got through although its answer was lost
                    owners = [index for index, rider in enumerate(riding) for _ in rider.writes]
                    closed = {
                        owner
                        for owner, reason in zip(owners, reasons[3:], strict=False)
                        if reason == "ConditionalCheckFailed"
                    }
                    if closed:
                        riding = [rider for index, rider in enumerate(riding) if index not in closed]
                        continue
                    if attempt >= TRIES - 1 or not _PASSING.intersection(reasons):
                        raise
                    # If two executions met on one counter shard, the next try draws another one.
                    time.sleep(_RANDOM.uniform(0, 0.02 * 2**attempt))

    def get(self, execution_id: str, *, owner: str | None) -> Execution:
        """One execution; with `owner` given, only if it is theirs.

        Raises:
            ExecutionNotFound: there is none, or it belongs to somebody else.
        """
        with storage_errors("Reading the execution"):
            item = (
                dynamodb()
                .get_item(TableName=self.table, Key={"id": {"S": execution_id}}, ConsistentRead=True)
                .get("Item")
            )
        execution = Execution.model_validate_json(item["document"]["S"]) if item else None
        if execution is None or (owner is not None and execution.owner != owner):
            raise ExecutionNotFound(
                f"There is no execution `{execution_id}` of yours. GET /api/v1/executions lists them."
            )
        return execution

    def list_by_owner(
        self, owner: str, *, agent_id: str | None = None, limit: int = 24, cursor: str | None = None
    ) -> ExecutionPage:
        """The owner's executions, newest first, of all agents or of one.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        index, key, value = ("by_owner", "owner", owner)
        if agent_id:
            index, key, value = ("by_owner_and_agent", "owner_agent", _owner_agent(owner, agent_id))
        start: dict[str, Any] = {}
        if cursor:
            (after,) = decode_cursor(cursor, (str,), owner=owner, agent_id=agent_id)
            start = {"ExclusiveStartKey": {key: {"S": value}, "id": {"S": after}}}
        with storage_errors("Listing executions"):
            answer = dynamodb().query(
                TableName=self.table,
                IndexName=index,
                KeyConditionExpression="#key = :value",
                ExpressionAttributeNames={"#key": key},
                ExpressionAttributeValues={":value": {"S": value}},
                ScanIndexForward=False,
                Limit=limit,
                **start,
            )
        items = [ExecutionSummary.model_validate_json(item["summary"]["S"]) for item in answer["Items"]]
        more = bool(answer.get("LastEvaluatedKey")) and bool(items)
        following = encode_cursor([items[-1].id], owner=owner, agent_id=agent_id) if more else None
        return ExecutionPage(items=items, next_cursor=following)


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


def _item(execution: Execution) -> dict[str, Any]:
    # The document is stored as JSON text: DynamoDB's own types would turn floats into decimals and refuse some values.
    summary = ExecutionSummary.model_validate(execution.model_dump(include=set(ExecutionSummary.model_fields)))
    return {
        "id": {"S": execution.id},
        "owner": {"S": execution.owner},
        "owner_agent": {"S": _owner_agent(execution.owner, execution.agent_id)},
        "summary": {"S": summary.model_dump_json(exclude_defaults=True)},
        "status": {"S": execution.status},
        "document": {"S": _exact_json(execution)},
        "expires_at": {"N": str(int(execution.started_at.timestamp()) + RETENTION_DAYS * 86_400)},
    }


def _exact_json(execution: Execution) -> str:
    """The execution as JSON, the cost as text so that no cent is lost to binary floats."""
    document = execution.model_dump(mode="json")
    document["cost_usd"] = str(execution.cost_usd)
    document["delegated_cost_usd"] = str(execution.delegated_cost_usd)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
