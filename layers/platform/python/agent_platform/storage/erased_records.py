"""Takes what a person wrote, and what was answered, out of records that stay: executions, runs, batches.

Facts stay (agent, time, cost, how it ended) under the owner's id, which means nothing once the account is gone. Objects
go before the record that refers to them is marked, so a process that is killed in between leaves work, never a rest.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import LOST_AFTER
from agent_platform.storage.payloads import BATCHES, EXECUTIONS, QUEUED, RUNS, PayloadStore

ERASED: Final = "erased"
"""The attribute of a record from which everything personal was taken, with the time."""

_WORDS = "Erased with the account that it belonged to."
_RUN_LOST_AFTER: Final = timedelta(days=2)
"""A stopped run without an end so long after it began has lost it."""


class ErasedRecords:
    """Erases in the tables of records. Every method raises `StorageUnavailable` when DynamoDB or S3 does not answer.

    Each yields 1 per record that is erased, and None when the rest has no end yet: to be gone on with after a while.
    """

    def __init__(self, executions: str, runs: str, batches: str, payloads: PayloadStore) -> None:
        """The three are names of tables."""
        self._tables = {"executions": executions, "runs": runs, "batches": batches}
        self._payloads = payloads

    def executions(self, owner: str) -> Iterator[int | None]:
        """Inputs, outputs, and what words of failures and escalations may quote."""

        def blank(document: dict[str, Any]) -> dict[str, Any]:
            kept = {name: value for name, value in document.items() if name not in ("input_ref", "output_ref")}
            return kept | {"input": {}, "output": None} | _wordless(document)

        def is_over(document: Mapping[str, Any]) -> bool:
            return document.get("finished_at") is not None or _older(document["started_at"], LOST_AFTER)

        yield from self._each("executions", owner, (EXECUTIONS, QUEUED), blank, is_over)

    def runs(self, owner: str, stop: Callable[[str], None]) -> Iterator[int | None]:
        """Inputs, outputs, names, and as whom they ran. What is still going on is stopped: `stop` gets its ARN."""

        def blank(document: dict[str, Any]) -> dict[str, Any]:
            gone = ("input_ref", "output_ref", "output", "name")
            kept = {name: value for name, value in document.items() if name not in gone}
            return kept | {"input": None, "principal": {"user_id": owner}} | _wordless(document)

        def is_over(document: Mapping[str, Any]) -> bool:
            if document["status"] != "running":
                return True
            stop(document["execution_arn"])
            return _older(document["started_at"], _RUN_LOST_AFTER)

        yield from self._each("runs", owner, (RUNS,), blank, is_over)

    def batches(self, owner: str, stop: Callable[[str], None]) -> Iterator[int | None]:
        """Files, lines and results. One that is running is stopped: `stop` gets its id."""

        def is_over(document: Mapping[str, Any]) -> bool:
            if document["status"] == "running":
                stop(document["id"])
            return True

        yield from self._each("batches", owner, (BATCHES,), lambda each: each | _wordless(each), is_over)

    def _each(
        self,
        table: str,
        owner: str,
        prefixes: tuple[str, ...],
        blank: Callable[[dict[str, Any]], dict[str, Any]],
        is_over: Callable[[Mapping[str, Any]], bool],
    ) -> Iterator[int | None]:
        """Read the list once, then only what was still at work; then the list again, for what that has begun."""
        again = False
        while True:
            left: list[str] = []
            for each in self._of(table, owner):
                outcome = self._erase(table, each, prefixes, blank, is_over)
                if outcome == "left":
                    left.append(each)
                else:
                    yield int(outcome == "erased" or not again)
            if not left:
                return
            while left:
                yield None
                rest: list[str] = []
                for each in left:
                    if self._erase(table, each, prefixes, blank, is_over) == "left":
                        rest.append(each)
                        yield 0
                    else:
                        yield 1
                left = rest
            again = True

    def _of(self, table: str, owner: str) -> Iterator[str]:
        pages = (
            dynamodb()
            .get_paginator("query")
            .paginate(
                TableName=self._tables[table],
                IndexName="by_owner",
                KeyConditionExpression="#owner = :owner",
                ProjectionExpression="id",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
            )
        )
        with storage_errors(f"Listing {table}"):
            for page in pages:
                yield from (item["id"]["S"] for item in page["Items"])

    def _erase(
        self,
        table: str,
        record_id: str,
        prefixes: tuple[str, ...],
        blank: Callable[[dict[str, Any]], dict[str, Any]],
        is_over: Callable[[Mapping[str, Any]], bool],
    ) -> Literal["erased", "was_erased", "left"]:
        name = self._tables[table]
        # A batch is all in its summary; the others have a document, of which the summary shows a part.
        whole = "summary" if table == "batches" else "document"
        with storage_errors(f"Reading {table}"):
            item = dynamodb().get_item(TableName=name, Key={"id": {"S": record_id}}, ConsistentRead=True).get("Item")
        if item is None or ERASED in item:
            return "was_erased"
        document = json.loads(item[whole]["S"])
        if not is_over(document):
            return "left"
        for prefix in prefixes:
            self._payloads.delete_under(f"{prefix}{record_id}/")
        changed: dict[str, Any] = dict(item)
        changed[whole] = {"S": json.dumps(blank(document), ensure_ascii=False, separators=(",", ":"))}
        changed["summary"] = {"S": json.dumps(_summary(json.loads(item["summary"]["S"])), separators=(",", ":"))}
        changed[ERASED] = {"S": datetime.now(UTC).isoformat()}
        client = dynamodb()
        with storage_errors(f"Erasing {table}"):
            try:
                client.put_item(
                    TableName=name,
                    Item=changed,
                    ConditionExpression="#whole = :was",
                    ExpressionAttributeNames={"#whole": whole},
                    ExpressionAttributeValues={":was": item[whole]},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return "left"  # it was written meanwhile; the next look at it finds it as it is then
        return "erased"


def _wordless(document: Mapping[str, Any]) -> dict[str, Any]:
    """Failure and escalation without their words, which may quote what was asked."""
    found: dict[str, Any] = {}
    if document.get("error"):
        found["error"] = {**document["error"], "message": _WORDS}
    if document.get("escalation"):
        found["escalation"] = {**document["escalation"], "reason": _WORDS}
    return found


def _summary(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if name != "name"} | _wordless(summary)


def _older(moment: str, age: timedelta) -> bool:
    return datetime.now(UTC) - datetime.fromisoformat(moment) > age
