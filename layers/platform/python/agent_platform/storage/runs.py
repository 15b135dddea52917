"""Runs of workflows: what one was asked, how it ended, what it cost. One DynamoDB item each."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import RunNotFound
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import PAGE, PAGES, RETENTION_DAYS, Failure, Timestamp, Usd
from agent_platform.storage.outbox import OutboxEvent
from agent_platform.storage.payloads import RUNS, PayloadStore, compact, is_large
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.storage.transactions import write_together

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

INLINE_INPUT_BYTES = 16 * 1024
"""A larger input lies in the bucket: it would travel through every state of its run (256 KiB each)."""

RunStatus = Literal["running", "succeeded", "failed", "stopped"]


class RunFailure(Failure):
    """Why a run failed: a stable code of the error table, a sentence, and the step that it failed at."""

    step_id: str | None = Field(default=None, description="The step that failed; None where none is to blame")


class RunSource(BaseModel):
    """Who or what started a run."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["api", "schedule", "event", "workflow"] = "api"
    id: str | None = Field(default=None, description="The trigger, or the run whose step started this one")
    depth: int = Field(default=0, description="How many runs led to this one, each started by what came of the last")


class RunSummary(BaseModel):
    """What a list shows of a run."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    id: str
    workflow_id: str
    workflow_name: str
    workflow_title: str
    version: int = Field(description="The version of the workflow that was live when it started")
    name: str | None = Field(default=None, description="The name that its caller gave it; one name is one run")
    status: RunStatus
    started_at: Timestamp
    finished_at: Timestamp | None = Field(default=None, description="None as long as it is running")
    duration_ms: int | None = Field(default=None, description="Milliseconds from the start of the last attempt")
    cost_usd: Usd | None = Field(
        default=None, description="What the agents of its own steps cost, failed tries included; None while it runs"
    )
    attempt: int = Field(default=1, description="Counts from 1; each retry that goes on with the same run is one more")
    retry_of: str | None = Field(default=None, description="The failed run that this one repeats")
    parent_run_id: str | None = Field(default=None, description="The run whose step waits for this one")
    source: RunSource = RunSource()
    error: RunFailure | None = None


class Run(RunSummary):
    """One run whole."""

    owner: str = Field(description="Id of the user as whom its agents are asked")
    input: dict[str, Any] | None = Field(description="None where only its reference was read")
    input_ref: str | None = Field(default=None, description="Key of an input that is too large to travel")
    output: Any = None
    output_ref: str | None = None
    key: str = Field(description="Id of the first of the runs that repeat each other; what was paid once is not again")
    trace_id: str
    attempt_at: Timestamp | None = Field(default=None, description="When the last attempt began, from the second on")
    redrives: int = Field(default=0, description="How often Step Functions was told to go on from where it failed")
    machine_arn: str = Field(description="What was started: a version of a state machine, or the machine itself")
    execution_arn: str
    principal: PrincipalDocument
    states: dict[str, str] = Field(default={}, description="The step of each state of its machine")
    keep: tuple[tuple[str | int, ...], ...] = Field(
        default=(), description="Paths inside the input that the state machine itself looks at"
    )

    @property
    def began_at(self) -> datetime:
        """When its last attempt began."""
        return self.attempt_at or self.started_at


class RunPage(BaseModel):
    """One page of runs, newest first."""

    items: list[RunSummary]
    next_cursor: str | None


class RunRepository:
    """Reads and writes runs. Every method raises `StorageUnavailable` when DynamoDB or S3 does not answer."""

    def __init__(self, table: str, payloads: PayloadStore) -> None:
        self.table = table
        self.payloads = payloads

    def create(self, run: Run, event: OutboxEvent, *, claim: str | None = None) -> Run:
        """Write a new run and the event of its start in one transaction, once.

        Args:
            claim: what only one run may be: a name with its owner and workflow, a retry, a step of another run.

        Returns what is stored: the run itself, or the one that has its id or its claim already. Values are as they are
        stored: `input_ref` names what is large.
        """
        stored = self._referring(run)
        first: list[TransactWriteItemTypeDef] = [_claimed(self.table, claim, stored)] if claim is not None else []
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self.table,
                "Item": _item(stored),
                "ConditionExpression": "attribute_not_exists(id)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        found = write_together(lambda: [*first, put, {"Put": event.put()}], (), doing="Starting the run")
        if found is None:
            return stored
        if "document" in found:
            return _run(found)
        return self.stored(found["run_id"]["S"] if found else self._claimed_by(claim) if claim else run.id)

    def end(self, run: Run, event: OutboxEvent) -> Run:
        """Write the end of a run's attempt and its event in one transaction, if that attempt has none.

        Returns what is stored: the end that was written first, or whatever came after it.

        Raises:
            RunNotFound: there is none.
        """
        return self._replace(run, event, "#status = :running AND attempt = :attempt", run.attempt, "Ending the run")

    def restart(self, run: Run, event: OutboxEvent) -> Run:
        """Write that a run which is over goes on, as its next attempt, and the event of that in one transaction.

        Returns what is stored: this attempt, or whatever another retry made of the run.

        Raises:
            RunNotFound: there is none.
        """
        condition = "#status <> :running AND #status <> :succeeded AND attempt = :attempt"
        return self._replace(run, event, condition, run.attempt - 1, "Restarting the run")

    def get(self, run_id: str, *, owner: str | None) -> Run:
        """One run with its whole input and output; with `owner` given, only if it is theirs.

        Raises:
            RunNotFound: there is none, or it belongs to somebody else.
            PayloadMissing: a large input or output is not where the run says.
        """
        return self.whole(self.stored(run_id, owner=owner))

    def stored(self, run_id: str, *, owner: str | None = None) -> Run:
        """One run as it is stored: `input_ref` and `output_ref` name what is large. With `owner`, only if it is theirs.

        Raises:
            RunNotFound: there is none, or it belongs to somebody else.
        """
        with storage_errors("Reading the run"):
            item = dynamodb().get_item(TableName=self.table, Key={"id": {"S": run_id}}, ConsistentRead=True).get("Item")
        if not item or "document" not in item:
            raise _not_found(run_id)
        return self._of(owner, _run(item))

    def whole(self, run: Run) -> Run:
        """The run with what it refers to.

        Raises:
            PayloadMissing: a large input or output is not where the run says.
        """
        whole = {part: self.payloads.get(key) for part in ("input", "output") if (key := getattr(run, f"{part}_ref"))}
        return run.model_copy(update=whole) if whole else run

    def list_by_owner(
        self,
        owner: str,
        *,
        workflow_id: str | None = None,
        status: RunStatus | None = None,
        limit: int = 24,
        cursor: str | None = None,
    ) -> RunPage:
        """The owner's runs, newest first, of all workflows or of one, of every status or of one.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        index, key, value = "by_owner", "owner", owner
        if workflow_id:
            index, key, value = "by_workflow", "owner_workflow", _owner_workflow(owner, workflow_id)
        query = {"runs_of": owner, "workflow_id": workflow_id, "status": status}
        after: str | None = decode_cursor(cursor, (str,), **query)[0] if cursor else None
        found: list[RunSummary] = []
        for _ in range(PAGES if status else 1):
            # One more than is asked for tells whether there are more.
            page, more = self._page(index, key, value, after, PAGE if status else limit + 1, newest_first=True)
            found += [each for each in page if status in (None, each.status)]
            after = page[-1].id if more else None
            if after is None or len(found) > limit:
                break
        if len(found) > limit:
            found = found[:limit]
            after = found[-1].id
        return RunPage(items=found, next_cursor=encode_cursor([after], **query) if after is not None else None)

    def open_runs(self) -> Iterator[RunSummary]:
        """Every run without an end, oldest first, whoever it belongs to."""
        after: str | None = None
        while True:
            page, more = self._page("open_runs", "open", OPEN, after, PAGE, newest_first=False)
            yield from page
            if not more:
                return
            after = page[-1].id

    def count_open(self) -> int:
        """How many runs have no end yet, whoever they belong to; eventually consistent."""
        request: Any = {
            "TableName": self.table,
            "IndexName": "open_runs",
            "KeyConditionExpression": "#key = :value",
            "ExpressionAttributeNames": {"#key": "open"},
            "ExpressionAttributeValues": {":value": {"S": OPEN}},
            "Select": "COUNT",
        }
        with storage_errors("Counting runs"):
            return sum(page["Count"] for page in dynamodb().get_paginator("query").paginate(**request))

    def _page(
        self, index: str, key: str, value: str, after: str | None, limit: int, *, newest_first: bool
    ) -> tuple[list[RunSummary], bool]:
        """Summaries behind the id `after`, and whether there are more."""
        start: dict[str, Any] = {"ExclusiveStartKey": {key: {"S": value}, "id": {"S": after}}} if after else {}
        with storage_errors("Listing runs"):
            answer = dynamodb().query(
                TableName=self.table,
                IndexName=index,
                KeyConditionExpression="#key = :value",
                ExpressionAttributeNames={"#key": key},
                ExpressionAttributeValues={":value": {"S": value}},
                ScanIndexForward=not newest_first,
                Limit=limit,
                **start,
            )
        page = [RunSummary.model_validate_json(item["summary"]["S"]) for item in answer["Items"]]
        return page, bool(answer.get("LastEvaluatedKey")) and bool(page)

    def _replace(self, run: Run, event: OutboxEvent, condition: str, attempt: int, doing: str) -> Run:
        stored = self._referring(run)
        values: dict[str, Any] = {
            ":running": {"S": "running"},
            ":attempt": {"N": str(attempt)},
            ":owner": {"S": run.owner},
        }
        if ":succeeded" in condition:
            values[":succeeded"] = {"S": "succeeded"}
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self.table,
                "Item": _item(stored),
                "ConditionExpression": f"#owner = :owner AND {condition}",
                "ExpressionAttributeNames": {"#status": "status", "#owner": "owner"},
                "ExpressionAttributeValues": values,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        found = write_together(lambda: [put, {"Put": event.put()}], (), doing=doing)
        if found is None:
            return stored
        return self._of(run.owner, _run(found)) if found else self.stored(run.id, owner=run.owner)

    @staticmethod
    def _of(owner: str | None, run: Run) -> Run:
        """The run, if it is the owner's."""
        if owner is not None and run.owner != owner:
            raise _not_found(run.id)
        return run

    def _referring(self, run: Run) -> Run:
        """The run as it is stored; what is too large lies in the bucket before anything refers to it."""
        changes: dict[str, Any] = {}
        if run.input_ref:
            changes["input"] = None
        elif len(compact(run.input)) > INLINE_INPUT_BYTES:
            changes |= {"input": None, "input_ref": self._keep(run.id, "input", run.input)}
        if run.output_ref:
            changes["output"] = None
        elif is_large(run.output):
            changes |= {"output": None, "output_ref": self._keep(run.id, "output", run.output)}
        return run.model_copy(update=changes) if changes else run

    def _keep(self, run_id: str, part: str, value: Any) -> str:
        key = run_payload_key(run_id, part, value)
        self.payloads.put(key, value)
        return key

    def _claimed_by(self, claim: str) -> str:
        key = {"id": {"S": _claim_id(claim)}}
        with storage_errors("Reading the run"):
            item = dynamodb().get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        if not item:
            raise _not_found(claim)
        return item["run_id"]["S"]


