"""Every version of an agent's definition that was ever deployed: DynamoDB items by agent and version.

A definition is kept as the catalogue has it, as JSON; what it means is not this room's to know.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from agent_platform.errors import StorageUnavailable
from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.executions import Timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

READ_AT_ONCE, WRITTEN_AT_ONCE = 100, 25
"""Items of one BatchGetItem and one BatchWriteItem (DynamoDB's limits)."""

_TRIES = 8

LIVE = "live"
"""The partition of the live versions of users' agents, by the agent's id. It is no agent's: their ids have a slash."""


class PublishedVersion(BaseModel):
    """One version of an agent that can be executed."""

    model_config = ConfigDict(frozen=True)

    version: str
    published_at: Timestamp = Field(description="When it was first deployed")


@dataclass(frozen=True, slots=True)
class VersionedDefinition:
    """The definition of one agent in one version."""

    agent_id: str
    version: str
    document: str

    @property
    def digest(self) -> str:
        """SHA-256 of the document."""
        return hashlib.sha256(self.document.encode()).hexdigest()


class DefinitionRepository:
    """The versions of all agents."""

    def __init__(self, table: str) -> None:
        self._table = table

    def document(self, agent_id: str, version: str) -> str | None:
        """The definition of this version as JSON; None if it was never deployed.

        Raises:
            StorageUnavailable: DynamoDB does not answer.
        """
        with storage_errors("Reading the version of an agent"):
            key: Any = {"agent_id": {"S": agent_id}, "version": {"S": version}}
            item = dynamodb().get_item(TableName=self._table, Key=key).get("Item")
        return item["definition"]["S"] if item else None

    def versions(self, agent_id: str) -> list[PublishedVersion]:
        """Every version of an agent, the highest first.

        Raises:
            StorageUnavailable: DynamoDB does not answer.
        """
        found: list[PublishedVersion] = []
        start: dict[str, Any] = {}
        with storage_errors("Listing the versions of an agent"):
            while True:
                page = dynamodb().query(
                    TableName=self._table,
                    KeyConditionExpression="agent_id = :agent",
                    ExpressionAttributeValues={":agent": {"S": agent_id}},
                    ProjectionExpression="version, published_at",
                    **start,
                )
                found += [
                    PublishedVersion(
                        version=item["version"]["S"], published_at=datetime.fromisoformat(item["published_at"]["S"])
                    )
                    for item in page["Items"]
                ]
                if "LastEvaluatedKey" not in page:
                    return sorted(found, key=lambda each: _parts(each.version), reverse=True)
                start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def live(self, agent_id: str) -> str | None:
        """The definition of an agent of users in its live version; None if it has none.

        Raises:
            StorageUnavailable: DynamoDB does not answer.
        """
        with storage_errors("Reading the agent"):
            key: Any = {"agent_id": {"S": LIVE}, "version": {"S": agent_id}}
            item = dynamodb().get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return item["definition"]["S"] if item else None

    def set_live(self, each: VersionedDefinition) -> None:
        """Let a version be the live one of its agent.

        Raises:
            StorageUnavailable: DynamoDB does not answer; set it once more.
        """
        item = _item(each, datetime.now(UTC).isoformat()) | {
            "agent_id": {"S": LIVE},
            "version": {"S": each.agent_id},
        }
        with storage_errors("Publishing the agent"):
            dynamodb().put_item(TableName=self._table, Item=item)

    def end_live(self, agent_id: str) -> None:
        """Let an agent have no live version.

        Raises:
            StorageUnavailable: DynamoDB does not answer; end it once more.
        """
        with storage_errors("Withdrawing the agent"):
            key: Any = {"agent_id": {"S": LIVE}, "version": {"S": agent_id}}
            dynamodb().delete_item(TableName=self._table, Key=key)

    def remove(self, agent_id: str) -> None:
        """Remove an agent of users from here: it is not live any more, and none of its versions is known.

        Raises:
            StorageUnavailable: DynamoDB does not answer; remove it once more.
        """
        self.end_live(agent_id)
        requests: list[WriteRequestTypeDef] = [
            {"DeleteRequest": {"Key": {"agent_id": {"S": agent_id}, "version": {"S": each.version}}}}
            for each in self.versions(agent_id)
        ]
        for some in batched(requests, WRITTEN_AT_ONCE, strict=False):
            self._write(list(some))

    def keep(self, definitions: Iterable[VersionedDefinition], *, replace: bool) -> tuple[int, list[str]]:
        """Keep what is new; returns how many were written, and which (`group/name version`) stand there otherwise.

        Args:
            replace: whether a version that stands there with other words is written anew. Where it is not, nothing
                at all is written if there is one.

        Raises:
            StorageUnavailable: DynamoDB does not answer; keep them once more.
        """
        known = list(definitions)
        digests = dict(self._digests([(each.agent_id, each.version) for each in known]))
        new = [each for each in known if (each.agent_id, each.version) not in digests]
        other = [each for each in known if digests.get((each.agent_id, each.version), each.digest) != each.digest]
        if other and not replace:
            return 0, [f"{each.agent_id} {each.version}" for each in other]
        now = datetime.now(UTC).isoformat()
        requests: list[WriteRequestTypeDef] = [{"PutRequest": {"Item": _item(each, now)}} for each in (*new, *other)]
        for some in batched(requests, WRITTEN_AT_ONCE, strict=False):
            self._write(list(some))
        return len(requests), [f"{each.agent_id} {each.version}" for each in other]

    def _digests(self, keys: Sequence[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], str]]:
        for some in batched(keys, READ_AT_ONCE, strict=False):
            asked: Any = {
                self._table: {
                    "Keys": [{"agent_id": {"S": agent_id}, "version": {"S": version}} for agent_id, version in some],
                    "ProjectionExpression": "agent_id, version, digest",
                }
            }
            for _ in range(_TRIES):
                with storage_errors("Comparing the versions of agents"):
                    answer = dynamodb().batch_get_item(RequestItems=asked)
                for item in answer["Responses"].get(self._table, ()):
                    yield (item["agent_id"]["S"], item["version"]["S"]), item["digest"]["S"]
                asked = answer.get("UnprocessedKeys")
                if not asked:
                    break
            else:
                raise StorageUnavailable("Comparing the versions of agents failed: DynamoDB throttles. Deploy again.")

    def _write(self, requests: "list[WriteRequestTypeDef]") -> None:
        left: Any = {self._table: requests}
        for _ in range(_TRIES):
            with storage_errors("Keeping the versions of agents"):
                left = dynamodb().batch_write_item(RequestItems=left).get("UnprocessedItems")
            if not left:
                return
        raise StorageUnavailable("Keeping the versions of agents failed: DynamoDB throttles. Deploy again.")


def _item(each: VersionedDefinition, now: str) -> Any:
    return {
        "agent_id": {"S": each.agent_id},
        "version": {"S": each.version},
        "digest": {"S": each.digest},
        "definition": {"S": each.document},
        "published_at": {"S": now},
    }


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
