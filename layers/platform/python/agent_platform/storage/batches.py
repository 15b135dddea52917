"""Batches: one agent over the lines of a file. One DynamoDB item each; files, lines and results lie in the bucket."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import BatchNotFound, ExecutionCancelled, PayloadMissing, PlatformError
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import RETENTION_DAYS, Execution, Failure, Timestamp, Usd
from agent_platform.storage.payloads import BATCHES, PayloadStore, compact

FILE_DAYS = 30
"""How long uploads, lines and results are kept; the executions themselves are kept as all others."""

MAX_LINES = 10_000
"""Of one batch: so many results are read and put in order within a function's fifteen minutes."""

MAX_UPLOAD_BYTES = 100 * 1024 * 1024
"""Of one file."""

BatchStatus = Literal["waiting", "ready", "running", "finished", "failed", "cancelled"]
BatchFormat = Literal["jsonl", "csv"]

CONTENT_TYPES: dict[str, str] = {"jsonl": "application/jsonl", "csv": "text/csv"}
"""With which a file is uploaded."""


class Batch(BaseModel):
    """One batch. Counts and cost are those of its end; while it runs the state machine knows more."""

    model_config = ConfigDict(frozen=True)

    id: str
    agent_id: str
    status: BatchStatus = Field(
        description="waiting: for the upload; ready: to be started; failed: the file as a whole could not be run"
    )
    format: BatchFormat
    owner: str = Field(description="Id of the user who made it")
    created_at: Timestamp
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    total: int | None = Field(default=None, description="Lines of the file; None until it was read")
    refused: int = Field(default=0, description="Lines that hold no input, of those that failed")
    succeeded: int | None = None
    failed: int | None = None
    cost_usd: Usd | None = None
    error: Failure | None = None

    @property
    def upload_key(self) -> str:
        """Where its file lies."""
        return f"{BATCHES}{self.id}/upload.{self.format}"

    @property
    def manifest_key(self) -> str:
        """Where its lines lie, one JSON object each, as the state machine reads them."""
        return f"{BATCHES}{self.id}/manifest.jsonl"

    @property
    def results_key(self) -> str:
        """Where its results lie, once they are in order."""
        return f"{BATCHES}{self.id}/results.jsonl"

    def input_key(self, line: int) -> str:
        """Where the input of a line lies until the line has its end."""
        return line_input_key(self.id, line)

    @property
    def inputs_prefix(self) -> str:
        """How the keys of all its lines' inputs begin."""
        return line_input_key(self.id, 0).rpartition("/")[0] + "/"


CANCELLED = Failure(code=ExecutionCancelled.code, message="The line was cancelled, by itself or with its batch.")


class LineResult(BaseModel):
    """What came of one line, as the user downloads it."""

    model_config = ConfigDict(frozen=True)

    line: int
    execution_id: str | None = None
    status: Literal["succeeded", "failed", "cancelled"]
    output: dict[str, Any] | None = None
    error: Failure | None = None
    errors: list[dict[str, str]] = []
    """Faults of the input by field."""
    cost_usd: Usd | None = None
    """What it cost, the agents included that the line's own agent put to work."""

    @classmethod
    def of(cls, line: int, execution: Execution) -> Self:
        """The result of a line whose execution is over."""
        status = execution.status if execution.status in ("succeeded", "cancelled") else "failed"
        return cls(
            line=line,
            execution_id=execution.id,
            status=status,
            output=execution.output,
            error=execution.error or (CANCELLED if status == "cancelled" else None),
            cost_usd=execution.cost_usd + execution.delegated_cost_usd,
        )

    @classmethod
    def broken(cls, line: int, execution_id: str | None, error: PlatformError) -> Self:
        """The result of a line that was refused before there was anything to pay."""
        return cls(
            line=line,
            execution_id=execution_id,
            status="cancelled" if isinstance(error, ExecutionCancelled) else "failed",
            error=Failure(code=error.code, message=error.public_detail),
            errors=[{"field": each.field, "message": each.message} for each in error.errors],
        )

    def told_by(self, known: "LineResult | None") -> Self:
        """The same with the faults by field that `known` names, if it tells of the same failure."""
        if known is None or known.error is None or self.error is None or known.error.code != self.error.code:
            return self
        return self.model_copy(update={"errors": known.errors})


class BatchPage(BaseModel):
    """One page of batches, newest first."""

    items: list[Batch]
    next_cursor: str | None


def line_execution_id(batch_id: str, line: int) -> str:
    """The id of the execution of a line: a UUIDv7 of the batch's own moment, the same however often the line is run."""
    random = int.from_bytes(hashlib.sha256(f"{batch_id}:{line}".encode()).digest()[:10])
    value = (UUID(batch_id).int >> 80 << 80) | random
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return str(UUID(int=value))


