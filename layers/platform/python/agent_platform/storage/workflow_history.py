"""Runs of workflows as the audit log tells of them: how many, how they ended, how long they took, what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Engine, Executable, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from agent_platform.storage.acting import acting_for
from agent_platform.storage.models import WorkflowHistoryRecord as Record
from agent_platform.storage.postgres import transaction


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs: those that started from `start` on and before `end`."""

    start: datetime
    end: datetime
    owner: str | None = None
    workflow_id: str | None = None


@dataclass(frozen=True, slots=True)
class WorkflowUsage:
    """The runs of one workflow. `duration_ms` and `cost_usd` are sums over those that are over."""

    workflow_id: str
    workflow_name: str
    runs: int
    running: int
    succeeded: int
    failed: int
    stopped: int
    retried: int
    duration_ms: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run, as its latest event tells of it."""

    run_id: str
    workflow_id: str
    workflow_name: str
    version: int
    owner: str
    source: str
    """What started it: `api`, `schedule`, `event` or `workflow`."""
    status: str
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    duration_ms: int | None
    cost_usd: Decimal | None
    error_code: str | None
    parent_run_id: str | None


class WorkflowHistoryQueries:
    """Reads the history of runs. Every method raises `StorageUnavailable` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def by_workflow(self, which: RunFilter, *, limit: int = 1000) -> list[WorkflowUsage]:
        """The workflows with their runs, the most used first. A workflow bears the name of its newest run."""
        count = func.count()
        name = func.array_agg(aggregate_order_by(Record.workflow_name, Record.started_at.desc(), Record.run_id.desc()))[
            1
        ]
        statement = (
            select(
                Record.workflow_id,
                name,
                count,
                *(count.filter(Record.status == each) for each in ("running", "succeeded", "failed", "stopped")),
                count.filter(Record.attempt > 1),
                cast(func.coalesce(func.sum(Record.duration_ms), 0), BigInteger),
                func.coalesce(func.sum(Record.cost_usd), Decimal(0)),
            )
            .where(*_where(which))
            .group_by(Record.workflow_id)
            .order_by(count.desc(), Record.workflow_id)
            .limit(limit)
        )
        return [WorkflowUsage(*row) for row in self._rows(which, statement)]

    def failures(self, which: RunFilter, *, limit: int = 20) -> list[PastRun]:
        """The runs that failed or were stopped, the latest first."""
        return self._runs(which, limit, Record.status.in_(("failed", "stopped")))

    def runs(self, which: RunFilter, *, limit: int = 100) -> list[PastRun]:
        """The runs, the latest first."""
        return self._runs(which, limit)

    def _runs(self, which: RunFilter, limit: int, *more: ColumnElement[bool]) -> list[PastRun]:
        statement = (
            select(*(getattr(Record, name) for name in PastRun.__slots__))
            .where(*_where(which), *more)
            .order_by(Record.started_at.desc(), Record.run_id.desc())
            .limit(limit)
        )
        return [PastRun(*row) for row in self._rows(which, statement)]

    def _rows(self, which: RunFilter, statement: Executable) -> Sequence[Any]:
        with transaction(self._engine, acting_for(which.owner)) as session:
            return session.execute(statement).all()


def _where(which: RunFilter) -> list[ColumnElement[bool]]:
    found = [Record.started_at >= which.start, Record.started_at < which.end]
    if which.owner is not None:
        found.append(Record.owner == which.owner)
    if which.workflow_id is not None:
        found.append(Record.workflow_id == which.workflow_id)
    return found
