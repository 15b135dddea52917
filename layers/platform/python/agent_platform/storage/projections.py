"""Projections in Postgres: tables derived from the audit log, and how far each has got with it.

A chunk of the log is applied in the transaction that says so, under the lock of the projection's row: whatever dies on
the way, and however many work at once, each entry counts once. What a value of an event may not be (a text where a
number belongs) counts as nothing, since an entry of the log is never refused afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import Engine, func, select, text, update

from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import AuditHead, AuditRecord, ProjectionRecord
from agent_platform.storage.postgres import transaction
from agent_platform.storage.usage import LATENCY_GROWTH

ProjectionName = Literal["usage", "workflow_history"]

NAMES: tuple[ProjectionName, ...] = get_args(ProjectionName)

MAX_TEXT = 100
"""Characters that a projection keeps of a text: all of whatever the platform itself writes."""

MAX_NUMBER = 10**9
"""Tokens, calls, USD or attempts that one event can add; durations go up to a thousand times that."""


@dataclass(frozen=True, slots=True)
class ProjectionState:
    """How far a projection is: it shows the first `applied_seq` of the `head` entries that there are."""

    name: ProjectionName
    applied_seq: int
    head: int
    as_of: datetime | None
    """When the newest event in it occurred."""
    rebuild_to: int
    """Where the log ended when it was last asked to be built again; 0 for never."""

    @property
    def rebuilding(self) -> bool:
        """Whether it is being built again and shows only a part of what it showed before."""
        return self.applied_seq < self.rebuild_to


class ProjectionTables:
    """Applies the log. Every method raises `StorageUnavailable` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def states(self) -> list[ProjectionState]:
        """How far each projection is."""
        with transaction(self._engine, PLATFORM) as session:
            head = session.scalars(select(AuditHead.seq)).one()
            records = {record.name: record for record in session.scalars(select(ProjectionRecord))}
        return [_state(name, records[name], head) for name in NAMES]

    def apply(self, name: ProjectionName, chunk: int, *, wait: bool = True) -> ProjectionState | None:
        """Apply the next entries of the log, at most `chunk` of them.

        The state tells the head of afterwards: others may have left to this call what they appended meanwhile.

        Args:
            wait: for whoever does so already; or leave it to them, and answer None.
        """
        with transaction(self._engine, PLATFORM) as session:
            record = session.scalars(_of(name).with_for_update(skip_locked=not wait)).one_or_none()
            if record is None:
                return None
            head = session.scalars(select(AuditHead.seq)).one()
            last = min(record.applied_seq + chunk, head)
            if last > record.applied_seq:
                range_ = {"after": record.applied_seq, "last": last}
                session.execute(_APPLY[name], range_)
                newest = session.scalar(_NEWEST.where(AuditRecord.seq.between(record.applied_seq + 1, last)))
                record.as_of = max(filter(None, (record.as_of, newest)))
                record.applied_seq, record.applied_at = last, datetime.now(UTC)
        with transaction(self._engine, PLATFORM) as session:
            return _state(name, record, session.scalars(select(AuditHead.seq)).one())

    def begin_rebuild(self, to: int | None = None) -> None:
        """Empty all projections, to be filled from the log's first entry on. Does nothing while that is under way.

        Args:
            to: the `rebuild_to` of an earlier call that is gone on with. Whoever brings events may have finished it
                meanwhile, and then it is not begun anew.
        """
        with transaction(self._engine, PLATFORM) as session:
            # In one order, as everybody else locks them.
            records = session.scalars(select(ProjectionRecord).order_by(ProjectionRecord.name).with_for_update()).all()
            under_way = any(record.applied_seq < record.rebuild_to for record in records)
            if under_way or (to is not None and all(record.rebuild_to >= to for record in records)):
                return
            head = session.scalars(select(AuditHead.seq)).one()
            session.execute(text(f"TRUNCATE {', '.join(_TABLES)}"))
            session.execute(
                update(ProjectionRecord).values(applied_seq=0, rebuild_to=head, applied_at=None, as_of=None)
            )


_TABLES = ("usage", "usage_latency", "usage_errors", "workflow_history")

# A clock that is ahead does not make everything look newer than it is.
_NEWEST = select(func.max(func.least(AuditRecord.occurred_at, AuditRecord.recorded_at)))


def _of(name: ProjectionName) -> Any:
    return select(ProjectionRecord).where(ProjectionRecord.name == name)


def _state(name: ProjectionName, record: ProjectionRecord, head: int) -> ProjectionState:
    return ProjectionState(name, record.applied_seq, head, record.as_of, record.rebuild_to)


def _text(path: str, default: str) -> str:
    """SQL of a text in the event's data; empty is absent."""
    return f"coalesce(nullif(left(event #>> '{{data,{path}}}', {MAX_TEXT}), ''), {default})"


def _number(path: str, most: int = MAX_NUMBER) -> str:
    """SQL of a number in the event's data, from 0 to `most`; NULL where there is none."""
    value = f"CAST(event #>> '{{data,{path}}}' AS numeric)"
    return f"CASE jsonb_typeof(event #> '{{data,{path}}}') WHEN 'number' THEN least(greatest({value}, 0), {most}) END"


def _whole(path: str, most: int = MAX_NUMBER) -> str:
    return f"CAST(trunc({_number(path, most)}) AS bigint)"


