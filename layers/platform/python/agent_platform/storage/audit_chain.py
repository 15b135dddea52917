"""The chain of the audit log: what is hashed, where it ends, and the check that finds whoever changed it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from agent_platform.errors import ConfigurationError, FieldError, InvalidInput
from agent_platform.storage.models import AuditHead, AuditRecord

VERIFIED_AT_ONCE = 5_000
"""Entries that one statement checks: well within the time that a statement may take."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log: how many entries there are, and the hash that stands for all of them."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. `broken_at` is the first entry that is missing, changed or out of place."""

    verified_from: int
    verified_to: int
    intact: bool
    broken_at: int | None
    head: Head


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


def head_record(session: Session, *, lock: bool = False) -> AuditHead:
    """The row of the head, if need be under the lock that whoever appends holds."""
    query = select(AuditHead)
    head = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if head is None:
        raise ConfigurationError("The audit log has lost its head: restore the row of `audit_head` from a backup.")
    return head


def head_of(session: Session) -> Head:
    """Where the log ends."""
    head = head_record(session)
    return Head(head.seq, head.hash.hex())


def check(session: Session, from_seq: int, to_seq: int | None, time_left: Callable[[], bool]) -> Verification:
    """Check the chain as the session sees it, as `AuditLog.verify` tells."""
    head = head_of(session)
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
