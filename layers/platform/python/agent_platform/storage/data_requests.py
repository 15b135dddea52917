"""Requests about all data of a person, in Postgres: to export it, or to erase it, and how far each is.

Of a kind a person has one open request at most. Whoever works on it holds it for a time; one that is held by nobody
any more, because its process was killed, is taken up by the next. Who was too slow and lost it can change it no more.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NoReturn
from uuid import UUID

from sqlalchemy import Engine, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from agent_platform.errors import DataRequestNotFound, StorageUnavailable
from agent_platform.ids import new_id
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.models import DataRequestRecord, UserRecord
from agent_platform.storage.postgres import transaction

RequestKind = Literal["export", "erasure"]
RequestState = Literal["waiting", "running", "done"]

HELD = timedelta(seconds=50)
"""How long a request is one worker's since it last told how far it is: less than the minute after which Lambda tries
again what it killed (AWS Lambda Developer Guide, "Error handling for asynchronous invocation")."""

_OPEN = ("waiting", "running")


@dataclass(frozen=True, slots=True)
class DataRequest:
    """One request. `counts` says how much of each kind was exported or erased; `object_key` is where an export lies."""

    id: str
    kind: RequestKind
    user_id: str
    asked_by: str
    state: RequestState
    step: str
    counts: Mapping[str, int]
    asked_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    object_key: str | None

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do."""
        return self.state in _OPEN


class DataRequests:
    """The requests of one database. Every method raises `StorageUnavailable` when it does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, kind: RequestKind, user_id: str, *, by: str) -> DataRequest:
        """A new request, or the one of this kind that is open already."""
        with transaction(self._engine, PLATFORM) as session:
            return ask(session, kind, user_id, by=by)

    def get(self, request_id: str) -> DataRequest:
        """One request.

        Raises:
            DataRequestNotFound: there is none.
        """
        with transaction(self._engine, PLATFORM) as session:
            return _request(_record(session, request_id))

    def of(self, user_id: str, *, kind: RequestKind | None = None, limit: int = 20) -> list[DataRequest]:
        """The requests about a person, the newest first."""
        query = select(DataRequestRecord).where(DataRequestRecord.user_id == user_id)
        if kind:
            query = query.where(DataRequestRecord.kind == kind)
        with transaction(self._engine, PLATFORM) as session:
            return [
                _request(each) for each in session.scalars(query.order_by(DataRequestRecord.id.desc()).limit(limit))
            ]

    @contextmanager
    def calling(self, request_id: str) -> Iterator[bool]:
        """Whether the block shall call a worker: there is something to do, nobody does it, or was called just now.

        What the block raises leaves nobody called.

        Raises:
            DataRequestNotFound: there is none.
        """
        with transaction(self._engine, PLATFORM) as session:
            record, now = _record(session, request_id), datetime.now(UTC)
            nobody = record.state in _OPEN and not _is_held(record, now)
            if nobody:
                record.state, record.held_until = "waiting", now + HELD
            yield nobody

    def take(self, request_id: str) -> "Hold | None":
        """Begin, or go on where somebody was stopped; None where there is nothing to do any more.

        Raises:
            DataRequestNotFound: there is none.
            StorageUnavailable: another works on it, or was killed less than `HELD` ago; to be tried again.
        """
        with transaction(self._engine, PLATFORM) as session:
            record, now = _record(session, request_id), datetime.now(UTC)
            if record.state not in _OPEN:
                return None
            if record.state == "running" and _is_held(record, now):
                raise StorageUnavailable("Another process works on this request: it is tried again.")
            if record.kind == "export" and _is_leaving(session, record.user_id):
                finish(record, record.counts)
                return None
            until = now + HELD
            record.state, record.held_until, record.updated_at = "running", until, now
            return Hold(self._engine, _request(record), until)


class Hold:
    """A request while it is one worker's.

    `until` tells this hold from every other: whoever takes the request next sets a later time. Every method raises
    `StorageUnavailable` when Postgres does not answer.
    """

    def __init__(self, engine: Engine, request: DataRequest, until: datetime) -> None:
        self.request = request
        self._engine = engine
        self._until = until

    def tell(self, step: str, counts: Mapping[str, int]) -> None:
        """Tell how far it is, and hold it on.

        Raises:
            StorageUnavailable: it is over, or another's by now.
        """
        with transaction(self._engine, PLATFORM) as session:
            record, now = self.record(session), datetime.now(UTC)
            until = max(now + HELD, self._until)
            record.step, record.counts = step, dict(counts)
            record.held_until, record.updated_at = until, now
        self._until = until

    def finish(self, counts: Mapping[str, int], *, object_key: str | None = None) -> None:
        """It is done.

        Raises:
            StorageUnavailable: it is over, or another's by now.
        """
        with transaction(self._engine, PLATFORM) as session:
            finish(self.record(session), counts, object_key=object_key)

    def release(self) -> None:
        """Let go of it, whether or not it is finished: whoever takes it next goes on at once."""
        with transaction(self._engine, PLATFORM) as session:
            record = _record(session, self.request.id)
            if record.held_until == self._until:
                record.held_until, record.updated_at = None, datetime.now(UTC)

    def record(self, session: Session) -> DataRequestRecord:
        """The request's row, locked, within a transaction of the caller's.

        Raises:
            StorageUnavailable: it is over, or another's by now.
        """
        record = _record(session, self.request.id)
        if record.state != "running" or record.held_until != self._until:
            raise StorageUnavailable("This process lost its hold on the request: it is tried again.")
        return record


def ask(session: Session, kind: RequestKind, user_id: str, *, by: str) -> DataRequest:
    """As `DataRequests.ask`, within a transaction of the caller's."""
    new = insert(DataRequestRecord).values(id=UUID(new_id()), kind=kind, user_id=user_id, asked_by=by)
    found = new.on_conflict_do_update(
        index_elements=["user_id", "kind"], index_where=text("state IN ('waiting', 'running')"), set_={"kind": kind}
    ).returning(DataRequestRecord)
    return _request(session.scalars(found).one())


