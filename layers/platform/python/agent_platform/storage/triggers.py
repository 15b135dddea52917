"""Triggers in Postgres: what starts runs of a workflow by itself, and what came of it the last time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NoReturn
from uuid import UUID

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.orm import Session

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import TriggerNotFound
from agent_platform.storage.acting import PLATFORM, For, acting_for
from agent_platform.storage.models import TriggerRecord, WorkflowRecord
from agent_platform.storage.postgres import transaction

TriggerKind = Literal["schedule", "event"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger. `settings` are those of its kind, as its owner wrote them; `input` is a template."""

    id: str
    workflow_id: str
    workflow_title: str
    owner_id: str
    kind: TriggerKind
    title: str
    settings: dict[str, Any]
    input: dict[str, Any]
    paused: bool
    created_at: datetime
    last_fired_at: datetime | None = None
    last_run_id: str | None = None
    last_error: dict[str, Any] | None = None
    """Code, message and time (`at`) of the last failure to start a run; None if the last try went well."""
    key_id: str | None = None
    """The API key that made it, whose bounds its runs have; None for a person."""


@dataclass(frozen=True, slots=True)
class TriggerList:
    """One page of triggers, the newest first."""

    items: list[Trigger]
    next_cursor: str | None


class TriggerRepository:
    """Reads and writes triggers. Every method raises `StorageUnavailable` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def adding(self, trigger: Trigger) -> Iterator[None]:
        """Write a new trigger. It exists once the block ends; if the block raises, it never did."""
        with transaction(self._engine, For(trigger.owner_id)) as session:
            session.add(
                TriggerRecord(
                    id=UUID(trigger.id),
                    workflow_id=UUID(trigger.workflow_id),
                    owner_id=UUID(trigger.owner_id),
                    kind=trigger.kind,
                    title=trigger.title,
                    settings=trigger.settings,
                    input=trigger.input,
                    paused=trigger.paused,
                    created_at=trigger.created_at,
                    key_id=trigger.key_id,
                )
            )
            session.flush()
            yield

    def get(self, trigger_id: str, *, owner: str | None) -> Trigger:
        """One trigger; with `owner` given, only if it is theirs.

        Raises:
            TriggerNotFound: there is none, or it belongs to somebody else.
        """
        with transaction(self._engine, acting_for(owner)) as session:
            row = session.execute(_SELECT.where(TriggerRecord.id == _uuid(trigger_id))).one_or_none()
        if row is None or (owner is not None and str(row[0].owner_id) != owner):
            _not_found(trigger_id)
        return _trigger(*row)

    def list_by_owner(
        self, owner: str, *, workflow_id: str | None = None, limit: int = 24, cursor: str | None = None
    ) -> TriggerList:
        """The owner's triggers, the newest first, of all workflows or of one.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        query = {"triggers_of": owner, "workflow_id": workflow_id}
        statement = _SELECT.where(TriggerRecord.owner_id == UUID(owner))
        if workflow_id is not None:
            try:
                statement = statement.where(TriggerRecord.workflow_id == UUID(workflow_id))
            except ValueError:
                return TriggerList([], None)
        if cursor:
            (after,) = decode_cursor(cursor, (str,), **query)
            statement = statement.where(TriggerRecord.id < UUID(after))
        with transaction(self._engine, For(owner)) as session:
            rows = session.execute(statement.order_by(TriggerRecord.id.desc()).limit(limit + 1)).all()
        items = [_trigger(*row) for row in rows[:limit]]
        more = len(rows) > limit
        return TriggerList(items, encode_cursor([items[-1].id], **query) if more else None)

    def of_workflow(self, workflow_id: str) -> list[Trigger]:
        """Every trigger of a workflow, whoever it belongs to."""
        with transaction(self._engine, PLATFORM) as session:
            rows = session.execute(_SELECT.where(TriggerRecord.workflow_id == UUID(workflow_id))).all()
        return [_trigger(*row) for row in rows]

    def count(self, owner: str, kind: TriggerKind | None = None) -> int:
        """How many triggers somebody has, of one kind or of both."""
        query = _COUNT.where(TriggerRecord.owner_id == UUID(owner))
        if kind is not None:
            query = query.where(TriggerRecord.kind == kind)
        with transaction(self._engine, For(owner)) as session:
            return session.scalar(query) or 0

    @contextmanager
    def pausing(self, trigger: Trigger, *, paused: bool) -> Iterator[None]:
        """Let a trigger rest, or start runs again. It is so once the block ends; if the block raises, nothing changed.

        Raises:
            TriggerNotFound: it was deleted meanwhile.
        """
        with transaction(self._engine, For(trigger.owner_id)) as session:
            statement = update(TriggerRecord).where(TriggerRecord.id == UUID(trigger.id)).values(paused=paused)
            if session.scalar(statement.returning(TriggerRecord.id)) is None:
                _not_found(trigger.id)
            yield

    def delete(self, trigger: Trigger) -> None:
        """Delete a trigger; one that is gone stays so."""
        with transaction(self._engine, For(trigger.owner_id)) as session:
            session.execute(delete(TriggerRecord).where(TriggerRecord.id == UUID(trigger.id)))

    def end_of(self, session: Session, owner: str, unset: Callable[[str, str], None]) -> None:
        """Delete all of an owner's with the transaction; `unset` gets kind and id, and removes what fires, before."""
        theirs = select(TriggerRecord).where(TriggerRecord.owner_id == UUID(owner))
        for record in session.scalars(theirs).all():
            unset(record.kind, str(record.id))
            session.delete(record)

    def fired(self, trigger: Trigger, at: datetime, *, run_id: str) -> None:
        """Keep that a run was started."""
        self._keep(trigger, {"last_fired_at": at, "last_run_id": run_id, "last_error": None})

    def failed(self, trigger: Trigger, at: datetime, *, code: str, message: str) -> None:
        """Keep why no run could be started."""
        self._keep(trigger, {"last_error": {"code": code, "message": message[:2000], "at": at.isoformat()}})

    def _keep(self, trigger: Trigger, values: dict[str, Any]) -> None:
        with transaction(self._engine, For(trigger.owner_id)) as session:
            session.execute(update(TriggerRecord).where(TriggerRecord.id == UUID(trigger.id)).values(**values))


_SELECT = select(TriggerRecord, WorkflowRecord.title).join(
    WorkflowRecord, WorkflowRecord.id == TriggerRecord.workflow_id
)
_COUNT = select(func.count()).select_from(TriggerRecord)


def _trigger(record: TriggerRecord, workflow_title: str) -> Trigger:
    return Trigger(
        id=str(record.id),
        workflow_id=str(record.workflow_id),
        workflow_title=workflow_title,
        owner_id=str(record.owner_id),
        kind="schedule" if record.kind == "schedule" else "event",
        title=record.title,
        settings=record.settings,
        input=record.input,
        paused=record.paused,
        created_at=record.created_at,
        last_fired_at=record.last_fired_at,
        last_run_id=record.last_run_id,
        last_error=record.last_error,
        key_id=record.key_id,
    )


def _uuid(trigger_id: str) -> UUID:
    try:
        return UUID(trigger_id)
    except ValueError:
        _not_found(trigger_id)


def _not_found(trigger_id: str) -> NoReturn:
    raise TriggerNotFound(f"There is no trigger `{trigger_id[:100]}` of yours. GET /api/v1/triggers lists them.")
