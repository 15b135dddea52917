"""Sessions: conversations of one owner with one agent. A head and one item per turn, under the session's id.

The head carries what a list shows (`summary`), what a prompt needs of the turns that were summarised (`earlier`,
`folded`: how many), and the lock of the turn that is running. `session_turns` writes turns; here is everything else.
"""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import SessionNotFound, StorageUnavailable
from agent_platform.ids import new_id
from agent_platform.storage.dynamodb import dynamodb, storage_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import WriteRequestOutputTypeDef, WriteRequestTypeDef

RETENTION_SECONDS = 90 * 86_400
"""90 days from its last turn, and each turn 90 days from its own time; then DynamoDB's TTL removes it."""

HEAD = "head"
"""Sort key of the item that stands for the session; turns have their number, which sorts before it."""

_ID = re.compile(r"[0-9a-f-]{36}")
_SCAN = 100
"""Sessions read at once where a list is narrowed to one agent."""
_BATCH = 25
"""The most items that BatchWriteItem takes."""
_TRIES = 8
"""How often what a batch left over is sent again."""

Timestamp = Annotated[datetime, Field(description="RFC 3339, UTC")]


class AgentSession(BaseModel):
    """A conversation with one agent."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11"])
    agent_id: str
    title: str | None = Field(description="Given by its owner, or the gist of the first input; null before that")
    turns: int = Field(description="How many inputs were answered")
    created_at: Timestamp
    updated_at: Timestamp = Field(description="When the last turn ended")
    expires_at: Timestamp = Field(description="When it is deleted, unless another turn comes before")


class AgentSessionPage(BaseModel):
    """One page of sessions, the newest first."""

    items: list[AgentSession]
    next_cursor: str | None


class SessionTurn(BaseModel):
    """One input and its answer, as they were recorded."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="1 for the first")
    execution_id: str
    created_at: Timestamp
    input: dict[str, Any]
    output: dict[str, Any]
    shortened: bool = Field(
        default=False,
        description="Input or output is too large for a conversation: of that, `excerpt` holds the beginning, and the "
        "execution the whole",
    )


class SessionTurnPage(BaseModel):
    """One page of turns, the newest first: what a reader sees at the end of a conversation comes at once."""

    items: list[SessionTurn]
    next_cursor: str | None


