"""Approvals of single calls of tools: what an agent wants to do, who may decide, and whether it has been done.

They lie in the table of approvals, apart from those of runs: the head under the candidate `tool`, and one item for each
who may decide, under `tool#…`, by which lists are read. Every step is one conditional write: asked → approved or
declined → used. So of any number that decide at once one does, and of any number that use it at once one does.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import ApprovalNotFound
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Timestamp
from agent_platform.storage.transactions import write_together

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

ToolApprovalStatus = Literal["pending", "approved", "declined", "used", "expired"]
ToolDecision = Literal["approved", "declined"]
ToolInbox = Literal["pending", "decided"]

VALID = timedelta(minutes=15)
"""How long a request waits for its decision, and how long an approval then waits for its use."""

KEPT = timedelta(days=30)
"""How long it can be looked up afterwards: the arguments are whole, personal data included."""

_HEAD = "tool"


class ToolApproval(BaseModel):
    """What an agent wants to do for somebody, to be approved by a person."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    id: str
    status: ToolApprovalStatus
    owner: str = Field(description="Id of the user for whom the agent works")
    agent_id: str = Field(description="The agent whose tool it is")
    entry_agent_id: str = Field(description="The agent that was asked; another one where a team works under it")
    execution_id: str = Field(description="The execution that asks")
    tool: str
    effect: Literal["writes", "destroys"]
    arguments: dict[str, Any] = Field(description="Exactly what the tool would be called with")
    digest: str = Field(description="SHA-256 over agent, user, tool and arguments: what the approval is bound to")
    created_at: Timestamp
    expires_at: Timestamp = Field(description="Until when it can be decided or, once approved, used")
    decided_at: Timestamp | None = None
    decided_by: str | None = Field(default=None, description="E-mail address of who decided, or their id")
    comment: str | None = None
    used_by: str | None = Field(default=None, description="The execution that made the call")

    def at(self, now: datetime) -> "ToolApproval":
        """As it stands at a moment: what was not decided or used in time has expired."""
        over = self.status in ("pending", "approved") and now >= self.expires_at
        return self.model_copy(update={"status": "expired"}) if over else self


class ToolApprovalPage(BaseModel):
    """One page of approvals, newest first."""

    items: list[ToolApproval]
    next_cursor: str | None


