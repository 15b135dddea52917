"""Counts per agent over all Lambda instances, as a Prometheus counter and histogram need them."""

import secrets
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agent_platform.storage.dynamodb import dynamodb, storage_errors
from agent_platform.storage.scans import scan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UpdateTypeDef

SHARDS = 16
"""Items per agent: concurrent executions of one agent seldom meet on the same one."""

BUCKET_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
"""Upper bounds of the duration histogram in seconds: model calls last from tenths of a second to minutes."""


TOKEN_KINDS = ("input", "output", "cache_read", "cache_write")
"""Tokens by the way they are billed; the four are disjoint."""

STATUSES = ("succeeded", "failed", "cancelled")
"""How an execution can end."""


@dataclass(frozen=True, slots=True)
class Used:
    """What one execution used: tokens by TOKEN_KINDS, tool calls, list price; whether it was answered from cache."""

    tokens: tuple[int, int, int, int] = (0, 0, 0, 0)
    tool_calls: int = 0
    cost_usd: Decimal = Decimal(0)
    cached: bool = False


@dataclass(frozen=True, slots=True)
class AgentTotals:
    """Sums since the agent first ran: executions by status, seconds spent, how many fell into each bucket, and use."""

    requests: dict[str, int]
    seconds: float
    buckets: list[int]
    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOKEN_KINDS, 0))
    tool_calls: int = 0
    cost_usd: float = 0.0
    cached: int = 0


class AgentCounters:
    """Sharded counters in the agent metrics table."""

    def __init__(self, table: str) -> None:
        self.table = table

    def update(self, agent_id: str, status: str, seconds: float, used: Used = Used()) -> "UpdateTypeDef":
        """Count one execution, as a part of a DynamoDB transaction."""
        bucket = bisect_left(BUCKET_BOUNDS, seconds)
        amounts = {
            "microseconds": round(seconds * 1e6),
            "nanodollars": round(used.cost_usd * 1_000_000_000),
            "tool_calls": used.tool_calls,
            "cached": int(used.cached),
            **{f"tokens_{kind}": count for kind, count in zip(TOKEN_KINDS, used.tokens, strict=True)},
        }
        return {
            "TableName": self.table,
            "Key": {"agent_id": {"S": agent_id}, "shard": {"S": f"{secrets.randbelow(SHARDS):02}"}},
            "UpdateExpression": "ADD #status :one, #bucket :one, " + ", ".join(f"{name} :{name}" for name in amounts),
            "ExpressionAttributeNames": {"#status": f"requests_{status}", "#bucket": f"bucket_{bucket:02}"},
            "ExpressionAttributeValues": {
                ":one": {"N": "1"},
                **{f":{name}": {"N": str(amount)} for name, amount in amounts.items()},
            },
        }

    def totals(self, agent_id: str) -> AgentTotals:
        """The sums of one agent.

        Raises:
            StorageUnavailable: DynamoDB does not answer.
        """
        with storage_errors("Reading the agent's metrics"):
            answer = dynamodb().query(
                TableName=self.table,
                KeyConditionExpression="agent_id = :agent",
                ExpressionAttributeValues={":agent": {"S": agent_id}},
            )
        return _totals(answer["Items"])

    def totals_by_group(self) -> dict[str, AgentTotals]:
        """The sums of every group's agents, by name: the whole table, eventually consistent.

        Raises:
            StorageUnavailable: DynamoDB does not answer.
        """
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for item in scan(self.table, doing="Reading the metrics of all agents"):
            groups.setdefault(item["agent_id"]["S"].partition("/")[0], []).append(item)
        return {group: _totals(groups[group]) for group in sorted(groups)}


def _totals(items: Iterable[Mapping[str, Any]]) -> AgentTotals:
    """What the items of several shards, or agents, add up to."""
    sums = Counter[str]()
    for item in items:
        sums.update({name: int(value["N"]) for name, value in item.items() if "N" in value})
    return AgentTotals(
        requests={status: sums[f"requests_{status}"] for status in STATUSES},
        seconds=sums["microseconds"] / 1e6,
        buckets=[sums[f"bucket_{index:02}"] for index in range(len(BUCKET_BOUNDS) + 1)],
        tokens={kind: sums[f"tokens_{kind}"] for kind in TOKEN_KINDS},
        tool_calls=sums["tool_calls"],
        cost_usd=sums["nanodollars"] / 1e9,
        cached=sums["cached"],
    )
