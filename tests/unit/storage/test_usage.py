"""What is asked of usage equals a count by hand of the same events."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from agent_platform.analytics.histogram import bucket_of
from agent_platform.analytics.projections import Projections
from agent_platform.events.envelope import CloudEvent
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.projections import ProjectionTables
from agent_platform.storage.usage import Usage, UsageFilter, UsageQueries
from tests.fakes.generated_events import AGENTS, FIRST, MODELS, OWNERS, execution_events
from tests.fakes.platform_events import kept
from tests.fakes.postgres import database, engine

__all__ = ["database", "engine"]

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
ALL = UsageFilter(FIRST - timedelta(days=1), FIRST + timedelta(days=70))

FILTERS = {
    "all": ALL,
    "whole days": UsageFilter(MIDNIGHT, MIDNIGHT + timedelta(days=10)),
    "hours": UsageFilter(MIDNIGHT + timedelta(hours=5), MIDNIGHT + timedelta(days=10, hours=7)),
    "an owner": UsageFilter(ALL.start, ALL.end, owner=OWNERS[1]),
    "an agent": UsageFilter(ALL.start, ALL.end, agent_id=AGENTS[3]),
    "a group": UsageFilter(ALL.start, ALL.end, group="legal"),
    "a model": UsageFilter(ALL.start, ALL.end, model=MODELS[0]),
    "several": UsageFilter(MIDNIGHT, ALL.end, owner=OWNERS[0], group="finance", model=MODELS[2]),
    "nothing": UsageFilter(MIDNIGHT - timedelta(days=900), MIDNIGHT - timedelta(days=800)),
}


@pytest.fixture(scope="module")
def events() -> list[str]:
    return execution_events(600, seed=4)


@pytest.fixture
def usage(engine: Engine, events: list[str]) -> UsageQueries:
    AuditLog(engine).append([kept(CloudEvent.model_validate_json(event)) for event in events])
    Projections(ProjectionTables(engine)).advance()
    return UsageQueries(engine)


def matching(events: list[str], which: UsageFilter) -> list[tuple[datetime, dict[str, Any]]]:
    found = []
    for event in map(json.loads, events):
        ended, data = datetime.fromisoformat(event["time"]).astimezone(UTC), event["data"]
        wanted = [(which.owner, data["owner"]), (which.agent_id, data["agent_id"]), (which.model, data["model"])]
        wanted.append((which.group, data["agent_id"].partition("/")[0]))
        if which.start <= ended < which.end and all(asked in (None, value) for asked, value in wanted):
            found.append((ended, data))
    return found


def counted(found: list[dict[str, Any]]) -> Usage:
    status = Counter(data["status"] for data in found)
    cost = sum((Decimal(repr(data["cost_usd"])).quantize(Decimal("1e-10")) for data in found), Decimal(0))
    return Usage(
        executions=len(found),
        **{name: status[name] for name in ("succeeded", "failed", "cancelled")},
        cached=sum(data["cached"] for data in found),
        escalated=sum(bool(data.get("escalation")) for data in found),
        tool_calls=sum(data["tool_calls"] for data in found),
        **{
            name: sum(data["usage"][name] for data in found)
            for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
        },
        cost_usd=cost,
        duration_ms=sum(data["duration_ms"] for data in found),
    )


def by(
    found: list[tuple[datetime, dict[str, Any]]], key: Callable[[datetime, dict[str, Any]], Any]
) -> dict[Any, list[dict[str, Any]]]:
    groups = defaultdict(list)
    for ended, data in found:
        groups[key(ended, data)].append(data)
    return dict(groups)


def hour_of(ended: datetime, _: Any) -> datetime:
    return ended.replace(minute=0, second=0, microsecond=0)


def day_of(ended: datetime, _: Any) -> datetime:
    return hour_of(ended, _).replace(hour=0)


@pytest.mark.parametrize("name", FILTERS)
def test_sums_are_those_of_the_events_that_match(usage: UsageQueries, events: list[str], name: str) -> None:
    which = FILTERS[name]
    found = matching(events, which)
    assert bool(found) == (name != "nothing")
    assert usage.totals(which) == counted([data for _, data in found])
    assert usage.latency(which) == dict(Counter(bucket_of(data["duration_ms"]) for _, data in found))
    reasons = Counter((d["error"]["code"], d["agent_id"]) for _, d in found if d["status"] == "failed")
    errors = usage.errors(which)
    assert {(each.code, each.agent_id): each.count for each in errors} == dict(reasons)
    assert [each.count for each in errors] == sorted(reasons.values(), reverse=True)


@pytest.mark.parametrize("name", ["all", "whole days", "several", "nothing"])
def test_a_series_has_every_period_in_which_something_ran(usage: UsageQueries, events: list[str], name: str) -> None:
    which = FILTERS[name]
    for grain, period in (("hour", hour_of), ("day", day_of)):
        expected = by(matching(events, which), period)
        found = usage.series(which, grain)  # type: ignore[arg-type]
        assert [each for each, _ in found] == sorted(expected)
        assert dict(found) == {key: counted(group) for key, group in expected.items()}
        histograms = dict(usage.latency_series(which, grain))  # type: ignore[arg-type]
        assert {key: sum(buckets.values()) for key, buckets in histograms.items()} == {
            key: len(group) for key, group in expected.items()
        }


def test_what_was_used_most_comes_first(usage: UsageQueries, events: list[str]) -> None:
    groups = by(matching(events, ALL), lambda _, data: data["agent_id"])
    for order in ("executions", "cost_usd", "failed"):
        found = usage.top_agents(ALL, limit=5, by=order)  # type: ignore[arg-type]
        assert [sums for _, sums in found] == [counted(groups[agent]) for agent, _ in found]
        amounts = [getattr(counted(group), order) for group in groups.values()]
        assert [getattr(sums, order) for _, sums in found] == sorted(amounts, reverse=True)[:5]
    slowest = usage.top_agents(ALL, limit=5, by="duration_ms")
    means = sorted((counted(group).duration_ms / len(group) for group in groups.values()), reverse=True)
    assert [sums.duration_ms / sums.executions for _, sums in slowest] == means[:5]


def test_usage_is_told_by_group_owner_and_model(usage: UsageQueries, events: list[str]) -> None:
    for found, key in (
        (usage.by_group(ALL), lambda _, data: data["agent_id"].partition("/")[0]),
        (usage.by_owner(ALL), lambda _, data: data["owner"]),
        (usage.by_model(ALL), lambda _, data: data["model"]),
    ):
        assert dict(found) == {name: counted(group) for name, group in by(matching(events, ALL), key).items()}
        costs = [sums.cost_usd for _, sums in found]
        assert costs == sorted(costs, reverse=True)


def test_latency_is_told_by_agent_and_model(usage: UsageQueries, events: list[str]) -> None:
    for found, name in ((usage.latency_by_agent(ALL), "agent_id"), (usage.latency_by_model(ALL), "model")):
        expected = by(matching(events, ALL), lambda _, data, name=name: data[name])  # type: ignore[misc]
        assert dict(found) == {
            key: dict(Counter(bucket_of(data["duration_ms"]) for data in group)) for key, group in expected.items()
        }


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (MIDNIGHT, MIDNIGHT + timedelta(days=1)),
        (MIDNIGHT + timedelta(hours=5), MIDNIGHT + timedelta(hours=20)),
        (MIDNIGHT + timedelta(hours=5), MIDNIGHT + timedelta(days=1, hours=4)),
        (MIDNIGHT, MIDNIGHT + timedelta(days=9, hours=3)),
        (MIDNIGHT - timedelta(hours=1), MIDNIGHT + timedelta(days=9)),
        (datetime.fromisoformat("2026-03-01T03:00:00+05:00"), MIDNIGHT + timedelta(days=3)),
    ],
)
def test_days_and_hours_together_count_each_execution_once(
    usage: UsageQueries, events: list[str], start: datetime, end: datetime
) -> None:
    which = UsageFilter(start, end)
    expected = matching(events, which)
    assert expected
    assert usage.totals(which).executions == sum(usage.latency(which).values()) == len(expected)


def test_latency_can_be_asked_of_some_agents(usage: UsageQueries) -> None:
    wanted = dict(usage.latency_by_agent(ALL))
    assert dict(usage.latency_by_agent(ALL, among=AGENTS[2:4])) == {name: wanted[name] for name in AGENTS[2:4]}
    assert usage.latency_by_agent(ALL, among=[]) == []


def test_the_hour_in_which_a_range_begins_counts_whole(usage: UsageQueries) -> None:
    late = UsageFilter(MIDNIGHT + timedelta(minutes=59), MIDNIGHT + timedelta(hours=2))
    assert usage.totals(late) == usage.totals(UsageFilter(MIDNIGHT, MIDNIGHT + timedelta(hours=2)))
