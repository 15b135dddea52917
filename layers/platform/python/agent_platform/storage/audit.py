"""The audit log in Postgres: every event once, in the order in which they arrived, each chained to the one before.

Whoever appends holds the lock of the head, so numbers have no gaps and a number that can be read has all before it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import errors as pg
from sqlalchemy import Engine, select, text, tuple_
from sqlalchemy.exc import DataError, DBAPIError

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import EventNotStorable, InvalidCursor
from agent_platform.storage.acting import PLATFORM
from agent_platform.storage.audit_chain import Head, Verification, canonical, chained, check, head_of, head_record
from agent_platform.storage.models import AuditHead, AuditRecord
from agent_platform.storage.postgres import transaction
from agent_platform.storage.postgres_text import holds_nul

MAX_NAME = 500
"""Characters of an event's id, type, subject and owner: the database keeps no longer ones in its indexes."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An event that can be kept. `text` is its canonical JSON."""

    id: str
    type: str
    subject: str
    owner: str | None
    time: datetime
    text: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "AuditEvent":
        """The event of a CloudEvent's JSON document.

        Raises:
            EventNotStorable: it holds what no text or number in Postgres can, or its names are too long.
        """
        names = {name: document[name] for name in ("id", "type", "subject")}
        owner = document["data"].get("owner")
        names["owner"] = owner if isinstance(owner, str) else ""
        for name, value in names.items():
            if len(value) > MAX_NAME:
                raise EventNotStorable(f"The event's `{name}` is longer than {MAX_NAME} characters.")
        try:
            if holds_nul(document):
                raise EventNotStorable("The event holds a NUL character, which Postgres keeps in no text.")
            found = canonical(document)
            found.encode()
            time = datetime.fromisoformat(document["time"])
            time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError, RecursionError) as error:
            raise EventNotStorable(f"The event cannot be kept: {error}.") from None
        return cls(names["id"], names["type"], names["subject"], names["owner"] or None, time, found)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. Hashes are hexadecimal; `hash` is SHA-256 of the bytes of `prev_hash` followed by `canonical`."""

    seq: int
    event_id: str
    type: str
    subject: str
    owner: str | None
    occurred_at: datetime
    recorded_at: datetime
    event: dict[str, Any]
    canonical: str
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of entries, what occurred last first."""

    items: list[AuditEntry]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Appended:
    """What came of a batch: how many of its events were new, and where the log ends now."""

    added: int
    head: Head


class AuditLog:
    """Appends, reads and checks. Every method raises `StorageUnavailable` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, events: Sequence[AuditEvent]) -> Appended:
        """Append what is not known yet, all or nothing. An event whose id is known changes nothing.

        Raises:
            EventNotStorable: the database refuses one of them; nothing was written.
        """
        with transaction(self._engine, PLATFORM) as session:
            head = head_record(session, lock=True)
            known = set(session.scalars(_KNOWN, {"ids": [event.id for event in events]}))
            new: dict[str, AuditEvent] = {}
            for event in events:
                if event.id not in known:
                    new.setdefault(event.id, event)
            if not new:
                return Appended(0, Head(head.seq, head.hash.hex()))
            rows = _chained(head, [*new.values()], datetime.now(UTC))
            try:
                session.execute(_INSERT, rows)
            except DBAPIError as error:
                if isinstance(error, DataError) or isinstance(error.orig, pg.ProgramLimitExceeded):
                    # Its message may quote what the event holds.
                    name = type(error.orig).__name__
                    raise EventNotStorable(f"The database refuses the event ({name}).") from None
                raise
            head.seq, head.hash = rows["seq"][-1], rows["hash"][-1]
            return Appended(len(new), Head(head.seq, head.hash.hex()))

    def head(self) -> Head:
        """Where the log ends."""
        with transaction(self._engine, PLATFORM) as session:
            return head_of(session)

    def page(
        self,
        *,
        type_: str | None = None,
        subject: str | None = None,
        owner: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> AuditPage:
        """Entries, what occurred last first, of those that are asked for: from `start` on and before `end`.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        query = {
            "audit": [type_, subject, owner],
            "between": [moment and moment.isoformat() for moment in (start, end)],
        }
        # In this order, whatever is asked for, an index has the entries one after the other.
        order = (AuditRecord.occurred_at, AuditRecord.seq)
        statement = select(AuditRecord).order_by(*(column.desc() for column in order)).limit(limit + 1)
        wanted = ((AuditRecord.type, type_), (AuditRecord.subject, subject), (AuditRecord.owner, owner))
        for column, value in wanted:
            if value is not None:
                statement = statement.where(column == value)
        if start is not None:
            statement = statement.where(AuditRecord.occurred_at >= start)
        if end is not None:
            statement = statement.where(AuditRecord.occurred_at < end)
        if cursor:
            statement = statement.where(tuple_(*order) < tuple_(*_place(cursor, query)))
        with transaction(self._engine, PLATFORM) as session:
            items = [_entry(record) for record in session.scalars(statement)]
        more = len(items) > limit
        items = items[:limit]
        following = encode_cursor([items[-1].occurred_at.isoformat(), items[-1].seq], **query) if more else None
        return AuditPage(items, following)

    def export(self, *, after_seq: int = 0, limit: int = 10_000) -> list[AuditEntry]:
        """Entries behind `after_seq`, the oldest first: with what is needed to check the chain elsewhere."""
        statement = select(AuditRecord).where(AuditRecord.seq > after_seq).order_by(AuditRecord.seq).limit(limit)
        with transaction(self._engine, PLATFORM) as session:
            return [_entry(record) for record in session.scalars(statement)]

    def verify(
        self, from_seq: int = 1, to_seq: int | None = None, *, time_left: Callable[[], bool] = lambda: True
    ) -> Verification:
        """Check the chain: every entry is there, hashes to what it says, and follows the one before.

        Args:
            to_seq: left out, as far as the log goes, and that it ends there.
            time_left: when it says no, the check ends with what it has seen (`verified_to`).

        Raises:
            InvalidInput: there is nothing to check: the log ends before `from_seq`, or `to_seq` comes before it.
        """
        with transaction(self._engine, PLATFORM) as session:
            # One moment for all of it, whoever appends meanwhile.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            return check(session, from_seq, to_seq, time_left)


