"""API keys in the tokens table: an item per key, and one per owner with the ids of theirs.

Everything is read consistently, so what was revoked a moment ago is gone for every process. What the owner may do is
kept beside each key, because who checks keys knows no other database: `apikey#<id>` has `roles`, or none where the
owner is disabled. `apikey#owner#<user>` counts each change of them, so that no key is made with those of a moment ago.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.errors import StorageUnavailable
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Timestamp
from agent_platform.storage.transactions import write_together

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

SHOWN_AFTER_EXPIRY = timedelta(days=30)
"""So long an expired key is still listed; then DynamoDB's TTL removes it."""

_TRIES = 4
"""How often items are asked for that DynamoDB left out of its answer: 0.3 s in all."""


class ApiKey(BaseModel):
    """One key as it is kept."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner: str
    """Id of the user who made it."""
    name: str
    scopes: tuple[str, ...]
    agents: tuple[str, ...] | None = None
    """Ids, or `group/*`; None for all."""
    created_at: Timestamp
    updated_at: Timestamp
    expires_at: Timestamp
    digest: str = Field(repr=False)
    """SHA-256 of the whole key, in hexadecimal digits."""
    previous_digest: str | None = Field(default=None, repr=False)
    previous_until: Timestamp | None = None
    """Until when the secret before the last rotation is accepted too."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it was read. `revision` counts changes."""

    key: ApiKey
    roles: tuple[str, ...] | None
    """Its owner's; None where they are disabled."""
    email: str
    """Its owner's verified address, or empty."""
    last_used_at: datetime | None
    revision: int


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """The ids of a user's keys. `revision` counts changes of them and of the user's roles; 0 before the first."""

    ids: tuple[str, ...]
    revision: int