def finish(record: DataRequestRecord, counts: Mapping[str, int], *, object_key: str | None = None) -> None:
    """Note that a request is done, within a transaction of the caller's."""
    now = datetime.now(UTC)
    record.state, record.step, record.counts = "done", "", dict(counts)
    record.finished_at, record.updated_at, record.held_until, record.object_key = now, now, None, object_key


def end_exports(session: Session, user_id: str) -> bool:
    """End all exports of a person whose account is being erased, within a transaction of the caller's.

    Returns False while a worker may still write one; it finds out with the next that it tells, and lets go.
    """
    query = select(DataRequestRecord).where(DataRequestRecord.user_id == user_id, DataRequestRecord.kind == "export")
    now, nobody_writes = datetime.now(UTC), True
    for record in session.scalars(query.with_for_update()):
        until = record.held_until if record.state != "waiting" else None
        if record.state in _OPEN:
            finish(record, record.counts)
        record.held_until, record.object_key = until, None
        nobody_writes = nobody_writes and not _is_held(record, now)
    return nobody_writes


def _is_held(record: DataRequestRecord, now: datetime) -> bool:
    return record.held_until is not None and record.held_until > now


def _is_leaving(session: Session, user_id: str) -> bool:
    """Whether an account is being erased, or gone."""
    row = session.execute(select(UserRecord.erasing_since).where(UserRecord.id == UUID(user_id))).one_or_none()
    return row is None or row[0] is not None


def _record(session: Session, request_id: str) -> DataRequestRecord:
    try:
        key = UUID(request_id)
    except ValueError:
        _not_found(request_id)
    return session.get(DataRequestRecord, key, with_for_update=True) or _not_found(request_id)


def _not_found(request_id: str) -> NoReturn:
    raise DataRequestNotFound(f"There is no request `{request_id[:50]}` about this person's data.")


def _request(record: DataRequestRecord) -> DataRequest:
    return DataRequest(
        id=str(record.id),
        kind="erasure" if record.kind == "erasure" else "export",
        user_id=record.user_id,
        asked_by=record.asked_by,
        state=record.state,  # type: ignore[arg-type]  # the table's check holds it to these
        step=record.step,
        counts=dict(record.counts),
        asked_at=record.asked_at,
        updated_at=record.updated_at,
        finished_at=record.finished_at,
        object_key=record.object_key,
    )