def _chained(head: AuditHead, events: Sequence[AuditEvent], now: datetime) -> dict[str, Any]:
    """The new rows, column by column."""
    recorded = f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"
    documents, hashes = [], [head.hash]
    for seq, event in enumerate(events, start=head.seq + 1):
        documents.append(f'{{"event":{event.text},"recorded_at":"{recorded}","seq":{seq}}}')
        hashes.append(chained(hashes[-1], documents[-1]))
    return {
        "seq": [*range(head.seq + 1, head.seq + 1 + len(events))],
        "event_id": [event.id for event in events],
        "type": [event.type for event in events],
        "subject": [event.subject for event in events],
        "owner": [event.owner for event in events],
        "occurred_at": [event.time for event in events],
        "recorded_at": now,
        "canonical": documents,
        "prev_hash": hashes[:-1],
        "hash": hashes[1:],
    }


def _place(cursor: str, query: Mapping[str, Any]) -> tuple[datetime, int]:
    """Time and number of the entry that a cursor stands behind."""
    told, seq = decode_cursor(cursor, (str, int), **query)
    try:
        return datetime.fromisoformat(told).astimezone(UTC), seq
    except (ValueError, OverflowError):
        raise InvalidCursor("This cursor does not belong to this list. Begin without `cursor`.") from None


def _entry(record: AuditRecord) -> AuditEntry:
    return AuditEntry(
        seq=record.seq,
        event_id=record.event_id,
        type=record.type,
        subject=record.subject,
        owner=record.owner,
        occurred_at=record.occurred_at,
        recorded_at=record.recorded_at,
        event=record.event,
        canonical=record.canonical,
        prev_hash=record.prev_hash.hex(),
        hash=record.hash.hex(),
    )


_KNOWN = text("SELECT event_id FROM audit_log WHERE event_id = ANY(CAST(:ids AS text[]))")

_INSERT = text("""
INSERT INTO audit_log
    (seq, event_id, type, subject, owner, occurred_at, recorded_at, event, canonical, prev_hash, hash)
SELECT seq, event_id, type, subject, owner, occurred_at, :recorded_at,
    CAST(canonical AS jsonb) -> 'event', canonical, prev_hash, hash
FROM unnest(
    CAST(:seq AS bigint[]), CAST(:event_id AS text[]), CAST(:type AS text[]), CAST(:subject AS text[]),
    CAST(:owner AS text[]), CAST(:occurred_at AS timestamptz[]), CAST(:canonical AS text[]),
    CAST(:prev_hash AS bytea[]), CAST(:hash AS bytea[])
) AS new (seq, event_id, type, subject, owner, occurred_at, canonical, prev_hash, hash)
""")
