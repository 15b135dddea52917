"""Approvals: the decisions that runs wait for.

One approval is several DynamoDB items under one id, written together: its head with all there is to it, and one for
each candidate who may decide, by which inboxes are read. The task token of Step Functions lies in the head, outside of
the document, and is read by nobody but who sends the decision.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import ApprovalNotFound
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import RETENTION_DAYS, Timestamp
from agent_platform.storage.transactions import write_together

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

ApprovalStatus = Literal["pending", "approved", "rejected", "expired", "withdrawn"]
InboxStatus = Literal["pending", "decided"]
Decision = Literal["approved", "rejected"]

HEAD = "-"
"""What stands for a candidate in the item that has all there is to an approval."""

UNDELIVERED = "undelivered"
"""What stands for a candidate in the item that says a decision has not reached its run yet."""


class ApprovalSummary(BaseModel):
    """What an inbox shows of an approval."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    id: str
    run_id: str
    step_id: str
    place: str = Field(default="", description="Where among the repetitions of maps and loops")
    workflow_title: str
    step_title: str
    message: str
    status: ApprovalStatus
    created_at: Timestamp
    expires_at: Timestamp = Field(description="Until when it can be decided")
    decided_at: Timestamp | None = None
    decided_by: str | None = Field(default=None, description="E-mail address of who decided; None: nobody in time")


class Approval(ApprovalSummary):
    """One approval whole; its token is not part of it."""

    owner: str = Field(description="Id of the user whose run it is")
    candidates: tuple[str, ...] = Field(description="Who may decide: user#…, role#…, owner#…")
    trace_id: str
    show: Any = None
    show_ref: str | None = Field(default=None, description="Key of what is too large to lie here")
    form: dict[str, Any] | None = Field(default=None, description="JSON Schema of what must be filled in to approve")
    comment: str | None = None
    answers: dict[str, Any] | None = None
    answers_ref: str | None = None
    decider: str | None = Field(default=None, description="Id of the user who decided")
    keep: tuple[tuple[str | int, ...], ...] = ()
    """Paths of the step's output that its state machine looks at."""
    inline_bytes: int = 0
    """How large the step's output may be to travel in the state."""

    @property
    def decision(self) -> Decision | None:
        """What was decided; None where nothing was."""
        return self.status if self.status in ("approved", "rejected") else None


class ApprovalPage(BaseModel):
    """One page of approvals, newest first."""

    items: list[ApprovalSummary]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class StoredApproval:
    """An approval as it was read, with the token under which its run waits. `revision` counts its changes."""

    approval: Approval
    token: str = field(repr=False)
    revision: int


