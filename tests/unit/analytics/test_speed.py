"""Reports over everything that is kept: 400 days of 1,500 agents. Prints figures: times depend on the machine."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, text

from agent_platform.analytics.manager import AnalyticsManager
from agent_platform.analytics.periods import Range
from agent_platform.analytics.question import Question
from agent_platform.identity.principal import Principal
from agent_platform.identity.users import Users
from agent_platform.resilience.budgets import Budgets
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.postgres import transaction
from agent_platform.storage.projections import ProjectionTables
from agent_platform.storage.usage import UsageQueries
from agent_platform.storage.workflow_history import WorkflowHistoryQueries
from tests.fakes.postgres import database, engine

__all__ = ["database", "engine"]

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ROOT = Principal("root", "root@example.com", frozenset({"admin"}), "t1")

# Each agent was used every thirtieth day, by one of 200 people: 20,000 rows of days, and as many in histograms.
FILL = """
INSERT INTO usage SELECT 'day', day, 'group-' || agent % 40 || '/agent-' || agent, 'user-' || (agent + n) % 200,
    'claude-sonnet-5-5', 'succeeded', 10, 0, 0, 5, 1000, 1000, 0, 0, 0.05, 20000
FROM generate_series(0, 399) n, generate_series(1, 1500) agent,
    LATERAL (SELECT timestamptz '2026-11-22' - n * interval '1 day' AS day) days WHERE (agent + n) % 30 = 0;
INSERT INTO usage_latency SELECT grain, period, agent_id, owner, model, status, 70, 10 FROM usage;
ANALYZE usage, usage_latency
"""


def fastest(work: Callable[[], object]) -> float:
    """Milliseconds of the fastest of three."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def test_reports_over_all_that_is_kept(engine: Engine) -> None:
    with transaction(engine, PLATFORM) as session:
        session.execute(text(FILL))
    manager = AnalyticsManager(
        usage=UsageQueries(engine),
        history=WorkflowHistoryQueries(engine),
        projections=ProjectionTables(engine),
        budgets=Budgets("accounts"),
        users=Users(engine),
        user_ceiling=Decimal(100),
        now=lambda: NOW,
    )
    asked = Question(Range(NOW.replace(hour=0, minute=0) - timedelta(days=399), datetime(2026, 11, 23, tzinfo=UTC)))

    def count() -> int:
        with transaction(engine, PLATFORM) as session:
            return int(session.execute(text("SELECT count(*) FROM usage WHERE grain = 'day'")).scalar_one())

    rows = count()
    assert rows == 20_000
    overview = manager.overview(asked, ROOT)
    assert (overview.now.executions, overview.before.executions) == (rows * 10, 0)
    plain = fastest(count)
    reports: dict[str, Callable[[], object]] = {
        "overview": lambda: manager.overview(asked, ROOT),
        "timeseries": lambda: manager.series(asked, "day", ROOT),
        "top 20 agents": lambda: manager.top_agents(asked, "cost_usd", 20, ROOT),
        "groups": lambda: manager.groups(asked, 100, ROOT),
        "latency by agent": lambda: manager.latency(asked, "agent", 100, ROOT),
    }
    print(f"\n{'count(*)':>18}: {plain:6.0f} ms over {rows:,} rows")
    for name, work in reports.items():
        took = fastest(work)
        print(f"{name:>18}: {took:6.0f} ms, {took / plain:5.1f} times the count")