class SessionRepository:
    """Makes, reads and deletes sessions. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def create(self, owner: str, agent_id: str, title: str | None = None) -> AgentSession:
        """Begin a conversation without turns."""
        now = datetime.now(UTC)
        session = AgentSession(
            id=new_id(),
            agent_id=agent_id,
            title=title,
            turns=0,
            created_at=now,
            updated_at=now,
            expires_at=expiry(now),
        )
        item = {
            **head_key(session.id),
            "owner": {"S": owner},
            "agent_id": {"S": agent_id},
            "summary": {"S": session.model_dump_json()},
            "folded": {"N": "0"},
            "expires_at": {"N": epoch(session.expires_at)},
        }
        with storage_errors("Making the session"):
            dynamodb().put_item(TableName=self.table, Item=item, ConditionExpression="attribute_not_exists(id)")
        return session

    def get(self, session_id: str, *, owner: str) -> AgentSession:
        """One session of the owner's.

        Raises:
            SessionNotFound: there is none, or it belongs to somebody else.
        """
        if not is_session_id(session_id):
            raise session_not_found(session_id)
        with storage_errors("Reading the session"):
            answer = dynamodb().get_item(TableName=self.table, Key=head_key(session_id), ConsistentRead=True)
        item = answer.get("Item", {})
        # DynamoDB deletes what has expired within days, not at once.
        if item.get("owner") != {"S": owner} or float(item["expires_at"]["N"]) <= time.time():
            raise session_not_found(session_id)
        return AgentSession.model_validate_json(item["summary"]["S"])

    def list_by_owner(
        self, owner: str, *, agent_id: str | None = None, limit: int = 24, cursor: str | None = None
    ) -> AgentSessionPage:
        """The owner's sessions, the newest first, with all agents or with one.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        start: dict[str, Any] = {}
        if cursor:
            (after,) = decode_cursor(cursor, (str,), sessions_of=owner, agent_id=agent_id)
            start = {"ExclusiveStartKey": {"owner": {"S": owner}, **head_key(after)}}
        found: list[AgentSession] = []
        more = True
        while more and len(found) <= limit:
            with storage_errors("Listing sessions"):
                answer = dynamodb().query(
                    TableName=self.table,
                    IndexName="by_owner",
                    KeyConditionExpression="#owner = :owner",
                    ExpressionAttributeNames={"#owner": "owner"},
                    ExpressionAttributeValues={":owner": {"S": owner}},
                    ScanIndexForward=False,
                    Limit=_SCAN if agent_id else limit + 1,
                    **start,
                )
            sessions = [AgentSession.model_validate_json(item["summary"]["S"]) for item in answer["Items"]]
            found += [each for each in sessions if agent_id in (None, each.agent_id)]
            more = "LastEvaluatedKey" in answer
            start = {"ExclusiveStartKey": answer.get("LastEvaluatedKey")}
        items = found[:limit]
        following = encode_cursor([items[-1].id], sessions_of=owner, agent_id=agent_id) if len(found) > limit else None
        return AgentSessionPage(items=items, next_cursor=following)

    def turns(self, session_id: str, *, owner: str, limit: int = 24, cursor: str | None = None) -> SessionTurnPage:
        """The turns of a session of the owner's, the newest first; fewer than `limit` where they are large.

        Raises:
            SessionNotFound: there is none, or it belongs to somebody else.
            InvalidCursor: `cursor` belongs to another list.
        """
        before = HEAD
        if cursor:
            (number,) = decode_cursor(cursor, (int,), turns_of=session_id, owner=owner)
            before = turn_key(number)
        self.get(session_id, owner=owner)
        with storage_errors("Reading the turns of the session"):
            answer = dynamodb().query(
                TableName=self.table,
                KeyConditionExpression="id = :id AND turn < :before",
                ExpressionAttributeValues={":id": {"S": session_id}, ":before": {"S": before}},
                ScanIndexForward=False,
                Limit=limit + 1,
                ConsistentRead=True,
            )
        found = [SessionTurn.model_validate_json(item["document"]["S"]) for item in answer["Items"]]
        items = found[:limit]
        more = bool(items) and (len(found) > limit or "LastEvaluatedKey" in answer)
        following = encode_cursor([items[-1].number], turns_of=session_id, owner=owner) if more else None
        return SessionTurnPage(items=items, next_cursor=following)

    def delete(self, session_id: str, *, owner: str) -> None:
        """Delete a session with all its turns. One that broke off half-way is gone for its reader and can be repeated.

        A turn that is running loses its lock: what comes of it is recorded as an execution, but not in the session.

        Raises:
            SessionNotFound: there is none, or it belongs to somebody else.
        """
        if not is_session_id(session_id):
            raise session_not_found(session_id)
        client = dynamodb()
        with storage_errors("Deleting the session"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=head_key(session_id),
                    # Without an owner it is in no list and belongs to nobody, and no turn can begin or end.
                    UpdateExpression="SET deleted_by = :owner REMOVE #owner, #lock, locked_until",
                    ConditionExpression="#owner = :owner OR deleted_by = :owner",
                    ExpressionAttributeNames={"#owner": "owner", "#lock": "lock"},
                    ExpressionAttributeValues={":owner": {"S": owner}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                raise session_not_found(session_id) from None
            keys = client.get_paginator("query").paginate(
                TableName=self.table,
                KeyConditionExpression="id = :id AND turn < :head",
                ExpressionAttributeValues={":id": {"S": session_id}, ":head": {"S": HEAD}},
                ProjectionExpression="id, turn",
                ConsistentRead=True,
            )
            turns = [item for page in keys for item in page["Items"]]
            for start in range(0, len(turns), _BATCH):
                self._delete_batch([{"DeleteRequest": {"Key": key}} for key in turns[start : start + _BATCH]])
            client.delete_item(TableName=self.table, Key=head_key(session_id))

    def _delete_batch(self, requests: "Sequence[WriteRequestTypeDef]") -> None:
        left: Sequence[WriteRequestTypeDef | WriteRequestOutputTypeDef] = requests
        for attempt in range(_TRIES):
            left = dynamodb().batch_write_item(RequestItems={self.table: left})["UnprocessedItems"].get(self.table, [])
            if not left:
                return
            time.sleep(0.05 * 2**attempt)
        raise StorageUnavailable("Deleting the session broke off: DynamoDB throttles. Delete it once more.")


def head_key(session_id: str) -> dict[str, Any]:
    """The key of a session's head."""
    return {"id": {"S": session_id}, "turn": {"S": HEAD}}


def turn_key(number: int) -> str:
    """The sort key of a turn: its number with leading zeros, so that a million turns sort."""
    return f"{number:06}"


def is_session_id(text: str) -> bool:
    """Whether `text` has the form of an id; DynamoDB refuses an empty or very long key as a fault of ours."""
    return _ID.fullmatch(text) is not None


def session_not_found(session_id: str) -> SessionNotFound:
    """What a caller hears of a session that does not exist, and of one that is not theirs."""
    return SessionNotFound(
        f"There is no session `{session_id[:50]}` of yours with this agent. GET /api/v1/sessions lists them."
    )


def expiry(last_turn: datetime) -> datetime:
    """When a session expires whose last turn ended then."""
    return datetime.fromtimestamp(last_turn.timestamp() + RETENTION_SECONDS, UTC)


def epoch(moment: datetime) -> str:
    """Whole seconds since 1970, as DynamoDB's TTL reads them."""
    return str(int(moment.timestamp()))
