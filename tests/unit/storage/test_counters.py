"""Counts per agent in DynamoDB, spread over shards and summed again."""

import pytest

from agent_platform.errors import StorageUnavailable
from agent_platform.storage.counters import BUCKET_BOUNDS, SHARDS, AgentCounters
from agent_platform.storage.dynamodb import dynamodb
from tests.fakes.aws import AGENT_METRICS_TABLE
from tests.fakes.dynamodb_faults import DynamoDBFaults, dynamodb_faults

__all__ = ["dynamodb_faults"]


@pytest.fixture
def counters(executions_table: str) -> AgentCounters:
    return AgentCounters(AGENT_METRICS_TABLE)


def count(counters: AgentCounters, agent_id: str, status: str, seconds: float) -> None:
    dynamodb().transact_write_items(TransactItems=[{"Update": counters.update(agent_id, status, seconds)}])


def test_an_agent_that_never_ran_has_zeros(counters: AgentCounters):
    totals = counters.totals("a/b")
    assert totals.requests == {"succeeded": 0, "failed": 0, "cancelled": 0}
    assert totals.seconds == 0
    assert totals.buckets == [0] * (len(BUCKET_BOUNDS) + 1)


def test_counts_of_all_shards_are_summed(counters: AgentCounters):
    for _ in range(60):
        count(counters, "a/b", "succeeded", 0.75)
    for _ in range(7):
        count(counters, "a/b", "failed", 500)
    shards = {item["shard"]["S"] for item in dynamodb().scan(TableName=AGENT_METRICS_TABLE)["Items"]}
    assert 1 < len(shards) <= SHARDS
    assert shards <= {f"{number:02}" for number in range(SHARDS)}
    totals = counters.totals("a/b")
    assert totals.requests == {"succeeded": 60, "failed": 7, "cancelled": 0}
    assert totals.seconds == 60 * 0.75 + 7 * 500
    assert totals.buckets[BUCKET_BOUNDS.index(1.0)] == 60
    assert totals.buckets[-1] == 7
    assert sum(totals.buckets) == 67


@pytest.mark.parametrize("bound", BUCKET_BOUNDS)
def test_a_bucket_includes_its_upper_bound(counters: AgentCounters, bound: float):
    count(counters, "a/b", "succeeded", bound)
    count(counters, "a/b", "succeeded", bound + 0.001)
    buckets = counters.totals("a/b").buckets
    place = BUCKET_BOUNDS.index(bound)
    assert (buckets[place], buckets[place + 1], sum(buckets)) == (1, 1, 2)


def test_seconds_are_summed_without_loss(counters: AgentCounters):
    for _ in range(30):
        count(counters, "a/b", "succeeded", 0.1)
    assert counters.totals("a/b").seconds == 3.0


def test_agents_are_counted_apart(counters: AgentCounters):
    count(counters, "a/b", "succeeded", 1)
    count(counters, "a/bc", "failed", 1)
    assert counters.totals("a/b").requests == {"succeeded": 1, "failed": 0, "cancelled": 0}
    assert counters.totals("a/bc").requests == {"succeeded": 0, "failed": 1, "cancelled": 0}
    assert counters.totals("a").requests == {"succeeded": 0, "failed": 0, "cancelled": 0}


def test_the_agents_of_a_group_are_summed_and_no_other_agent(counters: AgentCounters):
    for agent_id in ("a/b", "a/bc", "a/b", "ab/c"):
        count(counters, agent_id, "succeeded", 1.5)
    found = counters.totals_by_group()
    assert [*found] == ["a", "ab"]
    assert (found["a"].requests["succeeded"], found["ab"].requests["succeeded"]) == (3, 1)
    assert (found["a"].seconds, sum(found["a"].buckets)) == (4.5, 3)


def test_a_table_that_does_not_answer_is_storage_unavailable(counters: AgentCounters, dynamodb_faults: DynamoDBFaults):
    dynamodb_faults.go_down()
    with pytest.raises(StorageUnavailable, match="Reading the agent's metrics failed"):
        counters.totals("a/b")
