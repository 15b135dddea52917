"""What executions used, as the projections of the audit log tell: sums per hour and day, latencies, reasons to fail."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Executable,
    SQLColumnExpression,
    and_,
    case,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute

from agent_platform.storage.acting import acting_for
from agent_platform.storage.models import UsageErrors, UsageLatency, UsageRecord
from agent_platform.storage.postgres import transaction

Grain = Literal["hour", "day"]
Order = Literal["executions", "cost_usd", "failed", "duration_ms"]

LATENCY_GROWTH = 1.1
"""A latency of n ms counts in the bucket ceil(log(n)) to this base (`analytics/histogram.py` reads them)."""


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which executions: those that ended from `start` on and before `end`, in whole hours (a part counts whole)."""

    start: datetime
    end: datetime
    owner: str | None = None
    agent_id: str | None = None
    group: str | None = None
    """Of agents: what stands before the slash of their ids."""
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over executions. `duration_ms` divided by `executions` is the mean; each agent's cost counts once."""

    executions: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    cached: int = 0
    escalated: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How often executions of an agent failed for one reason."""

    code: str
    agent_id: str
    count: int


Buckets = dict[int, int]
"""A histogram: executions by bucket."""


class UsageQueries:
    """Reads usage. Every method raises `StorageUnavailable` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def totals(self, which: UsageFilter) -> Usage:
        """All of them together."""
        rows = self._rows(which, select(*_SUMS).where(*_where(UsageRecord, which)))
        return Usage(*rows[0])

    def series(self, which: UsageFilter, grain: Grain) -> list[tuple[datetime, Usage]]:
        """Per hour or day, oldest first; what had no execution is left out."""
        statement = select(UsageRecord.period, *_SUMS).where(*_where(UsageRecord, which, grain))
        rows = self._rows(which, statement.group_by(UsageRecord.period).order_by(UsageRecord.period))
        return [(row[0], Usage(*row[1:])) for row in rows]

    def top_agents(self, which: UsageFilter, *, limit: int = 10, by: Order = "executions") -> list[tuple[str, Usage]]:
        """The agents with the most of something, each with its sums; `duration_ms` orders by the mean."""
        return self._top(which, UsageRecord.agent_id, limit, by)

    def by_group(self, which: UsageFilter, *, limit: int = 1000) -> list[tuple[str, Usage]]:
        """The groups of agents, the dearest first."""
        return self._top(which, _group(UsageRecord), limit, "cost_usd")

    def by_owner(self, which: UsageFilter, *, limit: int = 1000) -> list[tuple[str, Usage]]:
        """The users, who spent most first."""
        return self._top(which, UsageRecord.owner, limit, "cost_usd")

    def by_model(self, which: UsageFilter, *, limit: int = 1000) -> list[tuple[str, Usage]]:
        """The models, the dearest first."""
        return self._top(which, UsageRecord.model, limit, "cost_usd")

    def errors(self, which: UsageFilter, *, limit: int = 1000) -> list[ErrorCount]:
        """Why executions failed, the most frequent first."""
        count = func.sum(UsageErrors.count)
        statement = (
            select(UsageErrors.code, UsageErrors.agent_id, count)
            .where(*_where(UsageErrors, which))
            .group_by(UsageErrors.code, UsageErrors.agent_id)
            .order_by(count.desc(), UsageErrors.code, UsageErrors.agent_id)
            .limit(limit)
        )
        return [ErrorCount(code, agent_id, int(total)) for code, agent_id, total in self._rows(which, statement)]

    def latency(self, which: UsageFilter) -> Buckets:
        """The histogram of all of them."""
        statement = select(UsageLatency.bucket, func.sum(UsageLatency.count))
        rows = self._rows(which, statement.where(*_where(UsageLatency, which)).group_by(UsageLatency.bucket))
        return {bucket: int(count) for bucket, count in rows}

    def latency_series(self, which: UsageFilter, grain: Grain) -> list[tuple[datetime, Buckets]]:
        """A histogram per hour or day, oldest first; what had no execution is left out."""
        return self._histograms(which, grain, UsageLatency.period)

    def latency_by_agent(self, which: UsageFilter, *, among: Sequence[str] | None = None) -> list[tuple[str, Buckets]]:
        """A histogram per agent, by id; of these agents only, where some are named."""
        only = () if among is None else (UsageLatency.agent_id.in_(among),)
        return self._histograms(which, None, UsageLatency.agent_id, *only)

    def latency_by_model(self, which: UsageFilter) -> list[tuple[str, Buckets]]:
        """A histogram per model, by name."""
        return self._histograms(which, None, UsageLatency.model)

    def _top(self, which: UsageFilter, key: SQLColumnExpression[str], limit: int, by: Order) -> list[tuple[str, Usage]]:
        statement = (
            select(key, *_SUMS)
            .where(*_where(UsageRecord, which))
            .group_by(key)
            .order_by(_ORDERS[by].desc(), key)
            .limit(limit)
        )
        return [(row[0], Usage(*row[1:])) for row in self._rows(which, statement)]

    def _histograms(
        self, which: UsageFilter, grain: Grain | None, key: SQLColumnExpression[Any], *more: ColumnElement[bool]
    ) -> list[tuple[Any, Buckets]]:
        statement = (
            select(key, UsageLatency.bucket, func.sum(UsageLatency.count))
            .where(*_where(UsageLatency, which, grain), *more)
            .group_by(key, UsageLatency.bucket)
            .order_by(key)
        )
        found: dict[Any, Buckets] = {}
        for name, bucket, count in self._rows(which, statement):
            found.setdefault(name, {})[bucket] = int(count)
        return [*found.items()]

    def _rows(self, which: UsageFilter, statement: Executable) -> Sequence[Any]:
        with transaction(self._engine, acting_for(which.owner)) as session:
            return session.execute(statement).all()