class ApiKeyRepository:
    """Reads and writes keys. Every method raises `StorageUnavailable` when DynamoDB does not answer."""

    def __init__(self, table: str) -> None:
        self._table = table

    def find(self, key_id: str) -> StoredKey | None:
        """One key; None where there is none."""
        with storage_errors("Reading the API key"):
            answer = dynamodb().get_item(TableName=self._table, Key=_key(key_id), ConsistentRead=True)
        return _stored(answer["Item"]) if "Item" in answer else None

    def owner(self, user_id: str) -> KeyOwner:
        """The ids of a user's keys; of some DynamoDB may have removed the key already."""
        with storage_errors("Listing API keys"):
            answer = dynamodb().get_item(TableName=self._table, Key=_owner(user_id), ConsistentRead=True)
        item: Any = answer.get("Item", {})
        ids = item.get("ids", {}).get("SS", [])
        return KeyOwner(tuple(sorted(ids, reverse=True)), int(item.get("revision", {"N": "0"})["N"]))

    def several(self, ids: Sequence[str]) -> list[StoredKey]:
        """Those of the keys that there are, in the order of the ids; 100 at most."""
        found: dict[str, StoredKey] = {}
        left: Any = {self._table: {"Keys": [_key(each) for each in ids], "ConsistentRead": True}} if ids else None
        with storage_errors("Listing API keys"):
            for _ in range(_TRIES):
                if not left:
                    return [found[each] for each in ids if each in found]
                answer = dynamodb().batch_get_item(RequestItems=left)
                stored = [_stored(item) for item in answer["Responses"].get(self._table, [])]
                found |= {each.key.id: each for each in stored}
                left = answer.get("UnprocessedKeys")
        if left:
            raise StorageUnavailable("Listing API keys failed: DynamoDB answered for some only. Try again.")
        return [found[each] for each in ids if each in found]

    def add(self, key: ApiKey, email: str, roles: Sequence[str], owner: KeyOwner) -> bool:
        """Write a new key; False where the owner's roles or keys changed since `owner` was read."""
        one_more: Any = {
            "Update": {
                "TableName": self._table,
                "Key": _owner(key.owner),
                "UpdateExpression": "ADD ids :ids, revision :one",
                **_as_read(owner, ":ids", {"SS": [key.id]}),
            }
        }
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": {
                    **_key(key.id),
                    "document": {"S": _document(key)},
                    "revision": {"N": "1"},
                    "roles": {"S": json.dumps(list(roles))},
                    "email": {"S": email},
                    "expires_at": {"N": _removed_at(key)},
                },
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        return write_together(lambda: [one_more, put], (), doing="Making the API key") is None

    def forget(self, user_id: str, ids: Sequence[str]) -> None:
        """Take the ids of keys that DynamoDB has removed from their owner's."""
        with storage_errors("Making the API key"):
            dynamodb().update_item(
                TableName=self._table,
                Key=_owner(user_id),
                UpdateExpression="DELETE ids :ids ADD revision :one",
                ExpressionAttributeValues={":ids": {"SS": list(ids)}, ":one": {"N": "1"}},
            )

    def change(self, stored: StoredKey, changed: ApiKey) -> bool:
        """Write `changed` instead of what was read; False where somebody was faster, or it is gone."""
        client = dynamodb()
        with storage_errors("Changing the API key"):
            try:
                client.update_item(
                    TableName=self._table,
                    Key=_key(changed.id),
                    UpdateExpression="SET document = :document, revision = :next, expires_at = :removed",
                    ConditionExpression="revision = :was",
                    ExpressionAttributeValues={
                        ":document": {"S": _document(changed)},
                        ":next": {"N": str(stored.revision + 1)},
                        ":was": {"N": str(stored.revision)},
                        ":removed": {"N": _removed_at(changed)},
                    },
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def remove(self, key: ApiKey) -> None:
        """Delete a key, from now on for every process; one that is gone stays so."""
        delete: TransactWriteItemTypeDef = {"Delete": {"TableName": self._table, "Key": _key(key.id)}}
        one_less: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": _owner(key.owner),
                "UpdateExpression": "DELETE ids :ids ADD revision :one",
                "ExpressionAttributeValues": {":ids": {"SS": [key.id]}, ":one": {"N": "1"}},
            }
        }
        write_together(lambda: [delete, one_less], (), doing="Revoking the API key")

    def set_roles(self, user_id: str, email: str | None, roles: Sequence[str] | None, owner: KeyOwner) -> bool:
        """Give all keys of a user these roles, or none of them any; False where `owner` is not as it was read.

        Where `email` is given they get it too.

        Keys that DynamoDB has removed meanwhile do not hinder it.
        """
        changed: Any = {
            "Update": {
                "TableName": self._table,
                "Key": _owner(user_id),
                "UpdateExpression": "ADD revision :one",
                **_as_read(owner),
            }
        }
        there = [each.key.id for each in self.several(owner.ids)]
        keys = [self._with_roles(key_id, email, roles) for key_id in there]
        return write_together(lambda: [changed, *keys], (), doing="Changing the roles of API keys") is None

    def used(self, key_id: str, now: datetime, *, not_since: datetime) -> None:
        """Keep when a key was used last, unless somebody has done so after `not_since`."""
        client = dynamodb()
        with storage_errors("Keeping when the API key was used"):
            try:
                client.update_item(
                    TableName=self._table,
                    Key=_key(key_id),
                    UpdateExpression="SET last_used_at = :now",
                    # A key that was revoked in this moment must not come back as a stump.
                    ConditionExpression="attribute_exists(pk) AND "
                    "(attribute_not_exists(last_used_at) OR last_used_at <= :since)",
                    ExpressionAttributeValues={
                        ":now": {"N": str(now.timestamp())},
                        ":since": {"N": str(not_since.timestamp())},
                    },
                )
            except client.exceptions.ConditionalCheckFailedException:
                return

    def _with_roles(self, key_id: str, email: str | None, roles: Sequence[str] | None) -> "TransactWriteItemTypeDef":
        given = {"email": email, "roles": None if roles is None else json.dumps(list(roles))}
        setting = {name: value for name, value in given.items() if value is not None}
        changes = ["SET " + ", ".join(f"#{name} = :{name}" for name in setting)] if setting else []
        changes += ["REMOVE #roles"] if roles is None else []
        values = {f":{name}": {"S": value} for name, value in setting.items()}
        update: Any = {
            "TableName": self._table,
            "Key": _key(key_id),
            "UpdateExpression": " ".join(changes),
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {f"#{name}": name for name in {*setting, "roles"}},
            **({"ExpressionAttributeValues": values} if values else {}),
        }
        return {"Update": update}


def _as_read(owner: KeyOwner, name: str = "", value: Any = None) -> dict[str, Any]:
    """The condition that nothing of the owner changed, with the values of the whole expression."""
    values: dict[str, Any] = {":one": {"N": "1"}, **({name: value} if name else {})}
    if not owner.revision:
        return {"ConditionExpression": "attribute_not_exists(pk)", "ExpressionAttributeValues": values}
    return {
        "ConditionExpression": "revision = :was",
        "ExpressionAttributeValues": {**values, ":was": {"N": str(owner.revision)}},
    }


def _document(key: ApiKey) -> str:
    return key.model_dump_json(exclude_defaults=True)


def _removed_at(key: ApiKey) -> str:
    return str(int((key.expires_at + SHOWN_AFTER_EXPIRY).timestamp()))


def _key(key_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"apikey#{key_id}"}}


def _owner(user_id: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": f"apikey#owner#{user_id}"}}


def _stored(item: Any) -> StoredKey:
    used = item.get("last_used_at")
    return StoredKey(
        key=ApiKey.model_validate_json(item["document"]["S"]),
        roles=tuple(json.loads(item["roles"]["S"])) if "roles" in item else None,
        email=item["email"]["S"],
        last_used_at=datetime.fromtimestamp(float(used["N"]), UTC) if used else None,
        revision=int(item["revision"]["N"]),
    )