class ApprovalRepository:
    """Reads and writes approvals. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def create(self, approval: Approval, token: str) -> StoredApproval:
        """Write a new approval, once for each step of a run and place in it.

        Returns what is stored: this one, or the one that the step has already.
        """
        made = StoredApproval(approval, token, revision=1)
        claim: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self.table,
                "Item": {
                    **_key(_claim(approval.run_id, approval.place, approval.step_id)),
                    "approval_id": {"S": approval.id},
                    "expires_at": _expiry(approval),
                },
                "ConditionExpression": "attribute_not_exists(id)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        items: list[TransactWriteItemTypeDef] = [claim, self._put(_head(made))]
        items += [self._put(each) for each in _listings(approval)]
        if write_together(lambda: items, (), doing="Making the approval") is None:
            return made
        found = self.find(approval.run_id, approval.place, approval.step_id)
        return found or made

    def get(self, approval_id: str) -> StoredApproval:
        """One approval, whoever may decide it.

        Raises:
            ApprovalNotFound: there is none.
        """
        item = self._item(approval_id)
        if item is None or "document" not in item:
            raise not_found(approval_id)
        return _stored(item)

    def find(self, run_id: str, place: str, step_id: str) -> StoredApproval | None:
        """The approval of a step of a run, at a place among its repetitions; None where nobody was asked."""
        claim = self._item(_claim(run_id, place, step_id))
        return self.get(claim["approval_id"]["S"]) if claim else None

    def change(
        self, stored: StoredApproval, changed: Approval, *, token: str | None = None, delivered: bool = True
    ) -> StoredApproval | None:
        """Write `changed` instead of what was read; None where somebody was faster.

        Args:
            token: under which the run waits from now on; left out, the same.
            delivered: False where its decision must still reach the run.
        """
        made = StoredApproval(changed, token or stored.token, stored.revision + 1)
        items = self._instead(stored, made)
        if delivered:
            items.append(self._delete(changed.id, UNDELIVERED))
        else:
            mark = {**_key(changed.id, UNDELIVERED), "summary": {"S": "{}"}, "expires_at": _expiry(changed)}
            items.append(self._put(mark))
        return made if write_together(lambda: items, (), doing="Updating the approval") is None else None

    def rewrite(self, stored: StoredApproval, changed: Approval) -> bool:
        """Write other words of the same decision, on its way or not; False where somebody changed it since."""
        made = StoredApproval(changed, stored.token, stored.revision + 1)
        return write_together(lambda: self._instead(stored, made), (), doing="Rewriting the approval") is None

    def remove(self, stored: StoredApproval) -> bool:
        """Remove all there is of one, as if nobody had been asked; False where somebody changed it since."""
        approval = stored.approval
        head = self._delete(approval.id, HEAD)
        head["Delete"] |= _unless_changed_since(stored.revision)  # type: ignore[typeddict-item]
        claim = _claim(approval.run_id, approval.place, approval.step_id)
        items = [head, self._delete(claim, HEAD), self._delete(approval.id, UNDELIVERED)]
        items += [self._delete(approval.id, _candidate(each)) for each in _listings(approval)]
        return write_together(lambda: items, (), doing="Removing the approval") is None

    def mark_delivered(self, stored: StoredApproval) -> bool:
        """Note that the decision has reached the run; False where the approval was changed since it was read."""
        check: TransactWriteItemTypeDef = {
            "ConditionCheck": {
                "TableName": self.table,
                "Key": _key(stored.approval.id),
                "ConditionExpression": "revision = :revision",
                "ExpressionAttributeValues": {":revision": {"N": str(stored.revision)}},
            }
        }
        items = [check, self._delete(stored.approval.id, UNDELIVERED)]
        return write_together(lambda: items, (), doing="Updating the approval") is None

    def is_delivered(self, approval_id: str) -> bool:
        """Whether no decision waits to reach its run."""
        return self._item(approval_id, UNDELIVERED) is None

    def undelivered(self) -> list[str]:
        """Ids of approvals whose decision has not reached its run, oldest first, a thousand at most."""
        return [item["id"]["S"] for item in self._query("by_candidate", "candidate", UNDELIVERED, 1_000)]

    def of_run(self, run_id: str) -> list[ApprovalSummary]:
        """The approvals of a run, in the order in which they were asked for, a thousand at most."""
        return [_summary(item) for item in self._query("by_run", "run_id", run_id, 1_000)]

    def inbox(
        self, candidates: Sequence[str], *, status: InboxStatus, limit: int = 24, cursor: str | None = None
    ) -> ApprovalPage:
        """What any of these candidates may decide, or could have, newest first.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        query = {"approvals_of": sorted(candidates), "status": status}
        before: str | None = decode_cursor(cursor, (str,), **query)[0] if cursor else None
        found: dict[str, ApprovalSummary] = {}
        for candidate in candidates:
            listed = self._query(
                "by_candidate", "candidate", _listed(candidate, status), limit + 1, before=before, newest_first=True
            )
            found |= {item["id"]["S"]: _summary(item) for item in listed}
        newest = [found[each] for each in sorted(found, reverse=True)]
        page = newest[:limit]
        following = encode_cursor([page[-1].id], **query) if len(newest) > limit else None
        return ApprovalPage(items=page, next_cursor=following)

    def _instead(self, stored: StoredApproval, made: StoredApproval) -> "list[TransactWriteItemTypeDef]":
        """What writes one instead of the other, as long as nobody changed it since."""
        before, after = _listings(stored.approval), _listings(made.approval)
        gone = {_candidate(each) for each in before} - {_candidate(each) for each in after}
        items = [self._put(_head(made), unless_changed_since=stored.revision)]
        items += [self._put(each) for each in after]
        return items + [self._delete(made.approval.id, candidate) for candidate in sorted(gone)]

    def _item(self, approval_id: str, candidate: str = HEAD) -> Mapping[str, Any] | None:
        with storage_errors("Reading the approval"):
            return (
                dynamodb()
                .get_item(TableName=self.table, Key=_key(approval_id, candidate), ConsistentRead=True)
                .get("Item")
            )

    def _query(
        self, index: str, key: str, value: str, limit: int, *, before: str | None = None, newest_first: bool = False
    ) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        start: dict[str, Any] = {}
        values = {":value": {"S": value}} | ({":before": {"S": before}} if before else {})
        with storage_errors("Listing approvals"):
            while len(found) < limit:
                answer = dynamodb().query(
                    TableName=self.table,
                    IndexName=index,
                    KeyConditionExpression="#key = :value" + (" AND id < :before" if before else ""),
                    ExpressionAttributeNames={"#key": key},
                    ExpressionAttributeValues=values,
                    ScanIndexForward=not newest_first,
                    Limit=limit - len(found),
                    **start,
                )
                found += answer["Items"]
                if not (last := answer.get("LastEvaluatedKey")):
                    break
                start = {"ExclusiveStartKey": last}
        return found

    def _put(self, item: Mapping[str, Any], unless_changed_since: int | None = None) -> "TransactWriteItemTypeDef":
        put: dict[str, Any] = {"TableName": self.table, "Item": item}
        if unless_changed_since is not None:
            put |= _unless_changed_since(unless_changed_since)
        return {"Put": put}  # type: ignore[typeddict-item]

    def _delete(self, approval_id: str, candidate: str) -> "TransactWriteItemTypeDef":
        return {"Delete": {"TableName": self.table, "Key": _key(approval_id, candidate)}}


