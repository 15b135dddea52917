"""What is asked of the history of runs equals a count by hand of the same events."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from agent_platform.analytics.projections import Projections
from agent_platform.events.envelope import CloudEvent
from agent_platform.storage.audit import AuditLog
from agent_platform.storage.projections import ProjectionTables
from agent_platform.storage.workflow_history import RunFilter, WorkflowHistoryQueries, WorkflowUsage
from tests.fakes.generated_events import FIRST, OWNERS, recount, run_events
from tests.fakes.platform_events import kept
from tests.fakes.postgres import database, engine

__all__ = ["database", "engine"]

EVENTS = run_events(120, seed=9)
RUNS = recount(EVENTS).runs
"""By id: workflow, its name, version, owner, source, status, attempt, start, end, duration, cost, code, parent."""
ALL = RunFilter(FIRST - timedelta(days=1), FIRST + timedelta(days=70))


@pytest.fixture
def history(engine: Engine) -> WorkflowHistoryQueries:
    AuditLog(engine).append([kept(CloudEvent.model_validate_json(event)) for event in EVENTS])
    Projections(ProjectionTables(engine)).advance()
    return WorkflowHistoryQueries(engine)


def matching(which: RunFilter) -> dict[str, tuple[Any, ...]]:
    return {
        run_id: run
        for run_id, run in RUNS.items()
        if which.start <= run[7] < which.end and which.owner in (None, run[3]) and which.workflow_id in (None, run[0])
    }


@pytest.mark.parametrize(
    "which",
    [
        ALL,
        RunFilter(ALL.start, ALL.end, owner=OWNERS[2]),
        RunFilter(ALL.start, ALL.end, workflow_id=next(iter(RUNS.values()))[0]),
        RunFilter(FIRST + timedelta(days=20), FIRST + timedelta(days=30)),
    ],
)
def test_workflows_are_told_with_their_runs(history: WorkflowHistoryQueries, which: RunFilter) -> None:
    groups = defaultdict(list)
    for run in matching(which).values():
        groups[run[0]].append(run)
    assert groups
    found = history.by_workflow(which)
    assert {each.workflow_id: each for each in found} == {
        workflow_id: WorkflowUsage(
            workflow_id,
            runs[0][1],
            len(runs),
            *(sum(run[5] == status for run in runs) for status in ("running", "succeeded", "failed", "stopped")),
            retried=sum(run[6] > 1 for run in runs),
            duration_ms=sum(run[9] or 0 for run in runs),
            cost_usd=sum((run[10] or Decimal(0) for run in runs), Decimal(0)),
        )
        for workflow_id, runs in groups.items()
    }
    assert [each.runs for each in found] == sorted((len(runs) for runs in groups.values()), reverse=True)


def test_runs_and_failures_are_told_the_latest_first(history: WorkflowHistoryQueries) -> None:
    def newest(run: tuple[str, tuple[Any, ...]]) -> tuple[datetime, str]:
        return run[1][7], run[0]

    expected = sorted(RUNS.items(), key=newest, reverse=True)
    runs = history.runs(ALL, limit=30)
    assert [each.run_id for each in runs] == [run_id for run_id, _ in expected[:30]]
    first = runs[0]
    assert (first.workflow_name, first.status, first.started_at, first.cost_usd) == (
        *(RUNS[first.run_id][place] for place in (1, 5, 7, 10)),
    )
    failed = [run_id for run_id, run in expected if run[5] in ("failed", "stopped")]
    assert [each.run_id for each in history.failures(ALL, limit=500)] == failed
    assert {each.error_code for each in history.failures(ALL)} == {"model_timed_out"}
