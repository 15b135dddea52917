"""Events that a platform in use would write, generated; and what they add up to, counted in plain Python."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from agent_platform.analytics.histogram import bucket_of
from agent_platform.events.executions import agent_executed
from agent_platform.events.workflows import workflow_ended, workflow_started
from agent_platform.ids import fixed_id
from agent_platform.storage.executions import Escalation, Failure, TokenUsage
from agent_platform.storage.principal_document import PrincipalDocument
from agent_platform.storage.runs import Run, RunFailure, RunSource
from tests.fakes.executions import an_execution
from tests.fakes.runs import a_run

FIRST = datetime(2026, 2, 14, 22, tzinfo=UTC)
DAYS = 60
AGENTS = [f"{group}/agent-{number}" for group in ("finance", "legal", "post", "sales") for number in range(4)]
OWNERS = [f"0197f0c4-0000-7000-8000-00000000000{number}" for number in range(6)]
MODELS = ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"]
CODES = ["model_overloaded", "model_timed_out", "cost_limit_reached", "internal_error"]

Key = tuple[Any, ...]


def execution_events(count: int, seed: int = 1) -> list[str]:
    """The events of so many executions: every status, cached, escalated, teams, over two months and their midnights."""
    chance = random.Random(seed)  # noqa: S311
    events: list[str] = []
    parent: str | None = None
    for number in range(count):
        ended = _moment(chance)
        duration = int(chance.lognormvariate(7, 1.4)) if chance.random() > 0.02 else chance.choice([0, 1, 2])
        status = chance.choices(["succeeded", "failed", "cancelled"], [85, 12, 3])[0]
        cached = status == "succeeded" and chance.random() < 0.1
        used = [0, 0, 0, 0] if cached else [chance.randrange(20_000) for _ in range(4)]
        cost = Decimal(0) if cached else Decimal(str(round(chance.random() * 0.3, chance.choice([2, 6, 9, 14]))))
        execution = an_execution(
            id=fixed_id(ended, f"execution {seed} {number}"),
            agent_id=chance.choice(AGENTS),
            owner=chance.choice(OWNERS),
            model=chance.choice(MODELS),
            status=status,
            cached=cached,
            cost_usd=cost,
            duration_ms=duration,
            started_at=ended - timedelta(milliseconds=duration),
            finished_at=ended,
            usage=TokenUsage(
                input_tokens=used[0], output_tokens=used[1], cache_read_tokens=used[2], cache_write_tokens=used[3]
            ),
            tool_calls=0 if cached else chance.randrange(6),
            error=Failure(code=chance.choice(CODES), message="It went wrong.") if status == "failed" else None,
            escalation=Escalation(rule="amount", reason="Too much.") if chance.random() < 0.03 else None,
            parent_id=parent if chance.random() < 0.2 else None,
            delegated_cost_usd=Decimal("0.25") if chance.random() < 0.1 else Decimal(0),
        )
        parent = execution.id
        told = json.loads(agent_executed(execution, "outbox").event)
        events.append(json.dumps(told | {"id": fixed_id(ended, f"event {seed} {number}")}))
    return events


def run_events(count: int, seed: int = 1) -> list[str]:
    """The events of so many runs, of which some fail and go on in further attempts, and some are not over yet."""
    chance = random.Random(seed)  # noqa: S311
    events: list[str] = []
    for number in range(count):
        began = _milliseconds(_moment(chance))
        run = a_run(
            id=fixed_id(began, f"run {seed} {number}"),
            workflow_id=fixed_id(FIRST, f"workflow {number % 7}"),
            workflow_name=f"workflow-{number % 7}",
            version=1 + number % 3,
            started_at=began,
            owner=(owner := chance.choice(OWNERS)),
            principal=PrincipalDocument(user_id=owner),
            source=RunSource(kind=chance.choice(["api", "schedule", "event", "workflow"])),
            parent_run_id=fixed_id(began, "parent") if chance.random() < 0.1 else None,
        )
        events.append(workflow_started(run, "outbox").event)
        while chance.random() < 0.95:
            ended = _ended(run, chance)
            events.append(workflow_ended(ended, "outbox").event)
            if ended.status == "succeeded" or chance.random() < 0.4:
                break
            again = (ended.finished_at or began) + timedelta(minutes=3)
            cleared = {"status": "running", "finished_at": None, "duration_ms": None, "cost_usd": None, "error": None}
            run = run.model_copy(update={"attempt": run.attempt + 1, "attempt_at": again, **cleared})
            events.append(workflow_started(run, "outbox").event)
    return events


@dataclass
class Recount:
    """What the projections must hold, by the keys of their tables."""

    usage: dict[Key, list[Any]] = field(default_factory=dict)
    latency: Counter[Key] = field(default_factory=Counter)
    errors: Counter[Key] = field(default_factory=Counter)
    durations: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[str, tuple[Any, ...]] = field(default_factory=dict)


def recount(events: Iterable[str]) -> Recount:
    """Count events, each id once."""
    found = Recount()
    ranks: dict[str, tuple[Any, ...]] = {}
    for event in {told["id"]: told for told in map(json.loads, events)}.values():
        if event["type"] == "agent.executed":
            _count_execution(found, event)
        else:
            _rank_run(found, ranks, event)
    return found


def _count_execution(found: Recount, event: dict[str, Any]) -> None:
    data, ended = event["data"], datetime.fromisoformat(event["time"]).astimezone(UTC)
    hour = ended.replace(minute=0, second=0, microsecond=0)
    used = data["usage"]
    cost = Decimal(repr(data["cost_usd"])).quantize(Decimal("1e-10"), ROUND_HALF_UP)
    added = [1, int(data["cached"]), int(bool(data.get("escalation"))), data["tool_calls"]]
    added += [used["input_tokens"], used["output_tokens"], used["cache_read_tokens"], used["cache_write_tokens"]]
    added += [cost, data["duration_ms"]]
    for grain, period in (("hour", hour), ("day", hour.replace(hour=0))):
        what = (grain, period, data["agent_id"], data["owner"], data["model"])
        sums = found.usage.setdefault((*what, data["status"]), [0] * len(added))
        sums[:] = [one + more for one, more in zip(sums, added, strict=True)]
        found.latency[(*what, data["status"], bucket_of(data["duration_ms"]))] += 1
        found.durations[grain, period].append(data["duration_ms"])
        if data["status"] == "failed":
            found.errors[(*what, data["error"]["code"])] += 1


def _rank_run(found: Recount, ranks: dict[str, tuple[Any, ...]], event: dict[str, Any]) -> None:
    data = event["data"]
    rank = (data["attempt"], event["type"] != "workflow.started", event["id"])
    if rank < ranks.get(data["id"], (0,)):
        return
    ranks[data["id"]] = rank
    cost, ended = data.get("cost_usd"), data.get("finished_at")
    found.runs[data["id"]] = (
        *(data["workflow_id"], data["workflow_name"], data["version"], data["owner"], data["source"]["kind"]),
        *(data["status"], data["attempt"], datetime.fromisoformat(data["started_at"])),
        ended and datetime.fromisoformat(ended),
        data.get("duration_ms"),
        cost if cost is None else Decimal(repr(cost)).quantize(Decimal("1e-10"), ROUND_HALF_UP),
        (data.get("error") or {}).get("code"),
        data.get("parent_run_id"),
    )


def _moment(chance: random.Random) -> datetime:
    day = FIRST + timedelta(days=chance.randrange(DAYS))
    if chance.random() < 0.05:  # around midnight
        return day.replace(hour=0) + timedelta(microseconds=chance.choice([-1, 0, 1, -1000, 999_999]))
    return day + timedelta(microseconds=chance.randrange(86_400_000_000))


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _ended(run: Run, chance: random.Random) -> Run:
    status = chance.choices(["succeeded", "failed", "stopped"], [60, 35, 5])[0]
    duration = chance.randrange(1, 600_000)
    return run.model_copy(
        update={
            "status": status,
            "finished_at": run.began_at + timedelta(milliseconds=duration),
            "duration_ms": duration,
            "cost_usd": Decimal(str(round(chance.random(), 6))),
            "error": None if status == "succeeded" else RunFailure(code="model_timed_out", message="Late."),
        }
    )