_Table = type[UsageRecord] | type[UsageLatency] | type[UsageErrors]


def _where(table: _Table, which: UsageFilter, grain: Grain | None = None) -> list[ColumnElement[bool]]:
    """The conditions of a filter: rows of one grain, or of the fewest that add up to the range."""
    start, end = (moment.astimezone(UTC) for moment in (which.start, which.end))
    start = start.replace(minute=0, second=0, microsecond=0)
    if grain is None:
        found = [_fewest(table, start, end)]
    else:
        found = [_between(table, grain, start.replace(hour=0) if grain == "day" else start, end)]
    for column, wanted in ((table.owner, which.owner), (table.agent_id, which.agent_id), (table.model, which.model)):
        if wanted is not None:
            found.append(column == wanted)
    if which.group is not None:
        found.append(_group(table) == which.group)
    return found


def _fewest(table: _Table, start: datetime, end: datetime) -> ColumnElement[bool]:
    """Whole days by their daily rows, and by the hour what the range has of a day before them and behind."""
    first, last = _midnight(start + timedelta(days=1) - timedelta.resolution), _midnight(end)
    if first > last:
        return _between(table, "hour", start, end)
    parts = [_between(table, "day", first, last)]
    if start < first:
        parts.append(_between(table, "hour", start, first))
    if last < end:
        parts.append(_between(table, "hour", last, end))
    return or_(*parts)


def _between(table: _Table, grain: Grain, start: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(table.grain == grain, table.period >= start, table.period < end)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _group(table: _Table) -> ColumnElement[str]:
    return func.split_part(table.agent_id, "/", 1)


def _of(status: str) -> ColumnElement[Any]:
    return func.sum(case((UsageRecord.status == status, UsageRecord.executions), else_=0))


def _sum(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    return func.sum(column)


def _total(name: str) -> ColumnElement[Any]:
    """A sum, in the type of its field: Postgres widens what it adds up."""
    if name == "cost_usd":
        return func.coalesce(_sum(UsageRecord.cost_usd), Decimal(0))
    of_status = name in ("succeeded", "failed", "cancelled")
    return cast(func.coalesce(_of(name) if of_status else _sum(getattr(UsageRecord, name)), 0), BigInteger)


_SUMS = [_total(field.name) for field in fields(Usage)]

_ORDERS: dict[Order, ColumnElement[Any]] = {
    "executions": _sum(UsageRecord.executions),
    "cost_usd": _sum(UsageRecord.cost_usd),
    "failed": _of("failed"),
    "duration_ms": _sum(UsageRecord.duration_ms) / _sum(UsageRecord.executions),
}
