"""The audit log in Postgres: every event once, in the order in which they arrived, each chained to the one before.

Whoever appends holds the lock of the head, so numbers have no gaps and a number that can be read has all before it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import errors as pg
from sqlalchemy import Engine, exists, select, text
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.orm import Session

from agent_platform.cursors import decode_cursor, encode_cursor
from agent_platform.errors import ConfigurationError, EventNotStorable, FieldError, InvalidInput
from agent_platform.storage.models import AuditHead, AuditRecord
from agent_platform.storage.postgres import transaction
from agent_platform.storage.postgres_text import holds_nul

MAX_NAME = 500
"""Characters of an event's id, type, subject and owner: the database keeps no longer ones in its indexes."""

VERIFIED_AT_ONCE = 5_000
"""Entries that one statement checks: well within the time that a statement may take."""


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
    """One page of entries, the newest first."""

    items: list[AuditEntry]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log: how many entries there are, and the hash that stands for all of them."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Appended:
    """What came of a batch: how many of its events were new, and where the log ends now."""

    added: int
    head: Head


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. `broken_at` is the first entry that is missing, changed or out of place."""

    verified_from: int
    verified_to: int
    intact: bool
    broken_at: int | None
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
        with transaction(self._engine) as session:
            head = _locked_head(session)
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
        with transaction(self._engine) as session:
            return _head(session)

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
        """Entries, the newest first, of those that are asked for: they occurred from `start` on and before `end`.

        Raises:
            InvalidCursor: `cursor` belongs to another list.
        """
        query = {
            "audit": [type_, subject, owner],
            "between": [moment and moment.isoformat() for moment in (start, end)],
        }
        statement = select(AuditRecord).order_by(AuditRecord.seq.desc()).limit(limit + 1)
        wanted = ((AuditRecord.type, type_), (AuditRecord.subject, subject), (AuditRecord.owner, owner))
        for column, value in wanted:
            if value is not None:
                statement = statement.where(column == value)
        if start is not None:
            statement = statement.where(AuditRecord.occurred_at >= start)
        if end is not None:
            statement = statement.where(AuditRecord.occurred_at < end)
        if cursor:
            (before,) = decode_cursor(cursor, (int,), **query)
            statement = statement.where(AuditRecord.seq < before)
        with transaction(self._engine) as session:
            items = [_entry(record) for record in session.scalars(statement)]
        more = len(items) > limit
        items = items[:limit]
        return AuditPage(items, encode_cursor([items[-1].seq], **query) if more else None)

    def export(self, *, after_seq: int = 0, limit: int = 10_000) -> list[AuditEntry]:
        """Entries behind `after_seq`, the oldest first: with what is needed to check the chain elsewhere."""
        statement = select(AuditRecord).where(AuditRecord.seq > after_seq).order_by(AuditRecord.seq).limit(limit)
        with transaction(self._engine) as session:
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
        with transaction(self._engine) as session:
            # One moment for all of it, whoever appends meanwhile.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            head = _head(session)
            last = head.seq if to_seq is None else min(to_seq, head.seq)
            verified = from_seq - 1
            while verified < last and (time_left() or verified < from_seq):
                until = min(verified + VERIFIED_AT_ONCE, last)
                broken = session.scalar(_BROKEN, {"first": verified + 1, "last": until})
                if broken is not None:
                    return Verification(from_seq, broken, False, broken, head)
                verified = until
            # From behind the end too: a log that was cut short, or a head set back, is what there is to tell then.
            if verified >= head.seq and (broken := _broken_end(session, head)) is not None:
                return Verification(from_seq, min(verified, head.seq), False, broken, head)
        if verified < from_seq and (head.seq, from_seq, to_seq) != (0, 1, None):  # a log without entries is whole
            raise _nothing_to_check(from_seq, to_seq, head)
        return Verification(from_seq, verified, True, None, head)


def canonical(document: Mapping[str, Any]) -> str:
    """A JSON text that equal documents share: keys in order, no spaces, every character as itself (after RFC 8785).

    Numbers are written as Python writes them.

    Raises:
        ValueError: a number is none that JSON knows, or has too many digits.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def chained(prev_hash: bytes, document: str) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(prev_hash + document.encode()).digest()