OPEN = "yes"
"""What the attribute `open` says of a run without an end; others have none, and so are not in that index."""


def run_payload_key(run_id: str, part: str, value: Any) -> str:
    """Where a large value of a run lies: named by its content, so no other try can change what refers to it."""
    return f"{RUNS}{run_id}/{part}-{hashlib.sha256(compact(value)).hexdigest()[:16]}.json"


def _not_found(run_id: str) -> RunNotFound:
    return RunNotFound(f"There is no run `{run_id[:100]}` of yours. GET /api/v1/runs lists them.")


def _owner_workflow(owner: str, workflow_id: str) -> str:
    return f"{owner}#{workflow_id}"


def _claim_id(claim: str) -> str:
    return f"claim#{hashlib.sha256(claim.encode()).hexdigest()}"


def _claimed(table: str, claim: str, run: Run) -> "TransactWriteItemTypeDef":
    """The claim as an item of its own beside the run, so that ids can sort by time whatever a run is called."""
    return {
        "Put": {
            "TableName": table,
            "Item": {"id": {"S": _claim_id(claim)}, "run_id": {"S": run.id}, "expires_at": _expiry(run)},
            "ConditionExpression": "attribute_not_exists(id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _expiry(run: RunSummary) -> "AttributeValueTypeDef":
    return {"N": str(int(run.started_at.timestamp()) + RETENTION_DAYS * 86_400)}


def _run(item: Mapping[str, Any]) -> Run:
    return Run.model_validate_json(item["document"]["S"])


def _item(run: Run) -> dict[str, Any]:
    document = run.model_dump(mode="json", exclude_defaults=True)
    if run.cost_usd is not None:
        document["cost_usd"] = str(Decimal(run.cost_usd))  # as text, so that no cent is lost to binary floats
    summary = RunSummary.model_validate(run.model_dump(include=set(RunSummary.model_fields)))
    return {
        "id": {"S": run.id},
        "owner": {"S": run.owner},
        "owner_workflow": {"S": _owner_workflow(run.owner, run.workflow_id)},
        "status": {"S": run.status},
        "attempt": {"N": str(run.attempt)},
        "summary": {"S": summary.model_dump_json(exclude_defaults=True)},
        "document": {"S": json.dumps(document, ensure_ascii=False, separators=(",", ":"))},
        "expires_at": _expiry(run),
        **({"open": {"S": OPEN}} if run.status == "running" else {}),
    }