class BatchRepository:
    """Reads and writes batches. Every method raises `StorageUnavailable` when DynamoDB or S3 does not answer."""

    def __init__(self, table: str, payloads: PayloadStore) -> None:
        self.table = table
        self.payloads = payloads

    def create(self, batch: Batch) -> None:
        """Write a new batch."""
        with storage_errors("Making the batch"):
            dynamodb().put_item(TableName=self.table, Item=_item(batch), ConditionExpression="attribute_not_exists(id)")

    def get(self, batch_id: str, *, owner: str | None) -> Batch:
        """One batch; with `owner` given, only if it is theirs.

        Raises:
            BatchNotFound: there is none, or it belongs to somebody else.
        """
        with storage_errors("Reading the batch"):
            item = (
                dynamodb().get_item(TableName=self.table, Key={"id": {"S": batch_id}}, ConsistentRead=True).get("Item")
            )
        batch = Batch.model_validate_json(item["summary"]["S"]) if item else None
        if batch is None or (owner is not None and batch.owner != owner):
            raise BatchNotFound(f"There is no batch `{batch_id}` of yours. GET /api/v1/batches lists them.")
        return batch

    def change(self, batch: Batch, **changes: Any) -> Batch | None:
        """Write `batch` with changes, if its status and owner are what they were; None where somebody was faster."""
        client, changed = dynamodb(), batch.model_copy(update=changes)
        with storage_errors("Updating the batch"):
            try:
                client.put_item(
                    TableName=self.table,
                    Item=_item(changed),
                    ConditionExpression="#status = :was AND #owner = :owner",
                    ExpressionAttributeNames={"#status": "status", "#owner": "owner"},
                    ExpressionAttributeValues={":was": {"S": batch.status}, ":owner": {"S": batch.owner}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return None
        return changed

    def list_by_owner(self, owner: str, *, limit: int = 24, cursor: str | None = None) -> BatchPage:
        """The owner's batches, newest first.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        start: dict[str, Any] = {}
        if cursor:
            (after,) = decode_cursor(cursor, (str,), batches_of=owner)
            start = {"ExclusiveStartKey": {"owner": {"S": owner}, "id": {"S": after}}}
        with storage_errors("Listing batches"):
            answer = dynamodb().query(
                TableName=self.table,
                IndexName="by_owner",
                KeyConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
                ScanIndexForward=False,
                Limit=limit + 1,
                **start,
            )
        found = [Batch.model_validate_json(item["summary"]["S"]) for item in answer["Items"]]
        items = found[:limit]
        more = bool(items) and (len(found) > limit or "LastEvaluatedKey" in answer)
        following = encode_cursor([items[-1].id], batches_of=owner) if more else None
        return BatchPage(items=items, next_cursor=following)

    def keep_line(self, batch_id: str, result: LineResult) -> None:
        """Write what came of a line; a later try of the same line replaces it."""
        self.payloads.put(_line_key(batch_id, result.line), result.model_dump(mode="json", exclude_defaults=True))

    def line(self, batch_id: str, line: int) -> LineResult | None:
        """What came of a line; None where nothing is known."""
        try:
            return LineResult.model_validate(self.payloads.get(_line_key(batch_id, line)))
        except PayloadMissing:
            return None

    def known_lines(self, batch_id: str) -> list[int]:
        """The numbers of the lines of which something is known, in order."""
        prefix = _line_key(batch_id, 0).rpartition("/")[0] + "/"
        return [int(key.rpartition("/")[2].removesuffix(".json")) for key in self.payloads.keys(prefix)]

    def write_results(self, batch: Batch, results: Iterator[LineResult]) -> None:
        """Write the file that the user downloads: one JSON object for each line of the input, in its order."""
        pieces = (compact(result.model_dump(mode="json", exclude_defaults=True)) + b"\n" for result in results)
        self.payloads.write(batch.results_key, pieces, CONTENT_TYPES["jsonl"])


def files_are_gone(batch: Batch) -> bool:
    """Whether its results have been removed by their age."""
    return (datetime.now(UTC) - batch.created_at).days >= FILE_DAYS


def line_input_key(batch_id: str, line: int) -> str:
    """Where the input of a line lies until the line has its end."""
    return f"{BATCHES}{batch_id}/inputs/{line:06}.json"


def _line_key(batch_id: str, line: int) -> str:
    return f"{BATCHES}{batch_id}/lines/{line:06}.json"


def _item(batch: Batch) -> dict[str, Any]:
    return {
        "id": {"S": batch.id},
        "owner": {"S": batch.owner},
        "status": {"S": batch.status},
        "summary": {"S": batch.model_dump_json(exclude_defaults=True)},
        "expires_at": {"N": str(int(batch.created_at.timestamp()) + RETENTION_DAYS * 86_400)},
    }
