"""The turns of a session: one at a time, each stored with the record of its execution or not at all."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from agent_platform.errors import SessionBusy
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Execution
from agent_platform.storage.sessions import (
    AgentSession,
    SessionTurn,
    epoch,
    expiry,
    head_key,
    is_session_id,
    session_not_found,
    turn_key,
)
from agent_platform.storage.transactions import Rider

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

MAX_STORED_BYTES = 64 * 1024
"""Of an input and of an output, as JSON: more than a prompt takes of a whole conversation. Both fit into one item, and
a dozen into the megabyte that one query reads."""

EXCERPT_BYTES = 8 * 1024
"""What is kept of a longer one: enough to say what it was about."""

BUSY_SECONDS = 5
"""When to try a busy session again at the latest: a turn mostly takes a few seconds, its lock as long as it may."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A turn that has begun.

    Attributes:
        session: as it stood before.
        holder: who holds the lock: the id of the execution.
        earlier: the summary of the turns that were folded; empty if there are none.
        folded: how many turns that summary stands for.
        turns: the newest turns after those, oldest first.
    """

    session: AgentSession
    holder: str
    earlier: str
    folded: int
    turns: Sequence[SessionTurn]


class SessionTurns:
    """Begins and ends turns. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self.table = table

    def begin(self, session_id: str, *, owner: str, agent_id: str, holder: str, seconds: float) -> OpenTurn:
        """Lock a session for one turn of at most so many seconds, and read what was said so far.

        Two round trips, one while nothing was said. A lock that nobody takes back ends at its deadline.

        Raises:
            SessionNotFound: there is none, it belongs to somebody else, or to another agent.
            SessionBusy: another turn is running; `retry_after` says when to try again.
        """
        if not is_session_id(session_id):
            raise session_not_found(session_id)
        client, now = dynamodb(), time.time()
        with storage_errors("Opening the session"):
            try:
                head = client.update_item(
                    TableName=self.table,
                    Key=head_key(session_id),
                    UpdateExpression="SET #lock = :holder, locked_until = :until",
                    ConditionExpression="#owner = :owner AND agent_id = :agent AND expires_at > :today AND "
                    # The holder itself may come again: a retry of an execution whose process was killed.
                    "(attribute_not_exists(#lock) OR #lock = :holder OR locked_until <= :now)",
                    ExpressionAttributeNames={"#owner": "owner", "#lock": "lock"},
                    ExpressionAttributeValues={
                        ":holder": {"S": holder},
                        ":until": {"N": str(ceil((now + seconds) * 1000))},
                        ":owner": {"S": owner},
                        ":agent": {"S": agent_id},
                        ":today": {"N": str(int(now))},
                        ":now": {"N": str(int(now * 1000))},
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )["Attributes"]
            except client.exceptions.ConditionalCheckFailedException as error:
                found: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
                theirs = (found.get("owner"), found.get("agent_id")) == ({"S": owner}, {"S": agent_id})
                if not theirs or int(found["expires_at"]["N"]) <= now:
                    raise session_not_found(session_id) from None
                raise _busy(float(found["locked_until"]["N"]) / 1000 - now) from None
            except client.exceptions.TransactionConflictException:
                raise _busy(1) from None  # the turn before is being recorded at this moment
        session = AgentSession.model_validate_json(head["summary"]["S"])
        folded = int(head["folded"]["N"])
        try:
            turns = self._turns(session, folded)
        except BaseException:
            self.release(session_id, holder)
            raise
        return OpenTurn(session, holder, head["earlier"]["S"] if "earlier" in head else "", folded, turns)

    def _turns(self, session: AgentSession, folded: int) -> list[SessionTurn]:
        """The turns that no summary stands for, oldest first: the newest megabyte of them."""
        if session.turns <= folded:
            return []
        with storage_errors("Reading the session"):
            answer = dynamodb().query(
                TableName=self.table,
                KeyConditionExpression="id = :id AND turn BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":id": {"S": session.id},
                    ":first": {"S": turn_key(folded + 1)},
                    ":last": {"S": turn_key(session.turns)},
                },
                ScanIndexForward=False,
                ConsistentRead=True,
            )
        return [SessionTurn.model_validate_json(item["document"]["S"]) for item in reversed(answer["Items"])]

    def ended(self, opened: OpenTurn, execution: Execution, *, title: str, earlier: str, folded: int) -> Rider:
        """What rides with the record of `execution`: the session is unlocked and, if it succeeded, has a turn more.

        Nothing of it is written when the lock was lost, because the session was deleted or the turn took too long.
        What was summarised stays summarised also where the turn itself failed.
        """
        changes, values = (
            ["earlier = :earlier", "folded = :folded"],
            {
                ":holder": {"S": opened.holder},
                ":earlier": {"S": earlier},
                ":folded": {"N": str(folded)},
            },
        )
        together: list[TransactWriteItemTypeDef] = []
        if execution.status == "succeeded" and execution.output is not None:
            session = _after(opened.session, execution, title)
            changes += ["summary = :summary", "expires_at = :expires"]
            values |= {":summary": {"S": session.model_dump_json()}, ":expires": {"N": epoch(session.expires_at)}}
            together = [{"Put": self._turn(session, execution)}]
        update: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self.table,
                "Key": head_key(opened.session.id),
                "UpdateExpression": f"SET {', '.join(changes)} REMOVE #lock, locked_until",
                "ConditionExpression": "#lock = :holder",
                "ExpressionAttributeNames": {"#lock": "lock"},
                "ExpressionAttributeValues": values,
            }
        }
        return Rider(update, together)

    def _turn(self, session: AgentSession, execution: Execution) -> Any:
        asked, answered = _kept(execution.input), _kept(execution.output or {})
        turn = SessionTurn(
            number=session.turns,
            execution_id=execution.id,
            created_at=session.updated_at,
            input=asked,
            output=answered,
            shortened=asked is not execution.input or answered is not execution.output,
        )
        return {
            "TableName": self.table,
            "Item": {
                "id": {"S": session.id},
                "turn": {"S": turn_key(turn.number)},
                "document": {"S": turn.model_dump_json()},
                "expires_at": {"N": epoch(session.expires_at)},
            },
            "ConditionExpression": "attribute_not_exists(id)",
        }

    def release(self, session_id: str, holder: str) -> None:
        """Unlock a session whose turn came to nothing before it was recorded; without effect if it is not locked."""
        client = dynamodb()
        with storage_errors("Unlocking the session"):
            try:
                client.update_item(
                    TableName=self.table,
                    Key=head_key(session_id),
                    UpdateExpression="REMOVE #lock, locked_until",
                    ConditionExpression="#lock = :holder",
                    ExpressionAttributeNames={"#lock": "lock"},
                    ExpressionAttributeValues={":holder": {"S": holder}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return


def _busy(seconds: float) -> SessionBusy:
    busy = SessionBusy("Another turn of this session is running. Wait for its answer, then send the next.")
    busy.retry_after = max(1, min(BUSY_SECONDS, ceil(seconds)))
    return busy


def _after(session: AgentSession, execution: Execution, title: str) -> AgentSession:
    ended = execution.finished_at or execution.started_at
    changes = {
        "turns": session.turns + 1,
        "updated_at": ended,
        "expires_at": expiry(ended),
        "title": session.title or title,
    }
    return session.model_copy(update=changes)


def _kept(value: dict[str, Any]) -> dict[str, Any]:
    """`value`, or the beginning of its JSON where it is too large for a conversation."""
    text = to_json(value)
    if len(text) <= MAX_STORED_BYTES:
        return value
    return {"excerpt": text[:EXCERPT_BYTES].decode(errors="ignore")}
