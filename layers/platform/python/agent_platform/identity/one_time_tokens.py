"""One-time tokens: what a link in a mail carries, to reset a password, verify an address or accept an invitation.

256 random bits, good for one purpose, once, and for a limited time. The table holds their SHA-256 only, made together
with the purpose: a token for one purpose is not even found for another.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from agent_platform.errors import OneTimeTokenInvalid
from agent_platform.storage.dynamodb import dynamodb, storage_errors

TOKEN_BYTES = 32
MAX_TOKEN_CHARACTERS = 128


class OneTimeTokens:
    """Issues and redeems. Every method raises `StorageUnavailable` when the table does not answer."""

    def __init__(self, table: str, clock: Callable[[], float] = time.time) -> None:
        """`table` is that of the tokens; `clock` gives Unix seconds."""
        self._table = table
        self._clock = clock

    def issue(self, purpose: str, subject: str, seconds: int) -> str:
        """A token that stands for `subject` (text of any form) until `seconds` have passed or it is redeemed."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        item = {
            **_key(purpose, token),
            "subject": {"S": subject},
            "expires_at": {"N": str(int(self._clock()) + seconds)},
        }
        with storage_errors("Making the link"):
            dynamodb().put_item(TableName=self._table, Item=item)
        return token

    def read(self, purpose: str, token: str) -> str:
        """What the token stands for, without using it up: to refuse what comes with it while it can be sent again.

        Raises:
            OneTimeTokenInvalid: it is unknown, was used, has expired or is for another purpose.
        """
        _check_form(token)
        with storage_errors("Reading the link"):
            answer = dynamodb().get_item(TableName=self._table, Key=_key(purpose, token), ConsistentRead=True)
        item = answer.get("Item")
        # The TTL removes items only some time after they expire, so the time is compared here as well.
        if item is None or "used_ms" in item or int(item["expires_at"]["N"]) <= self._clock():
            raise _invalid()
        return item["subject"]["S"]

    def redeem(self, purpose: str, token: str) -> str:
        """Use the token up: of any number of requests at once, one gets the subject.

        Raises:
            OneTimeTokenInvalid: it is unknown, was used, has expired or is for another purpose.
        """
        _check_form(token)
        now = self._clock()
        client = dynamodb()
        with storage_errors("Redeeming the link"):
            try:
                answer = client.update_item(
                    TableName=self._table,
                    Key=_key(purpose, token),
                    UpdateExpression="SET used_ms = :used",
                    ConditionExpression="attribute_exists(pk) AND attribute_not_exists(used_ms) AND expires_at > :now",
                    ExpressionAttributeValues={":used": {"N": str(int(now * 1000))}, ":now": {"N": str(int(now))}},
                    ReturnValues="ALL_NEW",
                )
            except client.exceptions.ConditionalCheckFailedException:
                raise _invalid() from None
        return answer["Attributes"]["subject"]["S"]


def _key(purpose: str, token: str) -> dict[str, Any]:
    # 256 random bits need no salt and no slow hash: nobody can guess them.
    digest = hashlib.sha256(f"{purpose}\n{token}".encode("utf-8", "surrogatepass")).hexdigest()
    return {"pk": {"S": f"once#{digest}"}}


def _check_form(token: str) -> None:
    if not 0 < len(token) <= MAX_TOKEN_CHARACTERS:
        raise _invalid()


def _invalid() -> OneTimeTokenInvalid:
    return OneTimeTokenInvalid("The link is not valid: it was used, has expired or is incomplete. Ask for another.")
