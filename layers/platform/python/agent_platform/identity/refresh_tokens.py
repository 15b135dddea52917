"""Refresh tokens: opaque, used once, and rotated at each use (RFC 9700, section 4.14.2).

The table holds only their SHA-256, so whoever reads it cannot use them. All tokens that descend from one sign-in share
a session; if one of them is used a second time, two parties hold it, and the whole session ends.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from agent_platform.errors import StorageUnavailable, Unauthenticated
from agent_platform.identity.revocations import Revocations
from agent_platform.ids import new_id
from agent_platform.storage.dynamodb import dynamodb, storage_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

TOKEN_BYTES = 32
MAX_TOKEN_CHARACTERS = 128
CONFLICT_TRIES = 3


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """What a refresh token stands for. `started_ms` is when its session began, in Unix milliseconds."""

    digest: str
    user_id: str
    session_id: str
    started_ms: int


@dataclass(frozen=True, slots=True)
class NewRefreshToken:
    """A token as it is handed out, once, with the session it belongs to."""

    token: str
    session_id: str


class RefreshTokens:
    """Issues, reads and rotates. Every method raises `StorageUnavailable` when the table does not answer."""

    def __init__(
        self, table: str, *, lifetime: int, revocations: Revocations, clock: Callable[[], float] = time.time
    ) -> None:
        """`lifetime` is how long an unused token stays good, in seconds."""
        self._table = table
        self._lifetime = lifetime
        self._revocations = revocations
        self._clock = clock

    def start(self, user_id: str) -> NewRefreshToken:
        """The first token of a new session."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        grant = RefreshGrant(_digest(token), user_id, new_id(), int(self._clock() * 1000))
        with storage_errors("Starting the session"):
            dynamodb().put_item(TableName=self._table, Item=self._item(grant))
        return NewRefreshToken(token, grant.session_id)

    def read(self, token: str) -> RefreshGrant:
        """What a token stands for, if it may still be used.

        Raises:
            Unauthenticated: it is unknown, has expired, or was used before; then its session is revoked.
        """
        grant, used = self._find(token)
        if used:
            self._end_session(grant)
        return grant

    def owner_and_session(self, token: str) -> tuple[str, str] | None:
        """User id and session id of a token, used or not; None when it is unknown or has expired."""
        try:
            grant, _ = self._find(token)
        except Unauthenticated:
            return None
        return grant.user_id, grant.session_id

    def rotate(self, grant: RefreshGrant) -> NewRefreshToken:
        """Use the token up and issue its successor, in one transaction.

        Raises:
            Unauthenticated: it was used meanwhile (its session is revoked), or session or user were revoked.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        successor = RefreshGrant(_digest(token), grant.user_id, grant.session_id, grant.started_ms)
        for _ in range(CONFLICT_TRIES):
            failed = self._write(self._rotation(grant, successor))
            if not failed:
                return NewRefreshToken(token, grant.session_id)
            if failed[0] == "ConditionalCheckFailed":
                self._end_session(grant)
            if "ConditionalCheckFailed" in failed:
                raise Unauthenticated("The session was revoked: sign in again.")
        raise StorageUnavailable("The session is being refreshed by another request: try again shortly.")

    def _find(self, token: str) -> tuple[RefreshGrant, bool]:
        unusable = Unauthenticated("The refresh token is not valid or has expired: sign in again.")
        if not token or len(token) > MAX_TOKEN_CHARACTERS:
            raise unusable
        digest = _digest(token)
        with storage_errors("Reading the session"):
            item = dynamodb().get_item(TableName=self._table, Key=_key(digest), ConsistentRead=True).get("Item")
        # The TTL removes items only some time after they expire, so the time is compared here as well.
        if item is None or int(item["expires_at"]["N"]) <= self._clock():
            raise unusable
        grant = RefreshGrant(digest, item["user_id"]["S"], item["session_id"]["S"], int(item["started_ms"]["N"]))
        return grant, "used_ms" in item

    def _write(self, items: list["TransactWriteItemTypeDef"]) -> list[str]:
        """Write all items or none; returns why each was refused, or nothing when all were written."""
        client = dynamodb()
        with storage_errors("Refreshing the session"):
            try:
                client.transact_write_items(TransactItems=items)
            except client.exceptions.TransactionCanceledException as error:
                return [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]
        return []

    def _end_session(self, grant: RefreshGrant) -> NoReturn:
        self._revocations.revoke_session(grant.session_id)
        raise Unauthenticated("This refresh token was used before, so its session was ended: sign in again.")

    def _rotation(self, grant: RefreshGrant, successor: RefreshGrant) -> list["TransactWriteItemTypeDef"]:
        now_ms = str(int(self._clock() * 1000))
        return [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": _key(grant.digest),
                    "UpdateExpression": "SET used_ms = :now",
                    "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(used_ms)",
                    "ExpressionAttributeValues": {":now": {"N": now_ms}},
                }
            },
            {"Put": {"TableName": self._table, "Item": self._item(successor)}},
            *self._revocations.still_valid(
                session_id=grant.session_id, user_id=grant.user_id, started_ms=grant.started_ms
            ),
        ]

    def _item(self, grant: RefreshGrant) -> dict[str, Any]:
        return {
            **_key(grant.digest),
            "user_id": {"S": grant.user_id},
            "session_id": {"S": grant.session_id},
            "started_ms": {"N": str(grant.started_ms)},
            "expires_at": {"N": str(int(self._clock()) + self._lifetime)},
        }


def _digest(token: str) -> str:
    # 256 random bits need no salt and no slow hash: nobody can guess them.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _key(digest: str) -> dict[str, Any]:
    return {"pk": {"S": f"refresh#{digest}"}}