class ToolApprovalRepository:
    """Reads and writes approvals of calls. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def create(self, approval: ToolApproval, candidates: Sequence[str]) -> None:
        """Write a new request, to be decided by any of `candidates`: `user#…`, `role#…`."""
        head = {
            **_key(approval.id, _HEAD),
            "document": {"S": approval.model_dump_json()},
            "state": {"S": approval.status},
            "digest": {"S": approval.digest},
            "until": _seconds(approval.expires_at),
            "candidates": {"SS": list(candidates)},
            "expires_at": _seconds(approval.created_at + KEPT),
        }
        items: list[TransactWriteItemTypeDef] = [
            {"Put": {"TableName": self.table, "Item": head, "ConditionExpression": "attribute_not_exists(id)"}}
        ]
        items += [self._listing(approval, each, "pending") for each in candidates]
        write_together(lambda: items, (), doing="Asking for approval")

    def get(self, approval_id: str, now: datetime | None = None) -> ToolApproval:
        """One approval, whoever may decide it, as it stands now.

        Raises:
            ApprovalNotFound: there is none.
        """
        return self.with_candidates(approval_id, now)[0]

    def with_candidates(self, approval_id: str, now: datetime | None = None) -> tuple[ToolApproval, frozenset[str]]:
        """One approval as it stands now, and who may decide it.

        Raises:
            ApprovalNotFound: there is none.
        """
        with storage_errors("Reading the approval"):
            item = dynamodb().get_item(TableName=self.table, Key=_key(approval_id, _HEAD), ConsistentRead=True)
        if "Item" not in item:
            raise not_found(approval_id)
        return _read(item["Item"]).at(now or datetime.now(UTC)), frozenset(item["Item"]["candidates"]["SS"])

    def decide(
        self, approval: ToolApproval, candidates: Sequence[str], decision: ToolDecision, by: str, comment: str | None
    ) -> ToolApproval | None:
        """Decide on what is pending; None where somebody was faster, or its time is over."""
        now = datetime.now(UTC)
        changes = {"status": decision, "decided_at": now, "decided_by": by, "comment": comment}
        decided = approval.model_copy(update=changes | {"expires_at": now + VALID})
        update: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self.table,
                "Key": _key(approval.id, _HEAD),
                "UpdateExpression": "SET #state = :decision, document = :document, #until = :until",
                "ConditionExpression": "#state = :pending AND #until > :now AND digest = :digest",
                "ExpressionAttributeNames": {"#state": "state", "#until": "until"},
                "ExpressionAttributeValues": {
                    ":decision": {"S": decision},
                    ":document": {"S": decided.model_dump_json()},
                    ":until": _seconds(decided.expires_at),
                    ":pending": {"S": "pending"},
                    ":now": _seconds(now),
                    ":digest": {"S": approval.digest},
                },
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        items = [update]
        for each in candidates:
            gone = _key(approval.id, _candidate(each, "pending"))
            items += [{"Delete": {"TableName": self.table, "Key": gone}}, self._listing(approval, each, "decided")]
        return decided if write_together(lambda: items, (), doing="Deciding on the approval") is None else None

    def use(self, approval_id: str, digest: str, execution_id: str) -> bool:
        """Use it up for the call that it is bound to; False where it is not there to be used. True once, for ever."""
        client, now = dynamodb(), datetime.now(UTC)
        with storage_errors("Using the approval"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=_key(approval_id, _HEAD),
                    UpdateExpression="SET #state = :used, used_by = :execution",
                    ConditionExpression="#state = :approved AND #until > :now AND digest = :digest",
                    ExpressionAttributeNames={"#state": "state", "#until": "until"},
                    ExpressionAttributeValues={
                        ":used": {"S": "used"},
                        ":execution": {"S": execution_id},
                        ":approved": {"S": "approved"},
                        ":now": _seconds(now),
                        ":digest": {"S": digest},
                    },
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def rewrite(self, approval: ToolApproval, changed: ToolApproval) -> bool:
        """Write other words of the same decision; False where it is gone."""
        client = dynamodb()
        with storage_errors("Rewriting the approval"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=_key(approval.id, _HEAD),
                    UpdateExpression="SET document = :document",
                    # Once decided, the document stays as it is.
                    ConditionExpression="attribute_exists(id) AND NOT #state = :pending",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={
                        ":document": {"S": changed.model_dump_json()},
                        ":pending": {"S": "pending"},
                    },
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def remove(self, approval: ToolApproval, candidates: Sequence[str]) -> None:
        """Remove all there is of one, as if nobody had been asked; again is no fault."""
        keys = [_key(approval.id, _HEAD)]
        keys += [_key(approval.id, _candidate(each, kind)) for each in candidates for kind in ("pending", "decided")]
        items: list[TransactWriteItemTypeDef] = [{"Delete": {"TableName": self.table, "Key": key}} for key in keys]
        write_together(lambda: items, (), doing="Removing the approval")

    def inbox(
        self, candidates: Sequence[str], *, status: ToolInbox, limit: int = 24, cursor: str | None = None
    ) -> ToolApprovalPage:
        """What any of these candidates may decide, or could have, newest first; what has expired is decided.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        query = {"tool_approvals_of": sorted(candidates), "status": status}
        before: str | None = decode_cursor(cursor, (str,), **query)[0] if cursor else None
        listed: set[str] = set()
        # What nobody decided still lies among the pending ones, and belongs to the others by now.
        kinds: tuple[ToolInbox, ...] = ("pending",) if status == "pending" else ("decided", "pending")
        for candidate in candidates:
            for kind in kinds:
                listed |= self._listed(_candidate(candidate, kind), limit + 1, before)
        found = sorted(listed, reverse=True)
        page = [self.get(each) for each in found[:limit]]
        following = encode_cursor([found[limit - 1]], **query) if len(found) > limit else None
        wanted = [each for each in page if (each.status == "pending") == (status == "pending")]
        return ToolApprovalPage(items=wanted, next_cursor=following)

    def _listed(self, candidate: str, limit: int, before: str | None) -> set[str]:
        values = {":candidate": {"S": candidate}} | ({":before": {"S": before}} if before else {})
        with storage_errors("Listing approvals"):
            answer = dynamodb().query(
                TableName=self.table,
                IndexName="by_candidate",
                KeyConditionExpression="candidate = :candidate" + (" AND id < :before" if before else ""),
                ExpressionAttributeValues=values,
                ScanIndexForward=False,
                Limit=limit,
            )
        return {item["id"]["S"] for item in answer["Items"]}

    def _listing(self, approval: ToolApproval, candidate: str, status: ToolInbox) -> "TransactWriteItemTypeDef":
        item = {**_key(approval.id, _candidate(candidate, status)), "summary": {"S": "{}"}}
        return {"Put": {"TableName": self.table, "Item": item | {"expires_at": _seconds(approval.created_at + KEPT)}}}


def not_found(approval_id: str) -> ApprovalNotFound:
    """What anybody hears of an approval that is not theirs to see, or does not exist."""
    return ApprovalNotFound(
        f"There is no approval of a call `{approval_id[:100]}` for you. GET /api/v1/tool-approvals lists them."
    )


def _key(approval_id: str, candidate: str) -> dict[str, Any]:
    return {"id": {"S": approval_id}, "candidate": {"S": candidate}}


def _candidate(candidate: str, status: ToolInbox) -> str:
    return f"tool#{candidate}" if status == "pending" else f"tool-decided#{candidate}"


def tool_approval_in(item: Mapping[str, Any]) -> tuple[ToolApproval, list[str]] | None:
    """The approval whose head an item of the table is, and who may decide it; None where it is another item."""
    if item["candidate"] != {"S": _HEAD}:
        return None
    return _read(item), sorted(item["candidates"]["SS"])


def _read(item: Mapping[str, Any]) -> ToolApproval:
    document = json.loads(item["document"]["S"])
    used_by = item.get("used_by", {}).get("S")
    return ToolApproval.model_validate(document | {"status": item["state"]["S"], "used_by": used_by})


def _seconds(moment: datetime) -> Any:
    return {"N": f"{moment.timestamp():.3f}"}