def _time(path: str) -> str:
    """SQL of a moment in the event's data; NULL where there is none.

    Postgres would take `tomorrow` for one as well, and Python none beyond the year 9999.
    """
    value = f"event #>> '{{data,{path}}}'"
    valid = f"{value} ~ '^[12][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}T' AND pg_input_is_valid({value}, 'timestamptz')"
    return f"CASE WHEN {valid} THEN CAST({value} AS timestamptz) END"


def _columns(found: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in found)


_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_SUMS = ("executions", "cached", "escalated", "tool_calls", *_TOKENS, "cost_usd", "duration_ms")

_EXECUTION = [
    ("agent_id", _text("agent_id", f"left(subject, {MAX_TEXT})")),
    ("owner", _text("owner", "''")),
    ("model", _text("model", "'unknown'")),
    ("status", _text("status", "'unknown'")),
    ("code", _text("error,code", "'unknown'")),
    ("executions", "1"),
    ("cached", "CASE event #> '{data,cached}' WHEN 'true' THEN 1 ELSE 0 END"),
    ("escalated", "CASE jsonb_typeof(event #> '{data,escalation}') WHEN 'object' THEN 1 ELSE 0 END"),
    ("tool_calls", f"coalesce({_whole('tool_calls')}, 0)"),
    *((name, f"coalesce({_whole(f'usage,{name}')}, 0)") for name in _TOKENS),
    # Rounded one by one, so that the sum does not depend on what was added together.
    ("cost_usd", f"round(coalesce({_number('cost_usd')}, 0), 10)"),
    ("duration_ms", f"coalesce({_whole('duration_ms', MAX_NUMBER * 1000)}, 0)"),
]

_KEYS = "grain, period, agent_id, owner, model"

_USAGE = f"""
WITH execution AS MATERIALIZED (
    SELECT occurred_at, {_columns(_EXECUTION)}
    FROM audit_log WHERE seq > :after AND seq <= :last AND type = 'agent.executed'
), counted AS MATERIALIZED (
    SELECT grain, date_trunc(grain, occurred_at, 'UTC') AS period,
        CAST(ceil(ln(CAST(greatest(duration_ms, 1) AS float8)) / ln(CAST({LATENCY_GROWTH} AS float8))) AS int)
            AS bucket,
        execution.*
    FROM execution CROSS JOIN (VALUES ('hour'), ('day')) AS grains (grain)
), sums AS (
    INSERT INTO usage ({_KEYS}, status, {", ".join(_SUMS)})
    SELECT {_KEYS}, status, {", ".join(f"sum({name})" for name in _SUMS)} FROM counted GROUP BY {_KEYS}, status
    ON CONFLICT ({_KEYS}, status)
    DO UPDATE SET {", ".join(f"{name} = usage.{name} + excluded.{name}" for name in _SUMS)}
), latencies AS (
    INSERT INTO usage_latency ({_KEYS}, status, bucket, count)
    SELECT {_KEYS}, status, bucket, count(*) FROM counted GROUP BY {_KEYS}, status, bucket
    ON CONFLICT ({_KEYS}, status, bucket) DO UPDATE SET count = usage_latency.count + excluded.count
), reasons AS (
    INSERT INTO usage_errors ({_KEYS}, code, count)
    SELECT {_KEYS}, code, count(*) FROM counted WHERE status = 'failed' GROUP BY {_KEYS}, code
    ON CONFLICT ({_KEYS}, code) DO UPDATE SET count = usage_errors.count + excluded.count
)
SELECT 1
"""

_RUN = [
    ("run_id", _text("id", f"left(subject, {MAX_TEXT})")),
    ("workflow_id", _text("workflow_id", "''")),
    ("workflow_name", _text("workflow_name", "''")),
    ("version", f"coalesce(CAST({_whole('version')} AS int), 0)"),
    ("owner", _text("owner", "''")),
    ("source", _text("source,kind", "'unknown'")),
    ("status", _text("status", "'unknown'")),
    ("attempt", f"coalesce(CAST({_whole('attempt')} AS int), 1)"),
    ("started_at", f"coalesce({_time('started_at')}, occurred_at)"),
    ("finished_at", _time("finished_at")),
    ("duration_ms", _whole("duration_ms", MAX_NUMBER * 1000)),
    ("cost_usd", f"round({_number('cost_usd')}, 10)"),
    ("error_code", _text("error,code", "NULL")),
    ("parent_run_id", _text("parent_run_id", "NULL")),
    ("ended", "type <> 'workflow.started'"),
    ("event_id", "event_id"),
]
_RUN_NAMES = [name for name, _ in _RUN]

# Which of a run's events is the latest does not depend on the order in which they arrived.
_RANK = ("attempt", "ended", 'event_id COLLATE "C"')

_WORKFLOW_HISTORY = f"""
WITH told AS (
    SELECT {_columns(_RUN)} FROM audit_log
    WHERE seq > :after AND seq <= :last AND type IN ('workflow.started', 'workflow.completed', 'workflow.failed')
)
INSERT INTO workflow_history ({", ".join(_RUN_NAMES)})
SELECT DISTINCT ON (run_id) {", ".join(_RUN_NAMES)} FROM told
ORDER BY run_id, {", ".join(f"{name} DESC" for name in _RANK)}
ON CONFLICT (run_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _RUN_NAMES[1:])}
WHERE ({", ".join(f"excluded.{name}" for name in _RANK)}) > ({", ".join(f"workflow_history.{name}" for name in _RANK)})
"""

_APPLY = {"usage": text(_USAGE), "workflow_history": text(_WORKFLOW_HISTORY)}
