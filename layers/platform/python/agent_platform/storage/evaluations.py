"""Evaluations: how the answers of one version of an agent stood up to its cases. One DynamoDB item each."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import EvaluationNotFound
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Failure, Timestamp, Usd

EvaluationStatus = Literal["running", "finished", "failed"]
VerdictWord = Literal["equivalent", "acceptable", "wrong"]


class Check(BaseModel):
    """One deterministic check of one answer."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["schema", "expected", "fact", "forbidden"]
    wanted: str = Field(description="What the answer had to be, to say, or not to say")
    passed: bool
    found: str | None = Field(default=None, description="What the answer had there, cut to 200 characters")


class Verdict(BaseModel):
    """What the judge says of one answer."""

    model_config = ConfigDict(frozen=True)

    verdict: VerdictWord
    reason: str
    execution_id: str


class CaseResult(BaseModel):
    """How the agent did in one case."""

    model_config = ConfigDict(frozen=True)

    case: str
    why: str = Field(description="What goes wrong for somebody if it is answered wrongly")
    passed: bool = Field(description="All checks passed, and the judge, where asked, does not call it wrong")
    execution_id: str | None = Field(default=None, description="Of the caller's executions; None where there is none")
    cached: bool = Field(default=False, description="The answer was that of an earlier, equal execution")
    checks: list[Check] = []
    verdict: Verdict | None = Field(default=None, description="None where no judge was asked")
    unjudged: str | None = Field(default=None, description="Why there is no verdict although one was asked for")
    error: Failure | None = Field(default=None, description="Why there was no answer to check")
    cost_usd: Usd = Decimal(0)
    duration_ms: int = 0


class EvaluationSummary(BaseModel):
    """What a list shows of an evaluation."""

    model_config = ConfigDict(frozen=True)

    id: str
    agent_id: str
    agent_version: str
    status: EvaluationStatus
    judge: bool = Field(description="Whether a judge reads the answers as well")
    provider: str | None = Field(default=None, description="Who answered; `offline` is no real model")
    cases: int = Field(default=0, description="How many were run")
    passed: int = 0
    cost_usd: Usd = Field(default=Decimal(0), description="List price of the answers and of the judge, in US dollars")
    started_at: Timestamp
    finished_at: Timestamp | None = None
    error: Failure | None = None


class Evaluation(EvaluationSummary):
    """An evaluation with the result of each case."""

    results: list[CaseResult] = []


class EvaluationPage(BaseModel):
    """One page of evaluations, newest first."""

    items: list[EvaluationSummary]
    next_cursor: str | None


class EvaluationRepository:
    """Reads and writes evaluations. Every method raises `StorageUnavailable` when DynamoDB does not answer.

    They are nobody's: an evaluation tells of the agent, in the words of its cases. Whose executions the answers were,
    the executions say, and keep to their owner.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    def put(self, evaluation: Evaluation) -> None:
        """Write an evaluation, in place of what was there."""
        item: dict[str, Any] = {
            "id": {"S": evaluation.id},
            "agent_id": {"S": evaluation.agent_id},
            "summary": {"S": evaluation.model_dump_json(exclude={"results"})},
            "document": {"S": evaluation.model_dump_json()},
        }
        with storage_errors("Keeping the evaluation"):
            dynamodb().put_item(TableName=self._table, Item=item)

    def get(self, evaluation_id: str) -> Evaluation:
        """One evaluation.

        Raises:
            EvaluationNotFound: there is none.
        """
        with storage_errors("Reading the evaluation"):
            key: Any = {"id": {"S": evaluation_id}}
            item = dynamodb().get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            raise EvaluationNotFound(
                f"There is no evaluation `{evaluation_id}`. GET /api/v1/evaluations?agent=<group/name> lists them."
            )
        return Evaluation.model_validate_json(item["document"]["S"])

    def list_by_agent(self, agent_id: str, *, limit: int = 24, cursor: str | None = None) -> EvaluationPage:
        """An agent's evaluations in all its versions, newest first.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        start: dict[str, Any] = {}
        if cursor:
            (after,) = decode_cursor(cursor, (str,), evaluations_of=agent_id)
            start = {"ExclusiveStartKey": {"agent_id": {"S": agent_id}, "id": {"S": after}}}
        with storage_errors("Listing evaluations"):
            answer = dynamodb().query(
                TableName=self._table,
                IndexName="by_agent",
                KeyConditionExpression="agent_id = :agent",
                ExpressionAttributeValues={":agent": {"S": agent_id}},
                ScanIndexForward=False,
                Limit=limit + 1,
                **start,
            )
        found = [EvaluationSummary.model_validate_json(item["summary"]["S"]) for item in answer["Items"]]
        items = found[:limit]
        more = bool(items) and (len(found) > limit or "LastEvaluatedKey" in answer)
        return EvaluationPage(
            items=items, next_cursor=encode_cursor([items[-1].id], evaluations_of=agent_id) if more else None
        )


def ended(evaluation: Evaluation, results: list[CaseResult], now: datetime, judged_usd: Decimal) -> Evaluation:
    """The evaluation with its results, over."""
    return evaluation.model_copy(
        update={
            "status": "finished",
            "results": results,
            "cases": len(results),
            "passed": sum(each.passed for each in results),
            "cost_usd": sum((each.cost_usd for each in results), judged_usd),
            "finished_at": now,
        }
    )
