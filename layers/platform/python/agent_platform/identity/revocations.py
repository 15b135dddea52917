"""Revocations: what ends a token before its time. Kept in the tokens table, read consistently, so they count at once.

Three markers: `jti#<token>` ends one access token, `session#<id>` everything that one sign-in brought, and `user#<id>`
everything that was issued to a user up to a moment. DynamoDB's TTL removes a marker when nothing is left for it to end.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from agent_platform.errors import StorageUnavailable, Unauthenticated
from agent_platform.identity.access_tokens import VerifiedToken
from agent_platform.storage.dynamodb import dynamodb, storage_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, ConditionCheckTypeDef, TransactWriteItemTypeDef

MARGIN_SECONDS = 60
"""Markers outlive their tokens by this much, so that differing clocks open no gap."""

_TRIES = 4
"""How often markers are asked for that DynamoDB left out of its answer: 0.3 s in all."""


class Revocations:
    """The markers. Every method raises `StorageUnavailable` when the table does not answer: then nobody gets in."""

    def __init__(self, table: str, *, longest_life: int, clock: Callable[[], float] = time.time) -> None:
        """`longest_life` is how long the longest-lived token of a session can be valid, in seconds."""
        self._table = table
        self._longest_life = longest_life
        self._clock = clock

    def check(self, token: VerifiedToken) -> None:
        """Let a token through that nothing has ended.

        Raises:
            Unauthenticated: the token, its session or its user was revoked.
            StorageUnavailable: it cannot be known.
        """
        user_key = f"user#{token.principal.user_id}"
        keys = [f"jti#{token.principal.token_id}", f"session#{token.session_id}", user_key]
        for item in self._markers(keys):
            if item["pk"]["S"] != user_key or token.issued_at * 1000 <= int(item["until_ms"]["N"]):
                raise Unauthenticated("The access token was revoked: sign in again.")

    def _markers(self, keys: Sequence[str]) -> "list[dict[str, AttributeValueTypeDef]]":
        """Those of the markers that exist. What DynamoDB leaves out is asked for again, and nothing else."""
        found: list[dict[str, AttributeValueTypeDef]] = []
        left: Any = {self._table: {"Keys": [{"pk": {"S": key}} for key in keys], "ConsistentRead": True}}
        with storage_errors("Checking revocations"):
            for attempt in range(_TRIES):
                answer = dynamodb().batch_get_item(RequestItems=left)
                found += answer["Responses"].get(self._table, [])
                left = answer.get("UnprocessedKeys")
                if not left:
                    return found
                time.sleep(0.02 * 2**attempt)
        raise StorageUnavailable("Checking revocations failed: DynamoDB answered for some markers only. Try again.")

    def revoke_token(self, token_id: str, *, expires_at: float) -> None:
        """End one access token (`jti`); `expires_at` is when it would have ended by itself, in Unix seconds."""
        self._put(f"jti#{token_id}", expires_at=expires_at)

    def revoke_session(self, session_id: str) -> None:
        """End every access and refresh token of one sign-in."""
        self._put(f"session#{session_id}", expires_at=self._clock() + self._longest_life)

    def revoke_user(self, user_id: str) -> None:
        """End everything issued to this user until now; a sign-in after this call works again."""
        now = self._clock()
        until_ms = int(now * 1000)
        client = dynamodb()
        with storage_errors("Revoking"):
            # Another host's clock may be ahead: what is ended stays so.
            try:
                client.put_item(
                    TableName=self._table,
                    Item=self._marker(f"user#{user_id}", now + self._longest_life) | {"until_ms": {"N": str(until_ms)}},
                    ConditionExpression="attribute_not_exists(pk) OR until_ms < :until",
                    ExpressionAttributeValues={":until": {"N": str(until_ms)}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return
        # What begins in the very millisecond of the marker is ended by it, so nothing of ours shall begin in it.
        time.sleep(0.002)

    def still_valid(self, *, session_id: str, user_id: str, started_ms: int) -> list["TransactWriteItemTypeDef"]:
        """The conditions, as parts of a DynamoDB transaction, that neither session nor user was revoked."""
        session: ConditionCheckTypeDef = {
            "TableName": self._table,
            "Key": {"pk": {"S": f"session#{session_id}"}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        user: ConditionCheckTypeDef = {
            "TableName": self._table,
            "Key": {"pk": {"S": f"user#{user_id}"}},
            "ConditionExpression": "attribute_not_exists(pk) OR until_ms < :started",
            "ExpressionAttributeValues": {":started": {"N": str(started_ms)}},
        }
        return [{"ConditionCheck": session}, {"ConditionCheck": user}]

    def _put(self, key: str, *, expires_at: float) -> None:
        with storage_errors("Revoking"):
            dynamodb().put_item(TableName=self._table, Item=self._marker(key, expires_at))

    def _marker(self, key: str, expires_at: float) -> "dict[str, AttributeValueTypeDef]":
        return {"pk": {"S": key}, "expires_at": {"N": str(int(expires_at) + MARGIN_SECONDS)}}