def not_found(approval_id: str) -> ApprovalNotFound:
    """What anybody hears of an approval that is not theirs to see, or does not exist."""
    return ApprovalNotFound(f"There is no approval `{approval_id[:100]}` for you. GET /api/v1/approvals lists them.")


def _key(approval_id: str, candidate: str = HEAD) -> dict[str, Any]:
    return {"id": {"S": approval_id}, "candidate": {"S": candidate}}


def _unless_changed_since(revision: int) -> dict[str, Any]:
    return {
        "ConditionExpression": "revision = :revision",
        "ExpressionAttributeValues": {":revision": {"N": str(revision)}},
    }


def _claim(run_id: str, place: str, step_id: str) -> str:
    return f"claim#{hashlib.sha256(f'{run_id}:{place}:{step_id}'.encode()).hexdigest()}"


def _listed(candidate: str, status: InboxStatus) -> str:
    """The candidate of the items that are listed under a status."""
    return candidate if status == "pending" else f"decided#{candidate}"


def _listings(approval: Approval) -> list[dict[str, Any]]:
    """An item for each candidate, under what the approval is listed as."""
    status: InboxStatus = "pending" if approval.status == "pending" else "decided"
    summary = {"S": _summary_of(approval)}
    return [
        {**_key(approval.id, _listed(candidate, status)), "summary": summary, "expires_at": _expiry(approval)}
        for candidate in approval.candidates
    ]


def _head(stored: StoredApproval) -> dict[str, Any]:
    approval = stored.approval
    document = approval.model_dump(mode="json", exclude_defaults=True)
    return {
        **_key(approval.id),
        "run_id": {"S": approval.run_id},
        "revision": {"N": str(stored.revision)},
        "token": {"S": stored.token},
        "summary": {"S": _summary_of(approval)},
        "document": {"S": json.dumps(document, ensure_ascii=False, separators=(",", ":"))},
        "expires_at": _expiry(approval),
    }


def stored_in(item: Mapping[str, Any]) -> StoredApproval | None:
    """The approval whose head an item of the table is; None where it is another item."""
    return _stored(item) if "run_id" in item else None


def _stored(item: Mapping[str, Any]) -> StoredApproval:
    approval = Approval.model_validate_json(item["document"]["S"])
    return StoredApproval(approval, item["token"]["S"], int(item["revision"]["N"]))


def _summary(item: Mapping[str, Any]) -> ApprovalSummary:
    return ApprovalSummary.model_validate_json(item["summary"]["S"])


def _summary_of(approval: Approval) -> str:
    summary = ApprovalSummary.model_validate(approval.model_dump(include=set(ApprovalSummary.model_fields)))
    return summary.model_dump_json(exclude_defaults=True)


def _candidate(item: Mapping[str, Any]) -> str:
    candidate: str = item["candidate"]["S"]
    return candidate


def _expiry(approval: ApprovalSummary) -> "AttributeValueTypeDef":
    """When DynamoDB removes it: as long after it could be decided as executions are kept."""
    moment: datetime = approval.expires_at
    return {"N": str(int(moment.timestamp()) + RETENTION_DAYS * 86_400)}