def _locked_head(session: Session) -> AuditHead:
    head = session.scalars(select(AuditHead).with_for_update()).one_or_none()
    if head is None:
        raise ConfigurationError("The audit log has lost its head: restore the row of `audit_head` from a backup.")
    return head


def _head(session: Session) -> Head:
    head = session.scalars(select(AuditHead)).one_or_none()
    if head is None:
        raise ConfigurationError("The audit log has lost its head: restore the row of `audit_head` from a backup.")
    return Head(head.seq, head.hash.hex())


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


def _nothing_to_check(from_seq: int, to_seq: int | None, head: Head) -> InvalidInput:
    """What a caller hears who would else take an answer about no entry for an intact log."""
    if to_seq is not None and to_seq < from_seq:
        fault = f"comes before `from_seq`, {from_seq}"
        return InvalidInput(f"Nothing was checked: `to_seq` {fault}.", errors=[FieldError("query.to_seq", fault)])
    where = f"the log ends at entry {head.seq}" if head.seq else "the log is empty"
    return InvalidInput(
        f"Nothing was checked: {where}. If an earlier check came further, entries were removed: "
        "compare the log with an export.",
        errors=[FieldError("query.from_seq", f"lies behind the end of the log, {head.seq}")],
    )


def _broken_end(session: Session, head: Head) -> int | None:
    """What is wrong with the end: entries behind the head, or a last one that is not the head's."""
    if session.scalar(select(exists().where(AuditRecord.seq > head.seq))):
        return head.seq + 1
    last = session.scalar(select(AuditRecord.hash).where(AuditRecord.seq == head.seq)) or bytes(32)
    return None if last.hex() == head.hash else max(head.seq, 1)


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

# Each condition only where those before it hold: what was tampered with may be no JSON and no time.
_BROKEN = text("""
WITH entry AS (
    SELECT *, lag(seq) OVER before AS seq_before, lag(hash) OVER before AS hash_before
    FROM audit_log WHERE seq BETWEEN :first - 1 AND :last
    WINDOW before AS (ORDER BY seq)
), judged AS (
    SELECT CASE
        WHEN seq_before IS DISTINCT FROM nullif(seq - 1, 0) THEN coalesce(seq_before, greatest(:first - 2, 0)) + 1
        WHEN prev_hash <> coalesce(hash_before, decode(repeat('00', 32), 'hex')) THEN seq
        WHEN hash <> sha256(prev_hash || convert_to(canonical, 'UTF8')) THEN seq
        WHEN NOT pg_input_is_valid(canonical, 'jsonb') THEN seq
        WHEN CAST(canonical AS jsonb) <> jsonb_build_object(
            'event', event, 'seq', seq,
            'recorded_at', to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        ) THEN seq
        WHEN (event_id, type, subject) IS DISTINCT FROM (event ->> 'id', event ->> 'type', event ->> 'subject') THEN seq
        WHEN owner IS DISTINCT FROM
            CASE jsonb_typeof(event #> '{data,owner}') WHEN 'string' THEN nullif(event #>> '{data,owner}', '') END
            THEN seq
        WHEN NOT coalesce(pg_input_is_valid(event ->> 'time', 'timestamptz'), false) THEN seq
        WHEN occurred_at <> CAST(event ->> 'time' AS timestamptz) THEN seq
    END AS broken
    FROM entry WHERE seq >= :first
)
SELECT least(min(broken), (
    SELECT nullif(coalesce(max(seq), :first - 1), :last) + 1 FROM entry WHERE seq >= :first
)) FROM judged
""")
